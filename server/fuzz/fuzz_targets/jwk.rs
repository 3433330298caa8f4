//! JSON Web Keys: a key that is taken is taken for one algorithm, and has a name.

#![no_main]

use holdfast_core::jose::{Algorithm, Object, PublicKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(object) = Object::parse(bytes) else { return };
    let mut taken = 0;
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let Ok(key) = PublicKey::from_jwk(&object, algorithm) else { continue };
        taken += 1;
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.thumbprint().to_string().len(), 43);
        assert!(object.member("d").is_none());
    }
    assert!(taken <= 1, "one key, one algorithm");
});
