//! How long a browser leaves an endpoint alone that answers 5xx.

use std::time::Duration;

/// The backoff of one session. Nothing here is random: a simulator must be repeatable, Chromium adds 20 % jitter.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
    until: Duration,
}

impl Backoff {
    /// Whether the endpoint is to be left alone now.
    pub fn is_active(&self, now: Duration) -> bool {
        now < self.until
    }

    /// Another 5xx.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        let Some(steps) = self.failures.checked_sub(FREE) else { return };
        let mut pause = FIRST;
        for _ in 0..steps {
            pause = pause.saturating_mul(3).checked_div(2).unwrap_or(LONGEST).min(LONGEST);
        }
        self.until = now.saturating_add(pause);
    }

    /// A success forgets everything.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }
}

/// The first failure that causes a pause; those before it are free.
const FREE: u32 = 4;

/// The first pause; each further one is one and a half times as long.
const FIRST: Duration = Duration::from_millis(500);

/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(8 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_are_free_and_success_clears() {
        let now = Duration::from_secs(1000);
        let mut backoff = Backoff::default();
        (0..3).for_each(|_| backoff.failed(now));
        assert!(!backoff.is_active(now));
        backoff.failed(now);
        assert!(backoff.is_active(now + Duration::from_millis(499)));
        assert!(!backoff.is_active(now + Duration::from_millis(500)));
        (0..100).for_each(|_| backoff.failed(now));
        assert!(!backoff.is_active(now + LONGEST));
        backoff.succeeded();
        assert!(!backoff.is_active(now));
    }
}
