//! Requests that are judged by their header fields, or by the state of their session, outside of the core.

use holdfast_core::Rule;

use super::{good_refresh, good_registration};
use crate::{
    model::{Endpoint, HttpVector, SessionState},
    world::{AT_REFRESH, AT_REGISTRATION, ORIGIN, World},
};

const RESPONSE: &str = "Secure-Session-Response";
const SESSION_ID: &str = "Sec-Secure-Session-Id";

/// D-HDR-01 to D-HDR-03 and D-REG-01.
pub(super) fn headers(world: &World) -> Vec<HttpVector> {
    let mut vectors = counts(world);
    vectors.extend(sites(world));
    vectors
}

fn counts(world: &World) -> Vec<HttpVector> {
    let (proof, id) = (good_registration(world), World::session().to_string());
    let refresh_proof = good_refresh(world);
    let other_id = World::other_session().to_string();
    let id_of = |id: &str| (SESSION_ID, id.to_owned());
    let of = |proof: &str| (RESPONSE, proof.to_owned());
    vec![
        register("http-register", "One proof, bare.", None, &[of(&proof)]).checks(&["H09"]),
        register("http-register-quoted", "One proof, quoted.", None, &[of(&format!("\"{proof}\""))])
            .checks(&["H09"]),
        register("http-proof-twice", "The same proof twice.", Some(Rule::DHdr01), &[of(&proof), of(&proof)]),
        register(
            "http-two-proofs",
            "Two different proofs.",
            Some(Rule::DHdr01),
            &[of(&proof), of(&refresh_proof)],
        ),
        register(
            "http-no-proof",
            "No proof: a challenge-less registration, or curl.",
            Some(Rule::DReg01),
            &[],
        )
        .checks(&["R31"]),
        register(
            "http-only-cookies",
            "A cookie is no proof.",
            Some(Rule::DReg01),
            &[("Cookie", "__Host-holdfast=x".to_owned())],
        )
        .checks(&["R31"]),
        refresh(
            world,
            "http-refresh-id-bare",
            "The id as Chromium sends it.",
            None,
            &[id_of(&id), of(&refresh_proof)],
        )
        .checks(&["H12"]),
        refresh(
            world,
            "http-refresh-id-quoted",
            "The id as the draft has it.",
            None,
            &[id_of(&format!("\"{id}\"")), of(&refresh_proof)],
        )
        .checks(&["H12"]),
        refresh(
            world,
            "http-refresh-no-proof",
            "The id alone: broken by no rule, and answered with a challenge.",
            None,
            &[id_of(&id)],
        )
        .checks(&["F01"]),
        refresh(
            world,
            "http-refresh-no-id",
            "No id: a cookie does not stand in for it.",
            Some(Rule::DHdr02),
            &[of(&refresh_proof)],
        )
        .checks(&["F11"]),
        refresh(
            world,
            "http-refresh-id-twice",
            "The same id twice.",
            Some(Rule::DHdr02),
            &[id_of(&id), id_of(&id), of(&refresh_proof)],
        ),
        refresh(
            world,
            "http-refresh-two-ids",
            "Two different ids.",
            Some(Rule::DHdr02),
            &[id_of(&id), id_of(&other_id), of(&refresh_proof)],
        ),
        refresh(
            world,
            "http-refresh-proof-twice",
            "The same proof twice.",
            Some(Rule::DHdr01),
            &[id_of(&id), of(&refresh_proof), of(&refresh_proof)],
        ),
    ]
}

