//! The file of the root keys: one a line, the first in force, those below it former ones that still open what they sealed.
//!
//! ```text
//! 64 hex digits
//! 64 hex digits  # retired 2026-11-26T03:12:00.000Z
//! ```

use std::time::Duration;

use holdfast_core::{RootKey, UnixTime};
use zeroize::Zeroizing;

use crate::{
    telemetry::{parse_rfc3339, rfc3339},
    token::hex,
};

/// The root keys of a file, at least one.
pub(crate) struct RootKeys {
    current: Line,
    former: Vec<Line>,
}

struct Line {
    key: RootKey,
    digits: Zeroizing<String>,
    /// Since when another one is in force, if that was written down.
    retired_at: Option<UnixTime>,
}

impl Line {
    fn is_the_key_of(&self, other: &Self) -> bool {
        self.digits.eq_ignore_ascii_case(&other.digits)
    }
}

/// What became of the keys at a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// Former keys that go on opening what they sealed.
    pub(crate) kept: usize,
    /// Former keys that are gone.
    pub(crate) forgotten: usize,
}

impl RootKeys {
    /// Reads a file's text. Empty lines and lines that begin with `#` are left out.
    ///
    /// # Errors
    /// What is wrong and what would be right, without the name of the file and without anything of a key.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut lines: Vec<Line> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let (digits, comment) = line.split_once('#').unwrap_or((line, ""));
            let digits = digits.trim_ascii();
            if digits.is_empty() {
                continue;
            }
            let key = RootKey::from_hex(digits).ok_or_else(|| {
                format!("does not hold 64 hex digits in line {number}; make a key with: openssl rand -hex 32")
            })?;
            // A file of zeros is what a disk that was never written gives, and everybody's first guess.
            if digits.bytes().all(|digit| digit == b'0') {
                return Err(format!(
                    "holds nothing but zeros in line {number}, which anybody guesses; make a key with: openssl rand -hex 32"
                ));
            }
            let retired = comment.trim_ascii().strip_prefix("retired ").map(str::trim_ascii);
            let line = Line {
                key,
                digits: Zeroizing::new(digits.to_owned()),
                retired_at: retired.and_then(parse_rfc3339),
            };
            if lines.iter().any(|other| other.is_the_key_of(&line)) {
                return Err(format!(
                    "holds in line {number} a key that stands above it already; take one of the two out, and if a key was to \
                     be replaced, make the new one with: openssl rand -hex 32"
                ));
            }
            lines.push(line);
        }
        let mut lines = lines.into_iter();
        let current =
            lines.next().ok_or("does not hold 64 hex digits; make a key with: openssl rand -hex 32")?;
        Ok(Self { current, former: lines.collect() })
    }

    /// Whether one of these keys is one of the others.
    pub(crate) fn share_a_key_with(&self, others: &Self) -> bool {
        self.lines().any(|line| others.lines().any(|other| line.is_the_key_of(other)))
    }

    /// The key in force, and the former ones.
    pub(crate) fn into_keys(self) -> (RootKey, Vec<RootKey>) {
        (self.current.key, self.former.into_iter().map(|line| line.key).collect())
    }

    /// Puts a key of fresh random bytes in force. Former keys that were retired longer than `forget` ago are forgotten; those of
    /// which nobody wrote down when they were retired are kept, unless `forget` is zero: then somebody has seen the keys, and
    /// none of them may stay, whatever the file says of it.
    pub(crate) fn rotate(&mut self, random: [u8; 32], now: UnixTime, forget: Option<Duration>) -> Rotation {
        let digits = Zeroizing::new(hex(&random));
        let next = Line { key: RootKey::from_bytes(random), digits, retired_at: None };
        let retired = Line { retired_at: Some(now), ..std::mem::replace(&mut self.current, next) };
        self.former.insert(0, retired);
        let before = self.former.len();
        if let Some(forget) = forget {
            let stays = |line: &Line| line.retired_at.is_none_or(|at| now < at.after(forget));
            self.former.retain(|line| !forget.is_zero() && stays(line));
        }
        Rotation { kept: self.former.len(), forgotten: before - self.former.len() }
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        std::iter::once(&self.current).chain(&self.former)
    }

    /// The text of the file.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        // Long enough from the beginning: a text that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(LINE * (1 + self.former.len())));
        for line in self.lines() {
            text.push_str(&line.digits);
            if let Some(at) = line.retired_at {
                text.push_str("  # retired ");
                text.push_str(&rfc3339(at));
            }
            text.push('\n');
        }
        text
    }
}

