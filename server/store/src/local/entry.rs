//! One remembered session.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use holdfast_core::{
    UnixTime,
    session::{Activity, Session},
};

/// A session as it was last acknowledged, its use, and what is going on with it.
///
/// The use is changed under the shared lock of its shard, by whoever passes; all else under the exclusive one.
pub(super) struct Entry {
    pub(super) slot: Slot,
    pub(super) stage: Stage,
    last_seen: AtomicU64,
    /// Zero while it is unset.
    confirmed_at: AtomicU64,
    /// Whether the use has changed since it was written down.
    unsaved: AtomicBool,
    /// Whether it has changed so much that a sweep should write it down.
    due: AtomicBool,
    /// Whether it was asked for since a sweep came by.
    warm: AtomicBool,
}

/// How the session is kept: ready for use, or as its encoding, which takes a third of the room.
pub(super) enum Slot {
    Packed(Box<[u8]>),
    Ready(Arc<Session>),
}

/// What is being written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its creation. Until that is acknowledged, nobody finds it.
    Creating,
    /// A next revision. Until that is acknowledged, this one is found, and nobody else may write.
    Replacing,
    /// Nothing.
    Settled,
}

impl Entry {
    pub(super) fn creating(session: Arc<Session>) -> Self {
        let seen = session.record().created_at.as_millis();
        Self {
            slot: Slot::Ready(session),
            stage: Stage::Creating,
            last_seen: AtomicU64::new(seen),
            confirmed_at: AtomicU64::new(0),
            unsaved: AtomicBool::new(false),
            due: AtomicBool::new(false),
            warm: AtomicBool::new(true),
        }
    }

    /// A session that comes out of a backup with its use.
    pub(super) fn merged(session: Arc<Session>, activity: Activity) -> Self {
        let entry = Self::creating(session);
        entry.adopt(activity);
        entry
    }

    /// Takes over what is known of the use from elsewhere.
    pub(super) fn adopt(&self, activity: Activity) {
        self.last_seen.fetch_max(activity.last_seen.as_millis(), Ordering::Relaxed);
        let confirmed = activity.confirmed_at.map_or(0, UnixTime::as_millis);
        let _was_confirmed =
            self.confirmed_at.compare_exchange(0, confirmed, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(super) fn recovered(packed: Box<[u8]>, activity: Activity) -> Self {
        Self {
            slot: Slot::Packed(packed),
            stage: Stage::Settled,
            last_seen: AtomicU64::new(activity.last_seen.as_millis()),
            confirmed_at: AtomicU64::new(activity.confirmed_at.map_or(0, UnixTime::as_millis)),
            unsaved: AtomicBool::new(false),
            due: AtomicBool::new(false),
            warm: AtomicBool::new(false),
        }
    }

    pub(super) fn activity(&self) -> Activity {
        let confirmed = self.confirmed_at.load(Ordering::Relaxed);
        Activity {
            last_seen: UnixTime::from_millis(self.last_seen.load(Ordering::Relaxed)),
            confirmed_at: (confirmed != 0).then(|| UnixTime::from_millis(confirmed)),
        }
    }

    pub(super) fn touch(&self, now: UnixTime, confirms: bool) {
        let before = self.last_seen.fetch_max(now.as_millis(), Ordering::Relaxed);
        let mut changed = before < now.as_millis();
        let mut due = changed && before / WORTH_WRITING != now.as_millis() / WORTH_WRITING;
        if confirms && self.confirmed_at.load(Ordering::Relaxed) == 0 {
            // The first confirmation stays. A clock that stands at zero must not look like none.
            let at = now.as_millis().max(1);
            due |= self.confirmed_at.compare_exchange(0, at, Ordering::Relaxed, Ordering::Relaxed).is_ok();
            changed |= due;
        }
        for (flag, is_set) in [(&self.unsaved, changed), (&self.due, due)] {
            if is_set && !flag.load(Ordering::Relaxed) {
                flag.store(true, Ordering::Release);
            }
        }
    }

    pub(super) fn is_unsaved(&self) -> bool {
        self.unsaved.load(Ordering::Acquire)
    }

    /// To be called before the activity is read for writing, so that a touch in between marks it again.
    pub(super) fn mark_saved(&self) {
        self.unsaved.store(false, Ordering::Release);
        self.due.store(false, Ordering::Release);
    }

    /// Whether a sweep should write the use down. A session in steady use is due once a minute, not at every sweep;
    /// a crash forgets no more than that, and an orderly stop nothing.
    pub(super) fn is_due(&self) -> bool {
        self.due.load(Ordering::Acquire)
    }

    pub(super) fn warm(&self) {
        if !self.warm.load(Ordering::Relaxed) {
            self.warm.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was asked for since the last time this was asked.
    pub(super) fn cool(&self) -> bool {
        self.warm.swap(false, Ordering::Relaxed)
    }
}

/// In milliseconds: a use that has moved on by less is not worth a write.
const WORTH_WRITING: u64 = 60_000;
