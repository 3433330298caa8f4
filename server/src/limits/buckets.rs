//! How far each key has used its limit, in memory that does not grow with the number of strangers.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
};

use governor::{nanos::Nanos, state::StateStore};
use parking_lot::Mutex;

/// A map in two generations: when the young one is full it becomes the old one, and the old one is forgotten. A key that
/// is asked for moves to the young one, so that only those are forgotten that ask seldom, and have little to forget.
pub(super) struct Buckets<K> {
    hasher: RandomState,
    shards: Vec<Mutex<Shard<K>>>,
    per_shard: usize,
}

struct Shard<K> {
    young: HashMap<K, Nanos>,
    old: HashMap<K, Nanos>,
}

impl<K> Buckets<K> {
    /// Room for at most twice as many keys.
    pub(super) fn new(room: usize) -> Self {
        let shard = || Mutex::new(Shard { young: HashMap::new(), old: HashMap::new() });
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| shard()).collect(),
            per_shard: room.div_ceil(SHARDS),
        }
    }

    /// How many keys are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock()).map(|shard| shard.young.len() + shard.old.len()).sum()
    }
}

impl<K: Hash + Eq + Clone> StateStore for Buckets<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // The top bits: the maps inside use the others.
        let index = usize::try_from(self.hasher.hash_one(key) >> 56).unwrap_or(0) % SHARDS;
        let Some(shard) = self.shards.get(index) else { return measure(None).map(|(outcome, _)| outcome) };
        let mut shard = shard.lock();
        let known = shard.young.get(key).or_else(|| shard.old.get(key)).copied();
        let outcome = measure(known);
        let next = match &outcome {
            Ok((_, next)) => Some(*next),
            Err(_) => known,
        };
        if let Some(next) = next {
            if let Some(place) = shard.young.get_mut(key) {
                *place = next;
            } else {
                if shard.young.len() >= self.per_shard {
                    shard.old = std::mem::take(&mut shard.young);
                }
                shard.young.insert(key.clone(), next);
            }
        }
        outcome.map(|(outcome, _)| outcome)
    }
}

const SHARDS: usize = 64;
