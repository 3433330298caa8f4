//! The journal of endings: a plain file beside the database, written and synchronised before an end is acknowledged, and
//! believed before the database is. A database that loses or repeats its past can then make users log in again, but never
//! bring a revoked session back.
//!
//! The file is a header and entries of 32 bytes, each under a checksum of its own: a damaged entry is passed over and
//! counted, and takes none of the others with it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use holdfast_core::{
    SessionId, UnixTime,
    session::{EndReason, Ended},
};

use crate::codec;

/// Something that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// An epoch, and with it every session of it.
    Epoch { number: u64, at: UnixTime },
    /// A session.
    Session { id: SessionId, ended: Ended },
}

/// The open file.
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    /// How much of the file is known to be whole.
    length: u64,
    /// At this length it is time to drop what is no longer of use.
    compact_at: u64,
    /// How long an end is of use.
    keep: Duration,
}

/// What stood in the file.
#[derive(Default)]
pub(super) struct Past {
    pub(super) entries: Vec<Entry>,
    /// How many entries could not be read, a torn last one not counted.
    pub(super) damaged: usize,
}

impl Journal {
    /// Opens the journal, or makes a new one. `keep` is how long the end of a session is of use: as long as it could have
    /// lived on.
    pub(super) fn open(path: &Path, keep: Duration) -> io::Result<(Self, Past)> {
        let mut file = private().create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let past = parse(&bytes);
        let mut journal = Self { file, path: path.to_owned(), length: 0, compact_at: COMPACT_AT, keep };
        // What is torn goes; also a file that is no journal at all becomes one, with the readable entries kept.
        journal.rewrite(&past.entries)?;
        Ok((journal, past))
    }

    /// Writes entries and waits until the disk has them.
    pub(super) fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.encode()).collect();
        // Always at the end of what is whole: whatever an earlier failure left behind is overwritten.
        self.file.write_all_at(&bytes, self.length)?;
        self.file.sync_data()?;
        self.length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Whether the file has grown so much that it should be compacted.
    pub(super) const fn is_long(&self) -> bool {
        self.length >= self.compact_at
    }

    /// What stands in the file.
    pub(super) fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut bytes = vec![0; usize::try_from(self.length).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(parse(&bytes).entries)
    }

    /// Drops the ends that are of no use any more. Call it only when the database has them all.
    pub(super) fn compact(&mut self, now: UnixTime) -> io::Result<()> {
        let mut entries = self.entries()?;
        entries.retain(|entry| match entry {
            Entry::Epoch { .. } => true,
            Entry::Session { ended, .. } => ended.at.after(self.keep) >= now,
        });
        self.rewrite(&entries)
    }

    /// Replaces the file as a whole: it is the old one or the new one, whenever the power goes.
    fn rewrite(&mut self, entries: &[Entry]) -> io::Result<()> {
        let next = self.path.with_extension("next");
        let file = private().create(true).truncate(true).open(&next)?;
        let bytes: Vec<u8> =
            HEADER.into_iter().chain(entries.iter().flat_map(|entry| entry.encode())).collect();
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        std::fs::rename(&next, &self.path)?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        self.file = file;
        self.length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.compact_at = self.length.saturating_mul(2).max(COMPACT_AT);
        Ok(())
    }
}

impl Entry {
    /// When it was over.
    pub(super) const fn at(&self) -> UnixTime {
        match self {
            Self::Epoch { at, .. } => *at,
            Self::Session { ended, .. } => ended.at,
        }
    }

    fn encode(&self) -> [u8; ENTRY] {
        let (kind, reason, subject, at) = match self {
            Self::Epoch { number, at } => (EPOCH, 0, u128::from(*number).to_be_bytes(), at),
            Self::Session { id, ended } => {
                (SESSION, codec::reason_byte(ended.reason), *id.as_bytes(), &ended.at)
            }
        };
        let mut entry = [0; ENTRY];
        let parts = [kind, reason, 0, 0].into_iter().chain(subject).chain(at.as_millis().to_be_bytes());
        for (to, from) in entry.iter_mut().zip(parts) {
            *to = from;
        }
        if let Some((checked, sum)) = entry.split_last_chunk_mut::<4>() {
            *sum = crc32fast::hash(checked).to_be_bytes();
        }
        entry
    }

