//! The store of one process: everything is held in memory and answered from there; a log beneath it, if there is one,
//! makes it durable.

mod entry;
mod fence;
mod list;
mod merge;
mod notes;
mod recent;
mod shard;
mod state;
mod sweep;
mod users;
mod view;
mod words;

use std::{fmt, sync::Arc, time::Duration};

use holdfast_core::{SessionId, UnixTime, session::Session};

use tokio::sync::{Mutex, oneshot};

use self::{recent::Recent, state::Begin, sweep::Round};
use crate::{
    Backend, Creation, Found, Judge, Keep, Keeping, ListQuery, Memory, Note, NoteKind, Replacement, Swept,
    Unavailable,
    log::{Log, Operation, Write, closed},
};

pub(crate) use self::{merge::Merging, notes::NoteName, shard::COUNT as SHARDS, state::State, words::Words};

/// A store that serves from memory.
pub struct Local {
    state: Arc<State>,
    recent: Recent,
    round: Round,
    /// Held by whoever merges a backup.
    merges: Mutex<()>,
    /// None if nothing outlives the process.
    log: Option<Log>,
}

impl Local {
    pub(crate) fn memory() -> Self {
        Self::over(Arc::new(State::new()), None)
    }

    pub(crate) fn over(state: Arc<State>, log: Option<Log>) -> Self {
        Self {
            state,
            recent: Recent::new(MOST_REMEMBERED),
            round: Round::default(),
            merges: Mutex::new(()),
            log,
        }
    }

    /// Begins to make a session durable whose entry was granted. Whoever made it durable shows it, so that it is shown
    /// even if nobody waits for the answer any more.
    fn begin_write(&self, session: Arc<Session>) -> Write {
        let id = session.record().id;
        let Some(log) = &self.log else {
            self.state.settle(id, Some(session));
            return Write::Done(Ok(()));
        };
        let (answer, answered) = oneshot::channel();
        if log.hand_over(Operation::Put(session, answer)).is_err() {
            self.state.settle(id, None);
            return Write::Done(Err(closed()));
        }
        Write::Waiting(answered)
    }

    /// Has the use of these sessions written down, some time.
    fn save(&self, ids: Vec<SessionId>) {
        if let Some(log) = &self.log
            && !ids.is_empty()
        {
            // A closed store has written all it could.
            let _closed = log.hand_over(Operation::Save(ids));
        }
    }

    /// Has a forgotten session removed, some time.
    fn erase(&self, id: SessionId) {
        if let Some(log) = &self.log {
            let _closed = log.hand_over(Operation::Erase(id));
        }
    }

    async fn granted_replace(&self, next: &Session) -> Option<Replacement> {
        loop {
            let shard = self.state.shard(next.record().id)?;
            let settled = shard.settled.notified();
            let mut settled = std::pin::pin!(settled);
            // From here on no wake-up is missed.
            settled.as_mut().enable();
            match self.state.begin_replace(next) {
                Begin::Decided(decision) => return Some(decision),
                Begin::Granted => return None,
                Begin::Wait => settled.await,
            }
        }
    }
}

impl Backend for Local {
    async fn create(&self, session: Session) -> Result<Creation, Unavailable> {
        let session = self.state.slim(session);
        match self.state.begin_create(&session) {
            Begin::Decided(decision) => Ok(decision),
            Begin::Granted => self.begin_write(session).done().await.map(|()| Creation::Created),
            Begin::Wait => Ok(Creation::Exists),
        }
    }

    async fn load(&self, id: SessionId) -> Result<Option<Found>, Unavailable> {
        Ok(self.state.load(id))
    }

    async fn replace(&self, next: Session) -> Result<Replacement, Unavailable> {
        match self.granted_replace(&next).await {
            Some(decision) => Ok(decision),
            None => self.begin_write(Arc::new(next)).done().await.map(|()| Replacement::Replaced),
        }
    }

    fn touch(&self, id: SessionId, now: UnixTime, confirms: bool) {
        self.state.touch(id, now, confirms);
    }

    async fn by_user(&self, app: &str, user: &str) -> Result<Vec<Found>, Unavailable> {
        Ok(self.state.by_user(app, user))
    }

    async fn list(&self, query: &ListQuery, keep: &Keep) -> Result<Vec<Found>, Unavailable> {
        Ok(self.state.list(query, keep))
    }

    async fn epoch(&self) -> Result<u64, Unavailable> {
        Ok(self.state.fence.epoch())
    }

    async fn end_everyone(&self, now: UnixTime) -> Result<u64, Unavailable> {
        match &self.log {
            Some(log) => log.ask(|answer| Operation::EndEveryone(now, answer)).await,
            None => Ok(self.state.fence.raise(now)),
        }
    }

    async fn remember(&self, key: [u8; 16], until: UnixTime, now: UnixTime) -> Result<Memory, Unavailable> {
        self.recent.remember(key, until, now)
    }

    async fn note(&self, kind: NoteKind, key: &[u8]) -> Result<Option<Arc<[u8]>>, Unavailable> {
        Ok(self.state.notes.get(kind, key))
    }

    async fn notes(&self, kind: NoteKind) -> Result<Vec<Note>, Unavailable> {
        Ok(self.state.notes.of_kind(kind))
    }

    async fn keep_note(
        &self,
        kind: NoteKind,
        key: &[u8],
        value: Option<Vec<u8>>,
        keeping: Keeping,
    ) -> Result<(), Unavailable> {
        self.state.notes.set(kind, key, value);
        // The writer reads the memory when it comes to it, so the last of several callers wins there too.
        match (&self.log, keeping) {
            (None, _) => Ok(()),
            (Some(log), Keeping::Durable) => {
                log.ask(|answer| Operation::Note((kind, key.into()), Some(answer))).await
            }
            (Some(log), Keeping::Lazy) => {
                log.hand_over(Operation::Note((kind, key.into()), None)).map_err(|_| closed())
            }
        }
    }

    async fn sweep(&self, now: UnixTime, budget: usize, judge: &Judge) -> Result<Swept, Unavailable> {
        self.recent.sweep(now);
        self.sweep_batch(budget, judge).await
    }

    fn backlog(&self) -> Duration {
        self.log.as_ref().map_or(Duration::ZERO, Log::backlog)
    }

    fn count(&self) -> usize {
        self.state.count()
    }

    async fn healthy(&self) -> Result<(), Unavailable> {
        match &self.log {
            Some(log) => log.ask(Operation::Probe).await,
            None => Ok(()),
        }
    }

    async fn close(&self) -> Result<(), Unavailable> {
        match &self.log {
            Some(log) => log.ask(Operation::Close).await,
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("sessions", &self.count()).finish_non_exhaustive()
    }
}

/// How many single-use values are remembered at once; about 60 MB when full.
const MOST_REMEMBERED: usize = 1 << 22;
