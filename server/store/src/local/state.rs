//! What is held in memory, and who may change it.
//!
//! A write has two steps. Whoever wants to write asks for the entry ([`State::begin_create`], [`State::begin_replace`]);
//! from then on nobody else gets it. When the write is durable, or failed, [`State::settle`] shows the new session or the
//! old one again. So memory never shows what is not acknowledged, and at most one write to a session is under way.

use std::{
    collections::hash_map,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use holdfast_core::{
    SessionId, UnixTime,
    session::{Activity, Client, Record, Session},
};

use super::{
    entry::{Entry, Slot, Stage},
    fence::Fence,
    notes::Notes,
    shard::{self, Shard},
    users::Users,
    words::Words,
};
use crate::{Creation, Replacement, codec};

/// Every session of this process.
pub(crate) struct State {
    pub(super) shards: Box<[Shard]>,
    pub(super) users: Users,
    /// How many sessions are kept ready for use.
    pub(super) ready: AtomicUsize,
    pub(crate) fence: Fence,
    pub(crate) words: Words,
    pub(crate) notes: Notes,
}

/// Whether a write may begin.
pub(super) enum Begin<T> {
    /// It is decided without writing.
    Decided(T),
    /// The entry is the caller's until it is settled.
    Granted,
    /// Another write is under way. Wait for the shard, and ask again.
    Wait,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..shard::COUNT).map(|_| Shard::new()).collect(),
            users: Users::new(),
            ready: AtomicUsize::new(0),
            fence: Fence::default(),
            words: Words::default(),
            notes: Notes::default(),
        }
    }

    /// The same session, with the names that it shares with others kept once.
    pub(super) fn slim(&self, session: Session) -> Arc<Session> {
        let record = session.record();
        let share_agent = |client: &Client| Client {
            ip: client.ip,
            user_agent: client.user_agent.as_deref().map(|agent| self.words.share(agent)),
            device_id: client.device_id.clone(),
        };
        Arc::new(Session::restore(Record {
            app: self.words.share(&record.app),
            client: record.client.as_deref().map(|client| Box::new(share_agent(client))),
            ..record.clone()
        }))
    }

    pub(super) fn shard(&self, id: SessionId) -> Option<&Shard> {
        self.shards.get(shard::index(id))
    }

    pub(super) fn begin_create(&self, session: &Arc<Session>) -> Begin<Creation> {
        let record = session.record();
        let Some(shard) = self.shard(record.id) else { return Begin::Decided(Creation::Exists) };
        match shard.entries.write().entry(record.id) {
            // Also while the other one is being created: nobody waits for an id that nobody draws twice.
            hash_map::Entry::Occupied(_) => return Begin::Decided(Creation::Exists),
            hash_map::Entry::Vacant(place) => {
                place.insert(Entry::creating(Arc::clone(session)));
                self.ready.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.users.add(&record.app, &record.user, record.id);
        Begin::Granted
    }

    pub(super) fn begin_replace(&self, next: &Session) -> Begin<Replacement> {
        let record = next.record();
        let Some(shard) = self.shard(record.id) else { return Begin::Decided(Replacement::Missing) };
        let mut entries = shard.entries.write();
        let Some(entry) = entries.get_mut(&record.id) else { return Begin::Decided(Replacement::Missing) };
        match entry.stage {
            Stage::Creating => return Begin::Decided(Replacement::Missing),
            Stage::Replacing => return Begin::Wait,
            Stage::Settled => {}
        }
        let Some(current) = self.unpack(record.id, &entry.slot) else {
            return Begin::Decided(Replacement::Missing);
        };
        let current = current.record();
        let is_next = current.revision.checked_add(1) == Some(record.revision);
        let is_ended = current.ended.is_some() || self.fence.ended(current).is_some();
        // Ended wins every race, whatever the revisions say.
        if !is_next || (is_ended && record.ended.is_none()) {
            return Begin::Decided(Replacement::Conflict);
        }
        entry.stage = Stage::Replacing;
        Begin::Granted
    }

    /// Ends a write: with the session that is durable now, or without, when it failed.
    pub(crate) fn settle(&self, id: SessionId, written: Option<Arc<Session>>) {
        let Some(shard) = self.shard(id) else { return };
        let mut abandoned = None;
        {
            let mut entries = shard.entries.write();
            let hash_map::Entry::Occupied(mut place) = entries.entry(id) else { return };
            match (written, place.get().stage) {
                (Some(session), _) => {
                    let entry = place.get_mut();
                    self.leave(&entry.slot);
                    entry.slot = self.keep(session);
                    entry.stage = Stage::Settled;
                }
                (None, Stage::Creating) => abandoned = Some(place.remove()),
                (None, Stage::Replacing | Stage::Settled) => place.get_mut().stage = Stage::Settled,
            }
        }
        if let Some(entry) = abandoned
            && let Some(session) = self.unpack(id, &entry.slot)
        {
            self.leave(&entry.slot);
            self.users.remove(&session.record().app, &session.record().user, id);
        }
        shard.settled.notify_waiters();
    }

    pub(super) fn touch(&self, id: SessionId, now: UnixTime, confirms: bool) {
        if let Some(shard) = self.shard(id)
            && let Some(entry) = shard.entries.read().get(&id)
        {
            entry.touch(now, confirms);
        }
    }

    /// Removes a session that nobody is writing and that still is as it was judged.
    pub(super) fn forget(&self, judged: &Session) -> bool {
        let record = judged.record();
        let Some(shard) = self.shard(record.id) else { return false };
        {
            let mut entries = shard.entries.write();
            let Some(entry) = entries.get(&record.id) else { return false };
            let is_same = self
                .unpack(record.id, &entry.slot)
                .is_some_and(|current| current.record().revision == record.revision);
            if entry.stage != Stage::Settled || !is_same {
                return false;
            }
            self.leave(&entry.slot);
            entries.remove(&record.id);
        }
        self.users.remove(&record.app, &record.user, record.id);
        true
    }

    /// Those of these ids whose use a sweep should write down; they count as written from here on.
    pub(super) fn take_due(&self, ids: impl IntoIterator<Item = SessionId>) -> Vec<SessionId> {
        ids.into_iter().filter(|id| self.take_if(*id, Entry::is_due)).collect()
    }

    /// All ids whose use is to be written down; they count as written from here on.
    pub(crate) fn unsaved(&self) -> Vec<SessionId> {
        let ids = (0..shard::COUNT).flat_map(|shard| self.ids(shard));
        ids.filter(|id| self.take_if(*id, Entry::is_unsaved)).collect()
    }

    fn take_if(&self, id: SessionId, is_wanted: impl Fn(&Entry) -> bool) -> bool {
        self.shard(id).is_some_and(|shard| {
            shard.entries.read().get(&id).is_some_and(|entry| {
                let takes = is_wanted(entry) && entry.stage != Stage::Creating;
                if takes {
                    entry.mark_saved();
                }
                takes
            })
        })
    }

    /// Packs a session that nobody asked for since the last time.
    pub(super) fn cool(&self, id: SessionId) {
        let Some(shard) = self.shard(id) else { return };
        let is_cool = {
            let entries = shard.entries.read();
            entries.get(&id).is_some_and(|entry| matches!(entry.slot, Slot::Ready(_)) && !entry.cool())
        };
        if is_cool
            && let Some(entry) = shard.entries.write().get_mut(&id)
            && entry.stage == Stage::Settled
            && let Slot::Ready(session) = &entry.slot
        {
            let packed = self.pack(session.record());
            self.leave(&entry.slot);
            entry.slot = Slot::Packed(packed);
        }
    }

    /// Takes in a session that was read from the disk. False if its id is here already.
    pub(crate) fn recover(&self, record: &Record, activity: Activity) -> bool {
        let entry = Entry::recovered(self.pack(record), activity);
        let Some(shard) = self.shard(record.id) else { return false };
        match shard.entries.write().entry(record.id) {
            hash_map::Entry::Occupied(_) => return false,
            hash_map::Entry::Vacant(place) => {
                place.insert(entry);
            }
        }
        self.users.add(&record.app, &record.user, record.id);
        true
    }

    pub(super) fn make_ready(&self, id: SessionId) -> Option<Arc<Session>> {
        let mut entries = self.shard(id)?.entries.write();
        let entry = entries.get_mut(&id)?;
        let session = self.unpack(id, &entry.slot)?;
        self.leave(&entry.slot);
        entry.slot = self.keep(Arc::clone(&session));
        Some(session)
    }

    /// Keeps a session ready if there is room, and packed if not.
    fn keep(&self, session: Arc<Session>) -> Slot {
        if self.ready.fetch_add(1, Ordering::Relaxed) < MOST_READY {
            return Slot::Ready(session);
        }
        self.ready.fetch_sub(1, Ordering::Relaxed);
        Slot::Packed(self.pack(session.record()))
    }

    /// Counts a slot out that is given up.
    fn leave(&self, slot: &Slot) {
        if matches!(slot, Slot::Ready(_)) {
            self.ready.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn pack(&self, record: &Record) -> Box<[u8]> {
        let mut packed = Vec::with_capacity(PACKED);
        codec::encode(record, Some(&self.words), &mut packed);
        // A copy of just the right size: cutting the buffer down would leave a million scraps that fit nothing.
        Box::from(packed.as_slice())
    }

    /// None never happens: what is packed here was packed here. If it did, the session would be absent, which means no.
    pub(super) fn unpack(&self, id: SessionId, slot: &Slot) -> Option<Arc<Session>> {
        match slot {
            Slot::Packed(bytes) => {
                codec::decode(id, bytes, &self.words).ok().map(|record| Arc::new(Session::restore(record)))
            }
            Slot::Ready(session) => Some(Arc::clone(session)),
        }
    }
}

/// A ready session takes about 600 bytes, a packed one 200 and half a microsecond more. So many are ready at once that
/// those in use are, and that a million sessions stay within 600 MB.
pub(super) const MOST_READY: usize = 1 << 16;

/// Most packed sessions are shorter. Bytes.
const PACKED: usize = 512;
