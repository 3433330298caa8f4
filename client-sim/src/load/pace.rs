//! Questions at a fixed rate, whatever the server does.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// So many questions a second, on all connections together.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) started: Instant,
    pub(super) rate: NonZeroU32,
}

/// When one connection asks.
pub(super) struct Clocked {
    due: Instant,
    step: Duration,
}

impl Pace {
    /// The connections take turns.
    pub(super) fn of_connection(self, number: usize, connections: usize) -> Clocked {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let every = Duration::from_secs(1) / self.rate.get();
        Clocked {
            due: self.started + every.saturating_mul(count(number)),
            step: every.saturating_mul(count(connections)),
        }
    }
}

impl Clocked {
    /// Waits until the next question is due, and says from when its answer is counted. A connection that is late,
    /// because it had to wait for its last answer, counts from when the question was due: otherwise a server that
    /// stands still would hide how many have to wait for it.
    pub(super) async fn next(&mut self) -> Instant {
        let due = self.due;
        self.due += self.step;
        if Instant::now() > due {
            return due;
        }
        // A timer wakes up to a millisecond late: the last bit is waited for in turns with the other connections.
        if let Some(long) = (due - Instant::now()).checked_sub(TIMER) {
            tokio::time::sleep(long).await;
        }
        loop {
            let now = Instant::now();
            if now >= due {
                return now;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// What is not left to a timer.
const TIMER: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_take_turns_and_a_late_one_counts_from_when_it_was_due() {
        let started = Instant::now();
        let pace = Pace { started, rate: NonZeroU32::new(1000).unwrap() };
        let mut second = pace.of_connection(1, 4);
        assert!(second.next().await >= started + Duration::from_millis(1));
        assert!(second.next().await >= started + Duration::from_millis(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(second.next().await, started + Duration::from_millis(9));
    }
}
