//! What is seen of the memory.

use std::sync::{Arc, atomic::Ordering};

use holdfast_core::{
    SessionId, UnixTime,
    session::{Activity, Session},
};

use super::{
    entry::{Slot, Stage},
    state::{MOST_READY, State},
};
use crate::{Found, codec};

impl State {
    pub(super) fn load(&self, id: SessionId) -> Option<Found> {
        let shard = self.shard(id)?;
        let entries = shard.entries.read();
        let entry = entries.get(&id)?;
        if entry.stage == Stage::Creating {
            return None;
        }
        entry.warm();
        let activity = entry.activity();
        let session = match &entry.slot {
            Slot::Ready(session) => Arc::clone(session),
            Slot::Packed(_) if self.ready.load(Ordering::Relaxed) < MOST_READY => {
                drop(entries);
                self.make_ready(id)?
            }
            Slot::Packed(_) => self.unpack(id, &entry.slot)?,
        };
        Some(Found { session: self.fence.apply(session), activity })
    }

    /// Like [`State::load`], but leaves the session as it is kept.
    pub(super) fn peek(&self, id: SessionId) -> Option<Found> {
        let (session, activity) = self.acknowledged(id)?;
        Some(Found { session: self.fence.apply(session), activity })
    }

    /// What is to stand on the disk under this id.
    pub(crate) fn acknowledged(&self, id: SessionId) -> Option<(Arc<Session>, Activity)> {
        let entries = self.shard(id)?.entries.read();
        let entry = entries.get(&id).filter(|entry| entry.stage != Stage::Creating)?;
        Some((self.unpack(id, &entry.slot)?, entry.activity()))
    }

    pub(crate) fn activity(&self, id: SessionId) -> Option<Activity> {
        Some(self.shard(id)?.entries.read().get(&id)?.activity())
    }

    pub(super) fn by_user(&self, app: &str, user: &str) -> Vec<Found> {
        let is_theirs =
            |found: &Found| &*found.session.record().app == app && &*found.session.record().user == user;
        self.users.of(app, user).into_iter().filter_map(|id| self.peek(id)).filter(is_theirs).collect()
    }

    /// The ids of one shard, for whoever goes round through all of them.
    pub(crate) fn ids(&self, shard: usize) -> Vec<SessionId> {
        self.shards.get(shard).map_or_else(Vec::new, |shard| shard.entries.read().keys().copied().collect())
    }

    /// When a session was made, without unpacking it.
    pub(super) fn created_at(&self, id: SessionId) -> Option<UnixTime> {
        let entries = self.shard(id)?.entries.read();
        match &entries.get(&id)?.slot {
            Slot::Packed(bytes) => codec::created_at(bytes).ok(),
            Slot::Ready(session) => Some(session.record().created_at),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.entries.read().len()).sum()
    }
}
