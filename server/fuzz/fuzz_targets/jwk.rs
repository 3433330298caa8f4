//! JSON Web Keys: a key that is taken is taken for one algorithm, and has a name.

#![no_main]

use holdfast_core::jose::{Algorithm, Object, PublicKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(object) = Object::parse(bytes) else { return };
    let mut taken: Vec<PublicKey> = Vec::new();
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256, Algorithm::Rs256] {
        let Ok(key) = PublicKey::from_jwk(&object, algorithm) else { continue };
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.thumbprint().to_string().len(), 43);
        assert!(object.member("d").is_none());
        assert!(taken.iter().all(|other| other.thumbprint() == key.thumbprint()), "one key, one name");
        taken.push(key);
    }
    // An RSA key that does not say what it is for fits two algorithms, but is read for one of them.
    let may_fit_two = object.text("kty") == Some("RSA") && object.member("alg").is_none();
    assert!(taken.len() <= if may_fit_two { 2 } else { 1 }, "one key, one algorithm");
});
