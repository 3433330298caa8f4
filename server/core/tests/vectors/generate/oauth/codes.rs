//! G-01 to G-07 and G-11: codes.

use holdfast_core::{Keyring, Rule, UnixTime, dpop::issue_nonce};

use super::{CHALLENGE, VERIFIER, code_of, good_code, redemption, running, token};
use crate::{
    compact::b64,
    dpop::{Run, hex},
    oauth::GrantVector,
    world::{BEGAN, World},
};

pub(super) fn vectors(world: &World) -> Vec<GrantVector> {
    let mut vectors = accepted(world);
    vectors.extend(unknown(world));
    vectors.extend(late_or_again(world));
    vectors.extend(of_others(world));
    vectors.extend(redirects(world));
    vectors.extend(verifiers(world));
    vectors.extend(keys(world));
    vectors
}

fn accepted(world: &World) -> Vec<GrantVector> {
    let good = |name: &str, note: &str| redemption(world, name, note);
    let previous = Keyring::new(&world.keys.previous_root(), &[]);
    let jkt = crate::generate::dpop::jkt;
    vec![
        good("redeemed", "The ordinary case.").checks(&["T01"]).leaves(&world.device, 1, token(world, 1)),
        good("in-its-last-second", "A minute is a minute.").at(world, BEGAN + 59).leaves(
            &world.device,
            1,
            token(world, 1),
        ),
        good("without-pkce", "A client that sent no challenge sends no verifier.")
            .with_session(|session| session.offer(None, None))
            .with_verifier(None)
            .leaves(&world.device, 1, token(world, 1)),
        good("of-named-key", "The key that dpop_jkt has named.")
            .with_session(|session| session.offer(Some(CHALLENGE), Some(jkt(&world.device))))
            .leaves(&world.device, 1, token(world, 1)),
        good("by-other-key", "No key was named: whoever comes binds the grant.")
            .by(&world.other, "ES256")
            .leaves(&world.other, 1, token(world, 1)),
        good("by-eddsa", "A key of Ed25519.").by(&world.ed, "EdDSA").leaves(&world.ed, 1, token(world, 1)),
        good("by-ps256", "An RSA key.").by(&world.pss, "PS256").leaves(&world.pss, 1, token(world, 1)),
        good("of-previous-root", "The code was sealed with the root key before this one.")
            .with_code(code_of(&previous, World::session()))
            .leaves(&world.device, 1, token(world, 1)),
    ]
}

fn unknown(world: &World) -> Vec<GrantVector> {
    let good = good_code(world);
    let mut tampered = good.clone();
    tampered.replace_range(30..31, if &good[30..31] == "A" { "B" } else { "A" });
    let foreign = Keyring::new(&world.keys.foreign_root(), &[]);
    let run = Run { id: hex(b"boot"), since: BEGAN };
    let cases = [
        ("empty", "An empty text.", String::new()),
        ("guessed", "Nothing of ours.", "SplxlOBeZQQYbYS6WxSbIA".to_owned()),
        ("tampered", "One character is another.", tampered),
        ("lengthened", "One character more.", format!("{good}A")),
        ("padded", "With padding.", format!("{good}=")),
        ("of-other-server", "Another server sealed it.", code_of(&foreign, World::session())),
        ("is-refresh-token", "A refresh token, sealed with the same root key.", token(world, 1).text),
        ("is-nonce", "A nonce, sealed with the same root key.", {
            issue_nonce(&world.ring, &run.boot(), None, UnixTime::from_secs(BEGAN))
        }),
        ("is-challenge", "A challenge of DBSC, sealed with the same root key.", world.challenge()),
    ];
    cases
        .into_iter()
        .map(|(name, note, code)| redemption(world, name, note).with_code(code).breaks(Rule::G01))
        .collect()
}

