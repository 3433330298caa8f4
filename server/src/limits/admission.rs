//! Whether a request is answered at all, decided before any work is done for it.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};

use parking_lot::Mutex;

use super::{
    Limit, Limited, Prefix,
    queue::{Queue, Waited},
};
use crate::shares::Shares;

/// Counts the requests of one listener that are being answered, and turns away what is too much.
#[derive(Debug)]
pub(crate) struct Admission {
    queue: Arc<Queue>,
    /// What is turned away first. Checks and the calls of apps come last: they are cheap, and a site stands still without
    /// them, while a browser refreshes again in a moment.
    is_public: bool,
    in_flight: AtomicUsize,
    /// How many of them each client has.
    by_prefix: Mutex<Shares<Prefix>>,
    /// How many came too late.
    late: AtomicU32,
}

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    prefix: Option<Prefix>,
}

impl Admission {
    pub(crate) fn new(queue: Arc<Queue>, is_public: bool) -> Self {
        Self {
            queue,
            is_public,
            in_flight: AtomicUsize::new(0),
            by_prefix: Mutex::default(),
            late: AtomicU32::new(0),
        }
    }

    /// What its requests wait in.
    pub(crate) const fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Takes a request that has waited so long, if that was not too long and there are not `most` already. One client, if it is
    /// known which, has an eighth of the places: it might hold them with bodies that never come.
    pub(crate) fn admit(
        self: &Arc<Self>,
        waited: Waited,
        most: u32,
        client: Option<Prefix>,
    ) -> Result<Admitted, Limited> {
        if self.is_too_late(waited) {
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

    /// Takes a request that is answered however much there is to do: that of a session's end, or of whoever watches the server,
    /// who must see it suffer.
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

    /// Whether the answer would come too late. Nobody gains by one that took long; and whoever is told so at once makes room for
    /// those who have just come.
    fn is_too_late(&self, waited: Waited) -> bool {
        let times = if self.is_public { 1 } else { INTERNAL };
        if waited.ahead < FEWEST || waited.time <= self.queue.patience(waited.now) * times {
            return false;
        }
        // Not for those who are turned away because others were late: it would never end.
        if waited.time > self.queue.whole_patience() * times {
            self.queue.note_late(waited.now);
        }
        // Some get through, or nobody would if even to turn all of them away took too long.
        !self.late.fetch_add(1, Ordering::Relaxed).is_multiple_of(ONE_IN)
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

/// Behind so few a request does not wait for long, if it is they whom it waits for and not a machine that stood still.
const FEWEST: u64 = 64;

/// Checks and the calls of apps are given so many times as long.
const INTERNAL: u32 = 5;

/// Of those who come too late, one in so many is let in.
const ONE_IN: u32 = 50;

/// A client may have this part of the places.
const OF_ONE_CLIENT: usize = 8;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::limits::Prefixes;

    #[test]
    fn no_more_are_answered_at_once_than_allowed() {
        let admission = Arc::new(Admission::new(Arc::default(), true));
        let held: Vec<_> =
            (0..3).map(|_| admission.admit(waited(Duration::ZERO, 0), 3, None).unwrap()).collect();
        assert_eq!(admission.admit(waited(Duration::ZERO, 0), 3, None).unwrap_err().limit, Limit::Requests);
        let watcher = admission.admit_always();
        assert_eq!(admission.in_flight(), 4);
        drop((held, watcher));
        assert_eq!(admission.in_flight(), 0);
        assert!(admission.admit(waited(Duration::ZERO, 0), 3, None).is_ok());
    }

    #[test]
    fn one_client_cannot_hold_all_places() {
        let admission = Arc::new(Admission::new(Arc::default(), true));
        let prefixes = Prefixes { ipv4: 32, ipv6: 64 };
        let client = |last| Some(prefixes.of([203, 0, 113, last].into()));
        let held: Vec<_> =
            (0..4).map(|_| admission.admit(waited(Duration::ZERO, 0), 32, client(1)).unwrap()).collect();
        assert_eq!(
            admission.admit(waited(Duration::ZERO, 0), 32, client(1)).unwrap_err().limit,
            Limit::RequestsPerAddress
        );
        assert_eq!(admission.in_flight(), 4, "what is refused holds nothing");
        let other = admission.admit(waited(Duration::ZERO, 0), 32, client(2)).unwrap();
        let unknown: Vec<_> =
            (0..20).map(|_| admission.admit(waited(Duration::ZERO, 0), 32, None).unwrap()).collect();
        drop((held, other, unknown));
        assert!(admission.by_prefix.lock().holders() == 0 && admission.in_flight() == 0);
        assert!(admission.admit(waited(Duration::ZERO, 0), 32, client(1)).is_ok());
        assert!(admission.by_prefix.lock().holders() == 0, "nor does one that met another limit");
    }

    const PATIENCE: Duration = Duration::from_millis(20);

    fn waited(time: Duration, ahead: u64) -> Waited {
        Waited { now: Instant::now(), time, ahead }
    }

    fn late(is_public: bool) -> Arc<Admission> {
        let queue = Arc::new(Queue::default());
        queue.set_patience(PATIENCE);
        let admission = Arc::new(Admission::new(queue, is_public));
        admission.late.store(1, Ordering::Relaxed);
        admission
    }

    #[test]
    fn whoever_has_waited_too_long_behind_others_is_turned_away() {
        let more = PATIENCE + Duration::from_micros(1);
        for (is_public, time, ahead, is_late) in [
            (true, PATIENCE, 1_000_000, false),
            (true, more, FEWEST, true),
            (true, more, FEWEST - 1, false),
            (true, Duration::from_secs(3600), FEWEST - 1, false),
            (true, Duration::MAX, u64::MAX, true),
            // Checks go on when browsers are turned away already.
            (false, more, FEWEST, false),
            (false, PATIENCE * INTERNAL, FEWEST, false),
            (false, PATIENCE * INTERNAL + Duration::from_micros(1), FEWEST, true),
        ] {
            let admitted = late(is_public).admit(waited(time, ahead), 8, None);
            assert_eq!(
                admitted.err().map(|limited| limited.limit),
                is_late.then_some(Limit::Load),
                "{time:?}"
            );
        }
    }

    #[test]
    fn after_one_who_was_too_late_others_may_wait_for_less() {
        let admission = late(true);
        let more_than_half = waited(PATIENCE / 2 + Duration::from_micros(1), FEWEST);
        assert!(admission.admit(more_than_half, 8, None).is_ok());
        assert!(admission.admit(waited(PATIENCE * 2, FEWEST), 8, None).is_err());
        assert!(admission.admit(more_than_half, 8, None).is_err());
        assert!(admission.admit(waited(PATIENCE / 2, FEWEST), 8, None).is_ok());
        assert!(admission.admit(waited(PATIENCE, FEWEST - 1), 8, None).is_ok(), "behind few");
    }

    #[test]
    fn some_get_through_however_late_it_is() {
        let admission = late(true);
        let waited = waited(Duration::from_secs(1), 10_000);
        let admitted = (0..1000).filter(|_| admission.admit(waited, 8, None).is_ok()).count();
        assert_eq!(admitted, 20);
    }
}
