//! Addresses: whatever is read has one spelling, and no query can change it.

#![no_main]

use holdfast_core::dpop::TargetUri;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (text, tail) = input;
    let Some(uri) = TargetUri::parse(text) else { return };
    let normal = uri.as_str();
    assert!(text.is_ascii() && normal.bytes().all(|byte| byte.is_ascii_graphic()));
    // A name for the host, and at least a slash behind it.
    let (_, rest) = normal.split_once("://").expect("an address has a scheme");
    assert!(rest.find('/').is_some_and(|end| end > 0));
    assert!(rest.split('/').skip(1).all(|segment| segment != "." && segment != ".."));
    // The normal spelling may be a little longer than what was read, and then too long to be read.
    if normal.len() <= 2048 {
        assert_eq!(TargetUri::parse(normal).as_ref(), Some(&uri), "its own text");
    }
    if let Some(other) = TargetUri::parse(&format!("{normal}?{tail}")) {
        assert_eq!(other, uri, "a query is no part of it");
    }
    assert_ne!(TargetUri::parse(&format!("{normal}/x")).as_ref(), Some(&uri));
});