/// A line with its comment.
const LINE: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn digits(byte: u8) -> String {
        format!("{byte:02x}").repeat(32)
    }

    #[test]
    fn a_rotation_keeps_what_is_young_and_forgets_what_is_old() {
        let mut keys = RootKeys::parse(&format!("  {}\n\n", digits(1))).unwrap();
        let mut now = UnixTime::from_secs(1_800_000_000);
        let new = |byte| [byte; 32];
        assert_eq!(keys.rotate(new(2), now, Some(HOUR)), Rotation { kept: 1, forgotten: 0 });
        now = now.after(HOUR / 2);
        assert_eq!(keys.rotate(new(3), now, None), Rotation { kept: 2, forgotten: 0 });
        let mut keys = RootKeys::parse(&keys.to_text()).unwrap();
        now = now.after(HOUR / 2);
        assert_eq!(keys.rotate(new(4), now, Some(HOUR)), Rotation { kept: 2, forgotten: 1 });
        let text = keys.to_text();
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
        assert_eq!(lines, [digits(4), digits(3), digits(2)]);
        assert_eq!(keys.rotate(new(5), now, Some(Duration::ZERO)), Rotation { kept: 0, forgotten: 3 });
    }

    #[test]
    fn a_key_without_a_time_is_kept() {
        let text =
            format!("# ours\n{}\n{} # by hand\n{} # retired yesterday\n", digits(1), digits(2), digits(3));
        let mut keys = RootKeys::parse(&text).unwrap();
        let now = UnixTime::from_secs(1_800_000_000);
        let rotation = keys.rotate([4; 32], now, Some(HOUR));
        assert_eq!(rotation, Rotation { kept: 3, forgotten: 0 });
        let mut seen = RootKeys::parse(&keys.to_text()).unwrap();
        assert_eq!(keys.into_keys().1.len(), 3);
        let future = format!("{}\n{} # retired 2099-01-01T00:00:00Z\n", digits(1), digits(2));
        let mut dated = RootKeys::parse(&future).unwrap();
        for keys in [&mut seen, &mut dated] {
            assert_eq!(keys.rotate([5; 32], now, Some(Duration::ZERO)).kept, 0, "keys that were seen all go");
        }
    }

    #[test]
    fn two_files_with_the_same_key_are_noticed_however_it_is_written() {
        let parse = |text: String| RootKeys::parse(&text).unwrap();
        let ours = parse(format!("{}\n{}\n", digits(0xab), digits(1)));
        assert!(ours.share_a_key_with(&parse(digits(0xab).to_uppercase())));
        assert!(ours.share_a_key_with(&parse(format!("{}\n{}\n", digits(2), digits(1)))));
        assert!(!ours.share_a_key_with(&parse(digits(2))));
        assert!(RootKeys::parse(&format!("{}\n{}\n", digits(0xab), digits(0xab).to_uppercase())).is_err());
    }

    #[test]
    fn what_is_no_key_is_told_by_its_line_and_not_shown() {
        let good = digits(1);
        for (bad, says) in [
            (String::new(), "64 hex digits"),
            ("# nothing\n".to_owned(), "64 hex digits"),
            (good.replace("01", "0x"), "line 1"),
            (format!("{good}\n{good}0\n"), "line 2"),
            (format!("{good}\n\nhunter2\n"), "line 3"),
            (format!("{good}\n{good} {good}\n"), "line 2"),
            (format!("{good}\n{}\n", digits(0)), "nothing but zeros in line 2"),
            (
                format!("{good}\n{}\n\n{good} # retired yesterday\n", digits(2)),
                "line 4 a key that stands above",
            ),
        ] {
            let told = RootKeys::parse(&bad).err().unwrap();
            assert!(told.contains(says) && !told.contains("hunter2") && !told.contains(&good), "{told}");
        }
    }
}
