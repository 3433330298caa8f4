//! How often a browser signs for one site.

use std::collections::VecDeque;
use std::time::Duration;

/// Chromium's signing quota: registrations and all refreshes of a site count together.
#[derive(Clone, Debug, Default)]
pub struct SigningQuota {
    signed_at: VecDeque<Duration>,
}

impl SigningQuota {
    /// Takes one signature out of the quota; false when there is none left.
    pub fn take(&mut self, now: Duration) -> bool {
        self.signed_at.retain(|at| at.saturating_add(PERIOD) > now);
        let allowed = self.signed_at.len() < SIGNATURES;
        if allowed {
            self.signed_at.push_back(now);
        }
        allowed
    }
}

/// Signatures per period.
const SIGNATURES: usize = 6;

/// The period they are counted over.
const PERIOD: Duration = Duration::from_secs(9 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seventh_signature_waits_for_nine_minutes() {
        let mut quota = SigningQuota::default();
        let start = Duration::from_secs(1000);
        assert!((0..6).all(|_| quota.take(start)));
        assert!(!quota.take(start + PERIOD - Duration::from_secs(1)));
        assert!(quota.take(start + PERIOD));
    }
}
