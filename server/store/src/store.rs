//! Which store it is.

use std::{path::Path, sync::Arc, time::Duration};

use holdfast_core::{SessionId, UnixTime, session::Session};

use crate::{
    Backend, Backup, Contents, Creation, Found, Judge, Keep, Keeping, ListQuery, Local, Memory, Merge, Note,
    NoteKind, OpenError, OpenReport, Replacement, Swept, Unavailable, log,
};

/// A store, chosen when the server starts.
#[derive(Debug)]
pub enum Store {
    /// In memory alone: a restart forgets everything. For development and tests.
    Memory(Local),
    /// In memory, and durable in a directory of the local disk.
    Sled(Local),
}

impl Store {
    /// A store in memory alone, empty.
    pub fn memory() -> Self {
        Self::Memory(Local::memory())
    }

    /// The durable store in a directory of the local disk, which is made if it is missing. It blocks until every session
    /// is in memory: a few seconds for a million.
    ///
    /// `keep_endings` is how long the journal remembers the end of a session: at least as long as a session may live. A
    /// copy of the database that is brought back later than that can bring back sessions that were ended meanwhile.
    ///
    /// A damaged database is moved aside, to `sessions.damaged-<seconds of now>` in the same directory, and the report says
    /// so: everybody logs in again, and nobody's revoked session comes back.
    ///
    /// # Errors
    /// [`OpenError`], as a sentence for an operator. It never panics.
    pub fn open_sled(
        directory: &Path,
        now: UnixTime,
        keep_endings: Duration,
    ) -> Result<(Self, OpenReport), OpenError> {
        let (state, log, report) = log::open(directory, now, keep_endings)?;
        Ok((Self::Sled(Local::over(state, Some(log))), report))
    }
}

impl Store {
    /// Begins a backup of what is remembered at this moment. It is taken part by part, while everything goes on.
    ///
    /// # Errors
    /// [`Unavailable`]: the journal of endings cannot be read.
    pub async fn backup(&self, now: UnixTime) -> Result<Backup, Unavailable> {
        match self {
            Self::Memory(store) | Self::Sled(store) => store.backup(now).await,
        }
    }

    /// Begins to merge a backup that was read to its end, and found to be genuine, into what is remembered.
    ///
    /// # Errors
    /// [`Unavailable`]: the journal of endings cannot be read.
    pub async fn merge(&self, contents: &Contents) -> Result<Merge<'_>, Unavailable> {
        match self {
            Self::Memory(store) | Self::Sled(store) => Merge::begin(store, contents).await,
        }
    }
}

/// Hands each verb to the store that it is.
macro_rules! delegate {
    ($self:ident, $store:ident => $call:expr) => {
        match $self {
            Self::Memory($store) | Self::Sled($store) => $call,
        }
    };
}

impl Backend for Store {
    async fn create(&self, session: Session) -> Result<Creation, Unavailable> {
        delegate!(self, store => store.create(session).await)
    }

    async fn load(&self, id: SessionId) -> Result<Option<Found>, Unavailable> {
        delegate!(self, store => store.load(id).await)
    }

    async fn replace(&self, next: Session) -> Result<Replacement, Unavailable> {
        delegate!(self, store => store.replace(next).await)
    }

    fn touch(&self, id: SessionId, now: UnixTime, confirms: bool) {
        delegate!(self, store => store.touch(id, now, confirms));
    }

    async fn by_user(&self, app: &str, user: &str) -> Result<Vec<Found>, Unavailable> {
        delegate!(self, store => store.by_user(app, user).await)
    }

    async fn list(&self, query: &ListQuery, keep: &Keep) -> Result<Vec<Found>, Unavailable> {
        delegate!(self, store => store.list(query, keep).await)
    }

    async fn epoch(&self) -> Result<u64, Unavailable> {
        delegate!(self, store => store.epoch().await)
    }

    async fn end_everyone(&self, now: UnixTime) -> Result<u64, Unavailable> {
        delegate!(self, store => store.end_everyone(now).await)
    }

    async fn remember(&self, key: [u8; 16], until: UnixTime, now: UnixTime) -> Result<Memory, Unavailable> {
        delegate!(self, store => store.remember(key, until, now).await)
    }

    async fn note(&self, kind: NoteKind, key: &[u8]) -> Result<Option<Arc<[u8]>>, Unavailable> {
        delegate!(self, store => store.note(kind, key).await)
    }

    async fn notes(&self, kind: NoteKind) -> Result<Vec<Note>, Unavailable> {
        delegate!(self, store => store.notes(kind).await)
    }

    async fn keep_note(
        &self,
        kind: NoteKind,
        key: &[u8],
        value: Option<Vec<u8>>,
        keeping: Keeping,
    ) -> Result<(), Unavailable> {
        delegate!(self, store => store.keep_note(kind, key, value, keeping).await)
    }

    async fn sweep(&self, now: UnixTime, budget: usize, judge: &Judge) -> Result<Swept, Unavailable> {
        delegate!(self, store => store.sweep(now, budget, judge).await)
    }

    fn backlog(&self) -> Duration {
        delegate!(self, store => store.backlog())
    }

    fn count(&self) -> usize {
        delegate!(self, store => store.count())
    }

    async fn healthy(&self) -> Result<(), Unavailable> {
        delegate!(self, store => store.healthy().await)
    }

    async fn close(&self) -> Result<(), Unavailable> {
        delegate!(self, store => store.close().await)
    }
}
