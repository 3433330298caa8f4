//! The one place that asks what time it is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use holdfast_core::UnixTime;

/// A clock: the system's, or one that a test moves by hand. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System { since: Instant },
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The clock of the system.
    pub fn system() -> Self {
        Self(Kind::System { since: Instant::now() })
    }

    /// A clock that stands at `start` until it is moved.
    pub fn manual(start: UnixTime) -> Self {
        Self(Kind::Manual(Arc::new(AtomicU64::new(start.as_millis()))))
    }

    /// The time.
    pub fn now(&self) -> UnixTime {
        match &self.0 {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the clock that everybody else is told to ask"
            )]
            Kind::System { .. } => {
                let since_epoch =
                    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                UnixTime::EPOCH.after(since_epoch)
            }
            Kind::Manual(millis) => UnixTime::from_millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// How long the clock has run. Unlike [`Clock::now`] it never goes back, also when somebody sets the system's clock.
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Kind::System { since } => since.elapsed(),
            Kind::Manual(millis) => Duration::from_millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock on. The system's clock moves by itself.
    pub fn advance(&self, span: Duration) {
        if let Kind::Manual(millis) = &self.0 {
            let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
            millis.fetch_add(span, Ordering::SeqCst);
        }
    }
}
