//! How long work waits for a processor: a task that wants to wake up a hundred times a second, and sees how late it is.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::shedding::Shedding;

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
        loop {
            let due = Instant::now() + BEAT;
            self.due.store(micros(due.duration_since(self.began)), Ordering::Relaxed);
            tokio::time::sleep_until(due.into()).await;
            let now = Instant::now();
            // The timer of the runtime is as fine as a millisecond.
            let delay = now.saturating_duration_since(due);
            shedding.set_target(self.target());
            let came = self.came.swap(0, Ordering::Relaxed);
            let share = shedding.beat(delay, now.duration_since(last), came);
            self.delay.store(micros(delay), Ordering::Relaxed);
            self.share.store(part_of_whole(share), Ordering::Relaxed);
            last = now;
        }
    }

    /// Notes a request that came at `now`, and tells which share of its kind to turn away, of [`WHOLE`].
    pub(super) fn share_at(&self, now: Instant) -> u32 {
        self.came.fetch_add(1, Ordering::Relaxed);
        let share = self.share.load(Ordering::Relaxed);
        if share == 0 {
            return 0;
        }
        // Between two beats the wait may have grown long again: the beat that does not come says so too.
        let due = self.due.load(Ordering::Relaxed);
        let late = micros(now.saturating_duration_since(self.began)).saturating_sub(due);
        if late > 2 * self.target.load(Ordering::Relaxed) { WHOLE } else { share }
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

const BEAT: Duration = Duration::from_millis(10);
