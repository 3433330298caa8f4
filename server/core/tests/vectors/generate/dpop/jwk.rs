//! K-01 to K-06: what stands in jwk instead of a good key.

use holdfast_core::Rule;

use super::{Draft, base, proof};
use crate::{
    compact::b64,
    dpop::ProofVector,
    keys::{Device, ec_jwk, okp_jwk},
    world::World,
};

pub(super) fn vectors(world: &World) -> Vec<ProofVector> {
    let mut vectors = private(world);
    vectors.extend(misfits(world));
    vectors.extend(contradictions(world));
    vectors.extend(p256(world));
    vectors.extend(ed25519(world));
    vectors.extend(rsa(world));
    vectors
}

fn with_member(jwk: &str, member: &str) -> String {
    jwk.replacen('{', &format!("{{{member},"), 1)
}

fn private(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("ec-d", "ES256", with_member(&world.device.jwk(), r#""d":"AA""#)),
        ("ec-d-null", "ES256", with_member(&world.device.jwk(), r#""d":null"#)),
        ("ec-k", "ES256", with_member(&world.device.jwk(), r#""k":"AA""#)),
        ("ec-priv", "ES256", with_member(&world.device.jwk(), r#""priv":"AA""#)),
        ("okp-d", "EdDSA", with_member(&world.ed.jwk(), r#""d":"AA""#)),
        ("rsa-d", "PS256", with_member(&world.pss.jwk(), r#""d":"AA""#)),
        ("rsa-p", "PS256", with_member(&world.pss.jwk(), r#""p":"AA""#)),
        ("rsa-oth", "PS256", with_member(&world.pss.jwk(), r#""oth":[]"#)),
        ("oct-k", "ES256", r#"{"kty":"oct","k":"AAAA"}"#.to_owned()),
    ];
    cases
        .into_iter()
        .map(|(name, alg, jwk)| {
            let draft = Draft::of(&world.device, alg).header("jwk", &jwk);
            proof(world, &format!("private-{name}"), "A private member.", draft.sign(&world.device))
                .checks(&["V18"])
                .breaks(Rule::K04)
        })
        .collect()
}

fn misfits(world: &World) -> Vec<ProofVector> {
    let (ec, okp, rsa) = (world.device.jwk(), world.ed.jwk(), world.pss.jwk());
    let point = world.ed.point();
    let curve = |crv: &str| okp_jwk(&point).replace("Ed25519", crv);
    let cases = [
        ("es256-okp", "ES256", okp.clone()),
        ("es256-rsa", "ES256", rsa.clone()),
        ("eddsa-ec", "EdDSA", ec.clone()),
        ("eddsa-rsa", "Ed25519", rsa),
        ("ps256-ec", "PS256", ec.clone()),
        ("ps256-okp", "PS256", okp),
        ("eddsa-x25519", "EdDSA", curve("X25519")),
        ("eddsa-ed448", "EdDSA", curve("Ed448")),
        ("eddsa-p256", "EdDSA", curve("P-256")),
        ("eddsa-crv-case", "EdDSA", curve("ed25519")),
        ("es256-p384", "ES256", ec.replace("P-256", "P-384")),
        ("es256-secp256k1", "ES256", ec.replace("P-256", "secp256k1")),
        ("es256-no-crv", "ES256", ec.replace(r#""crv":"P-256","#, "")),
        ("es256-no-kty", "ES256", ec.replace(r#""kty":"EC","#, "")),
        ("es256-kty-case", "ES256", ec.replace(r#""EC""#, r#""ec""#)),
        ("es256-akp", "ES256", ec.replace(r#""EC""#, r#""AKP""#)),
        ("empty-jwk", "ES256", "{}".to_owned()),
    ];
    cases
        .into_iter()
        .map(|(name, alg, jwk)| {
            let draft = Draft::of(&world.device, alg).header("jwk", &jwk);
            proof(world, &format!("misfit-{name}"), "The key is not for the algorithm.", {
                draft.sign(&world.device)
            })
            .checks(&["V15"])
            .breaks(Rule::K01)
        })
        .collect()
}

fn contradictions(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("alg-es384", "ES256", r#""alg":"ES384""#),
        ("alg-null", "ES256", r#""alg":null"#),
        ("use-enc", "ES256", r#""use":"enc""#),
        ("ops-sign", "ES256", r#""key_ops":["sign"]"#),
        ("ops-empty", "ES256", r#""key_ops":[]"#),
        ("eddsa-alg-es256", "EdDSA", r#""alg":"ES256""#),
        ("ps256-alg-rs256", "PS256", r#""alg":"RS256""#),
        ("ps256-alg-ps384", "PS256", r#""alg":"PS384""#),
    ];
    cases
        .into_iter()
        .map(|(name, alg, member)| {
            let jwk = match alg {
                "EdDSA" => world.ed.jwk(),
                "PS256" => world.pss.jwk(),
                _ => world.device.jwk(),
            };
            let draft = Draft::of(&world.device, alg).header("jwk", &with_member(&jwk, member));
            proof(world, &format!("jwk-says-{name}"), "The key says that it is for something else.", {
                draft.sign(&world.device)
            })
            .breaks(Rule::K05)
        })
        .collect()
}

fn p256(world: &World) -> Vec<ProofVector> {
    let coordinates = world.device.coordinates();
    let (x, y) = coordinates.split_at(32);
    let mut flipped = y.to_vec();
    flipped[31] ^= 1;
    let zero = [0; 32];
    let cases = [
        ("off-curve", "A bit of y is another.", ec_jwk(x, &flipped)),
        ("zero", "The point (0, 0).", ec_jwk(&zero, &zero)),
        ("x-zero", "x is 0.", ec_jwk(&zero, y)),
        ("x-is-p", "x is the prime: a second spelling of 0.", ec_jwk(&P, y)),
        ("x-all-ones", "x is larger than the prime.", ec_jwk(&[0xff; 32], y)),
        ("swapped", "x and y the other way round.", ec_jwk(y, x)),
        ("x-short", "31 bytes.", ec_jwk(&x[1..], y)),
        ("x-long", "A zero in front.", ec_jwk(&[&[0], x].concat(), y)),
        ("y-long", "A zero in front.", ec_jwk(x, &[&[0], y].concat())),
        ("x-empty", "No bytes.", ec_jwk(&[], y)),
        ("x-padded", "x with padding.", { world.device.jwk().replace(&b64(x), &format!("{}=", b64(x))) }),
        ("no-y", "No y.", world.device.jwk().replace(&format!(r#","y":"{}""#, b64(y)), "")),
        ("x-number", "x is a number.", world.device.jwk().replace(&format!(r#""{}""#, b64(x)), "1")),
    ];
    cases
        .into_iter()
        .map(|(name, note, jwk)| {
            proof(world, &format!("p256-{name}"), note, {
                base(world).header("jwk", &jwk).sign(&world.device)
            })
            .checks(&["V19"])
            .breaks(Rule::K02)
        })
        .collect()
}

/// The prime of P-256.
const P: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
];

fn ed25519(world: &World) -> Vec<ProofVector> {
    let point = world.ed.point();
    let little = |low: u8| {
        let mut bytes = [0; 32];
        bytes[0] = low;
        bytes
    };
    let from_top = |first: u8| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (first, 0x7f);
        bytes
    };
    let with_sign = |mut bytes: [u8; 32]| {
        bytes[31] |= 0x80;
        bytes
    };
    let mut points = vec![
        ("identity", "The neutral point: its signature of every message is known.", little(1).to_vec()),
        ("identity-signed", "The same with the sign of x that 0 has not.", with_sign(little(1)).to_vec()),
        ("order-2", "The point of order 2.", from_top(0xec).to_vec()),
        ("order-4", "A point of order 4.", little(0).to_vec()),
        ("order-4-signed", "The other point of order 4.", with_sign(little(0)).to_vec()),
        ("order-8", "A point of order 8.", ORDER_8.to_vec()),
        ("order-8-signed", "Another point of order 8.", with_sign(ORDER_8).to_vec()),
        ("order-8-other", "A third point of order 8.", ORDER_8_OTHER.to_vec()),
        ("order-8-other-signed", "The last point of order 8.", with_sign(ORDER_8_OTHER).to_vec()),
        ("y-is-p", "y is the prime: a second spelling of 0.", from_top(0xed).to_vec()),
        ("y-is-p-plus-1", "A second spelling of the neutral point.", from_top(0xee).to_vec()),
        ("y-is-p-plus-3", "A second spelling of a point.", from_top(0xf0).to_vec()),
        ("y-all-ones", "As large as 255 bits may be.", from_top(0xff).to_vec()),
        ("all-ones", "The same with the sign.", vec![0xff; 32]),
        ("short", "31 bytes.", point[..31].to_vec()),
        ("long", "A zero behind.", [&point[..], &[0]].concat()),
        ("empty", "No bytes.", Vec::new()),
    ]
    .into_iter()
    .map(|(name, note, bytes)| (name, note, okp_jwk(&bytes)))
    .collect::<Vec<_>>();
    points.push(("no-x", "No point.", r#"{"crv":"Ed25519","kty":"OKP"}"#.to_owned()));
    points.push(("x-number", "The point is a number.", r#"{"crv":"Ed25519","kty":"OKP","x":1}"#.to_owned()));
    points.push(("padded", "The point with padding.", {
        world.ed.jwk().replace(&b64(point), &format!("{}=", b64(point)))
    }));
    points
        .into_iter()
        .map(|(name, note, jwk)| {
            let draft = Draft::of(&world.ed, "EdDSA").header("jwk", &jwk);
            // What every message's signature is under the neutral point: R is that point, and S is 0.
            let signed =
                crate::compact::sign_with(draft.header.to_json(), draft.claims.to_json(), |_message| {
                    [little(1), [0; 32]].concat()
                });
            proof(world, &format!("ed25519-{name}"), note, signed).checks(&["V19"]).breaks(Rule::K06)
        })
        .collect()
}

/// The y of two of the points of order 8 (RFC 7748 §6.1 on the curve's other form has their counterparts).
const ORDER_8: [u8; 32] = [
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
    0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
];

/// The y of the other two: the prime less the first.
const ORDER_8_OTHER: [u8; 32] = [
    0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
    0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
];

fn rsa(world: &World) -> Vec<ProofVector> {
    let modulus = world.rsa.modulus();
    let jwk = |n: &[u8], e: &[u8]| format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64(e), b64(n));
    let f4 = [1, 0, 1];
    let odd = |bytes: usize| [vec![0x80], vec![1; bytes - 1]].concat();
    let mut even = modulus.clone();
    even[255] ^= 1;
    let mut short = modulus.clone();
    short[0] = 0x7f;
    let good = world.pss.jwk();
    let cases = [
        ("1024", "1024 bits.", good.replace(&world.rsa.n, &world.keys.rsa_1024_n), Rule::K03),
        ("2047", "2047 bits, one too few.", jwk(&short, &f4), Rule::K03),
        ("4097", "4097 bits, one too many.", jwk(&[vec![1], vec![1; 512]].concat(), &f4), Rule::K03),
        ("8192", "8192 bits.", jwk(&odd(1024), &f4), Rule::K03),
        ("16384", "16384 bits: no proof has room for them.", jwk(&odd(2048), &f4), Rule::P02),
        ("even", "A product of two odd primes is odd.", jwk(&even, &f4), Rule::K03),
        ("leading-zero", "A second name for one key.", jwk(&[&[0], &modulus[..]].concat(), &f4), Rule::K03),
        ("e-1", "With the exponent 1 everybody signs.", jwk(&modulus, &[1]), Rule::K03),
        ("e-3", "The exponent 3.", jwk(&modulus, &[3]), Rule::K03),
        ("e-even", "An even exponent.", jwk(&modulus, &[1, 0, 2]), Rule::K03),
        ("e-empty", "An exponent without bytes.", jwk(&modulus, &[]), Rule::K03),
        ("e-leading-zero", "A second name for one key.", jwk(&modulus, &[0, 1, 0, 1]), Rule::K03),
        ("e-too-large", "An exponent above 2^32.", jwk(&modulus, &[1, 0, 0, 0, 1]), Rule::K03),
        (
            "e-huge",
            "An exponent as long as the modulus: slow to verify.",
            jwk(&modulus, &odd(256)),
            Rule::K03,
        ),
        ("no-n", "No modulus.", r#"{"e":"AQAB","kty":"RSA"}"#.to_owned(), Rule::K03),
        ("no-e", "No exponent.", good.replace(r#""e":"AQAB","#, ""), Rule::K03),
    ];
    cases
        .into_iter()
        .map(|(name, note, jwk, rule)| {
            let draft = Draft::of(&world.pss, "PS256").header("jwk", &jwk);
            proof(world, &format!("rsa-{name}"), note, draft.sign(&world.pss)).checks(&["V21"]).breaks(rule)
        })
        .collect()
}
