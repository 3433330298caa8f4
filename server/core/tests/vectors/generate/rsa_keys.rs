//! K-01 and K-03: RSA keys that do not fit or are out of bounds.

use holdfast_core::{Rule, jose::Algorithm};

use super::{header_with, register, registration_header};
use crate::{
    compact::{b64, sign},
    keys::Device,
    model::Vector,
    world::World,
};

pub(super) fn vectors(world: &World) -> Vec<Vector> {
    let modulus = world.rsa.modulus();
    let jwk = |n: &[u8], e: &[u8]| format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64(e), b64(n));
    let f4 = [1, 0, 1];
    let mut even = modulus.clone();
    even[255] ^= 1;
    let mut short = modulus.clone();
    short[0] = 0x7f;
    let odd = |bytes: usize| [vec![0x80], vec![1; bytes - 1]].concat();
    let good = world.rsa.jwk();
    let keys: [(&str, &str, String); 19] = [
        ("rsa-1024", "1024 bits.", good.replace(&world.rsa.n, &world.keys.rsa_1024_n)),
        ("rsa-2047", "2047 bits, one too few.", jwk(&short, &f4)),
        ("rsa-4097", "4097 bits, one too many.", jwk(&[vec![1], vec![1; 512]].concat(), &f4)),
        ("rsa-8192", "8192 bits, which the library behind us would verify.", jwk(&odd(1024), &f4)),
        ("rsa-16384", "16384 bits: work for us, none for them.", jwk(&odd(2048), &f4)),
        ("rsa-even-modulus", "A product of two odd primes is odd.", jwk(&even, &f4)),
        (
            "rsa-leading-zero",
            "A zero in front of the modulus: a second name for one key.",
            jwk(&[&[0], &modulus[..]].concat(), &f4),
        ),
        ("rsa-leading-zero-exponent", "A zero in front of the exponent.", jwk(&modulus, &[0, 1, 0, 1])),
        ("rsa-e-1", "With the exponent 1 everybody signs.", jwk(&modulus, &[1])),
        ("rsa-e-3", "The exponent 3.", jwk(&modulus, &[3])),
        ("rsa-e-65535", "The largest odd exponent below the least.", jwk(&modulus, &[0xff, 0xff])),
        ("rsa-e-even", "An even exponent.", jwk(&modulus, &[1, 0, 2])),
        ("rsa-e-zero", "The exponent 0.", jwk(&modulus, &[0])),
        ("rsa-e-empty", "An exponent without bytes.", jwk(&modulus, &[])),
        ("rsa-e-too-large", "An exponent just above 2^32.", jwk(&modulus, &[1, 0, 0, 0, 1])),
        ("rsa-e-huge", "An exponent as long as the modulus: slow to verify.", jwk(&modulus, &odd(256))),
        ("rsa-no-e", "No exponent.", good.replace(r#""e":"AQAB","#, "")),
        ("rsa-no-n", "No modulus.", r#"{"e":"AQAB","kty":"RSA"}"#.to_owned()),
        ("rsa-n-standard-alphabet", "The modulus in the alphabet with plus and slash.", {
            good.replace(&world.rsa.n, &format!("{}++//", &world.rsa.n[..world.rsa.n.len() - 4]))
        }),
    ];
    let mut vectors: Vec<_> = keys
        .into_iter()
        .map(|(name, note, jwk)| {
            let proof = sign(header_with(&jwk, "RS256"), world.offered().payload(), &world.rsa);
            register(name, note, proof).breaks(Rule::K03)
        })
        .collect();
    vectors.push(
        register("es256-with-rsa-key", "An RSA key under the algorithm of an EC key.", {
            sign(registration_header(&world.rsa, Algorithm::Es256), world.offered().payload(), &world.rsa)
        })
        .checks(&["R07"])
        .breaks(Rule::K01),
    );
    vectors.push(
        register("rs256-with-ec-key", "An EC key under the algorithm of an RSA key.", {
            sign(
                registration_header(&world.device, Algorithm::Rs256),
                world.offered().payload(),
                &world.device,
            )
        })
        .checks(&["R07"])
        .breaks(Rule::K01),
    );
    vectors.push(
        register(
            "es256-with-both-keys",
            "EC by its type, with the members of both types: the type decides.",
            {
                let jwk = world.device.jwk().replace(r#""kty":"EC""#, r#""kty":"RSA""#);
                sign(header_with(&jwk, "ES256"), world.offered().payload(), &world.device)
            },
        )
        .checks(&["R07"])
        .breaks(Rule::K01),
    );
    vectors
}
