//! Merging a backup into a running store. What is there and newer stays, what is not known comes in, and an end wins
//! whichever side knows of it.

use std::collections::HashMap;

use holdfast_core::{
    SessionId, UnixTime,
    session::{Activity, EndReason, Ended, Record},
};
use tokio::sync::MutexGuard;

use super::{Contents, Item};
use crate::{Found, Judge, Local, Sweep, Unavailable, local::Merging, log::Write};

/// What a merge has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Sessions that were not known here and are now, the ended ones that can still be read among them.
    pub added: u64,
    /// Sessions that were here in an older state.
    pub updated: u64,
    /// Sessions that were alive here and ended in the backup: they have ended.
    pub ended: u64,
    /// Sessions that were here already, as new or newer.
    pub kept: u64,
    /// Sessions that did not come in, because they have expired or ended since.
    pub left_out: u64,
    /// Notes that were not known here, and are now. What is here stays as it is.
    pub notes: u64,
}

/// A merge under way.
pub struct Merge<'a> {
    store: &'a Local,
    /// One merge at a time: of two, one could miss what the other is about to bring.
    _turn: MutexGuard<'a, ()>,
    /// What has ended, by the journal of this store and by the backup.
    endings: HashMap<SessionId, Ended>,
    /// When everybody was sent away, by the backup.
    epochs: Vec<UnixTime>,
    restored: Restored,
}

impl<'a> Merge<'a> {
    pub(crate) async fn begin(store: &'a Local, contents: &Contents) -> Result<Self, Unavailable> {
        let turn = store.merges().lock().await;
        let endings = store.journaled().await?.into_iter().collect();
        Ok(Self {
            store,
            _turn: turn,
            endings,
            epochs: contents.epochs.clone(),
            restored: Restored::default(),
        })
    }

    /// Merges some items. Durable when it returns.
    ///
    /// `judge` says of a session that would come in what a sweep would do with it: only one that it would keep does.
    ///
    /// # Errors
    /// [`Unavailable`]: some of these items are merged, and others not. Merging all of them again is no harm.
    pub async fn take(&mut self, items: Vec<Item>, judge: &Judge) -> Result<(), Unavailable> {
        let (mut writes, mut notes) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Ended(id, ended) => self.take_end(id, ended, &mut writes, &mut notes).await,
                Item::Note(kind, key, value) => {
                    if let Some(write) = self.store.bring_note(kind, &key, value.into()) {
                        writes.push((write, |restored| restored.notes += 1));
                    }
                }
                Item::Session(record, activity) => {
                    self.take_session(*record, activity, judge, &mut writes, &mut notes).await;
                }
            }
        }
        let noted = self.store.note_ends(notes).await;
        for (write, count) in writes {
            write.done().await?;
            count(&mut self.restored);
        }
        noted
    }

    /// What was done.
    pub const fn restored(&self) -> Restored {
        self.restored
    }

    async fn take_end(
        &mut self,
        id: SessionId,
        ended: Ended,
        writes: &mut Writes,
        notes: &mut Vec<(SessionId, Ended)>,
    ) {
        if let Some(session) = self.store.ending_of(id, ended).await {
            writes.push((self.store.write_granted(session), |restored| restored.ended += 1));
        } else if !self.endings.contains_key(&id) {
            // Nothing is known of it here; but an older backup may.
            notes.push((id, ended));
        }
        self.endings.entry(id).or_insert(ended);
    }

    async fn take_session(
        &mut self,
        mut record: Record,
        activity: Activity,
        judge: &Judge,
        writes: &mut Writes,
        notes: &mut Vec<(SessionId, Ended)>,
    ) {
        let id = record.id;
        // Before the ends are looked at: whoever ends everybody in between ends this session too.
        let epoch = self.store.epoch_now();
        let ended = self.endings.get(&id).copied().or_else(|| self.ended_with_everybody(&record));
        if let Some(ended) = ended.filter(|_| record.ended.is_none()) {
            record.ended = Some(ended);
            record.revision = record.revision.saturating_add(1);
        }
        if let Some(ended) = record.ended
            && let Some(session) = self.store.ending_of(id, ended).await
        {
            writes.push((self.store.write_granted(session), |restored| restored.ended += 1));
            return;
        }
        // Its own epoch has been judged; from here on it is one of ours.
        record.epoch = epoch;
        let ended = record.ended;
        let found = Found { session: self.store.slimmed(record), activity };
        if !matches!(judge(&found), Sweep::Keep) {
            self.restored.left_out += 1;
            notes.extend(ended.filter(|_| !self.endings.contains_key(&id)).map(|ended| (id, ended)));
            return;
        }
        match self.store.merging(&found).await {
            Merging::Added => {
                writes.push((self.store.write_granted(found.session), |restored| restored.added += 1))
            }
            Merging::Updated => {
                writes.push((self.store.write_granted(found.session), |restored| restored.updated += 1));
            }
            Merging::Kept => self.restored.kept += 1,
        }
    }

    /// Whether everybody was sent away after this session began, by the backup or here.
    ///
    /// Epochs are counted from the beginning of a store. If the ends of the backup are the first ones of this store, it is
    /// the same store, and the numbers say which sessions an end was for; otherwise their times do.
    fn ended_with_everybody(&self, record: &Record) -> Option<Ended> {
        let here = self.store.ends_of_everybody();
        let epoch = usize::try_from(record.epoch).unwrap_or(usize::MAX);
        let by_number = self
            .epochs
            .get(epoch)
            .or_else(|| here.starts_with(&self.epochs).then(|| here.get(epoch)).flatten());
        let by_time = || here.iter().find(|end| **end >= record.created_at);
        let at = by_number.or_else(by_time)?;
        Some(Ended { at: *at, reason: EndReason::Revoked })
    }
}

/// Writes under way, and what each counts as when it is through.
type Writes = Vec<(Write, fn(&mut Restored))>;
