//! Durations, session ids, levels and root keys: the short texts of configuration and requests.

#![no_main]

use std::time::Duration;

use holdfast_core::{Level, RootKey, SessionId, parse_duration};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(duration) = parse_duration(text) {
        assert!(duration <= Duration::from_secs(10 * 366 * 86_400) && text.is_ascii());
    }
    if let Ok(id) = text.parse::<SessionId>() {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(level) = text.parse::<Level>() {
        assert_eq!(level.as_str(), text);
    }
    assert!(RootKey::from_hex(text).is_none() || text.trim_ascii().len() == 64);
});