fn late_or_again(world: &World) -> Vec<GrantVector> {
    let again = |name: &str, note: &str| {
        let session = running(world, &world.device);
        redemption(world, name, note).with_session(|before| *before = session)
    };
    let ended = |name: &str, reason: &str| {
        redemption(world, name, "The session has ended.")
            .with_session(|session| session.ended = Some(reason.to_owned()))
            .breaks(Rule::G11)
    };
    vec![
        redemption(world, "expired", "A minute has passed.").at(world, BEGAN + 60).breaks(Rule::G02),
        redemption(world, "expired-long-ago", "A day has passed.")
            .at(world, BEGAN + 86_400)
            .breaks(Rule::G02),
        again("twice", "The same code by the same client and key.").breaks(Rule::G03),
        again("twice-by-thief", "The same code by another key.").by(&world.other, "ES256").breaks(Rule::G03),
        again("twice-and-expired", "The same code, too late: it is nothing any more, and ends nothing.")
            .at(world, BEGAN + 3600)
            .breaks(Rule::G02),
        again("twice-without-verifier", "The same code by somebody who does not know the verifier.")
            .with_verifier(None)
            .breaks(Rule::G03),
        again("twice-by-other-client", "Another client has no business with it, and ends nothing.")
            .of_client("app-2")
            .breaks(Rule::G04),
        ended("of-logged-out", "logout"),
        ended("of-revoked", "revoked"),
        redemption(world, "of-browser-session", "The session of a browser grants nothing.")
            .with_session(|session| session.client_id = None)
            .breaks(Rule::G11),
    ]
}

fn of_others(world: &World) -> Vec<GrantVector> {
    ["app-2", "app-1 ", "APP-1", "app", ""]
        .into_iter()
        .zip(["other", "trailing-space", "upper-case", "prefix", "empty"])
        .map(|(client, kind)| {
            redemption(world, &format!("by-client-{kind}"), "Another client.")
                .of_client(client)
                .breaks(Rule::G04)
        })
        .collect()
}

fn redirects(world: &World) -> Vec<GrantVector> {
    let cases = [
        ("missing", None),
        ("empty", Some("")),
        ("other", Some("https://evil.example/back")),
        ("without-query", Some("https://client.example/back")),
        ("trailing-slash", Some("https://client.example/back/?x=1")),
        ("upper-case-host", Some("https://CLIENT.example/back?x=1")),
        ("default-port", Some("https://client.example:443/back?x=1")),
        ("fragment", Some("https://client.example/back?x=1#f")),
        ("longer", Some("https://client.example/back?x=12")),
    ];
    cases
        .into_iter()
        .map(|(name, uri)| {
            redemption(
                world,
                &format!("redirect-{name}"),
                "Not the address that the code was sent to, letter by letter.",
            )
            .with_redirect_uri(uri)
            .breaks(Rule::G05)
        })
        .collect()
}

fn verifiers(world: &World) -> Vec<GrantVector> {
    let cases = [
        ("missing", "The verifier is left out.", None),
        ("empty", "An empty one.", Some(String::new())),
        ("other", "Another one.", Some("a".repeat(43))),
        ("is-challenge", "The challenge instead.", Some(CHALLENGE.to_owned())),
        ("short", "Too short for a verifier.", Some(VERIFIER[..42].to_owned())),
        ("long", "Too long for a verifier.", Some("a".repeat(129))),
        ("upper-case", "Letters have a case.", Some(VERIFIER.to_uppercase())),
        ("padded", "With padding.", Some(format!("{VERIFIER}="))),
        ("space", "A space behind it.", Some(format!("{VERIFIER} "))),
        ("hash-bytes", "The hash in another spelling.", Some(b64(CHALLENGE))),
    ];
    let mut vectors: Vec<_> = cases
        .into_iter()
        .map(|(name, note, verifier)| {
            redemption(world, &format!("verifier-{name}"), note).with_verifier(verifier).breaks(Rule::G06)
        })
        .collect();
    vectors.push(
        redemption(
            world,
            "verifier-unasked",
            "A verifier for a code without challenge: somebody took the challenge away.",
        )
        .with_session(|session| session.offer(None, None))
        .breaks(Rule::G06),
    );
    vectors.push(
        redemption(world, "verifier-unasked-and-short", "What is no verifier, for a code without challenge.")
            .with_session(|session| session.offer(None, None))
            .with_verifier(Some("x".to_owned()))
            .breaks(Rule::G06),
    );
    vectors
}

fn keys(world: &World) -> Vec<GrantVector> {
    let jkt = crate::generate::dpop::jkt(&world.device);
    let named = |name: &str, note: &str| {
        redemption(world, name, note)
            .with_session(|session| session.offer(Some(CHALLENGE), Some(jkt.clone())))
    };
    vec![
        named("of-other-key", "dpop_jkt has named another key.").by(&world.other, "ES256").breaks(Rule::G07),
        named("of-other-kind-of-key", "dpop_jkt has named another key.")
            .by(&world.ed, "EdDSA")
            .breaks(Rule::G07),
    ]
}
