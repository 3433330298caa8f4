//! Proofs that are accepted, also strange ones.

use holdfast_core::{
    Keyring,
    dbsc::Challenge,
    jose::{Algorithm, PublicKey},
};

use super::{
    REFRESH_HEADER, good_refresh, good_registration, header_with, jwk_members::with_member, refresh,
    refresh_payload, register, registration_header,
};
use crate::{
    compact::{sign, sign_with},
    keys::{Device, Rs256},
    model::Vector,
    world::{AT_REFRESH, BEGAN, GENERATION, LAST_PROOF, World},
};

pub(super) fn vectors(world: &World) -> Vec<Vector> {
    let mut vectors = registrations(world);
    vectors.extend(rsa_registrations(world));
    vectors.extend(refreshes(world));
    vectors
}

fn registrations(world: &World) -> Vec<Vector> {
    let thumbprint = World::public(&world.device).thumbprint().to_string();
    let header = registration_header(&world.device, Algorithm::Es256);
    let payload = world.offered().payload();
    let with = |header: &str, payload: &str| sign(header, payload, &world.device);
    let aud = with_member(&payload, r#""aud":"https://shop.example/_holdfast/dbsc/register""#);
    let elsewhere =
        r#""jku":"https://evil.example/jwks","kid":"../../key","x5c":["AA"],"x5u":"https://evil.example/x""#;
    let own_words = with_member(
        &world.device.jwk(),
        r#""alg":"ES256","ext":true,"key_ops":["verify"],"kid":"1","use":"sig""#,
    );
    let reordered = format!(r#"{{ "typ" : "dbsc+jwt" , "alg" : "ES256" , "jwk" : {} }}"#, world.device.jwk());
    let previous = world.offered_by(&world.keys.previous_root()).payload();
    let good = || good_registration(world);
    let high_s = sign_with(&header, &payload, |message| {
        let signature = world.device.signature(message);
        let (r, s) = signature.split_scalars();
        let other = p256::ecdsa::Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
        // Whichever of the two forms was not made is the other one; one of them is high.
        let high = if signature.to_bytes()[32..] > other.to_bytes()[32..] { signature } else { other };
        high.to_bytes().to_vec()
    });
    vec![
        register("register-es256", "What a browser sends.", good()).checks(&["H09", "R01"]),
        register("register-es256-quoted", "A browser that quotes it, as the draft says.", good())
            .in_field(|proof| format!(r#""{proof}""#))
            .checks(&["H09"]),
        register("register-es256-quoted-with-parameter", "Parameters of the field are dropped.", good())
            .in_field(|proof| format!(r#""{proof}";v=1"#))
            .checks(&["H09"]),
        register("register-es256-bare-with-parameter", "Parameters of the field are dropped.", good())
            .in_field(|proof| format!(" {proof};v=1 "))
            .checks(&["H09"]),
        register("register-es256-only-offered", "ES256 alone was offered.", good())
            .offering(&["ES256"])
            .checks(&["R01"]),
        register("register-no-cookies", "Nothing but the challenge names the login.", good())
            .checks(&["R32"]),
        register("register-in-the-last-second", "One second before the window closes.", good())
            .at(BEGAN + 59)
            .checks(&["R24"]),
        register("register-high-s", "The larger of the two forms of s: JOSE does not choose.", high_s)
            .checks(&["R01"]),
        register("register-aud", "aud is the address of this endpoint.", with(&header, &aud))
            .checks(&["R28"]),
        register("register-keys-elsewhere", "Addresses and names of keys are not looked at.", {
            with(&with_member(&header, elsewhere), &payload)
        })
        .checks(&["R15"]),
        register(
            "register-key-agrees",
            "The key says that it is for this.",
            with(&header_with(&own_words, "ES256"), &payload),
        ),
        register(
            "register-other-order",
            "White space and another order of members.",
            with(&reordered, &payload),
        ),
        register("register-more-claims", "Claims that nobody here reads.", {
            with(&header, &with_member(&payload, r#""iat":1800000000,"nested":{"a":[{}]},"sub":"mallory""#))
        }),
        register(
            "register-previous-root-key",
            "The offer was made before the root key was changed.",
            with(&header, &previous),
        )
        .checks(&["F23"]),
    ]
    .into_iter()
    .map(|vector| vector.leaves(thumbprint.clone(), 1))
    .collect()
}

fn rsa_registrations(world: &World) -> Vec<Vector> {
    let payload = world.offered().payload();
    let proof = |device: &Rs256| sign(registration_header(device, Algorithm::Rs256), &payload, device);
    let large = world.keys.rs256("large");
    vec![
        register("register-rs256", "What a browser with an RSA key sends.", proof(&world.rsa))
            .checks(&["R02"])
            .leaves(thumbprint(&world.rsa), 1),
        register("register-rs256-4096", "The largest modulus.", proof(&large))
            .checks(&["R02"])
            .leaves(thumbprint(&large), 1),
    ]
}

fn refreshes(world: &World) -> Vec<Vector> {
    let key = World::public(&world.device).thumbprint().to_string();
    let payload = refresh_payload(world);
    let aud = with_member(&payload, r#""aud":"https://shop.example/_holdfast/dbsc/refresh""#);
    let previous_ring = Keyring::new(&world.keys.previous_root(), &[]);
    let sealed_before = format!(r#"{{"jti":"{}"}}"#, world.refresh_challenge().seal(&previous_ring));
    let just_taken = Challenge { generation: GENERATION - 1, ..world.refresh_challenge() }.seal(&world.ring);
    let just_taken = sign(REFRESH_HEADER, format!(r#"{{"jti":"{just_taken}"}}"#), &world.device);
    let rsa = sign(r#"{"alg":"RS256","typ":"dbsc+jwt"}"#, &payload, &world.rsa);
    let good = || good_refresh(world);
    let next = GENERATION + 1;
    vec![
        refresh(world, "refresh-es256", "What a browser sends.", good())
            .checks(&["F02", "H09"])
            .leaves(key.clone(), next),
        refresh(world, "refresh-es256-quoted", "A browser that quotes it, as the draft says.", good())
            .in_field(|proof| format!(r#""{proof}""#))
            .checks(&["H09"])
            .leaves(key.clone(), next),
        refresh(world, "refresh-no-cookies", "Nothing but the header names the session.", good())
            .checks(&["F14"])
            .leaves(key.clone(), next),
        refresh(world, "refresh-in-the-last-second", "One second before the challenge expires.", good())
            .at(LAST_PROOF + 899)
            .checks(&["F02"])
            .leaves(key.clone(), next),
        refresh(
            world,
            "refresh-aud",
            "aud is the address of this endpoint.",
            sign(REFRESH_HEADER, aud, &world.device),
        )
        .checks(&["R28"])
        .leaves(key.clone(), next),
        refresh(
            world,
            "refresh-previous-root-key",
            "The challenge was sealed before the root key was changed.",
            sign(REFRESH_HEADER, sealed_before, &world.device),
        )
        .checks(&["F23"])
        .leaves(key.clone(), next),
        refresh(
            world,
            "refresh-other-instance",
            "Any server with the same root key opens the challenge.",
            good(),
        )
        .at(AT_REFRESH + 1)
        .checks(&["F21"])
        .leaves(key.clone(), next),
        refresh(
            world,
            "refresh-just-taken",
            "The same proof again, a second after it was taken: nothing moves.",
            just_taken.clone(),
        )
        .at(LAST_PROOF + 1)
        .checks(&["F03", "F05"])
        .leaves(key.clone(), GENERATION),
        refresh(
            world,
            "refresh-just-taken-last-second",
            "The same proof again, at the end of the overlap.",
            just_taken,
        )
        .at(LAST_PROOF + 29)
        .checks(&["F03", "F05"])
        .leaves(key, GENERATION),
        refresh(world, "refresh-rs256", "What a browser with an RSA key sends.", rsa)
            .with_session(World::bound(&world.rsa))
            .checks(&["F02"])
            .leaves(thumbprint(&world.rsa), next),
    ]
}

fn thumbprint(device: &Rs256) -> String {
    let n = device.modulus().into_boxed_slice();
    assert!(device.jwk().contains("AQAB"), "the exponent is 65537");
    PublicKey::rsa(n, Box::new([1, 0, 1]), holdfast_core::jose::RsaScheme::Pkcs1)
        .unwrap()
        .thumbprint()
        .to_string()
}
