//! What a backup needs of the memory, and what merging one does to it.

use std::{
    collections::hash_map,
    sync::{Arc, atomic::Ordering},
};

use holdfast_core::{
    SessionId, UnixTime,
    session::{Ended, Record, Session},
};
use tokio::sync::{Mutex, oneshot};

use super::{
    Local,
    entry::{Entry, Stage},
    state::State,
};
use crate::{
    Backup, Found, NoteKind, Unavailable,
    log::{Operation, Write, closed},
};

/// What becomes of a session that comes out of a backup. Unless it is kept, its entry is the caller's until it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merging {
    /// It was not known here.
    Added,
    /// What is here is as new, or has ended.
    Kept,
    /// What is here is older.
    Updated,
}

impl Local {
    pub(crate) async fn backup(&self, now: UnixTime) -> Result<Backup, Unavailable> {
        let endings = self.journaled().await?;
        Ok(Backup::new(Arc::clone(&self.state), endings, now))
    }

    pub(crate) const fn merges(&self) -> &Mutex<()> {
        &self.merges
    }

    /// The ends of sessions that the journal has.
    pub(crate) async fn journaled(&self) -> Result<Vec<(SessionId, Ended)>, Unavailable> {
        match &self.log {
            Some(log) => log.ask(Operation::Endings).await,
            None => Ok(Vec::new()),
        }
    }

    /// Writes ends of sessions that are not here into the journal.
    pub(crate) async fn note_ends(&self, ends: Vec<(SessionId, Ended)>) -> Result<(), Unavailable> {
        match &self.log {
            Some(log) if !ends.is_empty() => log.ask(|answer| Operation::NoteEnds(ends, answer)).await,
            Some(_) | None => Ok(()),
        }
    }

    /// The session as it is to be when it has ended, if it is here and alive. Its entry is the caller's until it is written.
    pub(crate) async fn ending_of(&self, id: SessionId, ended: Ended) -> Option<Arc<Session>> {
        loop {
            let next = self.state.peek(id)?.session.end(ended.reason, ended.at)?;
            match self.granted_replace(&next).await {
                None => return Some(Arc::new(next)),
                // Somebody was faster: look again at what the session has become.
                Some(_decision) => {}
            }
        }
    }

    /// Grants the entry of a session that comes out of a backup, if there is to be one.
    pub(crate) async fn merging(&self, found: &Found) -> Merging {
        let Some(shard) = self.state.shard(found.session.record().id) else { return Merging::Kept };
        loop {
            let mut settled = std::pin::pin!(shard.settled.notified());
            settled.as_mut().enable();
            match self.state.begin_merge(found) {
                Some(merging) => return merging,
                None => settled.await,
            }
        }
    }

    /// Begins to make a session durable whose entry was granted.
    pub(crate) fn write_granted(&self, session: Arc<Session>) -> Write {
        self.begin_write(session)
    }

    /// Begins to keep a note that comes out of a backup, unless there is one of this name.
    pub(crate) fn bring_note(&self, kind: NoteKind, key: &[u8], value: Vec<u8>) -> Option<Write> {
        if !self.state.notes.add(kind, key, value) {
            return None;
        }
        let Some(log) = &self.log else { return Some(Write::Done(Ok(()))) };
        let (answer, answered) = oneshot::channel();
        Some(match log.hand_over(Operation::Note((kind, key.into()), Some(answer))) {
            Ok(()) => Write::Waiting(answered),
            Err(_) => Write::Done(Err(closed())),
        })
    }

    pub(crate) fn slimmed(&self, record: Record) -> Arc<Session> {
        self.state.slim(Session::restore(record))
    }

    pub(crate) fn epoch_now(&self) -> u64 {
        self.state.fence.epoch()
    }

    pub(crate) fn ends_of_everybody(&self) -> Vec<UnixTime> {
        self.state.fence.ends()
    }
}

impl State {
    /// None while somebody else writes it.
    fn begin_merge(&self, found: &Found) -> Option<Merging> {
        let record = found.session.record();
        let Some(shard) = self.shard(record.id) else { return Some(Merging::Kept) };
        match shard.entries.write().entry(record.id) {
            hash_map::Entry::Occupied(mut place) => {
                let entry = place.get_mut();
                if entry.stage != Stage::Settled {
                    return None;
                }
                let Some(current) = self.unpack(record.id, &entry.slot) else { return Some(Merging::Kept) };
                let current = current.record();
                let is_ended = current.ended.is_some() || self.fence.ended(current).is_some();
                // Whoever brings an end has looked for a living session before; here it would only be told twice.
                if is_ended || record.ended.is_some() || record.revision <= current.revision {
                    return Some(Merging::Kept);
                }
                entry.stage = Stage::Replacing;
                entry.adopt(found.activity);
                return Some(Merging::Updated);
            }
            hash_map::Entry::Vacant(place) => {
                place.insert(Entry::merged(Arc::clone(&found.session), found.activity));
                self.ready.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.users.add(&record.app, &record.user, record.id);
        Some(Merging::Added)
    }
}
