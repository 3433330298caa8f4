//! From the disk into memory.

use std::{
    collections::HashMap,
    panic::resume_unwind,
    path::Path,
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

use holdfast_core::{
    SessionId, UnixTime,
    session::{Ended, Record},
};

use super::{
    disk::{Disk, DiskError},
    journal::{Entry, Past},
    value,
};
use crate::local::State;

/// What was read.
pub(super) struct Loaded {
    pub(super) state: State,
    pub(super) disk: Disk,
    /// The sessions that the journal ended, and the database did not know.
    pub(super) ended: Vec<SessionId>,
    /// How many records could not be read.
    pub(super) unreadable: usize,
}

/// Records on their way from the thread that reads to the one that decodes.
type Part = Vec<(SessionId, sled::IVec)>;

impl Loaded {
    /// Reads the whole database. To be called under [`super::disk::guarded`].
    pub(super) fn read(path: &Path, past: &Past) -> Result<Self, DiskError> {
        let (ends, mut epochs) = split(past);
        let disk = Disk::open(path)?;
        let state = State::new();
        let (ended, unreadable) = thread::scope(|scope| {
            let (reader, decoder) = sync_channel(PARTS_WAITING);
            let decoding = scope.spawn(|| decode(&state, &ends, decoder));
            let mut part = Part::new();
            disk.read(
                |id, value| {
                    part.push((id, value));
                    if part.len() == PART {
                        // Nobody takes it only if decoding panicked, which is found out below.
                        let _decoded = reader.send(std::mem::take(&mut part));
                    }
                },
                |number, at| {
                    epochs.entry(number).or_insert(UnixTime::from_millis(at));
                },
                |kind, key, value| state.notes.set(kind, key, Some(value.to_vec())),
            )?;
            let _decoded = reader.send(part);
            drop(reader);
            Ok::<_, DiskError>(decoding.join().unwrap_or_else(|panic| resume_unwind(panic)))
        })?;
        state.fence.restore(&epochs);
        Ok(Self { state, disk, ended, unreadable })
    }
}

fn split(past: &Past) -> (HashMap<SessionId, Ended>, HashMap<u64, UnixTime>) {
    let (mut ends, mut epochs) = (HashMap::new(), HashMap::new());
    for entry in &past.entries {
        match entry {
            Entry::Epoch { number, at } => {
                epochs.entry(*number).or_insert(*at);
            }
            Entry::Session { id, ended } => {
                ends.entry(*id).or_insert(*ended);
            }
        }
    }
    (ends, epochs)
}

/// Takes records in; gives back which of them the journal ended, and how many could not be read.
fn decode(state: &State, ends: &HashMap<SessionId, Ended>, parts: Receiver<Part>) -> (Vec<SessionId>, usize) {
    let (mut ended, mut unreadable) = (Vec::new(), 0);
    for (id, bytes) in parts.into_iter().flatten() {
        // What cannot be read is absent, and absent means no.
        let Ok((mut record, activity)) = value::decode(id, &bytes, &state.words) else {
            unreadable += 1;
            continue;
        };
        if end(&mut record, ends) {
            ended.push(id);
        }
        state.recover(&record, activity);
    }
    (ended, unreadable)
}

/// Ended wins: whether the journal ends a session that the database takes for alive.
fn end(record: &mut Record, ends: &HashMap<SessionId, Ended>) -> bool {
    let ended = ends.get(&record.id).filter(|_| record.ended.is_none());
    if let Some(ended) = ended {
        record.ended = Some(*ended);
        record.revision = record.revision.saturating_add(1);
    }
    ended.is_some()
}

const PART: usize = 1024;
const PARTS_WAITING: usize = 8;
