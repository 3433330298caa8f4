//! Access tokens, codes and refresh tokens: any text is read without panic, and none opens or verifies.

#![no_main]

use std::time::Duration;

use holdfast_core::{
    Keyring, RootKey, UnixTime,
    jose::{Algorithm, MAX_PROOF_BYTES, Object, PublicKey, Thumbprint},
    oauth::{
        AuthenticCode, AuthenticRefreshToken, TokenExpectation, UnverifiedAccessToken, code_challenge_of,
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, u64)| {
    let (text, millis) = input;
    let ring = Keyring::new(&RootKey::from_bytes([1; 32]), &[RootKey::from_bytes([2; 32])]);
    assert!(AuthenticCode::open(&ring, text).is_none());
    assert!(AuthenticRefreshToken::open(&ring, text).is_none());
    assert!(code_challenge_of(text).is_none() || text.len() == 43);
    if let Some(thumbprint) = Thumbprint::from_text(text) {
        assert_eq!(thumbprint.to_string(), text);
    }
    let Ok(token) = UnverifiedAccessToken::parse(text) else { return };
    assert!(text.is_ascii() && text.len() <= MAX_PROOF_BYTES);
    let jwk = Object::parse(JWK.as_bytes()).expect("the key is an object");
    let key = PublicKey::from_jwk(&jwk, Algorithm::Es256).expect("the key is one");
    let expected = TokenExpectation {
        audiences: Some(&["https://api.test"]),
        now: UnixTime::from_millis(millis),
        skew: Duration::from_secs(15),
    };
    assert!(token.verify(&key, &expected).is_err(), "nobody signs by chance");
});

/// The key of RFC 7517, appendix A.1.
const JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;
