//! D-REG-03 and D-REF-05: the server names the algorithms.

use hkdf::hmac::{Hmac, KeyInit, Mac};
use holdfast_core::{Rule, jose::Algorithm};
use p256::pkcs8::{EncodePublicKey, LineEnding};
use sha2::Sha256;

use super::{header_with, refresh, refresh_payload, register, registration_header};
use crate::{
    compact::{b64, sign, sign_with},
    keys::Device,
    model::Vector,
    world::World,
};

pub(super) fn vectors(world: &World) -> Vec<Vector> {
    let mut vectors = named_at_registration(world);
    vectors.extend(named_at_refresh(world));
    vectors.extend(hmac_with_public_key(world));
    vectors
}

/// What is in the place of `"ES256"`.
const NAMES: [(&str, &str, &str, &[&str]); 14] = [
    ("alg-none", "Unsecured, with a signature that is not looked at.", r#""none""#, &["R04"]),
    ("alg-none-mixed-case", "Unsecured, for those who compare without care.", r#""nOnE""#, &["R04"]),
    ("alg-es384", "Another curve and hash.", r#""ES384""#, &["R08"]),
    ("alg-es512", "Another curve and hash.", r#""ES512""#, &["R08"]),
    ("alg-es256k", "The other curve of 256 bits.", r#""ES256K""#, &["R08"]),
    ("alg-ps256", "RSA with another padding.", r#""PS256""#, &["R08"]),
    ("alg-eddsa", "Edwards curves.", r#""EdDSA""#, &["R08"]),
    ("alg-rs1", "RSA with SHA-1.", r#""RS1""#, &["R08"]),
    ("alg-lower-case", "Names have a case.", r#""es256""#, &[]),
    ("alg-trailing-space", "Names have no space.", r#""ES256 ""#, &[]),
    ("alg-empty", "An empty name.", r#""""#, &[]),
    ("alg-null", "Not a text.", "null", &[]),
    ("alg-list", "A list to choose from.", r#"["ES256"]"#, &[]),
    ("alg-cose-number", "The number of COSE for ES256.", "-7", &[]),
];

fn named_at_registration(world: &World) -> Vec<Vector> {
    let payload = world.offered().payload();
    let mut vectors: Vec<_> = NAMES
        .into_iter()
        .map(|(name, note, alg, checks)| {
            let header = format!(r#"{{"alg":{alg},"jwk":{},"typ":"dbsc+jwt"}}"#, world.device.jwk());
            register(&format!("register-{name}"), note, sign(header, &payload, &world.device)).checks(checks)
        })
        .collect();
    let missing = format!(r#"{{"jwk":{},"typ":"dbsc+jwt"}}"#, world.device.jwk());
    vectors.push(register("register-alg-missing", "No alg.", sign(missing, &payload, &world.device)));
    let rs256 = sign(registration_header(&world.rsa, Algorithm::Rs256), &payload, &world.rsa);
    vectors.push(
        register("register-rs256-not-offered", "RS256 where only ES256 was offered.", rs256)
            .offering(&["ES256"])
            .checks(&["R03"]),
    );
    let es256 = sign(registration_header(&world.device, Algorithm::Es256), &payload, &world.device);
    vectors.push(
        register("register-es256-not-offered", "ES256 where only RS256 was offered.", es256.clone())
            .offering(&["RS256"])
            .checks(&["R03"]),
    );
    vectors.push(
        register("register-nothing-offered", "A proof where nothing was offered.", es256).offering(&[]),
    );
    let mut vectors: Vec<_> = vectors.into_iter().map(|vector| vector.breaks(Rule::DReg03)).collect();
    // The classic: alg none, nothing behind the last dot. It does not even have the form.
    let header = header_with(&world.device.jwk(), "none");
    vectors.push(
        register(
            "register-unsecured",
            "Unsecured, as RFC 7515 writes it.",
            format!("{}.{}.", b64(header), b64(&payload)),
        )
        .checks(&["R04"])
        .breaks(Rule::J02),
    );
    vectors
}

fn named_at_refresh(world: &World) -> Vec<Vector> {
    let payload = refresh_payload(world);
    let mut vectors: Vec<_> = NAMES
        .into_iter()
        .map(|(name, note, alg, checks)| {
            let header = format!(r#"{{"alg":{alg},"typ":"dbsc+jwt"}}"#);
            refresh(world, &format!("refresh-{name}"), note, sign(header, &payload, &world.device))
                .checks(checks)
        })
        .collect();
    let missing = r#"{"typ":"dbsc+jwt"}"#;
    vectors.push(refresh(world, "refresh-alg-missing", "No alg.", sign(missing, &payload, &world.device)));
    let rs256 = r#"{"alg":"RS256","typ":"dbsc+jwt"}"#;
    vectors.push(refresh(
        world,
        "refresh-rs256-for-ec-key",
        "The key is for ES256.",
        sign(rs256, &payload, &world.rsa),
    ));
    let es256 = r#"{"alg":"ES256","typ":"dbsc+jwt"}"#;
    vectors.push(
        refresh(
            world,
            "refresh-es256-for-rsa-key",
            "The key is for RS256.",
            sign(es256, &payload, &world.device),
        )
        .with_session(World::bound(&world.rsa)),
    );
    vectors.into_iter().map(|vector| vector.breaks(Rule::DRef05)).collect()
}

/// HS256 with what everybody knows, the public key, taken for a shared secret.
fn hmac_with_public_key(world: &World) -> Vec<Vector> {
    let public = world.device.0.verifying_key();
    let secrets = [
        ("pem", public.to_public_key_pem(LineEnding::LF).unwrap().into_bytes()),
        ("der", public.to_public_key_der().unwrap().into_vec()),
        ("jwk", world.device.jwk().into_bytes()),
    ];
    secrets
        .into_iter()
        .flat_map(|(form, secret)| {
            let mac = |message: &[u8]| {
                let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
                mac.update(message);
                mac.finalize().into_bytes().to_vec()
            };
            let note = "A MAC whose secret is the public key.";
            let header = header_with(&world.device.jwk(), "HS256");
            let registration = sign_with(header, world.offered().payload(), mac);
            let renewal = sign_with(r#"{"alg":"HS256","typ":"dbsc+jwt"}"#, refresh_payload(world), mac);
            [
                register(&format!("register-hs256-{form}"), note, registration).breaks(Rule::DReg03),
                refresh(world, &format!("refresh-hs256-{form}"), note, renewal).breaks(Rule::DRef05),
            ]
        })
        .map(|vector| vector.checks(&["R06"]))
        .collect()
}
