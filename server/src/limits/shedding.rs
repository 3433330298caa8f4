//! Which share of requests is turned away, so that the others are answered in time.
//!
//! What is measured is how long work waits for a processor, as CoDel (RFC 8289) and PIE (RFC 8033) measure how long
//! packets wait: the one sign of overload that needs no knowledge of what a request costs. A wait that passes is a burst
//! and does no harm; one that stays is more work than can be done.

use std::time::Duration;

/// Decides about the share, from one beat to the next.
#[derive(Debug)]
pub(super) struct Shedding {
    target: Duration,
    /// Of requests, from 0 to 1.
    share: f64,
    /// Since when work has waited longer than `target`, without a pause.
    late_for: Duration,
    /// How many beats that were, and how many requests came in that time.
    late_beats: u32,
    came: u64,
}

impl Shedding {
    pub(super) const fn new(target: Duration) -> Self {
        Self { target, share: 0.0, late_for: Duration::ZERO, late_beats: 0, came: 0 }
    }

    pub(super) const fn set_target(&mut self, target: Duration) {
        self.target = target;
    }

    /// The share to turn away from now on. Since the last beat, `elapsed` has passed and `came` requests were made; this
    /// beat has waited for `delay`.
    pub(super) fn beat(&mut self, delay: Duration, elapsed: Duration, came: u64) -> f64 {
        // A machine that stood still for a while says nothing of the load: each beat moves the share by a step.
        let seconds = elapsed.min(STEP).as_secs_f64();
        if delay > self.target {
            self.late_for = self.late_for.saturating_add(elapsed);
            self.late_beats = self.late_beats.saturating_add(1);
            self.came = self.came.saturating_add(came);
            // At 250 requests a second and more.
            let is_load = u128::from(self.came) * 4 >= self.late_for.as_millis();
            let stays = self.late_for >= BURST && self.late_beats >= BEATS && self.came >= FEWEST && is_load;
            // Once it has begun, the next excess is no burst either.
            if self.share > 0.0 || stays {
                // How many times too long it is; a wait of twice the target turns away all that there is in a quarter of a
                // second.
                let excess = (delay.as_secs_f64() / self.target.as_secs_f64() - 1.0).min(3.0);
                self.share = (self.share + RISE * excess.max(0.25) * seconds).min(MOST);
            }
        } else {
            (self.late_for, self.late_beats, self.came) = (Duration::ZERO, 0, 0);
            // Slower than it rose: what was too much a moment ago is still coming.
            self.share -= self.share * FALL * seconds;
            if self.share < LEAST {
                self.share = 0.0;
            }
        }
        self.share
    }
}

/// A wait that is over sooner than this is no overload.
const BURST: Duration = Duration::from_millis(100);

/// So many beats in a row must be late. One alone may be the host's, which has stopped the machine.
const BEATS: u32 = 3;

/// The longest time that one beat stands for.
const STEP: Duration = Duration::from_millis(100);

/// Whoever has so little to do in that time is kept waiting by others on the machine, and turning requests away would not
/// help.
pub(super) const FEWEST: u64 = 100;

/// A second.
const RISE: f64 = 4.0;
const FALL: f64 = 1.0;

/// Some always get through: else nobody would notice that it is over.
const MOST: f64 = 0.98;

const LEAST: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_millis(10);
    const TARGET: Duration = Duration::from_millis(20);

    fn beats(shedding: &mut Shedding, count: u32, delay: Duration, came: u64) -> f64 {
        (0..count).map(|_| shedding.beat(delay, BEAT + delay, came)).last().unwrap_or(0.0)
    }

    #[test]
    fn a_burst_is_let_through() {
        let mut shedding = Shedding::new(TARGET);
        for _ in 0..100 {
            assert_eq!(beats(&mut shedding, 1, 4 * TARGET, 1000), 0.0);
            assert_eq!(beats(&mut shedding, 1, Duration::ZERO, 1000), 0.0, "it begins anew after each pause");
        }
        assert!(beats(&mut shedding, 3, 4 * TARGET, 1000) > 0.0);
    }

    #[test]
    fn a_machine_that_stood_still_turns_nobody_away() {
        let mut shedding = Shedding::new(TARGET);
        for stall in [Duration::from_millis(200), Duration::from_secs(5)] {
            assert_eq!(beats(&mut shedding, 2, stall, 100_000), 0.0, "{stall:?}");
            assert_eq!(beats(&mut shedding, 1, Duration::ZERO, 100_000), 0.0);
        }
    }

    #[test]
    fn a_machine_that_is_kept_busy_for_long_turns_nobody_away_either() {
        let mut shedding = Shedding::new(TARGET);
        // 200 requests a second, and all of them late for ten seconds.
        assert_eq!(beats(&mut shedding, 200, 2 * TARGET, 10), 0.0);
        assert!(beats(&mut shedding, 1000, 2 * TARGET, 50) > 0.0, "1,000 a second are another matter");
    }

    #[test]
    fn a_machine_that_others_keep_busy_turns_nobody_away() {
        let mut shedding = Shedding::new(TARGET);
        assert_eq!(beats(&mut shedding, 1, Duration::from_secs(5), 99), 0.0);
        let mut shedding = Shedding::new(TARGET);
        assert_eq!(beats(&mut shedding, 1000, TARGET, 1000), 0.0, "what comes in time is in time");
    }

    /// The load is three times what can be done: of each second of work that comes, a third fits. The queue is modelled as
    /// the work that is left over.
    #[test]
    fn under_three_times_too_much_the_wait_stays_short_and_the_server_busy() {
        let mut shedding = Shedding::new(TARGET);
        let (mut queue, mut done, mut longest, mut time) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
        while time < 20.0 {
            let elapsed = 0.01 + queue;
            let share = shedding.beat(Duration::from_secs_f64(queue), Duration::from_secs_f64(elapsed), 100);
            let came = 3.0 * (1.0 - share) * elapsed;
            let worked = (queue + came).min(elapsed);
            queue = queue + came - worked;
            time += elapsed;
            if time > 1.0 {
                done += worked;
                longest = longest.max(queue);
            }
        }
        assert!(longest < 0.05, "{longest} s");
        assert!(done / 19.0 > 0.9, "{done} s of 19");
        let share = beats(&mut shedding, 500, Duration::ZERO, 10);
        assert_eq!(share, 0.0, "five seconds after the load has gone");
    }
}
