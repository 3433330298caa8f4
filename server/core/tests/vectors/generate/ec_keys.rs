//! K-01 and K-02: EC keys that do not fit or are no points of P-256.

use holdfast_core::Rule;

use super::{header_with, register};
use crate::{
    compact::{b64, sign},
    keys::{Device, ec_jwk},
    model::Vector,
    world::World,
};

pub(super) fn vectors(world: &World) -> Vec<Vector> {
    let coordinates = world.device.coordinates();
    let (x, y) = coordinates.split_at(32);
    let changed = |from: &str, to: &str| world.device.jwk().replace(from, to);
    let mut off_curve = y.to_vec();
    off_curve[31] ^= 1;
    let without =
        |name: &str, value: &[u8]| world.device.jwk().replace(&format!(r#","{name}":"{}""#, b64(value)), "");
    let p384 = &world.keys.p384;
    // p, the order of the field: a coordinate that is not reduced.
    let prime = hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    let points: [(&str, &str, String); 17] = [
        ("ec-off-curve", "The last bit of y is another.", ec_jwk(x, &off_curve)),
        (
            "ec-infinity",
            "Both coordinates are zero, as some write the point at infinity.",
            ec_jwk(&[0; 32], &[0; 32]),
        ),
        ("ec-coordinate-31-bytes", "x has lost its first byte.", ec_jwk(&x[1..], y)),
        ("ec-coordinate-33-bytes", "x has a zero in front.", ec_jwk(&[&[0], x].concat(), y)),
        ("ec-y-31-bytes", "y has lost its last byte.", ec_jwk(x, &y[..31])),
        ("ec-y-33-bytes", "y has a zero behind.", ec_jwk(x, &[y, &[0]].concat())),
        ("ec-empty-x", "x is an empty text.", ec_jwk(&[], y)),
        (
            "ec-uncompressed-in-x",
            "x is the whole point, y is empty.",
            ec_jwk(&[&[4], &coordinates[..]].concat(), &[]),
        ),
        ("ec-swapped", "x and y have changed places.", ec_jwk(y, x)),
        ("ec-x-not-reduced", "x is the order of the field.", ec_jwk(&prime, y)),
        ("ec-all-ones", "Both coordinates are as large as 32 bytes can be.", ec_jwk(&[255; 32], &[255; 32])),
        ("ec-no-y", "y is missing: a compressed point, perhaps.", without("y", y)),
        ("ec-no-x", "x is missing.", without("x", x)),
        ("ec-x-number", "x is a number.", changed(&format!(r#""x":"{}""#, b64(x)), r#""x":1"#)),
        ("ec-x-padded", "x is padded.", changed(&b64(x), &format!("{}=", b64(x)))),
        ("ec-x-stray-bits", "x has a second spelling.", changed(&b64(x), &second_spelling(&b64(x)))),
        ("ec-p384-point-as-p256", "The coordinates of P-384 under the name of P-256.", {
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, p384.x, p384.y)
        }),
    ];
    let misfits: [(&str, &str, String); 9] = [
        (
            "ec-p384",
            "Another curve.",
            format!(r#"{{"crv":"P-384","kty":"EC","x":"{}","y":"{}"}}"#, p384.x, p384.y),
        ),
        ("ec-secp256k1", "The other curve of 256 bits.", changed("P-256", "secp256k1")),
        ("ec-no-crv", "No curve is named.", changed(r#""crv":"P-256","#, "")),
        ("ec-crv-lower-case", "Names have a case.", changed("P-256", "p-256")),
        ("ec-no-kty", "No type is named.", changed(r#""kty":"EC","#, "")),
        ("ec-kty-okp", "The type of Ed25519.", changed(r#""EC""#, r#""OKP""#)),
        ("ec-kty-lower-case", "Names have a case.", changed(r#""EC""#, r#""ec""#)),
        ("ec-kty-oct", "The type of a shared secret.", changed(r#""EC""#, r#""oct""#)),
        ("ec-empty-jwk", "An object without members.", "{}".to_owned()),
    ];
    let points = points.into_iter().map(|case| (case, Rule::K02));
    let misfits = misfits.into_iter().map(|case| (case, Rule::K01));
    points
        .chain(misfits)
        .map(|((name, note, jwk), rule)| {
            let proof = sign(header_with(&jwk, "ES256"), world.offered().payload(), &world.device);
            register(name, note, proof).checks(&["R12"]).breaks(rule)
        })
        .collect()
}

/// The same 32 bytes with one of the two unused bits of the last character set.
fn second_spelling(text: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (body, last) = text.split_at(text.len() - 1);
    let value = ALPHABET.find(last).unwrap();
    format!("{body}{}", &ALPHABET[value + 1..value + 2])
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|index| u8::from_str_radix(&text[index..index + 2], 16).unwrap()).collect()
}
