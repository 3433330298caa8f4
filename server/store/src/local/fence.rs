//! Everybody out, in one step.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use holdfast_core::{
    UnixTime,
    session::{EndReason, Ended, Record, Session},
};
use parking_lot::RwLock;

/// The current epoch, and when each earlier one ended. A session that began in an earlier epoch has ended.
#[derive(Default)]
pub(crate) struct Fence {
    current: AtomicU64,
    /// At place `n` stands when epoch `n` ended.
    ends: RwLock<Vec<UnixTime>>,
}

impl Fence {
    pub(crate) fn epoch(&self) -> u64 {
        self.current.load(Ordering::Acquire)
    }

    /// When every epoch before the current one ended, in order.
    pub(crate) fn ends(&self) -> Vec<UnixTime> {
        self.ends.read().clone()
    }

    /// Ends the current epoch. Returns the next one.
    pub(crate) fn raise(&self, now: UnixTime) -> u64 {
        let mut ends = self.ends.write();
        ends.push(now);
        let epoch = u64::try_from(ends.len()).unwrap_or(u64::MAX);
        self.current.store(epoch, Ordering::Release);
        epoch
    }

    /// Takes in the ends of epochs that were read from the disk. An end whose time was lost is still an end.
    pub(crate) fn restore(&self, known: &HashMap<u64, UnixTime>) {
        let count = known.keys().max().map_or(0, |last| last.saturating_add(1));
        let mut before = UnixTime::EPOCH;
        for number in 0..count {
            before = known.get(&number).copied().unwrap_or(before);
            self.raise(before);
        }
    }

    /// When the session was sent away with everybody else.
    pub(crate) fn ended(&self, record: &Record) -> Option<Ended> {
        if record.epoch >= self.epoch() {
            return None;
        }
        let at = usize::try_from(record.epoch).ok().and_then(|epoch| self.ends.read().get(epoch).copied());
        Some(Ended { at: at.unwrap_or(record.created_at), reason: EndReason::Revoked })
    }

    /// The session as it stands behind the fence. Its own end, if it had one, stays.
    pub(crate) fn apply(&self, session: Arc<Session>) -> Arc<Session> {
        match self.ended(session.record()) {
            Some(ended) if session.record().ended.is_none() => {
                // The revision stays too: nothing was written, and a replacement is refused for the end.
                Arc::new(Session::restore(Record { ended: Some(ended), ..session.record().clone() }))
            }
            Some(_) | None => session,
        }
    }
}
