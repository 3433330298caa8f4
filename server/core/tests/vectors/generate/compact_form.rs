//! J-01 to J-03: size, parts, and base64url.

use holdfast_core::Rule;

use super::{both, good_registration, refresh, register};
use crate::{
    compact::{b64, parts},
    model::Vector,
    world::World,
};

/// A name, a note, and what is done to a good proof.
type Damage = (&'static str, &'static str, fn(&str) -> String);

pub(super) fn vectors(world: &World) -> Vec<Vector> {
    let mut vectors = sizes(world);
    vectors.extend(numbers_of_parts(world));
    vectors.extend(spellings(world));
    vectors
}

fn sizes(world: &World) -> Vec<Vector> {
    let huge = "A".repeat(64 * 1024);
    let padded_to = |length: usize, proof: &str| {
        let [header, payload, signature] = parts(proof);
        // The payload grows, so that nothing else is wrong with the form.
        let room = length - header.len() - signature.len() - 2;
        format!("{header}.{payload}{}.{signature}", "A".repeat(room - payload.len()))
    };
    vec![
        register("register-64-kb", "64 KB are refused by their length alone.", huge.clone())
            .checks(&["H15"])
            .breaks(Rule::J01),
        refresh(world, "refresh-64-kb", "64 KB are refused by their length alone.", huge)
            .checks(&["H15"])
            .breaks(Rule::J01),
        register(
            "register-one-byte-too-long",
            "8193 bytes; 8192 would be read.",
            padded_to(8193, &good_registration(world)),
        )
        .checks(&["H15"])
        .breaks(Rule::J01),
        register(
            "register-longest",
            "8192 bytes are read, and found to have NULs behind the payload's object.",
            padded_to(8192, &good_registration(world)),
        )
        .breaks(Rule::J04),
    ]
}

fn numbers_of_parts(world: &World) -> Vec<Vector> {
    let damages: [Damage; 10] = [
        ("empty", "No proof at all.", |_| String::new()),
        ("one-part", "A text without dots.", |proof| proof.replace('.', "")),
        ("two-parts", "An unsecured JWT as some write it, without the last dot.", |proof| {
            let [header, payload, _] = parts(proof);
            format!("{header}.{payload}")
        }),
        ("four-parts", "One part too many.", |proof| format!("{proof}.AAAA")),
        ("five-parts", "The shape of a JWE.", |proof| format!("{proof}.AAAA.AAAA")),
        ("empty-header", "The first part is empty.", |proof| {
            format!(".{}", proof.split_once('.').unwrap().1)
        }),
        ("empty-payload", "The second part is empty: a detached payload.", |proof| {
            let [header, _, signature] = parts(proof);
            format!("{header}..{signature}")
        }),
        ("empty-signature", "The third part is empty.", |proof| {
            format!("{}.", proof.rsplit_once('.').unwrap().0)
        }),
        ("only-dots", "Three empty parts.", |_| "..".to_owned()),
        ("json-serialization", "The JSON form of a JWS.", |proof| {
            let [header, payload, signature] = parts(proof);
            format!(r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#)
        }),
    ];
    damages
        .into_iter()
        .flat_map(|(name, note, damage)| both(world, name, note, damage))
        .map(|vector| vector.breaks(Rule::J02))
        .collect()
}

fn spellings(world: &World) -> Vec<Vector> {
    let damages: [Damage; 9] = [
        ("padded", "Padding behind the signature.", |proof| format!("{proof}==")),
        ("padded-header", "Padding behind the header.", |proof| proof.replacen('.', "=.", 1)),
        ("leading-space", "A space in front.", |proof| format!(" {proof}")),
        ("trailing-newline", "A line feed behind.", |proof| format!("{proof}\n")),
        ("space-inside", "A space in the payload.", |proof| proof.replacen('.', ". ", 1)),
        ("standard-alphabet", "The alphabet with plus and slash.", |proof| {
            let [header, payload, _] = parts(proof);
            format!("{header}.{payload}.{}+/+/", "A".repeat(82))
        }),
        ("stray-bits", "The last character of the signature carries bits that mean nothing.", |proof| {
            // 64 bytes leave two significant bits in the last of 86 characters.
            let (body, last) = proof.split_at(proof.len() - 1);
            let alias = match last {
                "A" => "B",
                "Q" => "R",
                "g" => "h",
                _ => "x",
            };
            format!("{body}{alias}")
        }),
        ("impossible-length", "No byte string has this length.", |proof| {
            let [header, payload, _] = parts(proof);
            format!("{header}.{payload}.AAAAA")
        }),
        ("not-ascii", "A letter from outside the alphabet.", |proof| proof.replacen('.', "é.", 1)),
    ];
    let mut vectors: Vec<_> = damages
        .into_iter()
        .flat_map(|(name, note, damage)| both(world, name, note, damage))
        .map(|vector| vector.breaks(Rule::J03))
        .collect();
    vectors.extend(
        both(world, "encoded-twice", "Each part is base64url of base64url.", |proof| {
            parts(proof).map(b64).join(".")
        })
        .map(|vector| vector.breaks(Rule::J04)),
    );
    vectors
}
