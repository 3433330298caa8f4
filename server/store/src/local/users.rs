//! Which sessions a user has.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
};

use holdfast_core::SessionId;
use parking_lot::Mutex;

use super::shard;

/// From a hash of app and user to ids. Two users may share a hash, so whoever reads this looks at each session again;
/// an id may stand here a moment before and after its session does.
pub(super) struct Users {
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
}

/// Nearly every user has one session, and a million of them should be small.
#[derive(Default)]
struct Shard {
    first: HashMap<u64, SessionId, BuildHasherDefault<Ready>>,
    /// The others of those who have more. Never empty, and never without a first.
    more: HashMap<u64, Vec<SessionId>, BuildHasherDefault<Ready>>,
}

impl Users {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..shard::COUNT).map(|_| Mutex::new(Shard::default())).collect(),
        }
    }

    pub(super) fn add(&self, app: &str, user: &str, id: SessionId) {
        let hash = self.hash(app, user);
        if let Some(shard) = self.shard(hash) {
            shard.lock().add(hash, id);
        }
    }

    pub(super) fn remove(&self, app: &str, user: &str, id: SessionId) {
        let hash = self.hash(app, user);
        if let Some(shard) = self.shard(hash) {
            shard.lock().remove(hash, id);
        }
    }

    pub(super) fn of(&self, app: &str, user: &str) -> Vec<SessionId> {
        let hash = self.hash(app, user);
        let Some(shard) = self.shard(hash) else { return Vec::new() };
        let shard = shard.lock();
        let more = shard.more.get(&hash).into_iter().flatten();
        shard.first.get(&hash).into_iter().chain(more).copied().collect()
    }

    fn hash(&self, app: &str, user: &str) -> u64 {
        self.hasher.hash_one((app, user))
    }

    fn shard(&self, hash: u64) -> Option<&Mutex<Shard>> {
        // The map takes its places from the low bits and its tags from the high ones; the shard comes from between.
        self.shards.get(usize::try_from(hash >> 40).ok()? % shard::COUNT)
    }
}

impl Shard {
    fn add(&mut self, hash: u64, id: SessionId) {
        match self.first.entry(hash) {
            Entry::Occupied(_) => self.more.entry(hash).or_default().push(id),
            Entry::Vacant(place) => {
                place.insert(id);
            }
        }
    }

    fn remove(&mut self, hash: u64, id: SessionId) {
        let is_first = self.first.get(&hash) == Some(&id);
        let Some(others) = self.more.get_mut(&hash) else {
            if is_first {
                self.first.remove(&hash);
            }
            return;
        };
        let leaving =
            if is_first { others.len().checked_sub(1) } else { others.iter().position(|other| *other == id) };
        if let Some(place) = leaving {
            let left = others.swap_remove(place);
            if is_first {
                self.first.insert(hash, left);
            }
        }
        if others.is_empty() {
            self.more.remove(&hash);
        }
    }
}

/// The keys are hashes already, keyed ones.
#[derive(Default)]
struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
