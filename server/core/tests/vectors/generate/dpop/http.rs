//! P-23, T-02, T-08 and T-09: what is decided where proofs are remembered and issuers are known.

use std::collections::BTreeMap;

use holdfast_core::Rule;
use p256::ecdsa::SigningKey;

use super::{Draft, ath, jkt, signatures::negated, text};
use crate::{
    compact::sign,
    dpop::hex,
    keys::{Device, Es256},
    oauth::{Granted, HttpRequest, State, Story},
    world::{BEGAN, ORIGIN, World},
};

pub(super) fn stories(world: &World) -> Vec<Story> {
    let mut stories = replays(world);
    stories.extend(no_replays(world));
    stories.extend(issuers(world));
    stories.extend(unbound(world));
    stories.extend(bearers(world));
    stories
}

/// When the tokens of these stories were issued, and when they are used first. The server has run for long enough that
/// nobody asks whether a proof is older than it.
const ISSUED: u64 = BEGAN + 3000;
const AT: u64 = ISSUED + 60;
const URL: &str = "https://shop.example/v1/r";
/// How long a key of the server signs.
const PERIOD: u64 = 7 * 24 * 3600;

/// The key with which a server of this root key signs in these days.
fn server_key(world: &World) -> Es256 {
    let seed = world.keys.root().signing_root().seed(ISSUED / PERIOD, 0);
    Es256(SigningKey::from_slice(seed.as_ref()).unwrap())
}

