//! G-01 and G-08, and what several requests to the token endpoint add up to.

use holdfast_core::{Keyring, Rule};

use super::{
    CLIENT, GENERATION, LAST_PROOF, RANDOM, REDIRECT_URI, VERIFIER, code_of, good_code, offered, proof,
    running, token, token_of,
};
use crate::{
    keys::Device,
    oauth::{Granted, HttpRequest, Story, TOKEN_ENDPOINT},
    world::{BEGAN, World},
};

pub(super) fn stories(world: &World) -> Vec<Story> {
    let mut stories = codes(world);
    stories.extend(refresh_tokens(world));
    stories
}

/// When codes are redeemed, and when refresh tokens are used.
const REDEEMED: u64 = BEGAN + 20;
const REFRESHED: u64 = LAST_PROOF + 500;

fn request(at: u64, proof: String, form: &[(&str, &str)]) -> HttpRequest {
    HttpRequest {
        at,
        method: "POST".to_owned(),
        url: TOKEN_ENDPOINT.to_owned(),
        headers: vec![("DPoP".to_owned(), proof)],
        form: form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        rule: None,
    }
}

fn redeem(device: &impl Device, jti: &str, code: &str, verifier: &str) -> HttpRequest {
    request(
        REDEEMED,
        proof(device, "ES256", jti, REDEEMED),
        &[
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", verifier),
        ],
    )
}

fn refresh(device: &impl Device, jti: &str, at: u64, token: &str) -> HttpRequest {
    request(
        at,
        proof(device, "ES256", jti, at),
        &[("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", token)],
    )
}

fn story(name: &str, note: &str, checks: &[&str], session: Granted, requests: Vec<HttpRequest>) -> Story {
    Story {
        name: format!("http-grant-{name}"),
        note: note.to_owned(),
        checks: checks.iter().map(|check| (*check).to_owned()).collect(),
        rule: requests.last().and_then(|request| request.rule.clone()),
        since: BEGAN,
        sessions: vec![session],
        requests,
    }
}

fn codes(world: &World) -> Vec<Story> {
    let foreign = Keyring::new(&world.keys.foreign_root(), &[]);
    let code = good_code(world);
    let good = |jti: &str| redeem(&world.device, jti, &code, VERIFIER);
    let mut stories: Vec<_> = [
        ("guessed", "Nothing of ours.", "SplxlOBeZQQYbYS6WxSbIA".to_owned()),
        ("of-other-server", "Another server sealed it.", code_of(&foreign, World::session())),
        ("lengthened", "One character more.", format!("{code}A")),
        ("is-refresh-token", "A refresh token, sealed with the same root key.", token(world, 1).text),
    ]
    .into_iter()
    .map(|(name, note, code)| {
        let bad = redeem(&world.device, "proof-1", &code, VERIFIER).breaks(Rule::G01);
        story(&format!("code-{name}"), note, &[], offered(), vec![bad])
    })
    .collect();
    stories.extend([
        story("code-redeemed", "The ordinary case.", &["T01"], offered(), vec![good("proof-1")]),
        story(
            "code-after-failures",
            "Whoever fails takes nothing away.",
            &["T04"],
            offered(),
            vec![
                redeem(&world.device, "proof-1", &code, &"a".repeat(43)).breaks(Rule::G06),
                redeem(&world.other, "proof-1", &code, "").breaks(Rule::G06),
                good("proof-2"),
            ],
        ),
        story(
            "code-twice",
            "A code that comes twice was stolen: the second use ends the grant.",
            &[],
            offered(),
            vec![good("proof-1"), good("proof-2").breaks(Rule::G03), good("proof-3").breaks(Rule::G11)],
        ),
        story(
            "code-with-same-proof",
            "A proof is used once, here too, and a replay ends nothing.",
            &["V02"],
            offered(),
            vec![good("proof-1"), good("proof-1").breaks(Rule::P23)],
        ),
    ]);
    stories
}

fn refresh_tokens(world: &World) -> Vec<Story> {
    let foreign = Keyring::new(&world.keys.foreign_root(), &[]);
    let session = || running(world, &world.device);
    let of = |generation| token(world, generation).text;
    let by_owner = |jti: &str, after: u64, token: &str| refresh(&world.device, jti, REFRESHED + after, token);
    let mut stories: Vec<_> = [
        ("guessed", "Nothing of ours.", "tGzv3JOkF0XG5Qx2TlKWIA".to_owned()),
        ("of-other-server", "Another server sealed it.", {
            token_of(&foreign, World::session(), RANDOM, GENERATION).text
        }),
        ("is-code", "A code, sealed with the same root key.", good_code(world)),
    ]
    .into_iter()
    .map(|(name, note, token)| {
        let bad = by_owner("proof-1", 0, &token).breaks(Rule::G08);
        story(&format!("refresh-token-{name}"), note, &[], session(), vec![bad])
    })
    .collect();
    stories.extend([
        story(
            "refreshed",
            "Three times, each time with the token that came.",
            &["R01"],
            session(),
            vec![
                by_owner("proof-1", 0, &of(GENERATION)),
                by_owner("proof-2", 1, &of(GENERATION + 1)),
                by_owner("proof-3", 2, &of(GENERATION + 2)),
            ],
        ),
        story(
            "refreshed-with-lost-answer",
            "The same token again leads to the same successor.",
            &["R03"],
            session(),
            vec![
                by_owner("proof-1", 0, &of(GENERATION)),
                by_owner("proof-2", 59, &of(GENERATION)),
                by_owner("proof-3", 60, &of(GENERATION + 1)),
            ],
        ),
        story(
            "refreshed-beside-thief",
            "A thief without the key ends nothing.",
            &["R02"],
            session(),
            vec![
                refresh(&world.other, "proof-1", REFRESHED, &of(GENERATION)).breaks(Rule::G09),
                refresh(&world.other, "proof-2", REFRESHED, &of(1)).breaks(Rule::G09),
                by_owner("proof-1", 1, &of(GENERATION)),
            ],
        ),
        story(
            "refresh-token-used",
            "An old token by the key itself ends the grant.",
            &["R04"],
            session(),
            vec![
                by_owner("proof-1", 0, &of(GENERATION)),
                by_owner("proof-2", 1, &of(GENERATION + 1)),
                by_owner("proof-3", 2, &of(GENERATION)).breaks(Rule::G10),
                by_owner("proof-4", 3, &of(GENERATION + 2)).breaks(Rule::G11),
            ],
        ),
        story(
            "refreshed-with-same-proof",
            "A proof is used once, and its replay ends nothing.",
            &["V02"],
            session(),
            vec![
                by_owner("proof-1", 0, &of(GENERATION)),
                by_owner("proof-1", 0, &of(GENERATION + 1)).breaks(Rule::P23),
                by_owner("proof-2", 0, &of(GENERATION + 1)),
            ],
        ),
    ]);
    stories
}
