//! How much is fetched from routes that export data, minute by minute.

use std::time::Duration;

use super::signal::{Score, Signal, SignalName};
use crate::UnixTime;

/// What a session fetches: the minute under way, and what its minutes are usually like. Means and variances are weighted
/// by age, so that a session that has changed its ways for good is believed after a while.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Exports {
    requests: Rate,
    bytes: Rate,
}

impl Exports {
    /// Counts one request to a route that exports.
    pub fn count(&mut self, now: UnixTime) {
        self.requests.add(1, LEAST_REQUESTS, now);
    }

    /// Counts bytes that the app says it has sent.
    pub fn count_bytes(&mut self, bytes: u64, now: UnixTime) {
        self.bytes.add(bytes, LEAST_BYTES, now);
    }

    /// Believes that what is fetched in this minute is the owner's: they have just authenticated for it.
    #[must_use]
    pub fn accepted(mut self, now: UnixTime) -> Self {
        self.requests.accept(LEAST_REQUESTS, now);
        self.bytes.accept(LEAST_BYTES, now);
        self
    }

    /// Whether this is more than a session usually fetches.
    pub fn burst(&self, now: UnixTime) -> Option<Signal> {
        let judged = [
            (self.requests.judged(LEAST_REQUESTS, now), "requests"),
            (self.bytes.judged(LEAST_BYTES, now), "bytes"),
        ];
        let (judged, what) = judged.into_iter().max_by_key(|(judged, _)| judged.score)?;
        if judged.score == Score::NONE {
            return None;
        }
        let signal = Signal::new(SignalName::ExportBurst, judged.score)
            .because("what", what)
            .because("this_minute", judged.count)
            .because("usual", judged.usual)
            .because("alarm_above", judged.limit);
        Some(signal)
    }
}

/// A count each minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rate {
    minute: u64,
    count: u64,
    mean: f64,
    variance: f64,
}

struct Judged {
    score: Score,
    count: u64,
    usual: f64,
    limit: f64,
}

impl Rate {
    fn add(&mut self, count: u64, floor: u64, now: UnixTime) {
        self.turn(floor, now);
        self.count = self.count.saturating_add(count);
    }

    /// Goes on to the minute of now. A clock that was set back stays in the minute that it was in.
    fn turn(&mut self, floor: u64, now: UnixTime) {
        let minute = now.as_secs() / MINUTE.as_secs();
        if minute <= self.minute {
            return;
        }
        if self.minute > 0 {
            self.learn(self.count, floor);
            // Minutes without a request weigh like one each, and after enough of them nothing else does.
            let silent = (minute - self.minute - 1).min(MOST_SILENCE);
            (0..silent).for_each(|_| self.learn(0, floor));
        }
        (self.minute, self.count) = (minute, 0);
    }

    /// Takes a minute into the mean and the variance (West 1979, with a constant weight). What was an alarm is not learned:
    /// a thief must not teach the alarm to be silent.
    fn learn(&mut self, count: u64, floor: u64) {
        let count = inexact(count);
        if count > self.limit(floor) {
            return;
        }
        let difference = count - self.mean;
        self.mean += WEIGHT * difference;
        self.variance = (1.0 - WEIGHT) * (self.variance + WEIGHT * difference * difference);
    }

    /// From here on twice the count of this minute is usual.
    fn accept(&mut self, floor: u64, now: UnixTime) {
        let before = self.count;
        self.turn(floor, now);
        self.mean = self.mean.max(inexact(before.max(self.count)).min(MOST_ACCEPTED * inexact(floor)));
        self.variance = self.variance.max((self.mean / DEVIATIONS).powi(2));
    }

    fn limit(&self, floor: u64) -> f64 {
        (self.mean + DEVIATIONS * self.variance.max(0.0).sqrt()).max(inexact(floor))
    }

    fn judged(&self, floor: u64, now: UnixTime) -> Judged {
        let mut of_now = *self;
        of_now.turn(floor, now);
        let (count, limit) = (inexact(of_now.count), of_now.limit(floor));
        // At the limit half an alarm, at twice as much a whole one.
        let score = if count > limit { Score::of_share(count / limit / 2.0) } else { Score::NONE };
        Judged { score, count: of_now.count, usual: of_now.mean, limit }
    }
}

