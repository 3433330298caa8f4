//! Reading a backup: once to see that it is whole and whose it is, and once more to take it in.

use std::io::Read;

use holdfast_core::{
    SessionId, UnixTime,
    session::{Activity, Ended, Record},
};

use super::{
    BadBackup,
    frame::{FrameReader, Kind, Version, read_ended, read_note, to_u64},
};
use crate::{NoteKind, local::Words, log::decode_value};

/// What is in a backup that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// When it was begun.
    pub taken_at: UnixTime,
    /// How many sessions it has, the ended ones among them.
    pub sessions: u64,
    /// How many ends of sessions it has besides.
    pub ended: u64,
    /// How many notes it has; none in one of a version that had no notes.
    pub notes: u64,
    /// When everybody was sent away, each time.
    pub epochs: Vec<UnixTime>,
    /// The SHA-256 of all but the seal.
    pub digest: [u8; 32],
    /// What vouches for the digest.
    pub seal: String,
}

/// What is merged into a store.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// This session has ended, whatever else is said of it.
    Ended(SessionId, Ended),
    /// A note, with its key and its value.
    Note(NoteKind, Box<[u8]>, Box<[u8]>),
    /// A session as it was, and its use.
    Session(Box<Record>, Activity),
}

impl Contents {
    /// Reads a backup to its end.
    ///
    /// # Errors
    /// [`BadBackup`], if it is not whole. Whether it is genuine is for the seal to say.
    pub fn read(from: impl Read) -> Result<Self, BadBackup> {
        let mut items = Items::open(from)?;
        while items.next_item()?.is_some() {}
        items.contents.ok_or(BadBackup::Truncated)
    }
}

/// The items of a backup, one at a time.
pub struct Items<R> {
    frames: FrameReader<R>,
    words: Words,
    taken_at: UnixTime,
    sessions: u64,
    ended: u64,
    notes: u64,
    epochs: Vec<UnixTime>,
    /// Known at the end.
    contents: Option<Contents>,
}

impl<R: Read> Items<R> {
    /// Reads the beginning.
    ///
    /// # Errors
    /// [`BadBackup`], if it is none of a backup.
    pub fn open(from: R) -> Result<Self, BadBackup> {
        let mut frames = FrameReader::begin(from)?;
        let at = frames.position();
        let taken_at = match frames.next()? {
            (Kind::Taken, payload) => number(payload).ok_or(BadBackup::Damaged { at })?,
            _ => return Err(BadBackup::Damaged { at }),
        };
        Ok(Self {
            frames,
            words: Words::default(),
            taken_at: UnixTime::from_millis(taken_at),
            sessions: 0,
            ended: 0,
            notes: 0,
            epochs: Vec::new(),
            contents: None,
        })
    }

    /// The next item; none when the backup is at its end and whole.
    ///
    /// # Errors
    /// [`BadBackup`], if it is not whole.
    pub fn next_item(&mut self) -> Result<Option<Item>, BadBackup> {
        let version = self.frames.version();
        while self.contents.is_none() {
            let at = self.frames.position();
            let (kind, payload) = self.frames.next()?;
            let item = match kind {
                Kind::Ended => read_ended(payload).map(|(id, ended)| Some(Item::Ended(id, ended))),
                Kind::Session => read_session(payload, &self.words).map(Some),
                Kind::Note if version == Version::Notes => read_note(payload)
                    .map(|(kind, key, value)| Some(Item::Note(kind, key.into(), value.into()))),
                Kind::Note => None,
                Kind::Epoch => read_epoch(payload, self.epochs.len()).map(|end| {
                    self.epochs.push(end);
                    None
                }),
                Kind::Close => {
                    let told = [self.ended, self.sessions, to_u64(self.epochs.len()), self.notes];
                    let told = match version {
                        Version::Sessions => {
                            told.split_last().map_or_else(Default::default, |(_, told)| told)
                        }
                        Version::Notes => told.as_slice(),
                    };
                    let told: Vec<u8> = told.iter().flat_map(|count| count.to_be_bytes()).collect();
                    (told == payload).then_some(None)
                }
                Kind::Seal | Kind::Taken => None,
            };
            match item.ok_or(BadBackup::Damaged { at })? {
                Some(item) => {
                    match item {
                        Item::Ended(..) => self.ended += 1,
                        Item::Note(..) => self.notes += 1,
                        Item::Session(..) => self.sessions += 1,
                    }
                    return Ok(Some(item));
                }
                None if kind == Kind::Close => self.finish()?,
                None => {}
            }
        }
        Ok(None)
    }

    fn finish(&mut self) -> Result<(), BadBackup> {
        let (digest, at) = (self.frames.digest(), self.frames.position());
        let seal = match self.frames.next()? {
            (Kind::Seal, payload) => std::str::from_utf8(payload).ok().map(str::to_owned),
            _ => None,
        };
        let seal = seal.ok_or(BadBackup::Damaged { at })?;
        self.frames.end()?;
        self.contents = Some(Contents {
            taken_at: self.taken_at,
            sessions: self.sessions,
            ended: self.ended,
            notes: self.notes,
            epochs: self.epochs.clone(),
            digest,
            seal,
        });
        Ok(())
    }
}

fn read_session(payload: &[u8], words: &Words) -> Option<Item> {
    let (id, value) = payload.split_first_chunk::<16>()?;
    let (record, activity) = decode_value(SessionId::from_bytes(*id), value, words).ok()?;
    Some(Item::Session(Box::new(record), activity))
}

fn read_epoch(payload: &[u8], expected: usize) -> Option<UnixTime> {
    let (epoch, at) = payload.split_first_chunk::<8>()?;
    (u64::from_be_bytes(*epoch) == to_u64(expected)).then(|| number(at).map(UnixTime::from_millis))?
}

fn number(payload: &[u8]) -> Option<u64> {
    payload.try_into().ok().map(u64::from_be_bytes)
}
