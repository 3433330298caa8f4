//! Whether an HTTP/2 connection asks anything. One that only answers pings keeps a place that others need.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The requests of one connection.
#[derive(Debug)]
pub(super) struct Quiet {
    began: Instant,
    open: AtomicU32,
    /// When the last request began or ended, in milliseconds since `began`.
    last: AtomicU64,
}

/// A request, until it is dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<Quiet>);

impl Quiet {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), open: AtomicU32::new(0), last: AtomicU64::new(0) }
    }

    /// Notes a request.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.open.fetch_add(1, Ordering::AcqRel);
        Busy(Arc::clone(self))
    }

    /// Ends when no request was open for `patience`.
    pub(super) async fn for_longer_than(&self, patience: Duration) {
        loop {
            let last = Duration::from_millis(self.last.load(Ordering::Acquire));
            let is_open = self.open.load(Ordering::Acquire) > 0;
            let quiet = if is_open { Duration::ZERO } else { self.began.elapsed().saturating_sub(last) };
            let Some(left) = patience.checked_sub(quiet).filter(|left| !left.is_zero()) else { return };
            tokio::time::sleep(left).await;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let since = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last.store(since, Ordering::Release);
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}
