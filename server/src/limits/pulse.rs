//! How long work waits for a processor: a task that wants its turn a hundred times a second, and sees how late it gets it.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::shedding::{FEWEST, Shedding};
use crate::line::end_of_the_line;

/// The pulse of the runtime, and the share of requests to turn away that follows from it. Reading it costs a few
/// nanoseconds.
#[derive(Debug)]
pub(crate) struct Pulse {
    began: Instant,
    /// When the next beat is due, in microseconds since `began`.
    due: AtomicU64,
    /// How late the last one was, in microseconds.
    delay: AtomicU64,
    /// The share to turn away, of [`WHOLE`].
    share: AtomicU32,
    /// Requests that came since the last beat.
    came: AtomicU64,
    /// For how long requests have come although the beat was due, in microseconds, and when the last of them came.
    busy: AtomicU64,
    last: AtomicU64,
    /// Whether requests have kept the beat from coming for longer than may be. It stays so until a beat comes in time: what
    /// waits then has all been dealt with.
    is_full: AtomicBool,
    target: AtomicU64,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            due: AtomicU64::new(0),
            delay: AtomicU64::new(0),
            share: AtomicU32::new(0),
            came: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            last: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
            target: AtomicU64::new(0),
        }
    }

    /// Sets how long work may wait.
    pub(crate) fn set_target(&self, target: Duration) {
        self.target.store(micros(target), Ordering::Relaxed);
    }

    /// Beats until the task is dropped.
    pub(crate) async fn beat_forever(&self) {
        let mut shedding = Shedding::new(self.target());
        let mut last = Instant::now();
        // After a late beat there is no rest: what has made it late is still there, and waits for one more.
        let mut rest = BEAT;
        loop {
            let due = Instant::now() + rest;
            self.due.store(micros(due.duration_since(self.began)), Ordering::Relaxed);
            tokio::time::sleep_until(due.into()).await;
            end_of_the_line().await;
            let now = Instant::now();
            // The timer of the runtime is as fine as a millisecond.
            let delay = now.saturating_duration_since(due);
            shedding.set_target(self.target());
            let came = self.came.swap(0, Ordering::Relaxed);
            self.busy.store(0, Ordering::Relaxed);
            let share = shedding.beat(delay, now.duration_since(last), came);
            let is_late = delay > self.target();
            if !is_late {
                self.is_full.store(false, Ordering::Relaxed);
            }
            rest = if is_late { Duration::ZERO } else { BEAT };
            self.delay.store(micros(delay), Ordering::Relaxed);
            self.share.store(part_of_whole(share), Ordering::Relaxed);
            last = now;
        }
    }

    /// Notes a request that came at `now`, and tells which share of its kind to turn away, of [`WHOLE`].
    pub(super) fn share_at(&self, now: Instant) -> u32 {
        let came = self.came.fetch_add(1, Ordering::Relaxed);
        let share = self.share.load(Ordering::Relaxed);
        let now = micros(now.saturating_duration_since(self.began));
        let late = now.saturating_sub(self.due.load(Ordering::Relaxed));
        if self.is_full.load(Ordering::Relaxed) {
            return PUBLIC.max(share);
        }
        if late == 0 {
            return share;
        }
        // Between two beats the line may have grown long: the beat that does not come says so too.
        let target = self.target.load(Ordering::Relaxed);
        let most = target + target / 2;
        if share > 0 && late > most {
            return WHOLE;
        }
        // While the machine stands still no requests come, so a gap between two of them is not spent on requests.
        let gap = now.saturating_sub(self.last.swap(now, Ordering::Relaxed)).min(GAP);
        let busy = self.busy.fetch_add(gap, Ordering::Relaxed).saturating_add(gap);
        if came < FEWEST || busy <= most {
            return share;
        }
        // It is the requests that keep the beat from coming. Whoever joins the line now would wait for too long.
        self.is_full.store(true, Ordering::Relaxed);
        PUBLIC.max(share)
    }

    /// How long work waited last.
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_micros(self.delay.load(Ordering::Relaxed))
    }

    fn target(&self) -> Duration {
        Duration::from_micros(self.target.load(Ordering::Relaxed))
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is between 0 and 1, and WHOLE fits"
)]
fn part_of_whole(share: f64) -> u32 {
    (share.clamp(0.0, 1.0) * f64::from(WHOLE)) as u32
}

/// All requests.
pub(super) const WHOLE: u32 = 1 << 16;

/// The share of public requests from which on internal ones are turned away too.
pub(super) const PUBLIC: u32 = WHOLE / 10 * 9;

const BEAT: Duration = Duration::from_millis(10);

/// No request takes longer than this until the next one has its turn, in microseconds.
const GAP: u64 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(20);

    /// A pulse whose next beat is due in 10 ms, and that moment.
    fn pulse() -> (Pulse, Instant) {
        let pulse = Pulse::new();
        pulse.set_target(TARGET);
        pulse.due.store(micros(BEAT), Ordering::Relaxed);
        let due = pulse.began + BEAT;
        (pulse, due)
    }

    #[test]
    fn a_line_that_grows_between_two_beats_is_seen() {
        let (pulse, due) = pulse();
        for milli in 0..=28 {
            let shares: Vec<_> =
                (0..10).map(|_| pulse.share_at(due + Duration::from_millis(milli + 1))).collect();
            assert_eq!(shares, [0; 10], "{milli} ms");
        }
        assert_eq!(pulse.share_at(due + Duration::from_millis(32)), PUBLIC, "checks are answered on");
        pulse.due.store(micros(Duration::from_secs(1)), Ordering::Relaxed);
        assert_eq!(pulse.share_at(due + Duration::from_millis(33)), PUBLIC, "until a beat comes in time");
    }

    #[test]
    fn a_machine_that_stood_still_turns_nobody_away() {
        let (pulse, due) = pulse();
        (0..1000).for_each(|_| assert_eq!(pulse.share_at(due + Duration::from_millis(1)), 0));
        let later = due + Duration::from_secs(5);
        let milli = |number: u32| later + Duration::from_millis(1) * number;
        assert!((0..20).all(|number| pulse.share_at(milli(number)) == 0), "it has only just gone on");
        assert!((20..40).any(|number| pulse.share_at(milli(number)) == PUBLIC), "and cannot be done in time");
    }

    #[test]
    fn few_requests_are_not_what_makes_a_machine_late() {
        let (pulse, due) = pulse();
        for number in 1..=1000 {
            let share = pulse.share_at(due + Duration::from_millis(1) * number);
            assert_eq!(share > 0, u64::from(number) > FEWEST, "{number}");
        }
    }

    #[test]
    fn once_it_is_an_overload_a_late_beat_turns_away_all() {
        let (pulse, due) = pulse();
        pulse.share.store(WHOLE / 2, Ordering::Relaxed);
        let most = TARGET + TARGET / 2;
        assert_eq!(pulse.share_at(due + most), WHOLE / 2);
        assert_eq!(pulse.share_at(due + most + Duration::from_micros(1)), WHOLE);
    }
}
