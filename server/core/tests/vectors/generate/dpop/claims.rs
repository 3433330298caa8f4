//! P-06 to P-14: claims that are missing, of the wrong kind, or for something else.

use holdfast_core::Rule;
use sha2::{Digest, Sha256};

use super::{TOKEN, ath, base, proof, text};
use crate::{compact::sign_parts, dpop::ProofVector, keys::Device, world::World};

pub(super) fn vectors(world: &World) -> Vec<ProofVector> {
    let mut vectors = missing_or_mistyped(world);
    vectors.extend(jti(world));
    vectors.extend(method(world));
    vectors.extend(token(world));
    vectors.extend(token_endpoint(world));
    vectors.extend(objects(world));
    vectors
}

fn missing_or_mistyped(world: &World) -> Vec<ProofVector> {
    let claims = [
        ("jti", Rule::P06, "V25"),
        ("htm", Rule::P07, "V26"),
        ("htu", Rule::P08, "V27"),
        ("iat", Rule::P11, "V28"),
        ("ath", Rule::P13, "V29"),
    ];
    claims
        .into_iter()
        .flat_map(|(name, rule, check)| {
            let bad = |suffix: &str, note: &str, draft: super::Draft| {
                proof(world, &format!("{name}-{suffix}"), note, draft.sign(&world.device))
                    .checks(&[check])
                    .breaks(rule)
            };
            let with = |value: &str| base(world).claim(name, value);
            let mut vectors = vec![
                bad("missing", "The claim is not there.", base(world).without(name)),
                bad("null", "The claim is null.", with("null")),
                bad("true", "The claim is a truth.", with("true")),
                bad("array", "The claim is a list of one.", with(r#"["GET"]"#)),
                bad("object", "The claim is an object.", with("{}")),
                bad("in-header", "The claim stands in the header.", {
                    base(world).without(name).header(name, r#""GET""#)
                }),
                bad("upper-case", "Names have a case.", {
                    base(world).without(name).claim(&name.to_uppercase(), r#""GET""#)
                }),
            ];
            if name != "iat" {
                vectors.push(bad("number", "The claim is a number.", with("1")));
            }
            vectors
        })
        .collect()
}

fn jti(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("jti-empty", "An empty text.", String::new()),
        ("jti-257-bytes", "One byte too long.", "j".repeat(257)),
        ("jti-129-letters", "129 letters of two bytes each.", "é".repeat(129)),
    ];
    cases
        .into_iter()
        .map(|(name, note, jti)| {
            proof(world, name, note, base(world).claim("jti", &text(&jti)).sign(&world.device))
                .checks(&["V30"])
                .breaks(Rule::P06)
        })
        .collect()
}

fn method(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("htm-lower-case", "Methods have a case.", "get"),
        ("htm-put", "Another method.", "PUT"),
        ("htm-empty", "No method.", ""),
        ("htm-space", "A space behind it.", "GET "),
        ("htm-head", "HEAD is not GET.", "HEAD"),
        ("htm-prefix", "A method that begins alike.", "GETX"),
        ("htm-several", "Two methods.", "GET,POST"),
        ("htm-star", "No pattern.", "*"),
        ("htm-full-width", "Letters that look alike.", "ＧＥＴ"),
    ];
    cases
        .into_iter()
        .map(|(name, note, htm)| {
            proof(world, name, note, base(world).claim("htm", &text(htm)).sign(&world.device))
                .checks(&["V31"])
                .breaks(Rule::P09)
        })
        .collect()
}

fn token(world: &World) -> Vec<ProofVector> {
    let right = ath(TOKEN);
    let cases = [
        ("ath-of-other-token", "The hash of another token.", ath("token-2")),
        ("ath-wrong", "No hash of anything.", "A".repeat(43)),
        ("ath-padded", "The hash, padded.", format!("{right}=")),
        ("ath-empty", "An empty text.", String::new()),
        ("ath-truncated", "Half a hash.", right[..22].to_owned()),
        ("ath-of-scheme-and-token", "The hash of the whole field.", ath(&format!("DPoP {TOKEN}"))),
        ("ath-token-itself", "The token instead of its hash.", TOKEN.to_owned()),
        ("ath-standard-alphabet", "The hash in the alphabet with plus and slash.", {
            format!("{}+", &right[..42])
        }),
        ("ath-stray-bits", "Another last letter of the same bytes.", {
            format!("{}{}", &right[..42], next(right.chars().last().unwrap()))
        }),
        ("ath-hex", "The hash in hex.", { crate::dpop::hex(&Sha256::digest(TOKEN)) }),
    ];
    cases
        .into_iter()
        .map(|(name, note, ath)| {
            proof(world, name, note, base(world).claim("ath", &text(&ath)).sign(&world.device))
                .checks(&["V48"])
                .breaks(Rule::P14)
        })
        .collect()
}

/// The letter that differs from this one in its last bit alone, which says nothing at the end of a text.
pub(super) fn next(letter: char) -> char {
    char::from(u8::try_from(letter).unwrap() + 1)
}

fn token_endpoint(world: &World) -> Vec<ProofVector> {
    let url = "https://as.test/token";
    [("ath-at-token-endpoint", text(&ath(TOKEN))), ("null-ath-at-token-endpoint", "null".to_owned())]
        .into_iter()
        .map(|(name, ath)| {
            let draft = base(world).for_tokens(url).claim("ath", &ath);
            proof(world, name, "A proof made for a resource fetches tokens.", draft.sign(&world.device))
                .for_request("POST", url)
                .without_token()
                .checks(&["T05"])
                .breaks(Rule::P12)
        })
        .collect()
}

/// J-04 and J-05 once more, in the places where they would hurt a DPoP proof.
fn objects(world: &World) -> Vec<ProofVector> {
    let twice = |name: &str, value: &str| {
        let draft = base(world);
        super::Draft { claims: draft.claims.and(name, value), ..draft }.sign(&world.device)
    };
    let in_header = |name: &str, value: &str| {
        let draft = base(world);
        super::Draft { header: draft.header.and(name, value), ..draft }.sign(&world.device)
    };
    let mut vectors: Vec<_> = [
        ("htm", r#""PUT""#),
        ("htu", r#""https://evil.test/""#),
        ("jti", r#""proof-2""#),
        ("iat", "0"),
        ("ath", r#""x""#),
    ]
    .into_iter()
    .map(|(name, value)| proof(world, &format!("{name}-twice"), "A claim twice.", twice(name, value)))
    .collect();
    vectors.push(proof(world, "htm-twice-escaped", "A claim twice, once with an escape.", {
        twice(r"\u0068tm", r#""GET""#)
    }));
    vectors.push(proof(world, "jwk-twice", "Two keys.", in_header("jwk", &world.other.jwk())));
    vectors.push(proof(world, "alg-twice", "Two algorithms.", in_header("alg", r#""none""#)));
    vectors.push(proof(world, "typ-twice", "The same type twice.", in_header("typ", r#""dpop+jwt""#)));
    let mut vectors: Vec<_> =
        vectors.into_iter().map(|vector| vector.checks(&["V12"]).breaks(Rule::J05)).collect();
    let header = crate::compact::b64(base(world).header.to_json());
    for (name, note, payload) in [
        ("claims-array", "The claims are a list.", "[]"),
        ("claims-text", "The claims are a text.", r#""jti""#),
        ("claims-trailing", "Something behind the claims.", "{}{}"),
    ] {
        let signed = sign_parts(&header, &crate::compact::b64(payload), |message| world.device.sign(message));
        vectors.push(proof(world, name, note, signed).checks(&["V12"]).breaks(Rule::J04));
    }
    vectors
}
