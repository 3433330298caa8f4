//! Origins, addresses below them, and paths to come back to.

#![no_main]

use holdfast_core::{Origin, origin::LocalPath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(origin) = text.parse::<Origin>() {
        assert_eq!(origin.as_str(), text);
        assert_eq!(origin.path_of(&origin.address_of("/a")), Some("/a"));
    }
    if let Ok(shop) = "https://shop.example".parse::<Origin>()
        && let Some(path) = shop.path_of(text)
    {
        assert!(path.is_empty() || path.starts_with(['/', '?', '#']));
        assert!(text.ends_with(path) && text.to_ascii_lowercase().starts_with("https://shop.example"));
    }
    if let Ok(path) = text.parse::<LocalPath>() {
        assert!(path.as_str().starts_with('/') && !path.as_str().starts_with("//"));
        assert!(path.as_str().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'));
    }
});
