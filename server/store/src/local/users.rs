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

type Shard = HashMap<u64, Ids, BuildHasherDefault<Ready>>;

/// Nearly every user has one session.
enum Ids {
    Many(Vec<SessionId>),
    One(SessionId),
}

impl Users {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..shard::COUNT).map(|_| Mutex::new(HashMap::default())).collect(),
        }
    }

    pub(super) fn add(&self, app: &str, user: &str, id: SessionId) {
        let hash = self.hash(app, user);
        let Some(shard) = self.shard(hash) else { return };
        match shard.lock().entry(hash) {
            Entry::Occupied(mut known) => known.get_mut().add(id),
            Entry::Vacant(place) => {
                place.insert(Ids::One(id));
            }
        }
    }

    pub(super) fn remove(&self, app: &str, user: &str, id: SessionId) {
        let hash = self.hash(app, user);
        let Some(shard) = self.shard(hash) else { return };
        if let Entry::Occupied(mut known) = shard.lock().entry(hash)
            && known.get_mut().remove(id)
        {
            known.remove();
        }
    }

    pub(super) fn of(&self, app: &str, user: &str) -> Vec<SessionId> {
        let hash = self.hash(app, user);
        let Some(shard) = self.shard(hash) else { return Vec::new() };
        match shard.lock().get(&hash) {
            Some(Ids::Many(ids)) => ids.clone(),
            Some(Ids::One(id)) => vec![*id],
            None => Vec::new(),
        }
    }

    fn hash(&self, app: &str, user: &str) -> u64 {
        self.hasher.hash_one((app, user))
    }

    fn shard(&self, hash: u64) -> Option<&Mutex<Shard>> {
        // The map takes its places from the low bits and its tags from the high ones; the shard comes from between.
        self.shards.get(usize::try_from(hash >> 40).ok()? % shard::COUNT)
    }
}

impl Ids {
    fn add(&mut self, id: SessionId) {
        match self {
            Self::Many(ids) => ids.push(id),
            Self::One(first) => *self = Self::Many(vec![*first, id]),
        }
    }

    /// Whether none is left.
    fn remove(&mut self, id: SessionId) -> bool {
        match self {
            Self::Many(ids) => {
                if let Some(place) = ids.iter().position(|known| *known == id) {
                    ids.swap_remove(place);
                }
                match ids.as_slice() {
                    [] => return true,
                    [last] => *self = Self::One(*last),
                    [_, _, ..] => {}
                }
                false
            }
            Self::One(known) => *known == id,
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
