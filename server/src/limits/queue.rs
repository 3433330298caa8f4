//! How long a request has waited for its turn, and how many had theirs in that time.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// The requests of the process, one behind the other.
#[derive(Debug)]
pub(crate) struct Queue {
    began: Instant,
    /// How many have had their turn.
    begun: AtomicU64,
    /// How long one may wait, in microseconds.
    patience: AtomicU64,
    /// When somebody last had to wait for too long, in microseconds since `began`. Nobody yet, if that is zero.
    late: AtomicU64,
}

/// When a request joined the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joined {
    at: Instant,
    begun: u64,
}

/// What a request had to wait until its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waited {
    /// Since when it has had its turn.
    pub(super) now: Instant,
    /// How long.
    pub(crate) time: Duration,
    /// How many others had their turn meanwhile. A machine that stood still makes requests wait behind nobody.
    pub(super) ahead: u64,
}

#[cfg(test)]
impl Waited {
    pub(crate) const fn ahead(&self) -> u64 {
        self.ahead
    }
}

impl Queue {
    /// Sets how long a request may wait.
    pub(crate) fn set_patience(&self, patience: Duration) {
        self.patience.store(u64::try_from(patience.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How long a request may wait that has its turn now. While there is too much to do the queue is kept short: who is
    /// turned away learns it sooner, and a stutter does not add to a wait that is long already.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        let patience = self.whole_patience();
        let late = self.late.load(Ordering::Relaxed);
        let is_calm = late == 0 || self.micros(now).saturating_sub(late) > SHORT_FOR;
        if is_calm { patience } else { patience / SHORT }
    }

    /// How long a request may wait as long as nobody had to for too long.
    pub(super) fn whole_patience(&self) -> Duration {
        Duration::from_micros(self.patience.load(Ordering::Relaxed))
    }

    /// Notes that somebody has waited for longer than that.
    pub(super) fn note_late(&self, now: Instant) {
        self.late.store(self.micros(now).max(1), Ordering::Relaxed);
    }

    fn micros(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_micros()).unwrap_or(u64::MAX)
    }

    /// The end of the queue as it is now.
    pub(crate) fn join(&self) -> Joined {
        Joined { at: Instant::now(), begun: self.begun.load(Ordering::Relaxed) }
    }

    /// A request that has joined then has its turn now.
    pub(crate) fn turn(&self, joined: &Joined, now: Instant) -> Waited {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        Waited {
            now,
            time: now.saturating_duration_since(joined.at),
            ahead: begun.saturating_sub(joined.begun),
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            begun: AtomicU64::new(0),
            patience: AtomicU64::new(0),
            late: AtomicU64::new(0),
        }
    }
}

/// The part of the time that is left when there is too much to do.
const SHORT: u32 = 2;

/// For so long after the last who was too late, in microseconds.
const SHORT_FOR: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_knows_how_long_it_waited_and_behind_how_many() {
        let queue = Queue::default();
        let first = queue.join();
        let second = queue.join();
        let later = first.at + Duration::from_millis(5);
        let waited = queue.turn(&first, later);
        assert_eq!((waited.time, waited.ahead), (Duration::from_millis(5), 0));
        assert_eq!(queue.turn(&second, later).ahead, 1);
        let third = queue.join();
        assert_eq!(queue.turn(&third, third.at).ahead, 0);
        assert_eq!(queue.turn(&third, first.at).time, Duration::ZERO, "clocks that go back are survived");
    }

    #[test]
    fn the_queue_is_short_until_nobody_was_too_late_for_a_second() {
        let (queue, patience) = (Queue::default(), Duration::from_millis(20));
        queue.set_patience(patience);
        let at = |millis| queue.began + Duration::from_millis(millis);
        assert_eq!(queue.patience(at(0)), patience);
        queue.note_late(at(500));
        assert_eq!([0, 500, 1_500].map(|millis| queue.patience(at(millis))), [patience / SHORT; 3]);
        assert_eq!(queue.patience(at(1_501)), patience);
    }
}
