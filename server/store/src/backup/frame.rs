//! The parts of the file, one at a time.
//!
//! ```text
//! kind (1) · length (4) · payload · CRC-32 of all before (4)
//! ```

use std::io::Read;

use holdfast_core::{
    SessionId, UnixTime,
    session::{EndReason, Ended},
};
use sha2::{Digest, Sha256};

use super::BadBackup;
use crate::{NoteKind, codec};

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Close,
    Ended,
    Epoch,
    Note,
    Seal,
    Session,
    Taken,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Close, Self::Ended, Self::Epoch, Self::Note, Self::Seal, Self::Session, Self::Taken];

    const fn as_byte(self) -> u8 {
        match self {
            Self::Taken => 1,
            Self::Ended => 2,
            Self::Session => 3,
            Self::Epoch => 4,
            Self::Close => 5,
            Self::Seal => 6,
            Self::Note => 7,
        }
    }

    /// How many bytes its payload may have.
    const fn longest(self) -> usize {
        match self {
            Self::Note => LONGEST_NOTE,
            Self::Close | Self::Ended | Self::Epoch | Self::Seal | Self::Session | Self::Taken => LONGEST,
        }
    }
}

/// What a backup is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Sessions and their ends.
    Sessions,
    /// Notes as well.
    Notes,
}

impl Version {
    fn of_header(header: &[u8]) -> Result<Self, BadBackup> {
        if header == HEADER {
            Ok(Self::Notes)
        } else if header == HEADER_1 {
            Ok(Self::Sessions)
        } else if header.starts_with(NAME) {
            Err(BadBackup::NewerVersion)
        } else {
            Err(BadBackup::NoBackup)
        }
    }
}

/// Writes frames, and digests what it writes.
pub(super) struct FrameWriter {
    digest: Sha256,
}

impl FrameWriter {
    pub(super) fn begin(out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(HEADER);
        Self { digest: Sha256::new_with_prefix(HEADER) }
    }

    pub(super) fn put(&mut self, kind: Kind, payload: &[&[u8]], out: &mut Vec<u8>) {
        let begin = out.len();
        put(kind, payload, out);
        self.digest.update(out.get(begin..).unwrap_or_default());
    }

    /// The digest of all that was written so far.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }
}

/// Writes a frame.
pub(super) fn put(kind: Kind, payload: &[&[u8]], out: &mut Vec<u8>) {
    let begin = out.len();
    let length: usize = payload.iter().map(|part| part.len()).sum();
    out.push(kind.as_byte());
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    payload.iter().for_each(|part| out.extend_from_slice(part));
    let checksum = crc32fast::hash(out.get(begin..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_be_bytes());
}

/// Reads frames, and digests what it reads.
pub(super) struct FrameReader<R> {
    from: R,
    version: Version,
    digest: Sha256,
    /// How many bytes were read.
    position: u64,
    buffer: Vec<u8>,
}

impl<R: Read> FrameReader<R> {
    pub(super) fn begin(mut from: R) -> Result<Self, BadBackup> {
        let mut header = [0; HEADER.len()];
        from.read_exact(&mut header).map_err(|error| {
            let bad = BadBackup::from_io(error);
            // Of something so short it cannot be said that it was a backup once.
            if matches!(bad, BadBackup::Truncated) { BadBackup::NoBackup } else { bad }
        })?;
        let version = Version::of_header(&header)?;
        let digest = Sha256::new_with_prefix(header);
        Ok(Self { from, version, digest, position: to_u64(HEADER.len()), buffer: Vec::new() })
    }

    /// The next frame. No more than the longest frame is ever held.
    pub(super) fn next(&mut self) -> Result<(Kind, &[u8]), BadBackup> {
        let damaged = BadBackup::Damaged { at: self.position };
        let mut head = [0; 5];
        self.from.read_exact(&mut head).map_err(BadBackup::from_io)?;
        let [kind, length @ ..] = head;
        let kind = Kind::ALL.into_iter().find(|known| known.as_byte() == kind);
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let Some(kind) = kind.filter(|kind| length <= kind.longest()) else { return Err(damaged) };
        self.buffer.clear();
        self.buffer.resize(length, 0);
        self.from.read_exact(&mut self.buffer).map_err(BadBackup::from_io)?;
        let mut sum = [0; 4];
        self.from.read_exact(&mut sum).map_err(BadBackup::from_io)?;
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&head);
        checksum.update(&self.buffer);
        if u32::from_be_bytes(sum) != checksum.finalize() {
            return Err(damaged);
        }
        if kind != Kind::Seal {
            self.digest.update(head);
            self.digest.update(&self.buffer);
            self.digest.update(sum);
        }
        self.position = self.position.saturating_add(to_u64(head.len() + length + sum.len()));
        Ok((kind, &self.buffer))
    }

    /// Nothing may follow.
    pub(super) fn end(&mut self) -> Result<(), BadBackup> {
        match self.from.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(BadBackup::Damaged { at: self.position }),
            Err(error) => Err(BadBackup::Io(error)),
        }
    }

    pub(super) const fn version(&self) -> Version {
        self.version
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// The digest of all that was read so far, without the seal.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }
}

pub(super) fn write_ended(ended: Ended) -> [u8; 9] {
    let mut bytes = [codec::reason_byte(ended.reason); 9];
    for (to, from) in bytes.iter_mut().zip(ended.at.as_millis().to_be_bytes()) {
        *to = from;
    }
    bytes
}

pub(super) fn read_ended(payload: &[u8]) -> Option<(SessionId, Ended)> {
    let (id, rest) = payload.split_first_chunk::<16>()?;
    let (at, reason) = rest.split_first_chunk::<8>()?;
    let [reason] = reason else { return None };
    let reason = EndReason::ALL.into_iter().find(|known| codec::reason_byte(*known) == *reason)?;
    let at = UnixTime::from_millis(u64::from_be_bytes(*at));
    Some((SessionId::from_bytes(*id), Ended { at, reason }))
}

/// A note's key is at most so long that its length fits before it.
pub(super) fn note_head(kind: NoteKind, key: &[u8]) -> [u8; 5] {
    let [a, b, c, d] = u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes();
    [kind.number(), a, b, c, d]
}

pub(super) fn read_note(payload: &[u8]) -> Option<(NoteKind, &[u8], &[u8])> {
    let ([kind, length @ ..], rest) = payload.split_first_chunk::<5>()?;
    let kind = NoteKind::of_number(*kind).filter(|kind| kind.is_backed_up())?;
    let (key, value) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some((kind, key, value))
}

pub(super) fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

const HEADER: &[u8; 32] = b"holdfast backup of sessions, v2\n";
const HEADER_1: &[u8; 32] = b"holdfast backup of sessions, v1\n";

/// What every version begins with.
const NAME: &[u8] = b"holdfast backup of sessions, v";

/// A session is at most a request body of 64 KiB and what the server adds. Bytes.
const LONGEST: usize = 256 * 1024;

/// A stream of signals may name ten thousand users, each written with up to 1536 bytes. Bytes.
const LONGEST_NOTE: usize = 16 << 20;
