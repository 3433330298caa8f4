//! Proofs that keep every rule: what an honest client may do, and all that FAPI 2.0 wants to be accepted.

use super::{AT, Draft, LATEST, TOKEN, URL, base, proof, text};
use crate::{
    dpop::{ProofVector, Token},
    keys::Device,
    world::World,
};

pub(super) fn vectors(world: &World) -> Vec<ProofVector> {
    let mut vectors = keys(world);
    vectors.extend(requests(world));
    vectors.extend(addresses(world));
    vectors.extend(extras(world));
    vectors.extend(times(world));
    vectors.extend(one_identifier(world));
    vectors
}

fn keys(world: &World) -> Vec<ProofVector> {
    let of = |name: &str, note: &str, device: &dyn Device, alg: &str| {
        proof(world, name, note, Draft::of(&device, alg).sign(&device))
            .bound_to(&device)
            .checks(&["V23"])
            .passes(&device, "proof-1", AT)
    };
    vec![
        of("es256", "The base case.", &world.device, "ES256").checks(&["V01", "V23"]),
        of("eddsa", "Ed25519 by the name of RFC 8037.", &world.ed, "EdDSA"),
        of("ed25519", "Ed25519 by the name of RFC 9864.", &world.ed, "Ed25519"),
        of("ps256", "RSA with PSS and a salt of 32 bytes.", &world.pss, "PS256"),
        of("rs256-opted-in", "RS256, where the operator has asked for it.", &world.rsa, "RS256")
            .allowing(&["RS256"]),
    ]
}

fn requests(world: &World) -> Vec<ProofVector> {
    let mut vectors: Vec<_> = ["QUERY", "PROPFIND", "POST", "get"]
        .into_iter()
        .map(|method| {
            let signed = base(world).claim("htm", &text(method)).sign(&world.device);
            let note = "Any method is one, if both name it alike.";
            proof(world, &format!("method-{method}"), note, signed)
                .for_request(method, URL)
                .checks(&["V32"])
                .passes(&world.device, "proof-1", AT)
        })
        .collect();
    let token_url = "https://as.test/token";
    let signed = base(world).for_tokens(token_url).sign(&world.device);
    vectors.push(
        proof(world, "token-endpoint", "At a token endpoint there is no token to name.", signed)
            .for_request("POST", token_url)
            .without_token()
            .passes(&world.device, "proof-1", AT),
    );
    vectors
}

fn addresses(world: &World) -> Vec<ProofVector> {
    // The name, the claim, and the address of the request if that is not the ordinary one.
    let cases: [(&str, &str, &str, &[&str]); 15] = [
        ("htu-query", "https://api.test/v1/r?a=1", URL, &["V33"]),
        ("htu-fragment", "https://api.test/v1/r#f", URL, &["V33"]),
        ("htu-query-and-fragment", "https://api.test/v1/r?a=1#f?b", URL, &["V33"]),
        ("request-query", URL, "https://api.test/v1/r?q=1", &["V34"]),
        ("htu-other-query", "https://api.test/v1/r?a=1", "https://api.test/v1/r?b=2", &["V33"]),
        ("htu-upper-case-host", "HTTPS://API.TEST/v1/r", URL, &["V35"]),
        ("htu-default-port", "https://api.test:443/v1/r", URL, &["V35"]),
        ("htu-empty-port", "https://api.test:/v1/r", URL, &["V35"]),
        ("htu-unreserved-triplet", "https://api.test/v1/%72", URL, &[]),
        ("htu-triplet-case", "https://api.test/%2f%c3%a9", "https://api.test/%2F%C3%A9", &[]),
        ("htu-dot-segments", "https://api.test/x/%2e%2E/v1/./r", URL, &[]),
        ("htu-dots-in-query", "https://api.test/v1/r?/../..", URL, &[]),
        ("htu-no-path", "https://api.test", "https://api.test/", &[]),
        ("htu-http-port-80", "http://api.test:80/v1/r", "http://api.test/v1/r", &["V35"]),
        ("htu-ipv6", "https://[0:0::1]:443/v1/r", "https://[::1]/v1/r", &[]),
    ];
    cases
        .into_iter()
        .map(|(name, htu, url, checks)| {
            let signed = base(world).claim("htu", &text(htu)).sign(&world.device);
            proof(world, name, "Another spelling of the same address.", signed)
                .for_request("GET", url)
                .checks(checks)
                .passes(&world.device, "proof-1", AT)
        })
        .collect()
}

