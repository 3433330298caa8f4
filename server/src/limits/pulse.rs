//! How long work waits for a processor, for those who watch the server: a task that wants its turn a hundred times a second,
//! and sees how late it gets it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::line::end_of_the_line;

/// The pulse of the runtime.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// How late the last beat was, in microseconds.
    delay: AtomicU64,
}

impl Pulse {
    /// Beats until the task is dropped.
    pub(crate) async fn beat_forever(&self) {
        loop {
            let due = Instant::now() + BEAT;
            tokio::time::sleep_until(due.into()).await;
            end_of_the_line().await;
            // The timer of the runtime is as fine as a millisecond.
            let delay = Instant::now().saturating_duration_since(due);
            self.delay.store(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// How long work waited last.
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_micros(self.delay.load(Ordering::Relaxed))
    }
}

const BEAT: Duration = Duration::from_millis(10);