fn sites(world: &World) -> Vec<HttpVector> {
    let site = |value: &str| ("Sec-Fetch-Site", value.to_owned());
    let origin = |value: &str| ("Origin", value.to_owned());
    let cases = [
        ("same-origin", "What Chromium sends.", None, vec![site("same-origin"), origin(ORIGIN)]),
        ("same-site", "A sibling host triggered it.", None, vec![site("same-site"), origin(ORIGIN)]),
        ("no-metadata", "A client that sends no metadata.", None, vec![]),
        (
            "cross-site",
            "Another site triggered it.",
            Some(Rule::DHdr03),
            vec![site("cross-site"), origin(ORIGIN)],
        ),
        ("cross-site-alone", "Another site triggered it.", Some(Rule::DHdr03), vec![site("cross-site")]),
        (
            "foreign-origin",
            "Another site, by a browser without metadata.",
            Some(Rule::DHdr03),
            vec![origin("https://evil.example")],
        ),
        ("null-origin", "A sandboxed frame.", Some(Rule::DHdr03), vec![origin("null")]),
        (
            "origin-with-suffix",
            "A host that begins alike.",
            Some(Rule::DHdr03),
            vec![origin("https://shop.example.evil.example")],
        ),
    ];
    cases
        .into_iter()
        .flat_map(|(name, note, rule, fields)| {
            let proof = (RESPONSE, good_registration(world));
            let registration = [fields.clone(), vec![proof]].concat();
            let id = (SESSION_ID, World::session().to_string());
            let renewal = [fields, vec![id, (RESPONSE, good_refresh(world))]].concat();
            [
                register(&format!("http-register-{name}"), note, rule, &registration).checks(&["H20"]),
                refresh(world, &format!("http-refresh-{name}"), note, rule, &renewal).checks(&["H20"]),
            ]
        })
        .collect()
}

/// D-REG-12 and D-REF-01.
pub(super) fn sessions(world: &World) -> Vec<HttpVector> {
    let id = World::session().to_string();
    let ended = |reason: &str| SessionState::Ended { id: id.clone(), reason: reason.to_owned() };
    let states = [
        ("logged-out", "The user has logged out.", ended("logout")),
        ("revoked", "An app has ended the session.", ended("revoked")),
        ("replaced", "A new login took its place.", ended("replaced")),
        ("regenerated", "It lives on under another id.", ended("regenerated")),
        ("unknown", "There is no such session.", SessionState::Unknown { id: id.clone() }),
    ];
    states
        .into_iter()
        .flat_map(|(name, note, state)| {
            let registration = [(RESPONSE, good_registration(world))];
            let renewal = [(SESSION_ID, id.clone()), (RESPONSE, good_refresh(world))];
            let (at_register, at_refresh): (&[&str], &[&str]) =
                if name == "unknown" { (&["R34"], &["F10"]) } else { (&["R34"], &["E01", "F16"]) };
            [
                register(&format!("http-register-{name}"), note, Some(Rule::DReg12), &registration)
                    .with_session(state.clone())
                    .checks(at_register),
                refresh(world, &format!("http-refresh-{name}"), note, Some(Rule::DRef01), &renewal)
                    .with_session(state)
                    .checks(at_refresh),
            ]
        })
        .collect()
}

fn register(name: &str, note: &str, rule: Option<Rule>, headers: &[(&str, String)]) -> HttpVector {
    HttpVector {
        name: name.to_owned(),
        note: note.to_owned(),
        checks: Vec::new(),
        rule: rule.map(|rule| rule.id().to_owned()),
        endpoint: Endpoint::Register,
        at: AT_REGISTRATION,
        origin: ORIGIN.to_owned(),
        session: World::unbound(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
    }
}

fn refresh(
    world: &World,
    name: &str,
    note: &str,
    rule: Option<Rule>,
    headers: &[(&str, String)],
) -> HttpVector {
    HttpVector {
        endpoint: Endpoint::Refresh,
        at: AT_REFRESH,
        session: World::bound(&world.device),
        ..register(name, note, rule, headers)
    }
}

impl HttpVector {
    fn checks(self, checks: &[&str]) -> Self {
        Self { checks: checks.iter().map(|check| (*check).to_owned()).collect(), ..self }
    }

    fn with_session(self, session: SessionState) -> Self {
        Self { session, ..self }
    }
}
