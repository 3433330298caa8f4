//! What was computed once and may be handed out again for a while.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::Arc,
};

use parking_lot::Mutex;

/// A bounded map in two generations: when the young one is full it becomes the old one, and the old one is forgotten.
/// Whoever takes a value out judges whether it is still good.
pub(crate) struct Cache<K, V> {
    hasher: RandomState,
    shards: Vec<Mutex<Shard<K, V>>>,
    per_shard: usize,
}

struct Shard<K, V> {
    young: HashMap<K, Arc<V>>,
    old: HashMap<K, Arc<V>>,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// A cache of at most twice `room` values.
    pub(crate) fn new(room: usize) -> Self {
        let shard = || Mutex::new(Shard { young: HashMap::new(), old: HashMap::new() });
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| shard()).collect(),
            per_shard: room.div_ceil(SHARDS),
        }
    }

    pub(crate) fn find(&self, key: &K) -> Option<Arc<V>> {
        let shard = self.shard(key)?.lock();
        shard.young.get(key).or_else(|| shard.old.get(key)).map(Arc::clone)
    }

    pub(crate) fn keep(&self, key: K, value: Arc<V>) {
        let Some(shard) = self.shard(&key) else { return };
        let mut shard = shard.lock();
        if shard.young.len() >= self.per_shard && !shard.young.contains_key(&key) {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(key, value);
    }

    fn shard(&self, key: &K) -> Option<&Mutex<Shard<K, V>>> {
        self.shards.get(usize::try_from(self.hasher.hash_one(key) >> 56).ok()? % SHARDS)
    }
}

const SHARDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_young_and_forgets_the_old() {
        let cache = Cache::new(SHARDS);
        (0..10_000).for_each(|n| cache.keep(n, Arc::new(n)));
        assert_eq!(cache.find(&9_999).as_deref(), Some(&9_999));
        let kept = (0..10_000).filter(|n| cache.find(n).is_some()).count();
        assert!((1..=2 * SHARDS).contains(&kept), "{kept}");
    }
}
