//! The fields of DBSC: bare or quoted values, and lists of skipped refreshes.

#![no_main]

use holdfast_core::dbsc::headers::{read_raw_or_quoted, read_skipped, write_registration};
use holdfast_core::{SessionId, jose::Algorithm};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    if let Some(text) = read_raw_or_quoted(value) {
        assert!(text.len() <= value.len());
        if let Ok(id) = text.parse::<SessionId>() {
            assert_eq!(id.to_string(), text);
        }
    }
    assert!(read_skipped(value).len() <= value.len());
    if let Some(offer) = write_registration(&[Algorithm::Es256], value, value, value) {
        assert!(offer.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    }
});
