//! K-04 and K-05: private members, and members that contradict the use of the key.

use holdfast_core::{Rule, jose::Algorithm};

use super::{header_with, register};
use crate::{compact::sign, keys::Device, model::Vector, world::World};

pub(super) fn vectors(world: &World) -> Vec<Vector> {
    let mut vectors = private(world);
    vectors.extend(contradictions(world));
    vectors
}

/// None of the private values is one: the name alone is the offence.
fn private(world: &World) -> Vec<Vector> {
    let mut vectors: Vec<_> = ["d", "p", "q", "dp", "dq", "qi", "k", "priv"]
        .into_iter()
        .map(|name| {
            let jwk = with_member(&world.device.jwk(), &format!(r#""{name}":"AA""#));
            let proof = sign(header_with(&jwk, "ES256"), world.offered().payload(), &world.device);
            register(&format!("ec-private-{name}"), "A private member beside the public key.", proof)
        })
        .collect();
    vectors.extend(["d", "p", "q", "dp", "dq", "qi", "oth"].into_iter().map(|name| {
        let jwk = with_member(&world.rsa.jwk(), &format!(r#""{name}":"AA""#));
        let proof = sign(header_with(&jwk, Algorithm::Rs256.as_str()), world.offered().payload(), &world.rsa);
        register(&format!("rsa-private-{name}"), "A private member beside the public key.", proof)
    }));
    let null = with_member(&world.device.jwk(), r#""d":null"#);
    let oct = r#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
    let escaped = with_member(&world.device.jwk(), r#""\u0064":"AA""#);
    for (name, note, jwk) in [
        ("private-d-null", "d is null, and still there.", null.as_str()),
        ("private-d-escaped", "d is spelled with an escape.", escaped.as_str()),
        ("private-oct", "A shared secret.", oct),
    ] {
        let proof = sign(header_with(jwk, "ES256"), world.offered().payload(), &world.device);
        vectors.push(register(name, note, proof));
    }
    vectors.into_iter().map(|vector| vector.checks(&["R11"]).breaks(Rule::K04)).collect()
}

fn contradictions(world: &World) -> Vec<Vector> {
    [
        ("jwk-alg-rs256", "The key says it is for RS256.", r#""alg":"RS256""#),
        ("jwk-alg-none", "The key says it is for nothing.", r#""alg":"none""#),
        ("jwk-alg-null", "alg is not a text.", r#""alg":null"#),
        ("jwk-use-enc", "The key says it is for encryption.", r#""use":"enc""#),
        ("jwk-use-upper-case", "Names have a case.", r#""use":"SIG""#),
        ("jwk-use-list", "use is not a text.", r#""use":["sig"]"#),
        ("jwk-key-ops-encrypt", "The key says it only encrypts.", r#""key_ops":["encrypt","wrapKey"]"#),
        ("jwk-key-ops-sign", "The key says it only signs: that is the other half.", r#""key_ops":["sign"]"#),
        ("jwk-key-ops-empty", "The key says it is for nothing.", r#""key_ops":[]"#),
        ("jwk-key-ops-text", "key_ops is not a list.", r#""key_ops":"verify""#),
    ]
    .into_iter()
    .map(|(name, note, member)| {
        let jwk = with_member(&world.device.jwk(), member);
        let proof = sign(header_with(&jwk, "ES256"), world.offered().payload(), &world.device);
        register(name, note, proof).breaks(Rule::K05)
    })
    .collect()
}

/// The object with one more member in front.
pub(super) fn with_member(object: &str, member: &str) -> String {
    object.replacen('{', &format!("{{{member},"), 1)
}
