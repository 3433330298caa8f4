//! What must not come twice.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use holdfast_core::UnixTime;
use parking_lot::Mutex;

use crate::{Memory, Unavailable};

/// Keys and until when they count, in memory alone.
pub(super) struct Recent {
    hasher: RandomState,
    shards: Box<[Mutex<Keys>]>,
    /// How many keys one shard takes.
    room: usize,
}

struct Keys {
    until: HashMap<[u8; 16], UnixTime>,
    /// None of them runs out before this.
    earliest: UnixTime,
    /// What had run out by then may have been let go.
    forgotten: UnixTime,
}

impl Recent {
    pub(super) fn new(room: usize) -> Self {
        let shard = || {
            Mutex::new(Keys {
                until: HashMap::new(),
                earliest: UnixTime::from_millis(u64::MAX),
                forgotten: UnixTime::EPOCH,
            })
        };
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| shard()).collect(),
            room: room / SHARDS,
        }
    }

    pub(super) fn remember(
        &self,
        key: [u8; 16],
        until: UnixTime,
        now: UnixTime,
    ) -> Result<Memory, Unavailable> {
        if until <= now {
            return Ok(Memory::Seen);
        }
        let shard = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default() % SHARDS;
        let shard = self.shards.get(shard).ok_or_else(full)?;
        let mut keys = shard.lock();
        if keys.until.get(&key).is_some_and(|known| *known > now) {
            return Ok(Memory::Seen);
        }
        // Whoever asks late, with the time at which its request began, or after the clock was set back, would be told of a
        // key that was let go meanwhile that it is the first. A clock that was set back far starts anew: refusing everything
        // until it has caught up would be an outage.
        if until <= keys.forgotten && keys.forgotten.since(now) <= LATE {
            return Ok(Memory::Seen);
        }
        if keys.until.len() >= self.room && keys.earliest <= now {
            keys.sweep(now);
        }
        if keys.until.len() >= self.room {
            return Err(full());
        }
        keys.earliest = keys.earliest.min(until);
        keys.until.insert(key, until);
        Ok(Memory::First)
    }

    /// Lets go of the keys that have run out.
    pub(super) fn sweep(&self, now: UnixTime) {
        for shard in &self.shards {
            let mut keys = shard.lock();
            if keys.earliest <= now {
                keys.sweep(now);
            }
        }
    }
}

impl Keys {
    fn sweep(&mut self, now: UnixTime) {
        self.until.retain(|_, until| *until > now);
        self.forgotten = now;
        self.earliest = self.until.values().min().copied().unwrap_or(UnixTime::from_millis(u64::MAX));
    }
}

fn full() -> Unavailable {
    Unavailable::new("too many single-use values are remembered; there is room again when some run out")
}

const SHARDS: usize = 64;

const LATE: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_late_is_not_the_first() {
        let recent = Recent::new(SHARDS * 4);
        let at = UnixTime::from_secs;
        assert_eq!(recent.remember([1; 16], at(1010), at(1000)), Ok(Memory::First));
        recent.sweep(at(1020));
        assert_eq!(
            recent.remember([1; 16], at(1010), at(1005)),
            Ok(Memory::Seen),
            "its request began before"
        );
        assert_eq!(recent.remember([1; 16], at(1030), at(1020)), Ok(Memory::First));
        let long_ago = recent.remember([2; 16], at(410), at(400));
        assert_eq!(long_ago, Ok(Memory::First), "a clock that was set back far starts anew");
    }

    #[test]
    fn is_bounded_and_makes_room() {
        let recent = Recent::new(SHARDS * 4);
        let at = UnixTime::from_secs;
        let key = |number: u32| (u128::from(number)).to_be_bytes();
        let taken = (0..10_000).filter(|n| recent.remember(key(*n), at(10), at(0)).is_ok()).count();
        assert_eq!(taken, SHARDS * 4);
        // Who was first stays first, even when it is full.
        let seen = (0..10_000).filter(|n| recent.remember(key(*n), at(10), at(9)) == Ok(Memory::Seen));
        assert_eq!(seen.count(), SHARDS * 4);
        assert_eq!(recent.remember(key(0), at(20), at(10)), Ok(Memory::First));
        recent.sweep(at(20));
        assert!(recent.shards.iter().all(|shard| shard.lock().until.is_empty()));
    }
}
