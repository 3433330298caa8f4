//! A file of the trail: opened, and found as it was left.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};

use crate::{ChainedLine, Hash, Link, Seal, Settings, control::Unchained};

/// A file that a trail shall go on in, and how.
pub struct Target {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    pub(crate) found: Found,
    pub(crate) settings: Settings,
    pub(crate) seal: Option<Seal>,
}

impl Target {
    /// Opens the file for appending; it is made with mode 0600 if it is new. Nothing is written yet.
    ///
    /// # Errors
    /// If it cannot be opened or read.
    pub fn open(path: &Path, settings: Settings, seal: Option<Seal>) -> io::Result<Self> {
        let file = append(path)?;
        let found = Found::in_file(&file)?;
        Ok(Self { file, path: path.to_owned(), found, settings, seal })
    }
}

/// How a file was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) bytes: u64,
    /// The last line that is a link and whole.
    pub(crate) end: Option<Link>,
    /// Whether only the line feed is missing after it.
    pub(crate) lacks_line_feed: bool,
    /// What comes behind it, or everything if there is no link.
    pub(crate) unchained: Option<Unchained>,
    /// Whether that ends with a line feed.
    pub(crate) unchained_ends: bool,
}

impl Found {
    /// Looks for the end of the chain, from the end of the file.
    pub(crate) fn in_file(file: &File) -> io::Result<Self> {
        let bytes = file.metadata()?.len();
        if let Some(Tail { link, behind, lacks_line_feed }) = tail_of(file, bytes, FARTHEST)? {
            return Ok(Self {
                bytes,
                end: Some(link),
                lacks_line_feed,
                unchained: (!behind.is_empty()).then(|| unchained(&behind)),
                unchained_ends: behind.ends_with(b"\n"),
            });
        }
        let mut last = [0];
        if bytes > 0 {
            file.read_exact_at(&mut last, bytes - 1)?;
        }
        Ok(Self {
            bytes,
            end: None,
            lacks_line_feed: false,
            unchained: (bytes > 0).then(|| whole(file)).transpose()?,
            unchained_ends: last == *b"\n",
        })
    }
}

/// The end of the chain in a file that nobody writes any more, and how many bytes the file has. A file that does not end
/// with a chain is not searched for one.
pub(crate) fn end_of(file: &File) -> io::Result<Option<(Link, u64)>> {
    let bytes = file.metadata()?.len();
    Ok(tail_of(file, bytes, WINDOW << 6)?.map(|tail| (tail.link, bytes)))
}

/// The end of a file.
struct Tail {
    link: Link,
    /// What comes behind the line of the link.
    behind: Vec<u8>,
    lacks_line_feed: bool,
}

fn tail_of(file: &File, bytes: u64, farthest: u64) -> io::Result<Option<Tail>> {
    let mut window = WINDOW.min(bytes);
    loop {
        let mut tail = vec![0; usize::try_from(window).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut tail, bytes - window)?;
        if let Some((link, end)) = last_link(&tail, window == bytes) {
            let lacks_line_feed = end == tail.len() && tail.last() != Some(&b'\n');
            return Ok(Some(Tail { link, behind: tail.split_off(end), lacks_line_feed }));
        }
        if window == bytes || window >= farthest {
            return Ok(None);
        }
        window = window.saturating_mul(8).min(bytes);
    }
}

/// Which file it is, whatever its name.
pub(crate) fn identity(file: &File) -> io::Result<(u64, u64)> {
    file.metadata().map(|about| (about.dev(), about.ino()))
}

/// A file to append to, made with mode 0600 if it is new.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// The last whole link of `tail` and where it ends, its line feed included. A first line that may be cut is none.
fn last_link(tail: &[u8], is_all: bool) -> Option<(Link, usize)> {
    let mut end = tail.len();
    while end > 0 {
        let text_end = if tail.get(end - 1) == Some(&b'\n') { end - 1 } else { end };
        let before = tail.get(..text_end)?;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if start > 0 || is_all {
            let line = ChainedLine::read(before.get(start..)?);
            if let Some(line) = line.filter(ChainedLine::is_whole) {
                return Some((line.link(), end));
            }
        }
        end = start;
    }
    None
}

fn unchained(bytes: &[u8]) -> Unchained {
    let mut context = Context::new(&SHA256);
    context.update(bytes);
    Unchained { bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX), hash: Hash::finish(context) }
}

fn whole(mut file: &File) -> io::Result<Unchained> {
    file.seek(SeekFrom::Start(0))?;
    let (mut context, mut bytes, mut part) = (Context::new(&SHA256), 0_u64, vec![0; 1 << 16]);
    loop {
        let count = file.read(&mut part)?;
        if count == 0 {
            return Ok(Unchained { bytes, hash: Hash::finish(context) });
        }
        context.update(part.get(..count).unwrap_or_default());
        bytes = bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

const WINDOW: u64 = 1 << 16;

/// What a broken write can leave behind is less.
const FARTHEST: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn found(bytes: &[u8]) -> Found {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Found::in_file(&file).unwrap()
    }

    #[test]
    fn the_end_is_found_whatever_follows_it() {
        assert_eq!(found(b"").end, None);
        let mut chain = Vec::new();
        let first = Link::BEGINNING.append(b"{\"a\":1}", &mut chain);
        let last = first.append(format!("{{\"a\":\"{}\"}}", "x".repeat(200_000)).as_bytes(), &mut chain);
        let whole = found(&chain);
        assert_eq!((whole.end, whole.unchained, whole.lacks_line_feed), (Some(last), None, false));

        let cut = found(&chain[..chain.len() - 1]);
        assert_eq!((cut.end, cut.unchained, cut.lacks_line_feed), (Some(last), None, true));

        let torn = found(&chain[..chain.len() - 2]);
        assert_eq!(torn.end, Some(first));
        let length = u64::try_from(chain.len()).unwrap();
        let one = u64::try_from(chain.iter().position(|byte| *byte == b'\n').unwrap()).unwrap() + 1;
        assert_eq!(torn.unchained.unwrap().bytes, length - 2 - one);
        assert!(!torn.unchained_ends);

        let zeros = found(&[chain.clone(), vec![0; 4096]].concat());
        assert_eq!((zeros.end, zeros.unchained.unwrap().bytes), (Some(last), 4096));

        let older = found(b"{\"event\":\"a\"}\n{\"event\":\"b\"}\n");
        assert_eq!((older.end, older.unchained_ends, older.unchained.unwrap().bytes), (None, true, 28));
    }
}
