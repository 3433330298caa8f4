//! D-REF-02 to D-REF-04 and D-REF-06 to D-REF-13: the rules of a refresh.

use holdfast_core::{
    Keyring, Rule, UnixTime,
    dbsc::{Challenge, Purpose},
};

use super::{
    REFRESH_HEADER, good_refresh, good_registration, jwk_members::with_member, refresh, refresh_payload,
};
use crate::{
    compact::{b64, flip, parts, sign, sign_with},
    keys::Device,
    model::{SessionState, Vector},
    world::{AT_REFRESH, BEGAN, GENERATION, LAST_PROOF, World},
};

pub(super) fn vectors(world: &World) -> Vec<Vector> {
    let mut vectors = shapes(world);
    vectors.extend(challenges(world));
    vectors.extend(expired_and_used(world));
    vectors.extend(signatures(world));
    vectors.extend(audiences(world));
    vectors
}

/// A proof over this challenge, all else in order.
fn over(world: &World, challenge: &Challenge) -> String {
    let text = challenge.seal(&world.ring);
    sign(REFRESH_HEADER, format!(r#"{{"jti":"{text}"}}"#), &world.device)
}

fn shapes(world: &World) -> Vec<Vector> {
    let mut vectors = vec![
        refresh(world, "refresh-of-unbound-session", "The session has no key.", good_refresh(world))
            .with_session(World::unbound())
            .breaks(Rule::DRef02),
    ];
    vectors.extend(
        [
            ("typ-jwt", "A JWT of no particular kind.", r#","typ":"JWT""#),
            ("typ-dpop", "A proof of another protocol.", r#","typ":"dpop+jwt""#),
            ("typ-attested", "Attested proofs do not refresh.", r#","typ":"dbsc+aik""#),
            ("typ-upper-case", "Browsers write it in one way.", r#","typ":"DBSC+JWT""#),
            ("typ-null", "Not a text.", r#","typ":null"#),
            ("typ-missing", "No typ.", ""),
        ]
        .map(|(name, note, member)| {
            let header = REFRESH_HEADER.replace(r#","typ":"dbsc+jwt""#, member);
            let proof = sign(header, refresh_payload(world), &world.device);
            refresh(world, &format!("refresh-{name}"), note, proof).breaks(Rule::DRef03)
        }),
    );
    let with_jwk = |jwk: &str| with_member(REFRESH_HEADER, &format!(r#""jwk":{jwk}"#));
    let own = sign(with_jwk(&world.device.jwk()), refresh_payload(world), &world.device);
    let thief = sign(with_jwk(&world.other.jwk()), refresh_payload(world), &world.other);
    let null = sign(with_jwk("null"), refresh_payload(world), &world.device);
    vectors.extend(
        [
            ("jwk-sent", "The stored key, sent along.", own),
            ("jwk-of-thief", "A key of the sender's choice.", thief),
            ("jwk-null", "A key that is null, and still there.", null),
            ("registration-proof", "The proof of the registration.", good_registration(world)),
        ]
        .map(|(name, note, proof)| {
            refresh(world, &format!("refresh-{name}"), note, proof).checks(&["F06"]).breaks(Rule::DRef04)
        }),
    );
    vectors
}

fn challenges(world: &World) -> Vec<Vector> {
    let with = |payload: &str| sign(REFRESH_HEADER, payload, &world.device);
    let mut vectors: Vec<_> = [
        ("jti-missing", "No challenge.", with("{}")),
        ("jti-empty", "An empty challenge.", with(r#"{"jti":""}"#)),
        ("jti-number", "A number.", with(r#"{"jti":7}"#)),
        ("jti-null", "null.", with(r#"{"jti":null}"#)),
        ("jti-list", "A list.", with(&format!(r#"{{"jti":["{}"]}}"#, world.challenge()))),
    ]
    .map(|(name, note, proof)| refresh(world, &format!("refresh-{name}"), note, proof).breaks(Rule::DRef07))
    .into();

    let good = world.refresh_challenge();
    let foreign = good.seal(&Keyring::new(&world.keys.foreign_root(), &[]));
    let mut tampered = world.challenge();
    tampered.replace_range(10..11, if &tampered[10..11] == "A" { "B" } else { "A" });
    vectors.extend(
        [
            ("challenge-invented", "A text of one's own.", "refresh-challenge-1".to_owned()),
            ("challenge-tampered", "One character changed.", tampered),
            ("challenge-of-foreign-server", "Sealed by a server with another root key.", foreign),
            ("challenge-padded", "Padded.", format!("{}==", world.challenge())),
        ]
        .map(|(name, note, text)| {
            let proof = with(&format!(r#"{{"jti":"{text}"}}"#));
            refresh(world, &format!("refresh-{name}"), note, proof).checks(&["F04"]).breaks(Rule::DRef08)
        }),
    );

    let registering = Challenge { purpose: Purpose::Register, ..good };
    let offered = with(&format!(r#"{{"jti":"{}"}}"#, world.offered().challenge));
    vectors.push(
        refresh(
            world,
            "refresh-registration-challenge",
            "In all but its purpose the right one.",
            over(world, &registering),
        )
        .breaks(Rule::DRef09),
    );
    vectors.push(
        refresh(world, "refresh-offered-challenge", "The one with which the session was bound.", offered)
            .at(BEGAN + 10)
            .breaks(Rule::DRef09),
    );

    let of_other = Challenge { session: World::other_session(), ..good };
    vectors.push(
        refresh(
            world,
            "refresh-challenge-of-other-session",
            "Two sessions may share a key; the challenge says which.",
            over(world, &of_other),
        )
        .checks(&["F08"])
        .breaks(Rule::DRef10),
    );
    let id = World::other_session().to_string();
    let SessionState::Bound { jwk, generation, last_proof_at, .. } = World::bound(&world.device) else {
        unreachable!()
    };
    vectors.push(
        refresh(
            world,
            "refresh-proof-for-other-session",
            "A good proof, sent for somebody else's session with the same key.",
            good_refresh(world),
        )
        .with_session(SessionState::Bound { id, jwk, generation, last_proof_at })
        .checks(&["F08", "F09"])
        .breaks(Rule::DRef10),
    );
    vectors
}

fn expired_and_used(world: &World) -> Vec<Vector> {
    let good = world.refresh_challenge();
    let expires = good.expires_at.as_secs();
    let mut vectors: Vec<_> = [("at-expiry", expires), ("a-day-late", expires + 86_400)]
        .map(|(name, at)| {
            refresh(world, &format!("refresh-{name}"), "The challenge has expired.", good_refresh(world))
                .at(at)
                .checks(&["F04"])
                .breaks(Rule::DRef11)
        })
        .into();
    let expired_and_current = Challenge { expires_at: UnixTime::from_secs(AT_REFRESH), ..good };
    vectors.push(
        refresh(
            world,
            "refresh-expires-now",
            "It expires in the very second of the request.",
            over(world, &expired_and_current),
        )
        .checks(&["F04"])
        .breaks(Rule::DRef11),
    );
    let of = |generation| over(world, &Challenge { generation, ..good });
    vectors.extend(
        [
            (
                "used-after-overlap",
                "That of the generation before, 30 seconds after it was used.",
                GENERATION - 1,
                LAST_PROOF + 30,
            ),
            ("used-long-ago", "That of the generation before, minutes later.", GENERATION - 1, AT_REFRESH),
            (
                "used-twice-removed",
                "Two generations old, a second after the last proof.",
                GENERATION - 2,
                LAST_PROOF + 1,
            ),
            ("generation-zero", "Of a time before the key.", 0, LAST_PROOF + 1),
            (
                "generation-ahead",
                "Of a generation that has not come; a store has lost a write.",
                GENERATION + 1,
                AT_REFRESH,
            ),
            ("generation-last", "The last generation there can be.", u32::MAX, AT_REFRESH),
        ]
        .map(|(name, note, generation, at)| {
            refresh(world, &format!("refresh-{name}"), note, of(generation))
                .at(at)
                .checks(&["F04", "F05"])
                .breaks(Rule::DRef12)
        }),
    );
    vectors
}

fn signatures(world: &World) -> Vec<Vector> {
    let good = good_refresh(world);
    let payload = refresh_payload(world);
    let rsa_header = r#"{"alg":"RS256","typ":"dbsc+jwt"}"#;
    let rsa = sign(rsa_header, &payload, &world.rsa);
    let other_payload = sign(REFRESH_HEADER, with_member(&payload, r#""x":1"#), &world.device);
    let cases = [
        ("other-key", "Signed by another key: the thief's.", sign(REFRESH_HEADER, &payload, &world.other)),
        ("der", "The ASN.1 form of an ECDSA signature.", {
            sign_with(REFRESH_HEADER, &payload, |message| {
                world.device.signature(message).to_der().as_bytes().to_vec()
            })
        }),
        ("zero", "r and s are 0.", sign_with(REFRESH_HEADER, &payload, |_| vec![0; 64])),
        (
            "short",
            "32 bytes.",
            sign_with(REFRESH_HEADER, &payload, |message| world.device.sign(message)[..32].to_vec()),
        ),
        ("of-registration", "The signature of the registration proof.", {
            let [header, payload, _] = parts(&good);
            format!("{header}.{payload}.{}", parts(&good_registration(world))[2])
        }),
        ("of-other-payload", "The signature of another payload.", {
            let [header, payload, _] = parts(&good);
            format!("{header}.{payload}.{}", parts(&other_payload)[2])
        }),
        ("bit-flipped", "The last bit of the signature is another.", flip(&good, 2, 63, 0)),
        ("header-changed", "A member was added to the header.", {
            let [_, payload, signature] = parts(&good);
            format!("{}.{payload}.{signature}", b64(with_member(REFRESH_HEADER, r#""kid":"1""#)))
        }),
        ("payload-changed", "A member was added to the payload.", {
            let [header, _, signature] = parts(&good);
            format!("{header}.{}.{signature}", b64(with_member(&payload, r#""x":1"#)))
        }),
    ];
    let mut vectors: Vec<_> = cases
        .into_iter()
        .map(|(name, note, proof)| {
            let checks: &[&str] = if name == "other-key" { &["F06"] } else { &["R17"] };
            refresh(world, &format!("refresh-signature-{name}"), note, proof).checks(checks)
        })
        .collect();
    vectors.push(
        refresh(
            world,
            "refresh-signature-rsa-bit-flipped",
            "One bit of an RSA signature is another.",
            flip(&rsa, 2, 9, 5),
        )
        .with_session(World::bound(&world.rsa))
        .checks(&["R17"]),
    );
    vectors.push(
        refresh(world, "refresh-signature-other-rsa-key", "Another RSA key signed.", {
            sign(rsa_header, &payload, &world.keys.rs256("other"))
        })
        .with_session(World::bound(&world.rsa))
        .checks(&["F06"]),
    );
    let mut vectors: Vec<_> = vectors.into_iter().map(|vector| vector.breaks(Rule::DRef06)).collect();
    // A flipped bit in the challenge is seen by its MAC, before the signature is looked at.
    vectors.push(
        refresh(
            world,
            "refresh-payload-bit-flipped",
            "One bit of the challenge is another.",
            flip(&good, 1, 20, 0),
        )
        .checks(&["R17"])
        .breaks(Rule::DRef08),
    );
    vectors
}

fn audiences(world: &World) -> Vec<Vector> {
    [
        ("other-origin", r#""https://evil.example/_holdfast/dbsc/refresh""#),
        ("register-endpoint", r#""https://shop.example/_holdfast/dbsc/register""#),
        ("origin-alone", r#""https://shop.example""#),
        ("list", r#"["https://shop.example/_holdfast/dbsc/refresh"]"#),
        ("number", "1"),
        ("null", "null"),
    ]
    .map(|(name, aud)| {
        let payload = with_member(&refresh_payload(world), &format!(r#""aud":{aud}"#));
        let proof = sign(REFRESH_HEADER, payload, &world.device);
        refresh(world, &format!("refresh-aud-{name}"), "aud is not the address of this endpoint.", proof)
            .checks(&["R28"])
            .breaks(Rule::DRef13)
    })
    .into()
}
