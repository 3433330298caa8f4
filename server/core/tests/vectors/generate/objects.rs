//! J-04 to J-06: header and payload as JSON objects.

use holdfast_core::{Rule, jose::Algorithm};

use super::{REFRESH_HEADER, good_registration, refresh, refresh_payload, register, registration_header};
use crate::{
    compact::{b64, parts, sign},
    model::Vector,
    world::World,
};

pub(super) fn vectors(world: &World) -> Vec<Vector> {
    let mut vectors = not_an_object(world);
    vectors.extend(duplicates(world));
    vectors.extend(critical(world));
    vectors
}

fn not_an_object(world: &World) -> Vec<Vector> {
    let payload = world.offered().payload();
    let header = registration_header(&world.device, Algorithm::Es256);
    let inside = |extra: &str| payload.replacen('{', &format!("{{{extra},"), 1);
    let deep = |levels: usize| inside(&format!(r#""x":{}0{}"#, "[".repeat(levels), "]".repeat(levels)));
    let members: Vec<_> = (0..40).map(|n| format!(r#""m{n}":0"#)).collect();
    let payloads: [(&str, &str, Vec<u8>); 15] = [
        ("payload-array", "An array.", format!("[{payload}]").into()),
        ("payload-text", "A text that contains an object.", serde_json::to_vec(&payload).unwrap()),
        ("payload-null", "null.", "null".into()),
        ("payload-number", "A number.", "1".into()),
        ("payload-two-objects", "A second object behind the first.", format!("{payload}{payload}").into()),
        ("payload-trailing-letter", "A letter behind the object.", format!("{payload}x").into()),
        ("payload-trailing-nul", "A NUL behind the object.", format!("{payload}\0").into()),
        ("payload-trailing-comma", "A comma behind the last member.", payload.replace('}', ",}").into()),
        ("payload-comment", "A comment.", payload.replacen('{', "{/**/", 1).into()),
        ("payload-bom", "A byte order mark in front.", format!("\u{feff}{payload}").into()),
        ("payload-not-utf-8", "A byte that is no UTF-8.", {
            let mut bytes = inside(r#""x":"?""#).into_bytes();
            let mark = bytes.iter().position(|byte| *byte == b'?').unwrap();
            bytes[mark] = 0xff;
            bytes
        }),
        ("payload-lone-surrogate", "Half a surrogate pair.", inside(r#""x":"\ud800""#).into()),
        ("payload-deep", "Five levels of nesting.", deep(4).into()),
        ("payload-very-deep", "Two thousand levels of nesting, to empty the stack.", deep(2000).into()),
        ("payload-many-members", "Forty members too many.", inside(&members.join(",")).into()),
    ];
    let mut vectors: Vec<_> = payloads
        .into_iter()
        .map(|(name, note, bytes)| {
            register(name, note, sign(&header, bytes, &world.device)).breaks(Rule::J04)
        })
        .collect();
    let headers = [
        ("header-array", "An array.", format!("[{REFRESH_HEADER}]")),
        ("header-trailing-text", "Text behind the object.", format!("{REFRESH_HEADER} x")),
        ("header-single-quotes", "Single quotes.", REFRESH_HEADER.replace('"', "'")),
        (
            "header-infinite-number",
            "A number beyond every float.",
            REFRESH_HEADER.replace('}', r#","x":1e999}"#),
        ),
    ];
    vectors.extend(headers.into_iter().map(|(name, note, header)| {
        refresh(world, name, note, sign(header, refresh_payload(world), &world.device)).breaks(Rule::J04)
    }));
    vectors
}

fn duplicates(world: &World) -> Vec<Vector> {
    let payload = world.offered().payload();
    let header = registration_header(&world.device, Algorithm::Es256);
    let first = |object: &str, member: &str| object.replacen('{', &format!("{{{member},"), 1);
    let last = |object: &str, member: &str| format!("{},{member}}}", &object[..object.len() - 1]);
    let cases = [
        ("duplicate-alg", "alg twice: none first.", first(&header, r#""alg":"none""#), payload.clone()),
        (
            "duplicate-alg-escaped",
            "The second alg is spelled with an escape.",
            { last(&header, r#""\u0061lg":"none""#) },
            payload.clone(),
        ),
        ("duplicate-jwk", "Two keys: which one is it?", last(&header, r#""jwk":{}"#), payload.clone()),
        (
            "duplicate-in-jwk",
            "x twice, a level below.",
            header.replace(r#""crv""#, r#""x":"AA","crv""#),
            payload.clone(),
        ),
        (
            "duplicate-same-value",
            "typ twice, the same both times.",
            last(&header, r#""typ":"dbsc+jwt""#),
            payload.clone(),
        ),
        ("duplicate-jti", "Two challenges.", header.clone(), first(&payload, r#""jti":"x""#)),
        ("duplicate-jti-escaped", "Two challenges, one spelled with an escape.", header.clone(), {
            last(&payload, r#""\u006ati":"x""#)
        }),
        (
            "duplicate-unknown",
            "A member that nobody reads, twice.",
            header.clone(),
            last(&payload, r#""z":1,"z":2"#),
        ),
    ];
    cases
        .into_iter()
        .map(|(name, note, header, payload)| {
            register(name, note, sign(header, payload, &world.device)).breaks(Rule::J05)
        })
        .chain([refresh(
            world,
            "refresh-duplicate-jti",
            "Two challenges: the good one first.",
            sign(REFRESH_HEADER, last(&refresh_payload(world), r#""jti":"x""#), &world.device),
        )
        .breaks(Rule::J05)])
        .collect()
}

fn critical(world: &World) -> Vec<Vector> {
    let header = registration_header(&world.device, Algorithm::Es256);
    let crits = [
        ("crit-exp", "An extension that nobody here understands.", r#""crit":["exp"],"exp":1"#),
        ("crit-b64", "The unencoded payload of RFC 7797.", r#""b64":false,"crit":["b64"]"#),
        ("crit-known-names", "crit must not name what RFC 7515 defines.", r#""crit":["alg","jwk"]"#),
        ("crit-empty", "An empty list is not allowed either.", r#""crit":[]"#),
        ("crit-null", "Not a list, and still there.", r#""crit":null"#),
    ];
    let mut vectors: Vec<_> = crits
        .into_iter()
        .map(|(name, note, member)| {
            let header = header.replacen('{', &format!("{{{member},"), 1);
            register(name, note, sign(header, world.offered().payload(), &world.device))
                .checks(&["R15"])
                .breaks(Rule::J06)
        })
        .collect();
    let header = REFRESH_HEADER.replacen('{', r#"{"crit":["exp"],"#, 1);
    vectors.push(
        refresh(world, "refresh-crit", "An extension that nobody here understands.", {
            sign(header, refresh_payload(world), &world.device)
        })
        .checks(&["R15"])
        .breaks(Rule::J06),
    );
    // A header may be bytes of any kind, as long as its base64url is clean.
    let good = good_registration(world);
    let [_, payload, signature] = parts(&good);
    let garbage = format!("{}.{payload}.{signature}", b64([0_u8, 159, 146, 150]));
    vectors.push(register("header-garbage", "Bytes that are no text.", garbage).breaks(Rule::J04));
    vectors
}
