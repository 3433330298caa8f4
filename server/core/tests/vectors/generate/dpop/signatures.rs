//! P-19 and P-20: signatures that do not fit, and keys that are not the token's.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_core::Rule;
use p256::ecdsa::Signature;
use sha2::{Digest, Sha256};

use super::{AT, Draft, TOKEN, base, proof};
use crate::{
    compact::{b64, flip, parts, sign_with},
    dpop::{ProofVector, Token},
    keys::{Device, okp_jwk},
    world::World,
};

pub(super) fn vectors(world: &World) -> Vec<ProofVector> {
    let mut vectors = es256(world);
    vectors.extend(eddsa(world));
    vectors.extend(ps256(world));
    vectors.extend(of_another_key(world));
    vectors
}

/// The other signature that fits: (r, n − s) for (r, s).
pub(super) fn negated(signature: &str) -> String {
    let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let (r, s) = signature.split_scalars();
    b64(Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap().to_bytes())
}

fn es256(world: &World) -> Vec<ProofVector> {
    let good = base(world).sign(&world.device);
    let [header, payload, signature] = parts(&good);
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (r, s) = bytes.split_at(32);
    let zero = [0; 32];
    let der = Signature::from_slice(&bytes).unwrap().to_der();
    let other_claims = b64(base(world).claim("jti", r#""proof-2""#).claims.to_json());
    let other_header = b64(base(world).header("kid", r#""x""#).header.to_json());
    let cases = [
        ("zero", "All zeros.", vec![0; 64]),
        ("ones", "All ones.", vec![0xff; 64]),
        ("r-zero", "r is 0.", [&zero, s].concat()),
        ("s-zero", "s is 0.", [r, &zero].concat()),
        ("r-is-n", "r is the order of the group.", [&N, s].concat()),
        ("s-is-n", "s is the order of the group.", [r, &N].concat()),
        ("swapped", "s and r.", [s, r].concat()),
        ("63-bytes", "A byte too few.", bytes[..63].to_vec()),
        ("65-bytes", "A byte too many.", [&bytes[..], &[0]].concat()),
        ("1-byte", "One byte.", vec![1]),
        ("twice", "The signature twice.", [&bytes[..], &bytes].concat()),
        ("der", "The other encoding of the signature.", der.as_bytes().to_vec()),
        ("by-other-key", "The signature of another key.", {
            world.other.sign(format!("{header}.{payload}").as_bytes())
        }),
        ("over-json", "Over the JSON instead of its base64url.", {
            world
                .device
                .sign(format!("{}.{}", base(world).header.to_json(), base(world).claims.to_json()).as_bytes())
        }),
        ("over-claims", "Over the claims alone.", world.device.sign(payload.as_bytes())),
    ];
    let mut vectors: Vec<_> = cases
        .into_iter()
        .map(|(name, note, signature)| (name, note, format!("{header}.{payload}.{}", b64(signature))))
        .collect();
    vectors.push(("bit-flipped", "One bit is another.", flip(&good, 2, 40, 3)));
    vectors.push((
        "other-claims",
        "The signature of other claims.",
        format!("{header}.{other_claims}.{signature}"),
    ));
    vectors.push((
        "other-header",
        "The signature of another header.",
        format!("{other_header}.{payload}.{signature}"),
    ));
    vectors
        .into_iter()
        .map(|(name, note, field)| {
            proof(world, &format!("signature-{name}"), note, field).checks(&["V24"]).breaks(Rule::P19)
        })
        .collect()
}

/// The order of P-256.
const N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn eddsa(world: &World) -> Vec<ProofVector> {
    let draft = Draft::of(&world.ed, "EdDSA");
    let [header, payload, signature] = parts(&draft.sign(&world.ed)).map(str::to_owned);
    let bytes = URL_SAFE_NO_PAD.decode(&signature).unwrap();
    let (r, s) = bytes.split_at(32);
    let identity = [&[1][..], &[0; 31]].concat();
    let cases = [
        ("zero", "All zeros.", vec![0; 64]),
        ("63-bytes", "A byte too few.", bytes[..63].to_vec()),
        ("65-bytes", "A byte too many.", [&bytes[..], &[0]].concat()),
        (
            "s-plus-l",
            "The order of the group added to S: the malleability of Ed25519.",
            [r, &plus_l(s)].concat(),
        ),
        ("s-zero", "S is 0.", [r, &[0; 32]].concat()),
        (
            "identity-and-zero",
            "The signature that fits a key of small order.",
            [&identity[..], &[0; 32]].concat(),
        ),
        ("swapped", "S and R.", [s, r].concat()),
        ("by-other-key", "The signature of another key.", {
            world.keys.eddsa("other").sign(format!("{header}.{payload}").as_bytes())
        }),
    ];
    cases
        .into_iter()
        .map(|(name, note, signature)| {
            let field = format!("{header}.{payload}.{}", b64(signature));
            proof(world, &format!("eddsa-{name}"), note, field)
                .bound_to(&world.ed)
                .checks(&["V24"])
                .breaks(Rule::P19)
        })
        .chain([off_curve(world)])
        .collect()
}

fn off_curve(world: &World) -> ProofVector {
    let mut two = [0; 32];
    two[0] = 2;
    let jwk = okp_jwk(&two);
    let signed = Draft::of(&world.ed, "EdDSA").header("jwk", &jwk).sign(&world.ed);
    let note = "A key that is no point of the curve: nothing fits it.";
    let jkt = b64(Sha256::digest(&jwk));
    ProofVector {
        token: Some(Token { text: TOKEN.to_owned(), jkt }),
        ..proof(world, "eddsa-off-curve", note, signed)
    }
    .checks(&["V24"])
    .breaks(Rule::P19)
}

/// S + L, both little-endian.
fn plus_l(s: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    s.iter()
        .zip(L)
        .map(|(a, b)| {
            let sum = u16::from(*a) + u16::from(b) + carry;
            carry = sum >> 8;
            u8::try_from(sum & 0xff).unwrap()
        })
        .collect()
}

/// The order of the group of Ed25519, little-endian.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn ps256(world: &World) -> Vec<ProofVector> {
    let draft = Draft::of(&world.pss, "PS256");
    let salted = |length: usize| {
        sign_with(draft.header.to_json(), draft.claims.to_json(), |message| {
            world.pss.sign_with_salt(message, &vec![7; length])
        })
    };
    let good = draft.sign(&world.pss);
    let [header, payload, signature] = parts(&good);
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let cases = [
        ("no-salt", "A salt of no bytes.", salted(0)),
        ("salt-20", "The salt that some take by default.", salted(20)),
        ("salt-31", "A salt a byte too short.", salted(31)),
        ("salt-33", "A salt a byte too long.", salted(33)),
        ("salt-longest", "As much salt as there is room for.", salted(222)),
        ("pkcs1", "The padding of RS256.", draft.sign(&world.rsa)),
        ("zero", "All zeros.", format!("{header}.{payload}.{}", b64([0; 256]))),
        ("one", "The number 1.", format!("{header}.{payload}.{}", b64([&[0; 255][..], &[1]].concat()))),
        ("255-bytes", "A byte too few.", format!("{header}.{payload}.{}", b64(&bytes[..255]))),
        ("257-bytes", "A zero in front.", format!("{header}.{payload}.{}", b64([&[0], &bytes[..]].concat()))),
        ("modulus", "The modulus itself.", format!("{header}.{payload}.{}", world.rsa.n)),
        ("bit-flipped", "One bit is another.", flip(&good, 2, 128, 0)),
    ];
    let mut vectors: Vec<_> = cases
        .into_iter()
        .map(|(name, note, field)| {
            proof(world, &format!("ps256-{name}"), note, field)
                .bound_to(&world.pss)
                .checks(&["V24"])
                .breaks(Rule::P19)
        })
        .collect();
    vectors.push(
        proof(world, "rs256-with-pss", "A signature of PS256 under the name RS256.", {
            Draft::of(&world.pss, "RS256").sign(&world.pss)
        })
        .bound_to(&world.pss)
        .allowing(&["RS256", "PS256"])
        .checks(&["V24"])
        .breaks(Rule::P19),
    );
    vectors.push(
        proof(
            world,
            "ps256-other-salt",
            "Another salt of 32 bytes is another signature of the same proof.",
            salted(32),
        )
        .bound_to(&world.pss)
        .checks(&["V24"])
        .passes(&world.pss, "proof-1", AT),
    );
    vectors
}

fn of_another_key(world: &World) -> Vec<ProofVector> {
    let jwk_of_owner = base(world).sign(&world.other);
    let own = Draft::of(&world.other, "ES256").sign(&world.other);
    let unsigned = Draft::of(&world.other, "ES256").sign(&world.device);
    vec![
        proof(world, "thief-with-own-key", "A good proof, but not by the token's key.", own)
            .checks(&["V49"])
            .breaks(Rule::P20),
        proof(world, "thief-with-own-key-of-other-kind", "A good proof, but not by the token's key.", {
            Draft::of(&world.ed, "EdDSA").sign(&world.ed)
        })
        .checks(&["V49"])
        .breaks(Rule::P20),
        proof(
            world,
            "thief-without-signature",
            "Another key, and a signature that does not fit it.",
            unsigned,
        )
        .checks(&["V49"])
        .breaks(Rule::P20),
        proof(world, "thief-names-owner", "The owner's public key, and the thief's signature.", jwk_of_owner)
            .checks(&["V49", "V24"])
            .breaks(Rule::P19),
        proof(world, "token-of-other", "The owner's proof with a token that is bound to somebody else.", {
            base(world).sign(&world.device)
        })
        .bound_to(&world.other)
        .checks(&["V49"])
        .breaks(Rule::P20),
    ]
}