#[expect(clippy::as_conversions, reason = "means and limits need no last digit")]
fn inexact(number: u64) -> f64 {
    number as f64
}

const MINUTE: Duration = Duration::from_secs(60);

/// Of a new minute in the mean: the last ten minutes make up two thirds of it.
const WEIGHT: f64 = 0.1;

const DEVIATIONS: f64 = 6.0;

/// Requests in a minute that are never too many.
const LEAST_REQUESTS: u64 = 30;

/// Bytes in a minute that are never too many.
const LEAST_BYTES: u64 = 50 << 20;

/// Nobody's mean is beyond this many times what is never too much.
const MOST_ACCEPTED: f64 = 1000.0;

/// Minutes after which nothing of before is left.
const MOST_SILENCE: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u64) -> UnixTime {
        UnixTime::from_secs(1_800_000_000 + minute * 60)
    }

    fn score(exports: &Exports, now: UnixTime) -> u8 {
        exports.burst(now).map_or(0, |signal| signal.score.get())
    }

    fn fetch(exports: &mut Exports, count: u64, now: UnixTime) {
        (0..count).for_each(|_| exports.count(now));
    }

    #[test]
    fn a_few_are_never_a_burst_and_many_are() {
        let mut exports = Exports::default();
        fetch(&mut exports, 30, at(0));
        assert_eq!(score(&exports, at(0)), 0);
        fetch(&mut exports, 15, at(0));
        assert_eq!(score(&exports, at(0)), 75);
        fetch(&mut exports, 15, at(0));
        assert_eq!(score(&exports, at(0)), 100);
        // The minute is over.
        assert_eq!(score(&exports, at(1)), 0);
    }

    #[test]
    fn who_always_fetches_much_may() {
        let mut exports = Exports::default();
        for minute in 0..200 {
            // It grows slowly enough to be learned.
            fetch(&mut exports, 20 + minute / 4, at(minute));
            assert_eq!(score(&exports, at(minute)), 0, "in minute {minute}");
        }
        fetch(&mut exports, 500, at(200));
        assert!(score(&exports, at(200)) >= 90);
    }

    #[test]
    fn a_thief_does_not_teach_the_alarm() {
        let mut exports = Exports::default();
        let alarms = (0..60).filter(|minute| {
            fetch(&mut exports, 1000, at(*minute));
            score(&exports, at(*minute)) >= 90
        });
        assert!(alarms.count() == 60, "it alarms as long as it goes on");
    }

    #[test]
    fn what_was_asked_about_is_believed() {
        let mut exports = Exports::default();
        fetch(&mut exports, 100, at(0));
        assert_eq!(score(&exports, at(0)), 100);
        let mut exports = exports.accepted(at(0));
        for minute in 0..30 {
            fetch(&mut exports, 100, at(minute + 1));
            assert_eq!(score(&exports, at(minute + 1)), 0, "in minute {minute}");
        }
        fetch(&mut exports, 1000, at(40));
        assert_eq!(score(&exports, at(40)), 100);
    }

    #[test]
    fn bytes_count_too() {
        let mut exports = Exports::default();
        exports.count_bytes(40 << 20, at(0));
        assert_eq!(score(&exports, at(0)), 0);
        exports.count_bytes(80 << 20, at(0));
        let burst = exports.burst(at(0)).unwrap();
        assert_eq!(burst.score, Score::FULL);
        assert!(burst.factors.contains(&("what", "bytes".into())));
    }

    #[test]
    fn clocks_that_jump_do_no_harm() {
        let mut exports = Exports::default();
        fetch(&mut exports, 10, at(1000));
        fetch(&mut exports, 10, at(0));
        assert_eq!(score(&exports, at(0)), 0);
        fetch(&mut exports, 10, UnixTime::from_millis(u64::MAX));
        exports.count_bytes(u64::MAX, UnixTime::EPOCH);
        exports.count_bytes(u64::MAX, UnixTime::from_millis(u64::MAX));
        assert_eq!(score(&exports, UnixTime::from_millis(u64::MAX)), 100);
        assert_eq!(score(&exports, UnixTime::EPOCH), 100);
    }
}
