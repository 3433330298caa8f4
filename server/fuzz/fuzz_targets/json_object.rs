//! JSON objects: whatever is read has every member once.

#![no_main]

use std::collections::HashSet;

use holdfast_core::jose::Object;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(object) = Object::parse(bytes) else { return };
    assert!(std::str::from_utf8(bytes).is_ok());
    let names: HashSet<&str> = object.names().collect();
    assert_eq!(names.len(), object.names().count());
    assert!(names.iter().all(|name| object.member(name).is_some()));
});