/// An access token of that server, of this issuer and with this confirmation, if any.
fn token_with(world: &World, iss: &str, confirmation: Option<&str>, session: &str) -> String {
    let key = server_key(world);
    let kid = jkt(&key);
    let cnf = confirmation.map(|cnf| format!(r#","cnf":{cnf}"#)).unwrap_or_default();
    let claims = format!(
        r#"{{"iss":{},"aud":"{ORIGIN}","sub":"alice","client_id":"app-1","sid":"{session}","jti":"1","iat":{ISSUED},"exp":{}{cnf}}}"#,
        text(iss),
        ISSUED + 600,
    );
    sign(format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt"}}"#), claims, &key)
}

fn token(world: &World, device: &impl Device) -> String {
    let cnf = format!(r#"{{"jkt":"{}"}}"#, jkt(device));
    token_with(world, ORIGIN, Some(&cnf), &World::session().to_string())
}

fn grant(id: String, device: &impl Device) -> Granted {
    let jwk: BTreeMap<_, _> = serde_json::from_str(&device.jwk()).unwrap();
    let state = State::Running { jwk, generation: 1, last_proof_at: BEGAN + 10, token_hash: hex(&[0; 32]) };
    Granted { id, ended: None, client_id: Some("app-1".to_owned()), state }
}

fn draft(device: &impl Device, token: &str) -> Draft {
    Draft::of(device, "ES256")
        .claim("htu", &text(URL))
        .claim("iat", &AT.to_string())
        .claim("ath", &text(&ath(token)))
}

fn request(token: &str, proof: &str) -> HttpRequest {
    HttpRequest {
        at: AT,
        method: "GET".to_owned(),
        url: URL.to_owned(),
        headers: vec![
            ("Authorization".to_owned(), format!("DPoP {token}")),
            ("DPoP".to_owned(), proof.to_owned()),
        ],
        form: Vec::new(),
        rule: None,
    }
}

impl HttpRequest {
    fn at(self, at: u64) -> Self {
        Self { at, ..self }
    }

    fn to(self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self }
    }

    pub(in crate::generate) fn breaks(self, rule: Rule) -> Self {
        Self { rule: Some(rule.id().to_owned()), ..self }
    }
}

fn story(world: &World, name: &str, note: &str, checks: &[&str], requests: Vec<HttpRequest>) -> Story {
    Story {
        name: format!("http-dpop-{name}"),
        note: note.to_owned(),
        checks: checks.iter().map(|check| (*check).to_owned()).collect(),
        rule: requests.last().and_then(|request| request.rule.clone()),
        since: BEGAN,
        sessions: vec![grant(World::session().to_string(), &world.device)],
        requests,
    }
}

fn replays(world: &World) -> Vec<Story> {
    let token = token(world, &world.device);
    let draft = draft(&world.device, &token);
    let proof = draft.sign(&world.device);
    let first = || request(&token, &proof);
    let (start, signature) = proof.rsplit_once('.').unwrap();
    let ahead = draft.clone().claim("iat", &(AT + 14).to_string()).sign(&world.device);
    let elsewhere = "https://shop.example/v1/other";
    vec![
        story(
            world,
            "replayed",
            "The same proof again, at once.",
            &["V02"],
            vec![first(), first().breaks(Rule::P23)],
        ),
        story(
            world,
            "replayed-malleable",
            "The proof again with the other signature that fits.",
            &["V02"],
            vec![first(), request(&token, &format!("{start}.{}", negated(signature))).breaks(Rule::P23)],
        ),
        story(
            world,
            "replayed-jti",
            "Another proof by the same key with the same jti.",
            &["V02"],
            vec![
                first(),
                request(&token, &draft.clone().claim("htu", &text(elsewhere)).sign(&world.device))
                    .to(elsewhere)
                    .breaks(Rule::P23),
            ],
        ),
        story(
            world,
            "replayed-in-its-last-second",
            "As late as it would be accepted if nobody had seen it.",
            &["V08"],
            vec![first(), first().at(AT + 75).breaks(Rule::P23)],
        ),
        story(
            world,
            "replayed-from-ahead",
            "A proof of a clock that is ahead is remembered for longer.",
            &["V08"],
            vec![
                request(&token, &ahead),
                request(&token, &ahead).at(AT + 70).breaks(Rule::P23),
                request(&token, &ahead).at(AT + 89).breaks(Rule::P23),
            ],
        ),
        story(
            world,
            "replayed-too-late",
            "When it is forgotten, it is too old.",
            &["V08"],
            vec![first(), first().at(AT + 76).breaks(Rule::P18)],
        ),
    ]
}

fn no_replays(world: &World) -> Vec<Story> {
    let owned = token(world, &world.device);
    let other_id = World::other_session().to_string();
    let cnf = format!(r#"{{"jkt":"{}"}}"#, jkt(&world.other));
    let others = token_with(world, ORIGIN, Some(&cnf), &other_id);
    let mine = draft(&world.device, &owned);
    let theirs = draft(&world.other, &others).sign(&world.other);
    let both = vec![grant(World::session().to_string(), &world.device), grant(other_id, &world.other)];
    vec![
        story(
            world,
            "checked",
            "A token with its proof.",
            &["V01"],
            vec![request(&owned, &mine.sign(&world.device))],
        ),
        Story {
            sessions: both,
            ..story(
                world,
                "same-jti-other-key",
                "Two keys may choose the same jti.",
                &["V06"],
                vec![request(&owned, &mine.sign(&world.device)), request(&others, &theirs)],
            )
        },
        story(
            world,
            "failure-uses-up-nothing",
            "A stranger who guesses a jti does not burn it.",
            &["V49"],
            vec![
                request(&owned, &mine.sign(&world.other)).breaks(Rule::P19),
                request(&owned, &draft(&world.other, &owned).sign(&world.other)).breaks(Rule::P20),
                request(&owned, &mine.sign(&world.device)),
            ],
        ),
    ]
}

fn issuers(world: &World) -> Vec<Story> {
    let cnf = format!(r#"{{"jkt":"{}"}}"#, jkt(&world.device));
    let cases = [
        ("foreign", "https://evil.example"),
        ("trailing-slash", "https://shop.example/"),
        ("upper-case", "https://SHOP.example"),
        ("suffix", "https://shop.example.evil.example"),
        ("empty", ""),
    ];
    cases
        .into_iter()
        .map(|(name, iss)| {
            let token = token_with(world, iss, Some(&cnf), &World::session().to_string());
            let proof = draft(&world.device, &token).sign(&world.device);
            story(
                world,
                &format!("issuer-{name}"),
                "Nobody here knows this issuer, whoever signed.",
                &["V57"],
                vec![request(&token, &proof).breaks(Rule::T02)],
            )
        })
        .collect()
}

fn unbound(world: &World) -> Vec<Story> {
    let token = token_with(world, ORIGIN, None, &World::session().to_string());
    let proof = draft(&world.device, &token).sign(&world.device);
    vec![story(
        world,
        "token-not-bound",
        "A proof beside a token that anybody may use.",
        &["V51"],
        vec![request(&token, &proof).breaks(Rule::T08)],
    )]
}

fn bearers(world: &World) -> Vec<Story> {
    let token = token(world, &world.device);
    let proof = draft(&world.device, &token).sign(&world.device);
    let sent = |scheme: &str, with_proof: bool| {
        let mut request = request(&token, &proof);
        request.headers[0].1 = format!("{scheme} {token}");
        request.headers.truncate(if with_proof { 2 } else { 1 });
        request.breaks(Rule::T09)
    };
    vec![
        story(
            world,
            "token-as-bearer",
            "A bound token without its proof.",
            &["V50"],
            vec![sent("Bearer", false)],
        ),
        story(
            world,
            "token-as-bearer-with-proof",
            "A good proof does not mend the scheme.",
            &["V50"],
            vec![sent("Bearer", true)],
        ),
        story(
            world,
            "token-as-bearer-lower-case",
            "Schemes have no case.",
            &["V50"],
            vec![sent("bearer", false)],
        ),
    ]
}
