//! DPoP proofs: any field, and any header and claims in a proof of the right form, are judged without panic, and without
//! a signature nothing is accepted.

#![no_main]

use std::fmt::Write as _;

use holdfast_core::{
    Keyring, RootKey, UnixTime,
    dpop::{Boot, DpopPolicy, Expected, NonceDemand, TargetUri, UnverifiedProof},
    jose::Algorithm,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8], &[u8], u64)| {
    let (field, header, claims, millis) = input;
    judge(field, millis);
    // Two parts that are base64url for sure, so that the objects behind it are reached.
    judge(&format!("{}.{}.AAAA", encode(header), encode(claims)), millis);
    // A good header, so that the claims are reached.
    judge(&format!("{}.{}.AAAA", encode(HEADER.as_bytes()), encode(claims)), millis);
});

fn judge(field: &str, millis: u64) {
    let Ok(proof) = UnverifiedProof::parse([field].into_iter(), Algorithm::DPOP) else { return };
    assert!(field.is_ascii() && field.len() <= 4096 && field.matches('.').count() == 2);
    let ring = Keyring::new(&RootKey::from_bytes([1; 32]), &[]);
    let target = TargetUri::parse("https://a.test/b");
    let expected =
        Expected { method: "GET", target: target.as_ref(), token: None, nonce: NonceDemand::UnlessYounger };
    let boot = Boot { id: [0; 4], at: UnixTime::EPOCH };
    let now = UnixTime::from_millis(millis);
    let verified = proof.verify(&expected, &ring, &boot, &DpopPolicy::default(), now);
    assert!(verified.is_err(), "nobody signs by chance");
}

fn encode(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        let number = number << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            let letter = LETTERS[(number >> (18 - 6 * place)) & 63];
            write!(text, "{}", char::from(letter)).expect("a text takes every letter");
        }
    }
    text
}

/// The key of RFC 7517, appendix A.1.
const HEADER: &str = r#"{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}}"#;