    fn decode(entry: &[u8; ENTRY]) -> Option<Self> {
        let (checked, sum) = entry.split_last_chunk::<4>()?;
        if u32::from_be_bytes(*sum) != crc32fast::hash(checked) {
            return None;
        }
        let ([kind, reason, _, _], rest) = checked.split_first_chunk::<4>()?;
        let (subject, rest) = rest.split_first_chunk::<16>()?;
        let at = UnixTime::from_millis(u64::from_be_bytes(rest.try_into().ok()?));
        match *kind {
            EPOCH => Some(Self::Epoch { number: u64::try_from(u128::from_be_bytes(*subject)).ok()?, at }),
            SESSION => {
                let reason =
                    EndReason::ALL.into_iter().find(|known| codec::reason_byte(*known) == *reason)?;
                Some(Self::Session { id: SessionId::from_bytes(*subject), ended: Ended { at, reason } })
            }
            _ => None,
        }
    }
}

fn parse(bytes: &[u8]) -> Past {
    let mut past = Past::default();
    // The header has the length of an entry, so that a damaged one moves nothing.
    let (chunks, _torn) = bytes.as_chunks::<ENTRY>();
    for chunk in chunks.iter().skip(1) {
        match Entry::decode(chunk) {
            Some(entry) => past.entries.push(entry),
            None => past.damaged += 1,
        }
    }
    past
}

/// Only the server's own user reads who was logged in.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

const ENTRY: usize = 32;
const HEADER: [u8; ENTRY] = *b"holdfast journal of endings, v1\n";

const EPOCH: u8 = 1;
const SESSION: u8 = 2;

/// Half a million ends.
const COMPACT_AT: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(100);

    fn ended(id: u8, at: u64) -> Entry {
        let ended = Ended { at: UnixTime::from_secs(at), reason: EndReason::Logout };
        Entry::Session { id: SessionId::from_bytes([id; 16]), ended }
    }

    #[test]
    fn remembers_what_was_appended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let entries = [ended(1, 10), Entry::Epoch { number: 3, at: UnixTime::from_secs(11) }, ended(2, 12)];
        let (mut journal, past) = Journal::open(&path, KEEP).unwrap();
        assert!(past.entries.is_empty());
        journal.append(&entries[..1]).unwrap();
        journal.append(&entries[1..]).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&path, KEEP).unwrap().1.entries, entries);
    }

    #[test]
    fn passes_over_damage_and_torn_tails() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let (mut journal, _) = Journal::open(&path, KEEP).unwrap();
        journal.append(&[ended(1, 10), ended(2, 11), ended(3, 12), ended(4, 13)]).unwrap();
        drop(journal);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[70] ^= 1;
        bytes.truncate(bytes.len() - 5);
        std::fs::write(&path, &bytes).unwrap();
        let (mut journal, past) = Journal::open(&path, KEEP).unwrap();
        assert_eq!(past.entries, [ended(1, 10), ended(3, 12)]);
        assert_eq!(past.damaged, 1);
        journal.append(&[ended(5, 14)]).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&path, KEEP).unwrap().1.entries, [ended(1, 10), ended(3, 12), ended(5, 14)]);
    }

    #[test]
    fn drops_old_ends_and_keeps_epochs() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let epoch = Entry::Epoch { number: 0, at: UnixTime::from_secs(1) };
        let (mut journal, _) = Journal::open(&path, KEEP).unwrap();
        journal.append(&[epoch, ended(1, 10), ended(2, 50)]).unwrap();
        journal.compact(UnixTime::from_secs(111)).unwrap();
        journal.append(&[ended(3, 112)]).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&path, KEEP).unwrap().1.entries, [epoch, ended(2, 50), ended(3, 112)]);
    }
}
