//! NIST SP 800-63B-4 (July 2025): the clauses on sessions, 2.1.3, 2.2.3, 2.3.3 and 5.

use holdfast_core::write_duration;

use super::requirement::{Finding, Requirement, span};
use crate::{
    Config,
    config::{Limit, Profile},
};

pub(super) const REQUIREMENTS: &[Requirement] = &[
    Requirement {
        id: "2.1.3 overall",
        level: "SHALL, SHOULD",
        demand: "AAL1: there is an overall limit (SHALL), of at most 30 days (SHOULD)",
        judge: |config| limit_of(config, Profile::NistAal1, "absolute"),
        tests: LIMITS,
    },
    Requirement {
        id: "2.2.3 overall",
        level: "SHALL, SHOULD",
        demand: "AAL2: there is an overall limit (SHALL), of at most 24 hours (SHOULD)",
        judge: |config| limit_of(config, Profile::NistAal2, "absolute"),
        tests: LIMITS,
    },
    Requirement {
        id: "2.2.3 inactivity",
        level: "SHOULD",
        demand: "AAL2: inactivity of at most an hour",
        judge: |config| limit_of(config, Profile::NistAal2, "idle"),
        tests: LIMITS,
    },
    Requirement {
        id: "2.2.3 after inactivity",
        level: "MAY",
        demand: "AAL2: after inactivity, within the overall limit, one factor and the session secret are enough",
        judge: |config| {
            let setting = format!("soft_lock = {}", config.session.soft_lock);
            if config.lifetimes.profile != Some(Profile::NistAal2) {
                return Finding::not_claimed(setting);
            }
            if config.session.soft_lock {
                Finding::met(setting)
                    .with_task("the app asks for one factor, and regenerates the session with the new auth")
            } else {
                Finding::met(format!("{setting}: the session ends, and the whole login is due"))
            }
        },
        tests: &[
            "server::soft_lock::an_unused_session_is_locked_and_not_ended",
            "server::soft_lock::the_device_keeps_its_key_and_opens_nothing",
            "server::soft_lock::nothing_but_a_login_opens_it",
            "machine::a_life_keeps_its_promises",
        ],
    },
    Requirement {
        id: "2.3.3 overall",
        level: "SHALL",
        demand: "AAL3: an overall limit of at most 12 hours",
        judge: |config| limit_of(config, Profile::NistAal3, "absolute"),
        tests: AAL3,
    },
    Requirement {
        id: "2.3.3 inactivity",
        level: "SHOULD",
        demand: "AAL3: inactivity of at most 15 minutes",
        judge: |config| limit_of(config, Profile::NistAal3, "idle"),
        tests: LIMITS,
    },
    Requirement {
        id: "2.3.3 after inactivity",
        level: "SHALL",
        demand: "AAL3: after a limit the whole login is due, both factors of it",
        judge: |config| limit_of(config, Profile::NistAal3, "soft_lock"),
        tests: AAL3,
    },
    Requirement {
        id: "5.1 secret",
        level: "SHALL",
        demand: "the client presents a session secret, or proves cryptographically that it has one",
        judge: |config| {
            use holdfast_core::policy::Unbound;
            let unbound = match config.session.unbound {
                Unbound::Allow => "lives on with its cookie alone",
                Unbound::Restrict => "lives shorter with its cookie alone",
                Unbound::Deny => "is refused",
            };
            Finding::met(format!("a key of the device; a session that no device binds {unbound}"))
        },
        tests: &[
            "server::dbsc_registration::a_good_proof_binds_the_session_without_any_cookie",
            "browser::stolen_cookie::a_stolen_cookie_dies_with_its_rotation",
        ],
    },
    Requirement {
        id: "5.1 origin",
        level: "SHALL",
        demand: "the secret is made by the session host in direct response to an authentication",
        judge: |_| {
            Finding::met("a session begins by POST /v1/sessions alone, which the app calls after a login")
        },
        tests: &["server::api_access::every_route_needs_a_permit"],
    },
    Requirement {
        id: "5.1 entropy",
        level: "SHALL",
        demand: "the secret has at least 64 bits from an approved generator",
        judge: |_| {
            Finding::met(
                "128 random bits of the operating system, sealed by HMAC-SHA-256 under a key of 256 bits",
            )
            .with_task("where FIPS 140 is demanded, run on a system whose generator is approved")
        },
        tests: &["server::api_login::no_two_logins_share_anything"],
    },
    Requirement {
        id: "5.1 lifetime",
        level: "SHALL",
        demand: "the limits hold even where the secret is proven to be there",
        judge: |_| Finding::met("a proof by the device resets neither limit, and opens no lock"),
        tests: &[
            "server::soft_lock::the_device_keeps_its_key_and_opens_nothing",
            "server::check_reasons::a_day_is_the_end_whatever_happens",
        ],
    },
    Requirement {
        id: "5.1 level",
        level: "SHALL NOT",
        demand: "a session is never of a higher level than its authentication",
        judge: |_| {
            Finding::met("acr and amr are what the app said at the login, and only a new login changes them")
                .with_task("the app says what the login was, and no more")
        },
        tests: &["server::api_sessions::regenerating_keeps_user_and_limit_and_nothing_else"],
    },
    Requirement {
        id: "5.1 restart",
        level: "SHOULD NOT",
        demand: "bearer secrets do not outlive a restart of the browser",
        judge: |config| {
            let setting = format!("unbound_persistent = {}", config.session.unbound_persistent);
            if config.session.unbound_persistent {
                Finding::of_session(
                    setting,
                    "the login cookie has Max-Age, until a device binds its session",
                    "set session.unbound_persistent to false",
                )
            } else {
                Finding::met(format!("{setting}; what a device guards may stay"))
            }
        },
        tests: &["server::soft_lock::bearer_cookies_do_not_outlive_the_browser"],
    },
    Requirement {
        id: "5.1 intermediaries",
        level: "SHALL NOT",
        demand: "no intermediary between client and session host has the secret",
        judge: |config| match config.public.tls {
            Some(_) => Finding::met("tls: the public listener ends TLS itself")
                .with_task("count whatever ends TLS before the app, such as a CDN, as an intermediary"),
            None => Finding::operator(
                "tls = \"off\": a proxy ends TLS, and sees cookies, though never the device's key",
                "run that proxy yourself, and bind sessions, so that a cookie that was seen is soon worth nothing",
            ),
        },
        tests: &["browser::stolen_cookie::a_stolen_cookie_dies_with_its_rotation"],
    },
    Requirement {
        id: "5.1 storage",
        level: "SHOULD NOT",
        demand: "the secret is not kept in local storage, where scripts find it",
        judge: |_| Finding::met("HttpOnly cookies; no answer to a page holds their value"),
        tests: &["server::dbsc_endpoints::a_page_sees_its_own_session"],
    },
    Requirement {
        id: "5.1 forgery",
        level: "SHALL",
        demand: "requests that change something carry an identifier that other sites cannot forge",
        judge: |_| {
            Finding::operator(
                "SameSite=Lax; own endpoints judge Origin and Sec-Fetch-Site",
                "the app has anti-CSRF tokens in its own forms, or judges Sec-Fetch-Site",
            )
        },
        tests: &[
            "server::dbsc_endpoints::another_origin_logs_nobody_out",
            "server::dbsc_refresh::only_posts_of_the_own_site_are_taken",
        ],
    },
    Requirement {
        id: "5.1 logout",
        level: "SHALL",
        demand: "a session can easily be ended by its user",
        judge: |_| Finding::operator("POST /_holdfast/logout", "the app shows a button that posts to it"),
        tests: &["browser::logout::a_logout_leaves_nothing"],
    },
    Requirement {
        id: "5.1.1 scope",
        level: "SHALL",
        demand: "cookies are Secure, and go to as few hosts and paths as can be",
        judge: |config| Finding::met(format!("{}; Secure; Path=/; no Domain", config.cookie_name.as_str())),
        tests: &["server::api_login::a_login_is_answered_as_the_contract_says"],
    },
    Requirement {
        id: "5.1.1 attributes",
        level: "SHOULD",
        demand: "cookies are HttpOnly, have __Host- with Path=/, SameSite, and an opaque value",
        judge: |_| Finding::met("HttpOnly; __Host-; SameSite=Lax; a sealed value"),
        tests: &["holdfast_core::dbsc::set_cookie::tests::names_keep_to_one_host"],
    },
    Requirement {
        id: "5.1.1 contents",
        level: "SHALL NOT",
        demand: "cookies hold no personal data in clear",
        judge: |_| Finding::met("the session's id, a generation, two times and a level; the hint holds 1"),
        tests: &["holdfast_core::cookie::tests::opens_as_it_was_sealed"],
    },
    Requirement {
        id: "5.1.1 expiry",
        level: "SHALL NOT",
        demand: "the expiry of a cookie is not what ends a session",
        judge: |_| Finding::met("each check judges the limits by the server's clock"),
        tests: &["server::check_reasons::a_bound_cookie_lives_ten_minutes_to_the_second"],
    },
    Requirement {
        id: "5.2 end",
        level: "SHALL",
        demand: "at a limit the session ends, or a new authentication is due",
        judge: |config| {
            let idle = if config.session.soft_lock { "step_up at idle" } else { "ended at idle" };
            Finding::met(format!("{idle}; ended at absolute"))
        },
        tests: &[
            "server::soft_lock::a_locked_session_still_ends",
            "server::check_reasons::a_session_unused_for_an_hour_ends",
        ],
    },
    Requirement {
        id: "5.2 reset",
        level: "SHALL",
        demand: "use resets the inactivity limit; a new authentication resets both",
        judge: |_| Finding::met("a check that allows is a use; regenerate with auth begins both anew"),
        tests: &[
            "server::check_reasons::a_session_unused_for_an_hour_ends",
            "server::api_sessions::a_step_up_begins_the_limit_anew",
        ],
    },
    Requirement {
        id: "5.3 monitoring",
        level: "MAY",
        demand: "sessions are watched for a change of device, place and use, with care for privacy",
        judge: monitoring,
        tests: &[
            "guard::a_bound_session_that_moves_proves_its_key_once",
            "guard::without_a_key_the_user_is_asked_and_the_impossible_ends",
            "server::risk::signals::a_thief_with_a_copied_cookie_gets_nowhere_and_the_owner_notices_nothing",
        ],
    },
];

