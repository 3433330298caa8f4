//! Session cookies and their names: nobody finds a cookie of ours, and every name keeps to one host.

#![no_main]

use holdfast_core::{Keyring, RootKey, cookie::AuthenticCookie, dbsc::CookieName};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    let ring = Keyring::new(&RootKey::from_bytes([1; 32]), &[RootKey::from_bytes([2; 32])]);
    assert!(AuthenticCookie::open(&ring, value).is_none());
    if let Ok(name) = value.parse::<CookieName>() {
        assert!(name.as_str().starts_with("__Host-") && !name.as_str().contains(['=', ';', ' ', ',']));
    }
});
