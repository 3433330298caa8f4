//! Compact JWS, alone and as the proofs of both endpoints.

#![no_main]

use holdfast_core::{
    Keyring, RootKey, UnixTime,
    dbsc::{UnverifiedRefresh, UnverifiedRegistration},
    jose::{MAX_PROOF_BYTES, UnverifiedJws},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(jws) = UnverifiedJws::parse(text) {
        assert!(text.len() <= MAX_PROOF_BYTES && text.is_ascii());
        assert_eq!(text.matches('.').count(), 2);
        assert!(jws.unverified_jti().is_none_or(|jti| !jti.is_empty()));
    }
    if UnverifiedRefresh::parse(text).is_ok() {
        assert!(UnverifiedJws::parse(text).is_ok_and(|jws| !jws.has_jwk()));
    }
    let ring = Keyring::new(&RootKey::from_bytes([1; 32]), &[]);
    assert!(
        UnverifiedRegistration::parse(text, &ring, UnixTime::EPOCH).is_err(),
        "nobody finds a challenge of ours"
    );
});