/// What a profile says of one key. A profile that nobody has chosen is not judged.
fn limit_of(config: &Config, profile: Profile, key: &str) -> Finding {
    let session = &config.session;
    let setting = match key {
        "idle" => span(key, session.idle),
        "soft_lock" => format!("{key} = {}", session.soft_lock),
        _ => span("absolute", session.absolute),
    };
    if config.lifetimes.profile != Some(profile) {
        return Finding::not_claimed(setting);
    }
    match config.lifetimes.deviations.iter().find(|found| found.key == key) {
        Some(found) => {
            let instead = match found.clause.limit {
                Limit::AtMost(most) => format!("set session.{key} to at most \"{}\"", write_duration(most)),
                Limit::Off => format!("set session.{key} to false"),
            };
            Finding::of_session(setting, found.clause.to_string(), &instead)
        }
        None => Finding::met(setting),
    }
}

fn monitoring(config: &Config) -> Finding {
    let databases =
        [("city", &config.risk.city), ("asn", &config.risk.asn), ("anonymous", &config.risk.anonymous)];
    let known = databases.iter().filter(|(_, file)| file.is_some()).map(|(name, _)| *name);
    let known = super::requirement::list(known, "none");
    let mode = config.policy.modes.most.map_or("as the policies say", holdfast_policy::Mode::as_str);
    Finding::met(format!("policies: {mode}; databases of addresses: {known}")).with_task(
        "say in your privacy notice that place and device are compared, and how long the trail is kept",
    )
}

const LIMITS: &[&str] = &[
    "server::profiles::a_profile_sets_the_defaults",
    "server::profiles::what_exceeds_a_profile_needs_a_reason",
    "holdfast::config::profile::tests::each_clause_is_exceeded_alone",
];

const AAL3: &[&str] =
    &["server::profiles::a_profile_sets_the_defaults", "server::profiles::no_reason_sets_a_shall_aside"];
