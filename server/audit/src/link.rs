//! A link of the chain: what a line adds to be one, and how it is read back.
//!
//! ```text
//! {"time":…,"risk":null,"seq":7,"prev":"<hash of line 6>","hash":"<hash of this line>"}
//! ```
//!
//! The hash of a line is SHA-256 over the 32 bytes of the hash before it and the exact bytes of the line without its own
//! `hash` member, `{"time":…,"prev":"…"}`. The first line of a chain has the number 1 and a `prev` of zeros.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

/// The hash of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

/// The end of a chain: what the next line is tied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The number of the line, counted from 1 without gaps.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Link {
    /// Before the first line.
    pub const BEGINNING: Self = Self { seq: 0, hash: Hash([0; 32]) };

    /// Appends `line`, which is one JSON object without a line feed, to `out` as the next line of the chain.
    pub fn append(self, line: &[u8], out: &mut Vec<u8>) -> Self {
        let begin = out.len();
        out.extend_from_slice(line.strip_suffix(b"}").unwrap_or(line));
        let seq = self.seq.saturating_add(1);
        out.extend_from_slice(SEQ);
        out.extend_from_slice(seq.to_string().as_bytes());
        out.extend_from_slice(PREV);
        self.hash.write(out);
        out.push(b'"');
        let hash = Hash::of(self.hash, out.get(begin..).unwrap_or_default());
        out.extend_from_slice(HASH);
        hash.write(out);
        out.extend_from_slice(b"\"}\n");
        Self { seq, hash }
    }
}

/// A line that says that it is a link. Nothing of it has been compared with another line yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainedLine<'a> {
    /// Everything before the `hash` member, without the brace that closes the line.
    body: &'a [u8],
    /// The number it gives itself.
    pub seq: u64,
    /// The hash of the line that it says it follows.
    pub prev: Hash,
    /// The hash it gives itself.
    pub hash: Hash,
}

impl<'a> ChainedLine<'a> {
    /// Reads the end of a line, which comes without its line feed. `None` if it is no link.
    pub fn read(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_suffix(b"\"}")?;
        let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(HASH_DIGITS)?)?;
        let body = rest.strip_suffix(HASH)?;
        let (rest, prev) = body
            .strip_suffix(b"\"")
            .and_then(|rest| rest.split_at_checked(rest.len().checked_sub(HASH_DIGITS)?))?;
        let rest = rest.strip_suffix(PREV)?;
        let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(digits)?)?;
        rest.strip_suffix(SEQ).filter(|rest| rest.first() == Some(&b'{'))?;
        let seq = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('0'))?.parse().ok()?;
        Some(Self { body, seq, prev: Hash::read(prev)?, hash: Hash::read(hash)? })
    }

    /// Whether the hash is that of the line.
    pub fn is_whole(&self) -> bool {
        Hash::of(self.prev, self.body) == self.hash
    }

    /// The link that this line is, if it is what it says.
    pub const fn link(&self) -> Link {
        Link { seq: self.seq, hash: self.hash }
    }
}

impl Hash {
    fn of(prev: Self, body: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&prev.0);
        context.update(body);
        context.update(b"}");
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }

    /// SHA-256 of some bytes that are no line.
    pub(crate) fn finish(context: Context) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }

    /// Reads 64 hex digits in small letters, the only spelling.
    pub fn read(digits: &[u8]) -> Option<Self> {
        let nibble = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut hash = [0; 32];
        if digits.len() != HASH_DIGITS {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self(hash))
    }

    fn write(self, out: &mut Vec<u8>) {
        let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        out.extend(self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const SEQ: &[u8] = b",\"seq\":";
const PREV: &[u8] = b",\"prev\":\"";
const HASH: &[u8] = b",\"hash\":\"";
const HASH_DIGITS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_as_it_was_chained() {
        let mut out = Vec::new();
        let first = Link::BEGINNING.append(br#"{"event":"a"}"#, &mut out);
        let second = first.append(br#"{"event":"b"}"#, &mut out);
        let lines: Vec<_> = out.split(|byte| *byte == b'\n').collect();
        let [one, two, end] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(end.is_empty());
        let (one, two) = (ChainedLine::read(one).unwrap(), ChainedLine::read(two).unwrap());
        assert!(one.is_whole() && two.is_whole());
        assert_eq!((one.link(), two.link()), (first, second));
        assert_eq!((one.prev, two.prev), (Link::BEGINNING.hash, first.hash));
        let json: serde_json::Value = serde_json::from_slice(lines[1]).unwrap();
        assert_eq!(json["seq"], 2);
        assert_eq!(json["prev"], first.hash.to_string());
    }

    /// As anybody would compute it, with `sha256sum` alone.
    #[test]
    fn the_hash_is_that_of_the_documentation() {
        let mut out = Vec::new();
        let link = Link::BEGINNING.append(br#"{"a":1}"#, &mut out);
        let mut bytes = vec![0; 32];
        bytes.extend_from_slice(format!(r#"{{"a":1,"seq":1,"prev":"{}"}}"#, "0".repeat(64)).as_bytes());
        let digest = aws_lc_rs::digest::digest(&SHA256, &bytes);
        assert_eq!(link.hash.to_string(), Hash(digest.as_ref().try_into().unwrap()).to_string());
    }

    #[test]
    fn what_is_no_link_is_none() {
        let mut out = Vec::new();
        Link::BEGINNING.append(br#"{"event":"a"}"#, &mut out);
        out.pop();
        let good = String::from_utf8(out).unwrap();
        assert!(ChainedLine::read(good.as_bytes()).is_some());
        for bad in [
            String::new(),
            "{}".to_owned(),
            "\"}".to_owned(),
            good[1..].to_owned(),
            good[..good.len() - 1].to_owned(),
            good.replace("\"seq\":1", "\"seq\":01"),
            good.replace("\"seq\":1", "\"seq\":"),
            good.replace("\"seq\":1", "\"seq\":99999999999999999999"),
            good.replace(":\"0000", ":\"000g"),
            good.replace("\"hash\"", "\"Hash\""),
            format!("{good} "),
        ] {
            assert!(ChainedLine::read(bad.as_bytes()).is_none(), "{bad}");
        }
        let upper = good[..good.len() - 40].to_owned() + &good[good.len() - 40..].to_uppercase();
        assert!(ChainedLine::read(upper.as_bytes()).is_none(), "one spelling");
        let changed = good.replace("\"a\"", "\"b\"");
        assert!(!ChainedLine::read(changed.as_bytes()).unwrap().is_whole());
    }
}
