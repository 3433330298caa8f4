//! Whether a request is answered at all, decided before any work is done for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Instant,
};

use super::{
    Limit, Limited,
    pulse::{PUBLIC, Pulse, WHOLE},
};

/// Counts the requests of one listener that are being answered, and turns away what is too much.
#[derive(Debug)]
pub(crate) struct Admission {
    pulse: Arc<Pulse>,
    /// What is turned away first. Checks and the calls of apps come last: they are cheap, and a site stands still without
    /// them, while a browser refreshes again in a moment.
    is_public: bool,
    in_flight: AtomicUsize,
    /// Grows by the share that is to be turned away; each time it is full, one request is.
    credit: AtomicU32,
}

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub(crate) struct Admitted(Arc<Admission>);

impl Admission {
    pub(crate) fn new(pulse: Arc<Pulse>, is_public: bool) -> Self {
        Self { pulse, is_public, in_flight: AtomicUsize::new(0), credit: AtomicU32::new(0) }
    }

    /// Takes a request that came at `now`, if there are not `most` already, and there is time for it.
    pub(crate) fn admit(self: &Arc<Self>, now: Instant, most: u32) -> Result<Admitted, Limited> {
        let share = self.own_share(self.pulse.share_at(now));
        if share > 0 && self.is_turn_of_one(share) {
            return Err(Limited::by(Limit::Load));
        }
        let admitted = self.admit_always();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if self.in_flight.load(Ordering::Relaxed) > most {
            return Err(Limited::by(Limit::Requests));
        }
        Ok(admitted)
    }

    /// Takes a request that is answered whatever happens: whoever watches the server must see it suffer.
    pub(crate) fn admit_always(self: &Arc<Self>) -> Admitted {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Admitted(Arc::clone(self))
    }

    /// How many requests are being answered.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The internal listener gives away nothing until the public one gives away everything.
    const fn own_share(&self, share: u32) -> u32 {
        if !self.is_public {
            return share.saturating_sub(PUBLIC) * WHOLE / (WHOLE - PUBLIC);
        }
        if share < PUBLIC { share } else { WHOLE }
    }

    /// One request in so many, evenly.
    fn is_turn_of_one(&self, share: u32) -> bool {
        let before = self.credit.fetch_add(share, Ordering::Relaxed);
        (before % WHOLE) + share >= WHOLE
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_answered_at_once_than_allowed() {
        let admission = Arc::new(Admission::new(Arc::new(Pulse::new()), true));
        let now = Instant::now();
        let held: Vec<_> = (0..3).map(|_| admission.admit(now, 3).unwrap()).collect();
        assert_eq!(admission.admit(now, 3).unwrap_err().limit, Limit::Requests);
        let watcher = admission.admit_always();
        assert_eq!(admission.in_flight(), 4);
        drop((held, watcher));
        assert_eq!(admission.in_flight(), 0);
        assert!(admission.admit(now, 3).is_ok());
    }

    #[test]
    fn a_share_is_turned_away_evenly_and_the_public_first() {
        let pulse = Arc::new(Pulse::new());
        let [public, internal] = [true, false].map(|is_public| Admission::new(Arc::clone(&pulse), is_public));
        for (share, of_internal) in [(0, 0), (WHOLE / 2, 0), (PUBLIC, 0), (WHOLE, WHOLE)] {
            assert_eq!(public.own_share(share), if share < PUBLIC { share } else { WHOLE });
            assert!(internal.own_share(share).abs_diff(of_internal) <= WHOLE / 100, "{share}");
        }
        for share in [WHOLE / 3, WHOLE / 2, WHOLE / 10] {
            let turned = (0..10_000).filter(|_| public.is_turn_of_one(share)).count();
            let expected = usize::try_from(u64::from(share) * 10_000 / u64::from(WHOLE)).unwrap();
            assert!(turned.abs_diff(expected) <= 1, "{turned}, not {expected}");
        }
        assert!((0..100).all(|_| public.is_turn_of_one(WHOLE)));
    }
}