/// What a proof may have besides, or spell in another way.
fn extras(world: &World) -> Vec<ProofVector> {
    let with_jwk = |member: &str| world.device.jwk().replacen('{', &format!("{{{member},"), 1);
    let cases = [
        ("unknown-claims", "Members that nobody knows.", &["V44"][..], {
            base(world).claim("azp", "1").claim("x", r#"{"y":[null]}"#)
        }),
        ("unknown-header", "Members that nobody knows.", &["V44"], {
            base(world).header("kid", r#""k""#).header("x5u", r#""https://evil.test/""#).header("cty", "0")
        }),
        ("nbf-exp", "What the conformance suite of FAPI sends.", &["V44"], {
            base(world).claim("nbf", &AT.to_string()).claim("exp", &(AT + 300).to_string())
        }),
        ("jwk-agrees", "A key that says what it is for, and does not lie.", &[], {
            base(world).header("jwk", &with_jwk(r#""alg":"ES256","use":"sig","key_ops":["verify"]"#))
        }),
        ("claim-escaped", "A claim spelled with an escape is the same claim.", &[], {
            base(world).without("htm").claim(r"\u0068tm", r#""\u0047ET""#)
        }),
        ("iss-and-sub", "Claims of other JWTs mean nothing here.", &[], {
            base(world).claim("iss", r#""x""#).claim("aud", r#""y""#)
        }),
    ];
    cases
        .into_iter()
        .map(|(name, note, checks, draft)| {
            proof(world, name, note, draft.sign(&world.device)).checks(checks).passes(
                &world.device,
                "proof-1",
                AT,
            )
        })
        .collect()
}

fn times(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("iat-10-s-ago", "FAPI 2.0: ten seconds ago.", (AT - 10).to_string(), AT - 10),
        ("iat-in-8-s", "FAPI 2.0: eight seconds ahead.", (AT + 8).to_string(), AT + 8),
        ("iat-oldest", "As old as may be.", (AT - LATEST).to_string(), AT - LATEST),
        ("iat-youngest", "As far ahead as may be.", (AT + 15).to_string(), AT + 15),
        ("iat-fraction", "Half a second.", format!("{AT}.5"), AT),
        ("iat-exponent", "The same number in another spelling.", format!("{AT}e0"), AT),
    ];
    cases
        .into_iter()
        .map(|(name, note, iat, seconds)| {
            proof(world, name, note, base(world).claim("iat", &iat).sign(&world.device))
                .checks(&["V40"])
                .passes(&world.device, "proof-1", seconds)
        })
        .collect()
}

/// What makes two proofs one, and what does not.
fn one_identifier(world: &World) -> Vec<ProofVector> {
    let again = |name: &str, note: &str, draft: Draft, jti: &str| {
        proof(world, name, note, draft.sign(&world.device)).passes(&world.device, jti, AT)
    };
    let (first, rest) = base(world).sign(&world.device).rsplit_once('.').map(own).unwrap();
    let other_form = format!("{first}.{}", super::signatures::negated(&rest));
    let other_token = Token { text: "token-2".to_owned(), jkt: super::jkt(&world.other) };
    let by_other = Draft::of(&world.other, "ES256").claim("ath", &text(&super::ath("token-2")));
    vec![
        proof(
            world,
            "malleable",
            "The other form of the base case's signature: it fits, and is no new proof.",
            other_form,
        )
        .checks(&["V02"])
        .passes(&world.device, "proof-1", AT),
        ProofVector {
            token: Some(other_token),
            ..proof(
                world,
                "same-jti-other-key",
                "The jti of the base case, by another key: not the same proof.",
                by_other.sign(&world.other),
            )
        }
        .checks(&["V06"])
        .passes(&world.other, "proof-1", AT),
        again(
            "same-jti-other-request",
            "The jti of the base case in another proof by the same key: the same proof, as far as memory goes.",
            base(world).claim("x", "1"),
            "proof-1",
        ),
        again("jti-1-byte", "As short as may be.", base(world).claim("jti", r#""x""#), "x"),
        again(
            "jti-256-bytes",
            "As long as may be.",
            base(world).claim("jti", &text(&"j".repeat(256))),
            &"j".repeat(256),
        ),
        again("jti-not-ascii", "Any text will do.", base(world).claim("jti", r#""\u0000é""#), "\0é"),
        again("jti-is-token", "Even this one.", base(world).claim("jti", &text(TOKEN)), TOKEN),
    ]
}

fn own((first, second): (&str, &str)) -> (String, String) {
    (first.to_owned(), second.to_owned())
}
