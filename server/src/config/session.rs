//! `[session]`: how long sessions live, and by which profile.

use std::time::Duration;

use holdfast_core::{dbsc::CookieName, policy::SessionPolicy};

use super::{
    profile::{Deviation, Justification, Lifetimes, Profile, Weight},
    reader::Reader,
};

/// What `[session]` says.
pub(super) struct Session {
    pub(super) policy: SessionPolicy,
    pub(super) lifetimes: Lifetimes,
    pub(super) cookie_name: CookieName,
    pub(super) clear_site_data: bool,
}

pub(super) fn read_session(mut section: Reader<'_>) -> Session {
    let profile = section.take::<Profile>("profile");
    let justification = section.take::<Justification>("justification");
    let default = profile.map(Profile::defaults).unwrap_or_default();
    let written = PAIRS.map(|(key, limit)| section.has(key) && section.has(limit));
    let cookie_name = section.take::<CookieName>("cookie_name").unwrap_or_else(default_cookie_name);
    let clear_site_data = section.take_or("clear_site_data", false);
    let policy = SessionPolicy {
        idle: section.take_or("idle", default.idle),
        soft_lock: section.take_or("soft_lock", default.soft_lock),
        absolute: section.take_or("absolute", default.absolute),
        bound_cookie: section.take_or("bound_cookie", default.bound_cookie),
        cookie_overlap: section.take_or("cookie_overlap", default.cookie_overlap),
        registration_window: section.take_or("registration_window", default.registration_window),
        unbound: section.take_or("unbound", default.unbound),
        unbound_idle: section.take_or("unbound_idle", default.unbound_idle),
        unbound_absolute: section.take_or("unbound_absolute", default.unbound_absolute),
        unbound_persistent: section.take_or("unbound_persistent", default.unbound_persistent),
        max_per_user: section.take_or("max_per_user", default.max_per_user),
    };
    refuse_impossible(&mut section, &policy, written);
    let deviations = profile.map(|profile| profile.deviations(&policy)).unwrap_or_default();
    refuse_unjustified(&mut section, &deviations, justification.as_ref());
    section.finish();
    let lifetimes = Lifetimes { profile, justification, deviations };
    Session { policy, lifetimes, cookie_name, clear_site_data }
}

/// A SHOULD may be set aside by whoever says why; a SHALL by nobody.
fn refuse_unjustified(
    section: &mut Reader<'_>,
    deviations: &[Deviation],
    justification: Option<&Justification>,
) {
    for Deviation { key, value, clause } in deviations {
        match (clause.weight, justification) {
            (Weight::Should, Some(_)) => {}
            (Weight::Should, None) => section.problem(
                key,
                format!(
                    "{value} exceeds the profile ({clause}); change it, or say why in session.justification"
                ),
            ),
            (Weight::Shall, _) => section.problem(
                key,
                format!(
                    "{value} exceeds the profile ({clause}), which no justification sets aside; change it"
                ),
            ),
        }
    }
}

/// Combinations that no session could live under.
fn refuse_impossible(section: &mut Reader<'_>, policy: &SessionPolicy, written: [bool; PAIRS.len()]) {
    let spans = [
        ("idle", policy.idle),
        ("absolute", policy.absolute),
        ("bound_cookie", policy.bound_cookie),
        ("registration_window", policy.registration_window),
        ("unbound_idle", policy.unbound_idle),
        ("unbound_absolute", policy.unbound_absolute),
    ];
    for (key, span) in spans {
        if span < Duration::from_secs(1) {
            section.problem(key, "this must be at least \"1s\"");
        }
    }
    let span_of = |name| spans.iter().find(|(key, _)| *key == name).map_or(Duration::ZERO, |(_, span)| *span);
    for ((key, limit), both_written) in PAIRS.into_iter().zip(written) {
        if both_written && span_of(key) > span_of(limit) {
            section.problem(
                key,
                format!("this is longer than {limit} and could never be reached; make it shorter"),
            );
        }
    }
    if policy.max_per_user == 0 {
        section.problem("max_per_user", "this must be at least 1, or nobody could log in");
    }
}

#[expect(clippy::expect_used, reason = "the literal is a cookie name, as the tests of the core show")]
fn default_cookie_name() -> CookieName {
    "__Host-holdfast".parse().expect("the default is a cookie name")
}

/// Spans that must not be longer than another. Only if both are written: a default gives way silently.
const PAIRS: [(&str, &str); 3] =
    [("idle", "absolute"), ("bound_cookie", "absolute"), ("unbound_idle", "unbound_absolute")];
