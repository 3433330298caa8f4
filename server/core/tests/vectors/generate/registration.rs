//! D-REG-02 and D-REG-04 to D-REG-13: the rules of a registration.

use holdfast_core::{Rule, UnixTime, dbsc::Purpose, jose::Algorithm};

use super::{good_registration, header_with, jwk_members::with_member, register, registration_header};
use crate::{
    compact::{b64, flip, parts, sign, sign_with},
    keys::Device,
    model::Vector,
    world::{AT_REGISTRATION, BEGAN, World},
};

pub(super) fn vectors(world: &World) -> Vec<Vector> {
    let mut vectors = types(world);
    vectors.extend(missing_keys(world));
    vectors.extend(challenges(world));
    vectors.extend(authorizations(world));
    vectors.extend(signatures(world));
    vectors.extend(audiences(world));
    vectors.extend(second_keys(world));
    vectors
}

/// A proof with this payload, all else in order.
fn with_payload(world: &World, payload: impl AsRef<[u8]>) -> String {
    sign(registration_header(&world.device, Algorithm::Es256), payload, &world.device)
}

fn types(world: &World) -> Vec<Vector> {
    let good = registration_header(&world.device, Algorithm::Es256);
    [
        ("typ-jwt", "A JWT of no particular kind.", r#","typ":"JWT""#),
        ("typ-dpop", "A proof of another protocol.", r#","typ":"dpop+jwt""#),
        ("typ-attested", "An attested proof that nobody asked for.", r#","typ":"dbsc+aik""#),
        ("typ-upper-case", "Browsers write it in one way.", r#","typ":"DBSC+JWT""#),
        ("typ-capital", "Browsers write it in one way.", r#","typ":"Dbsc+jwt""#),
        ("typ-with-application", "The media type in full.", r#","typ":"application/dbsc+jwt""#),
        ("typ-trailing-space", "A space behind.", r#","typ":"dbsc+jwt ""#),
        ("typ-null", "Not a text.", r#","typ":null"#),
        ("typ-list", "Not a text.", r#","typ":["dbsc+jwt"]"#),
        ("typ-missing", "No typ.", ""),
    ]
    .into_iter()
    .map(|(name, note, member)| {
        let proof =
            sign(good.replace(r#","typ":"dbsc+jwt""#, member), world.offered().payload(), &world.device);
        let checks: &[&str] = if name == "typ-attested" { &["A01"] } else { &[] };
        register(&format!("register-{name}"), note, proof).checks(checks).breaks(Rule::DReg02)
    })
    .collect()
}

fn missing_keys(world: &World) -> Vec<Vector> {
    let point = b64([&[4][..], &world.device.coordinates()].concat());
    let elsewhere = format!(r#"{{"alg":"ES256","typ":"dbsc+jwt","key":{}}}"#, world.device.jwk());
    let cases = [
        ("jwk-missing", "No key.", r#"{"alg":"ES256","typ":"dbsc+jwt"}"#.to_owned()),
        ("jwk-null", "The key is null.", header_with("null", "ES256")),
        ("jwk-text", "The key is a text.", header_with(&format!(r#""{point}""#), "ES256")),
        ("jwk-list", "A list of keys.", header_with(&format!("[{}]", world.device.jwk()), "ES256")),
        ("jwk-under-another-name", "The key where the first drafts had it.", elsewhere),
        ("jwk-by-address", "Only addresses and a name of a key: nothing is fetched.", {
            r#"{"alg":"ES256","jku":"https://evil.example/jwks","kid":"1","typ":"dbsc+jwt","x5u":"https://evil.example/x"}"#.to_owned()
        }),
    ];
    cases
        .into_iter()
        .map(|(name, note, header)| {
            let proof = sign(header, world.offered().payload(), &world.device);
            register(name, note, proof).checks(&["R10"]).breaks(Rule::DReg04)
        })
        .collect()
}

fn challenges(world: &World) -> Vec<Vector> {
    let offered = world.offered();
    let with_jti = |jti: &str| {
        with_payload(world, format!(r#"{{"authorization":"{}","jti":{jti}}}"#, offered.authorization))
    };
    let with_text = |text: &str| with_jti(&format!(r#""{text}""#));
    let mut vectors: Vec<_> = [
        ("jti-empty", "An empty challenge.", with_text("")),
        ("jti-number", "A number.", with_jti("1")),
        ("jti-null", "null.", with_jti("null")),
        ("jti-list", "A list.", with_jti(&format!(r#"["{}"]"#, offered.challenge))),
        (
            "jti-missing",
            "No challenge.",
            with_payload(world, format!(r#"{{"authorization":"{}"}}"#, offered.authorization)),
        ),
        (
            "jti-as-nonce",
            "The challenge under another name.",
            with_payload(world, offered.payload().replace("jti", "nonce")),
        ),
    ]
    .map(|(name, note, proof)| {
        register(&format!("register-{name}"), note, proof).checks(&["R20"]).breaks(Rule::DReg05)
    })
    .into();

    let foreign = world.offered_by(&world.keys.foreign_root());
    let mut tampered = offered.challenge.clone();
    tampered.replace_range(30..31, if &tampered[30..31] == "A" { "B" } else { "A" });
    let cut = offered.challenge[..offered.challenge.len() - 4].to_owned();
    vectors.extend(
        [
            ("challenge-invented", "A text of one's own.", with_text("reg-challenge-1")),
            (
                "challenge-tampered",
                "One character changed, and signed again with one's own key.",
                with_text(&tampered),
            ),
            ("challenge-cut", "The end is missing.", with_text(&cut)),
            ("challenge-padded", "Padded.", with_text(&format!("{}==", offered.challenge))),
            ("challenge-space", "A space in front.", with_text(&format!(" {}", offered.challenge))),
            (
                "challenge-of-foreign-server",
                "Sealed by a server with another root key.",
                with_payload(world, foreign.payload()),
            ),
            (
                "challenge-is-authorization",
                "The other text that went out.",
                with_text(&offered.authorization),
            ),
            ("challenge-is-session-id", "A public handle.", with_text(&World::session().to_string())),
            ("no-login-behind-it", "A self-made proof, with nothing but cookies beside it.", {
                with_payload(world, r#"{"jti":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#)
            }),
        ]
        .map(|(name, note, proof)| {
            let checks: &[&str] = if name == "no-login-behind-it" { &["R33"] } else { &["R21"] };
            register(&format!("register-{name}"), note, proof).checks(checks).breaks(Rule::DReg06)
        }),
    );

    let mut refresh = world.refresh_challenge();
    vectors.push(
        register(
            "register-refresh-challenge",
            "A challenge for a refresh.",
            with_text(&refresh.seal(&world.ring)),
        )
        .breaks(Rule::DReg07),
    );
    refresh.generation = 0;
    refresh.expires_at = UnixTime::from_secs(BEGAN + 60);
    assert_eq!(refresh.purpose, Purpose::Refresh);
    vectors.push(
        register(
            "register-refresh-challenge-alike",
            "In all but its purpose like a registration challenge.",
            with_text(&refresh.seal(&world.ring)),
        )
        .breaks(Rule::DReg07),
    );

    vectors.extend([("at-expiry", 60), ("a-minute-late", 120), ("a-year-late", 31_536_000)].map(
        |(name, late)| {
            register(
                &format!("register-{name}"),
                "The window of 60 seconds has closed.",
                good_registration(world),
            )
            .at(BEGAN + late)
            .checks(&["R24"])
            .breaks(Rule::DReg08)
        },
    ));
    vectors
}

fn authorizations(world: &World) -> Vec<Vector> {
    let offered = world.offered();
    let with = |authorization: &str| {
        with_payload(world, format!(r#"{{"authorization":{authorization},"jti":"{}"}}"#, offered.challenge))
    };
    let of = |offer: crate::world::Offer| format!(r#""{}""#, offer.authorization);
    let good = &offered.authorization;
    [
        (
            "absent",
            &["R27"],
            "It did not come back.",
            with_payload(world, format!(r#"{{"jti":"{}"}}"#, offered.challenge)),
        ),
        ("different", &["R27"], "Another text.", with(r#""login-code-1""#)),
        ("empty", &["R27"], "An empty text.", with(r#""""#)),
        ("null", &["R27"], "null.", with("null")),
        ("list", &["R27"], "In a list.", with(&format!(r#"["{good}"]"#))),
        (
            "cut",
            &["R27"],
            "The last character is missing.",
            with(&format!(r#""{}""#, &good[..good.len() - 1])),
        ),
        ("longer", &["R27"], "One character more.", with(&format!(r#""{good}A""#))),
        (
            "of-another-session",
            &["R25"],
            "That of somebody else's login.",
            with(&of(world.offered_to(World::other_session(), 1))),
        ),
        (
            "of-another-offer",
            &["R25"],
            "That of another offer to the same session.",
            with(&of(world.offered_to(World::session(), 9))),
        ),
        (
            "of-the-previous-root-key",
            &["R25"],
            "Made by another root key than the challenge.",
            with(&of(world.offered_by(&world.keys.previous_root()))),
        ),
    ]
    .map(|(name, checks, note, proof)| {
        register(&format!("authorization-{name}"), note, proof).checks(checks).breaks(Rule::DReg09)
    })
    .into()
}

fn signatures(world: &World) -> Vec<Vector> {
    let good = good_registration(world);
    let header = registration_header(&world.device, Algorithm::Es256);
    let payload = world.offered().payload();
    let signed_as = |signature: &dyn Fn(&[u8]) -> Vec<u8>| sign_with(&header, &payload, signature);
    let replaced = |range: std::ops::Range<usize>, bytes: &[u8]| {
        signed_as(&|message| {
            let mut signature = world.device.sign(message);
            signature.splice(range.clone(), bytes.iter().copied());
            signature
        })
    };
    // The order of the group.
    let order: Vec<u8> = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ]
    .into();
    let rsa = sign(registration_header(&world.rsa, Algorithm::Rs256), &payload, &world.rsa);
    let [rsa_header, rsa_payload, _] = parts(&rsa);
    let other_jwk = sign(registration_header(&world.other, Algorithm::Es256), &payload, &world.device);
    let of_other_payload = {
        let other = with_payload(world, with_member(&payload, r#""x":1"#));
        format!("{}.{}.{}", parts(&good)[0], parts(&good)[1], parts(&other)[2])
    };
    let of_other_header = {
        let other = sign(with_member(&header, r#""kid":"1""#), &payload, &world.device);
        format!("{}.{}.{}", parts(&good)[0], parts(&good)[1], parts(&other)[2])
    };
    let mut vectors = vec![
        (
            "signature-der",
            "The ASN.1 form of an ECDSA signature.",
            signed_as(&|message| world.device.signature(message).to_der().as_bytes().to_vec()),
        ),
        ("signature-r-zero", "r is 0.", replaced(0..32, &[0; 32])),
        ("signature-s-zero", "s is 0.", replaced(32..64, &[0; 32])),
        ("signature-all-zero", "r and s are 0.", replaced(0..64, &[0; 64])),
        ("signature-r-is-n", "r is the order of the group.", replaced(0..32, &order)),
        ("signature-s-is-n", "s is the order of the group.", replaced(32..64, &order)),
        ("signature-all-ones", "r and s are as large as 32 bytes can be.", replaced(0..64, &[255; 64])),
        ("signature-63-bytes", "The last byte is missing.", replaced(63..64, &[])),
        ("signature-65-bytes", "One byte more.", replaced(64..64, &[0])),
        ("signature-one-byte", "Hardly a signature.", replaced(0..64, &[1])),
        (
            "signature-swapped",
            "s before r.",
            signed_as(&|message| {
                let mut signature = world.device.sign(message);
                signature.rotate_left(32);
                signature
            }),
        ),
        ("signature-of-other-key", "The key in the header is another.", other_jwk),
        ("signature-of-other-payload", "The signature of another payload.", of_other_payload),
        ("signature-of-other-header", "The signature of another header.", of_other_header),
        (
            "signature-of-payload-alone",
            "The header was not signed.",
            signed_as(&|_| world.device.sign(b64(&payload).as_bytes())),
        ),
        (
            "signature-of-decoded",
            "The decoded parts were signed.",
            signed_as(&|_| world.device.sign(format!("{header}.{payload}").as_bytes())),
        ),
        (
            "signature-rsa-zero",
            "An RSA signature of zeros.",
            sign_with(registration_header(&world.rsa, Algorithm::Rs256), &payload, |_| vec![0; 256]),
        ),
        (
            "signature-rsa-short",
            "An RSA signature of another length.",
            format!("{rsa_header}.{rsa_payload}.{}", b64([1; 255])),
        ),
        (
            "signature-rsa-other-key",
            "Another RSA key signed.",
            sign(registration_header(&world.rsa, Algorithm::Rs256), &payload, &world.keys.rs256("other")),
        ),
        (
            "signature-rsa-of-ec",
            "An ECDSA signature under an RSA key.",
            sign(registration_header(&world.rsa, Algorithm::Rs256), &payload, &world.device),
        ),
        ("signature-bit-flipped", "The last bit of the signature is another.", flip(&good, 2, 63, 0)),
        (
            "payload-bit-flipped",
            "One bit of the authorization is another; the signature speaks first.",
            flip(&good, 1, 20, 0),
        ),
        ("header-bit-flipped", "One bit of a member that nobody reads.", {
            let header = with_member(&header, r#""kid":"1""#);
            let place = header.find('1').unwrap();
            flip(&sign(header, &payload, &world.device), 0, place, 0)
        }),
    ];
    // Also a flipped bit in the middle of the RSA signature.
    vectors.push((
        "signature-rsa-bit-flipped",
        "One bit of an RSA signature is another.",
        flip(&rsa, 2, 128, 3),
    ));
    vectors
        .into_iter()
        .map(|(name, note, proof)| {
            register(&format!("register-{name}"), note, proof).checks(&["R17"]).breaks(Rule::DReg10)
        })
        .collect()
}

fn audiences(world: &World) -> Vec<Vector> {
    let good = world.offered().payload();
    [
        ("other-origin", r#""https://evil.example/_holdfast/dbsc/register""#),
        ("refresh-endpoint", r#""https://shop.example/_holdfast/dbsc/refresh""#),
        ("origin-alone", r#""https://shop.example""#),
        ("http", r#""http://shop.example/_holdfast/dbsc/register""#),
        ("trailing-slash", r#""https://shop.example/_holdfast/dbsc/register/""#),
        ("with-query", r#""https://shop.example/_holdfast/dbsc/register?x""#),
        ("other-port", r#""https://shop.example:8443/_holdfast/dbsc/register""#),
        ("list", r#"["https://shop.example/_holdfast/dbsc/register"]"#),
        ("list-of-two", r#"["https://shop.example/_holdfast/dbsc/register","https://evil.example"]"#),
        ("empty", r#""""#),
        ("null", "null"),
    ]
    .map(|(name, aud)| {
        let proof = with_payload(world, with_member(&good, &format!(r#""aud":{aud}"#)));
        register(&format!("register-aud-{name}"), "aud is not the address of this endpoint.", proof)
            .checks(&["R28"])
            .breaks(Rule::DReg11)
    })
    .into()
}

fn second_keys(world: &World) -> Vec<Vector> {
    let other =
        sign(registration_header(&world.other, Algorithm::Es256), world.offered().payload(), &world.other);
    vec![
        register(
            "register-replayed",
            "The same proof again: the challenge has been used.",
            good_registration(world),
        )
        .at(AT_REGISTRATION + 1)
        .with_session(World::bound(&world.device))
        .checks(&["R22"])
        .breaks(Rule::DReg13),
        register("register-second-key", "Another key for a session that has one; the first stays.", other)
            .with_session(World::bound(&world.device))
            .checks(&["R22"])
            .breaks(Rule::DReg13),
    ]
}
