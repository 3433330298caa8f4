//! Where an id lives.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use holdfast_core::SessionId;
use parking_lot::RwLock;
use tokio::sync::Notify;

use super::entry::Entry;

/// A part of all sessions, so that few wait for the same lock.
pub(super) struct Shard {
    pub(super) entries: RwLock<HashMap<SessionId, Entry, BuildHasherDefault<IdHasher>>>,
    /// Wakes those who wait until a write to one of these sessions is through.
    pub(super) settled: Notify,
}

impl Shard {
    pub(super) fn new() -> Self {
        Self { entries: RwLock::default(), settled: Notify::new() }
    }
}

/// How many parts.
pub(crate) const COUNT: usize = 64;

/// The part of an id.
pub(super) fn index(id: SessionId) -> usize {
    let [byte, ..] = id.as_bytes();
    usize::from(*byte) % COUNT
}

/// Ids that are stored are 128 bits of our own randomness: nobody can choose them to collide, and folding is enough.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(part) {
                *to = *from;
            }
            self.0 = (self.0.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(SPREAD);
        }
    }

    fn write_usize(&mut self, _length: usize) {
        // All ids are equally long.
    }
}

/// 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
