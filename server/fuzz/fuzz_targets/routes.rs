//! Paths in one spelling, and patterns over them. The first line is a pattern, the rest a target.

#![no_main]

use holdfast_core::policy::{NormalPath, PathPattern};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (pattern, target) = text.split_once('\n').unwrap_or(("/public/", text));
    let Ok(path) = NormalPath::read(target) else { return };
    assert_eq!(NormalPath::read(path.as_str()).as_ref(), Ok(&path));
    assert!(path.as_str().starts_with('/') && !path.as_str().contains("//"));
    assert!(!path.as_str().contains(['%', '\\', ';', '?', '#', '\0']));
    assert!(path.segments().all(|segment| segment != "." && segment != ".."));
    if let Ok(pattern) = pattern.parse::<PathPattern>() {
        let fits = pattern.matches(&path).is_some();
        let is_plain = !pattern.as_str().contains(['*', '=']);
        // A prefix ends where a segment ends.
        let prefix = pattern.as_str().trim_end_matches('/');
        let below = path.as_str().strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        assert!(!is_plain || fits == below);
    }
});
