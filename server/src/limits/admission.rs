//! Whether a request is answered at all, decided before any work is done for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Instant,
};

use parking_lot::Mutex;

use super::{
    Limit, Limited, Prefix,
    pulse::{PUBLIC, Pulse, WHOLE},
};
use crate::shares::Shares;

/// Counts the requests of one listener that are being answered, and turns away what is too much.
#[derive(Debug)]
pub(crate) struct Admission {
    pulse: Arc<Pulse>,
    /// What is turned away first. Checks and the calls of apps come last: they are cheap, and a site stands still without
    /// them, while a browser refreshes again in a moment.
    is_public: bool,
    in_flight: AtomicUsize,
    /// How many of them each client has.
    by_prefix: Mutex<Shares<Prefix>>,
    /// Grows by the share that is to be turned away; each time it is full, one request is.
    credit: AtomicU32,
}

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    prefix: Option<Prefix>,
}

impl Admission {
    pub(crate) fn new(pulse: Arc<Pulse>, is_public: bool) -> Self {
        Self {
            pulse,
            is_public,
            in_flight: AtomicUsize::new(0),
            by_prefix: Mutex::default(),
            credit: AtomicU32::new(0),
        }
    }

    /// Takes a request that came at `now`, if there are not `most` already, and there is time for it. One client, if it is
    /// known which, has an eighth of the places: it might hold them with bodies that never come.
    pub(crate) fn admit(
        self: &Arc<Self>,
        now: Instant,
        most: u32,
        client: Option<Prefix>,
    ) -> Result<Admitted, Limited> {
        let share = self.own_share(self.pulse.share_at(now));
        if share > 0 && self.is_turn_of_one(share) {
            return Err(Limited::by(Limit::Load));
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let of_client = (most / OF_ONE_CLIENT).max(1);
        if client.is_some_and(|client| !self.by_prefix.lock().add_below(of_client, client)) {
            return Err(Limited::by(Limit::RequestsPerAddress));
        }
        let admitted = self.admitted(client);
        if self.in_flight.load(Ordering::Relaxed) > most {
            return Err(Limited::by(Limit::Requests));
        }
        Ok(admitted)
    }

    /// Takes a request of a session's end, however much there is to do. It is work all the same, and counted as such.
    pub(crate) fn admit_end(self: &Arc<Self>, now: Instant) -> Admitted {
        let _ = self.pulse.share_at(now);
        self.admitted(None)
    }

    /// Takes a request that is answered whatever happens: whoever watches the server must see it suffer.
    pub(crate) fn admit_always(self: &Arc<Self>) -> Admitted {
        self.admitted(None)
    }

    fn admitted(self: &Arc<Self>, prefix: Option<Prefix>) -> Admitted {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Admitted { admission: Arc::clone(self), prefix }
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
        self.admission.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(prefix) = self.prefix {
            self.admission.by_prefix.lock().take(&prefix);
        }
    }
}

/// A client may have this part of the places.
const OF_ONE_CLIENT: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Prefixes;

    #[test]
    fn no_more_are_answered_at_once_than_allowed() {
        let admission = Arc::new(Admission::new(Arc::new(Pulse::new()), true));
        let now = Instant::now();
        let held: Vec<_> = (0..3).map(|_| admission.admit(now, 3, None).unwrap()).collect();
        assert_eq!(admission.admit(now, 3, None).unwrap_err().limit, Limit::Requests);
        let watcher = admission.admit_always();
        assert_eq!(admission.in_flight(), 4);
        drop((held, watcher));
        assert_eq!(admission.in_flight(), 0);
        assert!(admission.admit(now, 3, None).is_ok());
    }

    #[test]
    fn one_client_cannot_hold_all_places() {
        let admission = Arc::new(Admission::new(Arc::new(Pulse::new()), true));
        let (now, prefixes) = (Instant::now(), Prefixes { ipv4: 32, ipv6: 64 });
        let client = |last| Some(prefixes.of([203, 0, 113, last].into()));
        let held: Vec<_> = (0..4).map(|_| admission.admit(now, 32, client(1)).unwrap()).collect();
        assert_eq!(admission.admit(now, 32, client(1)).unwrap_err().limit, Limit::RequestsPerAddress);
        assert_eq!(admission.in_flight(), 4, "what is refused holds nothing");
        let other = admission.admit(now, 32, client(2)).unwrap();
        let unknown: Vec<_> = (0..20).map(|_| admission.admit(now, 32, None).unwrap()).collect();
        drop((held, other, unknown));
        assert!(admission.by_prefix.lock().holders() == 0 && admission.in_flight() == 0);
        assert!(admission.admit(now, 32, client(1)).is_ok());
        assert!(admission.by_prefix.lock().holders() == 0, "nor does one that met another limit");
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
