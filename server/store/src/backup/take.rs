//! How a backup comes into being: a part at a time, while the store goes on.

use std::sync::Arc;

use holdfast_core::{SessionId, UnixTime, session::Ended};

use super::frame::{self, FrameWriter, Kind, note_head, to_u64, write_ended};
use crate::{
    Note, NoteKind,
    local::{SHARDS, State},
    log::encode_value,
};

/// A backup on its way out.
///
/// What was acknowledged before it began is in it, as it was then or as it has become since; what happens meanwhile may
/// be. It holds no lock while it waits for whoever takes the parts.
pub struct Backup {
    state: Arc<State>,
    frames: Option<FrameWriter>,
    taken_at: UnixTime,
    endings: std::vec::IntoIter<(SessionId, Ended)>,
    ids: std::vec::IntoIter<SessionId>,
    shard: usize,
    /// The kinds of notes that are still to come.
    kinds: std::array::IntoIter<NoteKind, { NoteKind::ALL.len() }>,
    notes_of: std::vec::IntoIter<(NoteKind, Note)>,
    sessions: u64,
    ended: u64,
    notes: u64,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Closed,
    Running,
}

impl Backup {
    pub(crate) fn new(state: Arc<State>, endings: Vec<(SessionId, Ended)>, taken_at: UnixTime) -> Self {
        Self {
            state,
            frames: None,
            taken_at,
            ended: to_u64(endings.len()),
            endings: endings.into_iter(),
            ids: Vec::new().into_iter(),
            shard: 0,
            kinds: NoteKind::ALL.into_iter(),
            notes_of: Vec::new().into_iter(),
            sessions: 0,
            notes: 0,
            stage: Stage::Running,
        }
    }

    /// The next part, of about 64 KiB. None when all that the store has to say is said; then comes [`Self::seal`].
    pub fn next_part(&mut self) -> Option<Vec<u8>> {
        if self.stage == Stage::Closed {
            return None;
        }
        let mut out = Vec::with_capacity(PART + PART / 4);
        let mut frames = self.frames.take().unwrap_or_else(|| {
            let mut frames = FrameWriter::begin(&mut out);
            frames.put(Kind::Taken, &[&self.taken_at.as_millis().to_be_bytes()], &mut out);
            frames
        });
        while out.len() < PART {
            if let Some((id, ended)) = self.endings.next() {
                frames.put(Kind::Ended, &[id.as_bytes(), &write_ended(ended)], &mut out);
            } else if let Some(id) = self.next_id() {
                if let Some((session, activity)) = self.state.acknowledged(id) {
                    let value = encode_value(session.record(), activity);
                    frames.put(Kind::Session, &[id.as_bytes(), &value], &mut out);
                    self.sessions += 1;
                }
            } else if let Some((kind, (key, value))) = self.next_note() {
                frames.put(Kind::Note, &[&note_head(kind, &key), &key, &value], &mut out);
                self.notes += 1;
            } else {
                self.close(&mut frames, &mut out);
                break;
            }
        }
        self.frames = Some(frames);
        Some(out)
    }

    /// What the seal is to vouch for: the SHA-256 of all parts.
    pub fn digest(&self) -> [u8; 32] {
        self.frames.as_ref().map_or([0; 32], FrameWriter::digest)
    }

    /// The last part: a text by which whoever made the backup knows it again.
    pub fn seal(seal: &str) -> Vec<u8> {
        let mut out = Vec::new();
        frame::put(Kind::Seal, &[seal.as_bytes()], &mut out);
        out
    }

    /// How many sessions are in it so far.
    pub const fn sessions(&self) -> u64 {
        self.sessions
    }

    fn next_id(&mut self) -> Option<SessionId> {
        loop {
            if let Some(id) = self.ids.next() {
                return Some(id);
            }
            if self.shard == SHARDS {
                return None;
            }
            self.ids = self.state.ids(self.shard).into_iter();
            self.shard += 1;
        }
    }

    fn next_note(&mut self) -> Option<(NoteKind, Note)> {
        loop {
            if let Some(note) = self.notes_of.next() {
                return Some(note);
            }
            let kind = self.kinds.find(|kind| kind.is_backed_up())?;
            let notes: Vec<_> = self.state.notes.of_kind(kind).into_iter().map(|note| (kind, note)).collect();
            self.notes_of = notes.into_iter();
        }
    }

    /// The ends of everybody come last: they hold for every session before them, also one that was read a moment before
    /// everybody was sent away.
    fn close(&mut self, frames: &mut FrameWriter, out: &mut Vec<u8>) {
        let ends = self.state.fence.ends();
        for (number, at) in (0_u64..).zip(&ends) {
            frames.put(Kind::Epoch, &[&number.to_be_bytes(), &at.as_millis().to_be_bytes()], out);
        }
        let counts = [self.ended, self.sessions, to_u64(ends.len()), self.notes].map(u64::to_be_bytes);
        frames.put(Kind::Close, &counts.each_ref().map(|count| count.as_slice()), out);
        self.stage = Stage::Closed;
    }
}

/// Few enough bytes that writing them holds up nobody.
const PART: usize = 64 * 1024;
