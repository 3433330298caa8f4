//! P-01 to P-05: the field and what stands around the claims.

use hkdf::hmac::{Hmac, KeyInit, Mac};
use holdfast_core::Rule;
use sha2::Sha256;

use super::{Draft, base, claims::next, proof, text};
use crate::{
    compact::{b64, parts, sign_with},
    dpop::ProofVector,
    keys::Device,
    world::World,
};

pub(super) fn vectors(world: &World) -> Vec<ProofVector> {
    let mut vectors = fields(world);
    vectors.extend(sizes(world));
    vectors.extend(compact_form(world));
    vectors.extend(types(world));
    vectors.extend(algorithms(world));
    vectors.extend(no_key(world));
    vectors.extend(critical(world));
    vectors
}

fn fields(world: &World) -> Vec<ProofVector> {
    let good = base(world).sign(&world.device);
    let other = base(world).claim("jti", r#""proof-2""#).sign(&world.device);
    let cases: [(&str, &str, &[&str]); 9] = [
        ("no-field", "No proof.", &[]),
        ("two-fields", "Two different proofs.", &[&good, &other]),
        ("same-field-twice", "The same proof twice.", &[&good, &good]),
        ("good-and-empty-field", "A proof and an empty field.", &[&good, ""]),
        ("comma", "Two proofs in one field.", &[&format!("{good},{other}")]),
        ("comma-and-space", "Two proofs in one field.", &[&format!("{good}, {other}")]),
        ("trailing-comma", "A comma behind the proof.", &[&format!("{good},")]),
        ("scheme", "The name of the scheme in front.", &[&format!("DPoP {good}")]),
        ("tab-inside", "A tab in the proof.", &[&good.replacen('.', ".\t", 1)]),
    ];
    cases
        .into_iter()
        .map(|(name, note, fields)| {
            let check = if fields.is_empty() { "V55" } else { "V10" };
            proof(world, name, note, String::new()).in_fields(fields).checks(&[check]).breaks(Rule::P01)
        })
        .collect()
}

fn sizes(world: &World) -> Vec<ProofVector> {
    let padded = |length: usize| base(world).claim("x", &text(&"x".repeat(length))).sign(&world.device);
    // The padding that makes a proof of just so many characters. Three characters of it are four of the proof.
    let length_of = |padding: usize| padded(padding).len();
    let padding = (0..4096).find(|padding| length_of(padding + 1) > 4096).expect("some padding fits");
    vec![
        proof(world, "largest", "As long as may be.", padded(padding)).passes(
            &world.device,
            "proof-1",
            super::AT,
        ),
        proof(world, "too-long", "A little too long.", padded(padding + 4)).breaks(Rule::P02),
        proof(world, "64-kb", "Work for us, none for them.", padded(48_000)).breaks(Rule::P02),
        proof(world, "long-nonsense", "Not even a JWT.", "A".repeat(5000)).breaks(Rule::P02),
    ]
}

fn compact_form(world: &World) -> Vec<ProofVector> {
    let good = base(world).sign(&world.device);
    let [header, payload, signature] = parts(&good);
    let json = format!(r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}"}}"#);
    let cases: [(&str, &str, String, Rule); 15] = [
        ("field-empty", "An empty field.", String::new(), Rule::J02),
        ("field-two-parts", "No signature.", format!("{header}.{payload}"), Rule::J02),
        ("field-unsecured", "An empty signature.", format!("{header}.{payload}."), Rule::J02),
        ("field-four-parts", "A part too many.", format!("{good}.AAAA"), Rule::J02),
        ("field-five-parts", "The parts of a JWE.", format!("{good}.AAAA.AAAA"), Rule::J02),
        ("field-json", "The JSON serialisation.", json.replace(',', ";"), Rule::J02),
        ("field-dots", "Nothing but dots.", "..".to_owned(), Rule::J02),
        ("field-abc", "Three letters.", "a.b.c".to_owned(), Rule::J03),
        ("field-padded", "A signature with padding.", format!("{good}=="), Rule::J03),
        ("field-newline", "A newline behind the proof.", format!("{good}\n"), Rule::J03),
        ("field-quoted", "A structured field.", format!("\"{good}\""), Rule::J03),
        ("field-token68", "The alphabet with plus and slash.", format!("{header}.{payload}.++//"), Rule::J03),
        (
            "field-stray-bits",
            "Bits behind the last byte of the signature.",
            {
                let (start, last) = signature.split_at(signature.len() - 1);
                format!("{header}.{payload}.{start}{}", next(last.chars().next().unwrap()))
            },
            Rule::J03,
        ),
        (
            "field-header-not-json",
            "A header that is no JSON.",
            { format!("{}.{payload}.{signature}", b64("typ=dpop+jwt")) },
            Rule::J04,
        ),
        (
            "field-bom",
            "A byte order mark in front of the header.",
            { format!("{}.{payload}.{signature}", b64(format!("\u{feff}{}", base(world).header.to_json()))) },
            Rule::J04,
        ),
    ];
    cases
        .into_iter()
        .map(|(name, note, field, rule)| proof(world, name, note, field).checks(&["V12"]).breaks(rule))
        .collect()
}

fn types(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("typ-missing", "No type.", None),
        ("typ-jwt", "Any JWT.", Some(r#""JWT""#)),
        ("typ-suffix", "A type that begins alike.", Some(r#""dpop+jwt2""#)),
        ("typ-fapi", "The wrong type of the conformance suite.", Some(r#""dpop+jwt+wrongyousee""#)),
        ("typ-upper-case", "The type in capitals.", Some(r#""DPOP+JWT""#)),
        ("typ-media-type", "The type in full.", Some(r#""application/dpop+jwt""#)),
        ("typ-at", "An access token.", Some(r#""at+jwt""#)),
        ("typ-dbsc", "A proof of a browser.", Some(r#""dbsc+jwt""#)),
        ("typ-list", "A list.", Some(r#"["dpop+jwt"]"#)),
        ("typ-null", "null.", Some("null")),
        ("typ-space", "A space behind it.", Some(r#""dpop+jwt ""#)),
    ];
    cases
        .into_iter()
        .map(|(name, note, typ)| {
            let draft = match typ {
                Some(typ) => base(world).header("typ", typ),
                None => base(world).without_header("typ"),
            };
            proof(world, name, note, draft.sign(&world.device)).checks(&["V14"]).breaks(Rule::P03)
        })
        .collect()
}

fn algorithms(world: &World) -> Vec<ProofVector> {
    let mut vectors: Vec<_> = [
        ("alg-none", r#""none""#),
        ("alg-none-mixed-case", r#""nOnE""#),
        ("alg-es384", r#""ES384""#),
        ("alg-es256k", r#""ES256K""#),
        ("alg-rs1", r#""RS1""#),
        ("alg-rsa1-5", r#""RSA1_5""#),
        ("alg-ps384", r#""PS384""#),
        ("alg-ed448", r#""Ed448""#),
        ("alg-unknown", r#""XS999""#),
        ("alg-lower-case", r#""es256""#),
        ("alg-eddsa-lower-case", r#""ed25519""#),
        ("alg-empty", r#""""#),
        ("alg-null", "null"),
        ("alg-list", r#"["ES256"]"#),
        ("alg-number", "-7"),
    ]
    .into_iter()
    .map(|(name, alg)| {
        let draft = base(world).header("alg", alg);
        proof(world, name, "No algorithm of ours.", draft.sign(&world.device))
    })
    .collect();
    vectors.push(proof(world, "alg-missing", "No algorithm.", {
        base(world).without_header("alg").sign(&world.device)
    }));
    vectors.push(proof(world, "alg-only-in-jwk", "The key says it instead.", {
        let jwk = world.device.jwk().replacen('{', r#"{"alg":"ES256","#, 1);
        base(world).without_header("alg").header("jwk", &jwk).sign(&world.device)
    }));
    vectors.push(
        proof(world, "alg-rs256", "RS256, which nobody has asked for.", {
            Draft::of(&world.rsa, "RS256").sign(&world.rsa)
        })
        .bound_to(&world.rsa),
    );
    vectors.push(
        proof(world, "alg-not-configured", "EdDSA, where the operator wants ES256 alone.", {
            Draft::of(&world.ed, "EdDSA").sign(&world.ed)
        })
        .bound_to(&world.ed)
        .allowing(&["ES256"]),
    );
    let draft = base(world).header("alg", r#""HS256""#);
    let public = world.device.coordinates();
    for (name, secret) in
        [("alg-hs256-with-point", &public[..]), ("alg-hs256-with-jwk", world.device.jwk().as_bytes())]
    {
        let signed = sign_with(draft.header.to_json(), draft.claims.to_json(), |message| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        });
        vectors.push(proof(world, name, "The public key as if it were a secret.", signed));
    }
    vectors.push(proof(world, "alg-hs256-with-oct", "A secret that the proof brings along.", {
        draft.header("jwk", r#"{"kty":"oct","k":"AAAA"}"#).sign(&world.device)
    }));
    vectors.into_iter().map(|vector| vector.checks(&["V15"]).breaks(Rule::P04)).collect()
}

fn no_key(world: &World) -> Vec<ProofVector> {
    let jwk = world.device.jwk();
    let cases = [
        ("jwk-missing", "No key.", None),
        ("jwk-null", "null.", Some("null".to_owned())),
        ("jwk-text", "The key as a text.", Some(text(&jwk))),
        ("jwk-array", "A list of keys.", Some(format!("[{jwk}]"))),
        ("jwk-number", "A number.", Some("1".to_owned())),
    ];
    let mut vectors: Vec<_> = cases
        .into_iter()
        .map(|(name, note, jwk)| {
            let draft = match jwk {
                Some(jwk) => base(world).header("jwk", &jwk),
                None => base(world).without_header("jwk"),
            };
            proof(world, name, note, draft.sign(&world.device))
        })
        .collect();
    vectors.push(proof(world, "jwk-by-reference", "Where to find the key: nothing is fetched.", {
        base(world)
            .without_header("jwk")
            .header("jku", r#""https://evil.test/jwks""#)
            .header("kid", r#""1""#)
            .sign(&world.device)
    }));
    vectors.push(proof(world, "jwk-in-claims", "The key among the claims.", {
        base(world).without_header("jwk").claim("jwk", &jwk).sign(&world.device)
    }));
    vectors.into_iter().map(|vector| vector.checks(&["V17"]).breaks(Rule::P05)).collect()
}

fn critical(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("crit-unknown", r#"["x"]"#),
        ("crit-b64", r#"["b64"]"#),
        ("crit-known-name", r#"["typ"]"#),
        ("crit-empty", "[]"),
        ("crit-null", "null"),
    ];
    cases
        .into_iter()
        .map(|(name, crit)| {
            let draft = base(world).header("crit", crit).header("x", "1").header("b64", "false");
            proof(world, name, "An extension that is not understood.", draft.sign(&world.device))
                .checks(&["V12"])
                .breaks(Rule::J06)
        })
        .collect()
}
