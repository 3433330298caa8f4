//! How long the writes that wait for the disk will take: learned from those before them.
//!
//! Writes that come together share one wait for the disk, so a round of writes takes what a lone write takes, and some
//! time for each. Only the second part grows with the queue, and only that can be made shorter by letting fewer in: on a
//! disk that takes 100 ms for a lone write, turning writes away helps nobody.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

/// What waits, and how long each will take. Reading it costs two loads.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// Writes that were handed over, whose answer somebody waits for.
    waiting: AtomicUsize,
    /// What each of them takes, in nanoseconds.
    each: AtomicU64,
}

impl Backlog {
    /// A write was handed over.
    pub(super) fn enter(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// So many were answered.
    pub(super) fn leave(&self, count: usize) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
    }

    /// From now on each takes what `pace` says.
    pub(super) fn set_pace(&self, pace: &Pace) {
        let nanos = Duration::from_secs_f64(pace.each).as_nanos();
        self.each.store(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How much longer a write that is handed over now takes than it would if none waited. Of few nothing can be said.
    pub(crate) fn wait(&self) -> Duration {
        let waiting = u64::try_from(self.waiting.load(Ordering::Relaxed)).unwrap_or(u64::MAX);
        if waiting < FEWEST {
            return Duration::ZERO;
        }
        Duration::from_nanos(self.each.load(Ordering::Relaxed).saturating_mul(waiting))
    }
}

/// What rounds of writes have taken so far, in seconds.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// A round of few: mostly the wait for the disk. Nothing before the first, which is always one of few.
    alone: Option<f64>,
    /// Each write of a round of many, beyond that.
    each: f64,
}

impl Pace {
    /// Takes in that a round of so many writes took so long, the wait for the disk included.
    pub(super) fn learn(&mut self, writes: usize, took: Duration) {
        let (count, took) = (f64::from(u32::try_from(writes).unwrap_or(u32::MAX)), took.as_secs_f64());
        let alone = self.alone.get_or_insert(took);
        if writes >= MANY {
            *alone = alone.min(took);
            self.each += ((took - *alone) / count - self.each) * QUICKLY;
        } else {
            // A disk that stands still once in a while is no slower for that.
            *alone += (took - *alone) * if took > *alone { SLOWLY } else { QUICKLY };
            // What was learned of many is slowly forgotten, so that many come again and it is learned anew. A wrong lesson
            // would otherwise let too few in ever to be put right.
            self.each -= self.each * SLOWLY;
        }
    }
}

/// So many share the next round on any disk: to turn one of them away would hardly make it shorter, and what they took last
/// may have been the pause of a busy machine.
const FEWEST: u64 = 32;

/// From so many writes on, a round says more of each of them than of the wait for the disk.
const MANY: usize = 16;

/// How much the next round counts beside those before it.
const QUICKLY: f64 = 1.0 / 8.0;
const SLOWLY: f64 = 1.0 / 32.0;

#[cfg(test)]
mod tests {
    use super::*;

    const fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    /// A disk that takes `alone` for a round and `each` for a write of it.
    fn round(writes: usize, alone: Duration, each: Duration) -> Duration {
        alone + each * u32::try_from(writes).unwrap()
    }

    fn wait(pace: &Pace, waiting: usize) -> Duration {
        let backlog = Backlog::default();
        (0..waiting).for_each(|_| backlog.enter());
        backlog.set_pace(pace);
        backlog.wait()
    }

    fn is_about(found: Duration, expected: Duration) -> bool {
        found.abs_diff(expected) <= expected / 10
    }

    #[test]
    fn what_a_lone_write_takes_is_not_held_against_the_queue() {
        for alone in [micros(500), micros(5_000), micros(100_000)] {
            let mut pace = Pace::default();
            (0..200).for_each(|_| pace.learn(1, round(1, alone, micros(80))));
            assert_eq!(wait(&pace, 1000), Duration::ZERO, "nothing is known of many yet");
            (0..50).for_each(|_| pace.learn(100, round(100, alone, micros(80))));
            assert!(is_about(wait(&pace, 250), micros(20_000)), "{alone:?}: {:?}", wait(&pace, 250));
            assert_eq!(wait(&pace, 0), Duration::ZERO);
        }
    }

    /// The wait for the disk grows while it is busy, and each write is as quick as before: that more of them share a round
    /// is hardly a reason to turn any away.
    #[test]
    fn a_longer_wait_for_the_disk_is_not_taken_for_a_queue_for_ever() {
        let (mut pace, each) = (Pace::default(), micros(50));
        (0..100).for_each(|_| pace.learn(1, round(1, micros(2_000), each)));
        for number in 0..1000 {
            // As many as 20 ms of waiting let through, of 120 that come; more of them in one round than in the next.
            let each_nanos = (wait(&pace, 64).as_nanos() / 64).max(1);
            let admitted = usize::try_from(20_000_000 / each_nanos).unwrap().clamp(4, 120);
            let writes = if number % 2 == 0 { admitted / 4 } else { admitted - admitted / 4 };
            pace.learn(writes, round(writes, micros(60_000), each));
        }
        assert!(wait(&pace, 64) <= micros(20_000), "{:?}", wait(&pace, 64));
    }

    #[test]
    fn a_disk_that_stood_still_once_is_soon_trusted_again() {
        let (mut pace, alone, each) = (Pace::default(), micros(2_000), micros(100));
        (0..50).for_each(|_| pace.learn(1, round(1, alone, each)));
        (0..50).for_each(|_| pace.learn(100, round(100, alone, each)));
        let before = wait(&pace, 100);
        pace.learn(100, micros(400_000));
        assert!(wait(&pace, 100) > 3 * before, "for now it is not");
        (0..40).for_each(|_| pace.learn(100, round(100, alone, each)));
        assert!(is_about(wait(&pace, 100), before), "{:?}", wait(&pace, 100));
        (0..5).for_each(|_| pace.learn(1, micros(400_000)));
        (0..50).for_each(|_| pace.learn(1, round(1, alone, each)));
        (0..40).for_each(|_| pace.learn(100, round(100, alone, each)));
        assert!(is_about(wait(&pace, 100), before), "{:?}", wait(&pace, 100));
    }

    #[test]
    fn a_disk_that_gets_slower_is_noticed() {
        let mut pace = Pace::default();
        pace.learn(1, round(1, micros(2_000), micros(100)));
        (0..30).for_each(|_| pace.learn(64, round(64, micros(2_000), micros(100))));
        (0..30).for_each(|_| pace.learn(64, round(64, micros(2_000), micros(1_000))));
        assert!(is_about(wait(&pace, 64), micros(64_000)), "{:?}", wait(&pace, 64));
    }

    #[test]
    fn who_was_answered_waits_no_more() {
        let backlog = Backlog::default();
        let mut pace = Pace::default();
        pace.learn(1, micros(100));
        (0..50).for_each(|_| pace.learn(100, micros(10_000)));
        backlog.set_pace(&pace);
        (0..200).for_each(|_| backlog.enter());
        let all = backlog.wait();
        backlog.leave(100);
        assert!(is_about(backlog.wait() * 2, all) && all > Duration::ZERO);
        backlog.leave(100);
        assert_eq!(backlog.wait(), Duration::ZERO);
    }

    #[test]
    fn a_few_are_let_in_however_slow_the_last_round_was() {
        let mut pace = Pace::default();
        pace.learn(1, micros(1_000));
        (0..50).for_each(|_| pace.learn(32, micros(400_000)));
        assert_eq!(wait(&pace, 31), Duration::ZERO);
        assert!(wait(&pace, 32) > micros(250_000));
    }
}
