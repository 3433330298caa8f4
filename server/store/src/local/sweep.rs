//! Going round through all sessions, a few at a time.

use std::sync::Arc;

use holdfast_core::{SessionId, session::Session};
use parking_lot::Mutex;

use super::{Local, shard, state::Begin};
use crate::{Found, Judge, Sweep, Swept, Unavailable};

/// How far the round has come.
#[derive(Default)]
pub(super) struct Round(Mutex<Place>);

#[derive(Default)]
struct Place {
    /// The shard that comes next.
    shard: usize,
    /// What is left of the shard before it.
    ids: Vec<SessionId>,
}

impl Local {
    pub(super) async fn sweep_batch(&self, budget: usize, judge: &Judge) -> Result<Swept, Unavailable> {
        let ids = self.next_batch(budget);
        let mut swept = Swept::default();
        let mut ends = Vec::new();
        for id in &ids {
            let Some(found) = self.state.peek(*id) else { continue };
            match judge(&found) {
                Sweep::End(ended) => ends.extend(found.session.end(ended.reason, ended.at)),
                Sweep::Forget => swept.forgotten += usize::from(self.forget(&found)),
                Sweep::Keep => self.state.cool(*id),
            }
        }
        self.save(self.state.take_due(ids));
        self.end_all(ends, &mut swept).await?;
        Ok(swept)
    }

    /// Whoever is being written at this moment is left for the next round.
    async fn end_all(&self, ends: Vec<Session>, swept: &mut Swept) -> Result<(), Unavailable> {
        let mut writes = Vec::with_capacity(ends.len());
        for next in ends {
            if matches!(self.state.begin_replace(&next), Begin::Granted) {
                let next = Arc::new(next);
                writes.push((Arc::clone(&next), self.begin_write(next)));
            }
        }
        let mut outage = None;
        for (next, write) in writes {
            match write.done().await {
                Ok(()) => swept.ended.push(next),
                Err(unavailable) => outage = Some(unavailable),
            }
        }
        // What was carried out must be told, even if some of it was not.
        match outage {
            Some(unavailable) if swept.ended.is_empty() && swept.forgotten == 0 => Err(unavailable),
            Some(_) | None => Ok(()),
        }
    }

    fn forget(&self, found: &Found) -> bool {
        let is_forgotten = self.state.forget(&found.session);
        if is_forgotten {
            self.erase(found.session.record().id);
        }
        is_forgotten
    }

    fn next_batch(&self, budget: usize) -> Vec<SessionId> {
        let mut place = self.round.0.lock();
        let mut batch = Vec::new();
        // Empty shards cost a look each; one call goes round once at most.
        for _ in 0..=shard::COUNT {
            let wanted = budget.saturating_sub(batch.len());
            let left = place.ids.len().saturating_sub(wanted);
            batch.extend(place.ids.drain(left..));
            if batch.len() >= budget {
                break;
            }
            place.ids = self.state.ids(place.shard);
            place.shard = (place.shard + 1) % shard::COUNT;
        }
        batch
    }
}
