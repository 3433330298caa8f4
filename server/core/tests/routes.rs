//! Paths and the routes over them: whatever a client writes, nothing gets out of its prefix, and nothing is read twice.

use holdfast_core::policy::{Access, Ambiguous, NormalPath, PathPattern, Route, Routes};
use proptest::prelude::*;

/// A target made of what attackers write.
fn target() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-c]{1,3}",
        Just("admin".to_owned()),
        Just("public".to_owned()),
        Just(".".to_owned()),
        Just("..".to_owned()),
        Just("%2e".to_owned()),
        Just("%2E%2e".to_owned()),
        Just("%2f".to_owned()),
        Just("%5c".to_owned()),
        Just("%25".to_owned()),
        Just("%252e".to_owned()),
        Just("%61dmin".to_owned()),
        Just("%00".to_owned()),
        Just("%c3%b8".to_owned()),
        Just("%c0%ae".to_owned()),
        Just("%zz".to_owned()),
        Just(";x".to_owned()),
        Just("\\".to_owned()),
        Just("?".to_owned()),
        Just("#".to_owned()),
        Just("\u{f8}".to_owned()),
        Just("/".to_owned()),
    ];
    proptest::collection::vec((piece, prop_oneof![Just("/"), Just("//"), Just("")]), 0..10).prop_map(
        |pieces| pieces.iter().fold("/".to_owned(), |text, (piece, slash)| format!("{text}{piece}{slash}")),
    )
}

proptest! {
    /// What was normalised stays as it is, and has nothing left that somebody could read another way.
    #[test]
    fn a_normal_path_is_a_fixed_point(target in target()) {
        if let Ok(path) = NormalPath::read(&target) {
            let again = NormalPath::read(path.as_str());
            prop_assert_eq!(again.as_ref(), Ok(&path));
            let text = path.as_str();
            prop_assert!(text.starts_with('/') && !text.contains("//"), "{}", text);
            prop_assert!(!text.contains(['%', '\\', ';', '?', '#', '\0']), "{}", text);
            prop_assert!(text.split('/').all(|segment| segment != "." && segment != ".."), "{}", text);
        }
    }

    #[test]
    fn nothing_makes_the_reader_fall(target in ".*", pattern in ".*") {
        let path = NormalPath::read(&target);
        if let (Ok(path), Ok(pattern)) = (path, pattern.parse::<PathPattern>()) {
            let _ = pattern.matches(&path);
        }
    }

    /// What a prefix matches is below it, for any server that resolves the path as RFC 3986 §5.2.4 does.
    #[test]
    fn what_is_matched_does_not_escape_its_prefix(target in target()) {
        let public: PathPattern = "/public/".parse().expect("a pattern");
        if let Ok(path) = NormalPath::read(&target)
            && public.matches(&path).is_some()
        {
            let resolved = resolved(&target);
            prop_assert!(resolved == ["public"] || resolved.starts_with(&["public".to_owned()]), "{} {:?}", target, resolved);
        }
    }

    /// The query decides nothing, and a fragment is refused.
    #[test]
    fn query_and_fragment_match_nothing(target in target(), rest in "[ -~]*") {
        let before: String = target.chars().take_while(|char| *char != '?').collect();
        prop_assert_eq!(NormalPath::read(&format!("{before}?{rest}")), NormalPath::read(&before));
        let routes = routes();
        let found = routes.find("GET", &format!("/admin#{rest}"));
        prop_assert_eq!(found, Err(Ambiguous::Fragment));
    }

    /// A request that nobody can be sure about matches no route at all.
    #[test]
    fn the_ambiguous_is_never_public(target in target()) {
        let routes = routes();
        match (NormalPath::read(&target), routes.find("GET", &target)) {
            (Err(why), found) => prop_assert_eq!(found, Err(why)),
            (Ok(path), found) => {
                let is_public = found.expect("it is a path").is_some_and(|route| route.access == Access::Public);
                let first = path.segments().next();
                prop_assert_eq!(is_public, first == Some("public"), "{}", target);
            }
        }
    }
}

#[expect(clippy::expect_used, reason = "a literal that is no pattern fails the test")]
fn routes() -> Routes {
    let public = Route {
        path: "/public/".parse().expect("a pattern"),
        methods: Vec::new(),
        access: Access::Public,
        tags: Vec::new(),
    };
    Routes::new(vec![public])
}

/// The segments of a path as another reader finds them: dot segments first, decoding last, as most servers do.
fn resolved(target: &str) -> Vec<String> {
    let path = target.split('?').next().unwrap_or_default();
    let mut kept: Vec<String> = Vec::new();
    for segment in path.split('/') {
        match decoded(segment).as_str() {
            "" | "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other.to_owned()),
        }
    }
    kept
}

fn decoded(segment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
