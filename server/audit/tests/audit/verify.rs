//! Whatever is done to a trail is found.

use std::{fs, sync::OnceLock};

use holdfast_audit::{Report, Verifier};
use proptest::prelude::*;

use super::stage::*;

/// A trail of some lines, and the line of the file that comes after it, by which its tail is held.
fn trail() -> &'static (Vec<u8>, Vec<u8>) {
    static TRAIL: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    TRAIL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("audit.jsonl"), folder.path().join("audit.jsonl.1"));
        let trail = Clock::default().begin(open(&path));
        tell(&trail, 0..40);
        trail.close();
        fs::rename(&path, &aside).unwrap();
        Clock::default().begin(open(&path)).close();
        (fs::read(aside).unwrap(), fs::read(path).unwrap())
    })
}

fn judge(first: &[u8]) -> Report {
    let mut verifier = Verifier::new(None);
    verifier.file("one", first).unwrap();
    verifier.file("two", trail().1.as_slice()).unwrap();
    verifier.finish()
}

fn lines() -> Vec<&'static [u8]> {
    trail().0.split_inclusive(|byte| *byte == b'\n').collect()
}

#[test]
fn what_nobody_touched_is_in_order() {
    assert_eq!(judge(&trail().0).faults, []);
    assert_eq!(lines().len(), 41);
}

#[test]
fn every_line_that_is_missing_is_missed() {
    for missing in 0..lines().len() {
        let mut rest = lines();
        rest.remove(missing);
        let report = judge(&rest.concat());
        assert!(!report.faults.is_empty(), "{missing}: {report:?}");
    }
    for kept in 1..lines().len() {
        let report = judge(&lines()[..kept].concat());
        assert!(report.faults[0].what.contains("missing"), "{kept}: {report:?}");
        assert_eq!(report.faults[0].file, "two");
    }
}

#[test]
fn the_line_is_named() {
    let changed = String::from_utf8(trail().0.clone()).unwrap().replace("\"n\":7,", "\"n\":8,");
    let report = judge(changed.as_bytes());
    assert_eq!(report.faults.len(), 1, "{report:?}");
    assert_eq!((report.faults[0].file.as_str(), report.faults[0].line), ("one", 9));
    assert_eq!(report.faults[0].to_string(), "one:9: the line was changed: its hash is another one");
}

#[test]
fn garbage_is_no_trail() {
    for text in ["", "\n", "garbage", "{}\n", "\n\n\n", "\u{0}\u{0}\n"] {
        assert!(
            !{
                let mut verifier = Verifier::new(None);
                verifier.file("x", text.as_bytes()).unwrap();
                verifier.finish().faults.is_empty()
            },
            "{text:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_byte_that_is_another_is_found(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut bytes = trail().0.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(!judge(&bytes).faults.is_empty(), "byte {}", at);
    }

    #[test]
    fn lines_that_change_places_are_found(one in 0_usize..41, two in 0_usize..41) {
        prop_assume!(one != two);
        let mut lines = lines();
        lines.swap(one, two);
        prop_assert!(!judge(&lines.concat()).faults.is_empty());
    }

    #[test]
    fn a_line_that_is_put_in_is_found(from in 0_usize..41, to in 0_usize..=41) {
        let mut lines = lines();
        lines.insert(to, lines[from]);
        prop_assert!(!judge(&lines.concat()).faults.is_empty());
    }

    #[test]
    fn nothing_makes_it_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(!judge(&bytes).faults.is_empty() || bytes.is_empty());
    }
}
