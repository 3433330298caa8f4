//! The promises.

use std::{future::Future, sync::Arc, time::Duration};

use holdfast_core::{
    SessionId, UnixTime,
    session::{Activity, Ended, Session},
};

use crate::Unavailable;

/// What every store promises. Under each verb stands what a wrong answer costs.
///
/// A wrong *yes* is nearly always worse than a wrong *no*, and no answer at all ([`Unavailable`]) is better than either:
/// whoever cannot keep a promise says so.
///
/// Dropping a future does not take back what it began: a write that was handed over happens, and only its answer is lost.
pub trait Backend: Send + Sync {
    /// Remembers a session that is new. Durable when it returns.
    ///
    /// * A wrong [`Creation::Created`]: two users share a session.
    /// * A wrong [`Creation::Exists`]: one retry with another id.
    ///
    /// Ids are drawn once. A store may remember that an id ended for longer than it remembers the session.
    ///
    /// A session whose epoch has passed while it was being made is created, and found as ended.
    ///
    /// # Errors
    /// [`Unavailable`]: nobody finds it. A restart may, if the disk failed half-way: nobody holds its cookie.
    fn create(&self, session: Session) -> impl Future<Output = Result<Creation, Unavailable>> + Send;

    /// What was last acknowledged under this id, or nothing.
    ///
    /// * A wrong session: a stale identity, or **a revoked session lives**.
    /// * A wrong `None`: the user logs in again.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known.
    fn load(&self, id: SessionId) -> impl Future<Output = Result<Option<Found>, Unavailable>> + Send;

    /// Puts `next` in the place of the revision just before it. Durable when it returns; the end of a session is durable
    /// twice.
    ///
    /// * A wrong [`Replacement::Replaced`]: **a lost revocation, a proof used twice**.
    /// * A wrong [`Replacement::Conflict`]: one retry.
    /// * A wrong [`Replacement::Missing`]: the user logs in again.
    ///
    /// # Errors
    /// [`Unavailable`]: the old record stays. A restart may find the next one, if the disk failed half-way.
    fn replace(&self, next: Session) -> impl Future<Output = Result<Replacement, Unavailable>> + Send;

    /// Notes that a session was used at `now`, and with `confirms` that a cookie of a bound generation came with it. In
    /// memory alone and never waiting; written down when there is occasion. An unknown id is no matter.
    ///
    /// A lost touch costs an earlier login at most.
    fn touch(&self, id: SessionId, now: UnixTime, confirms: bool);

    /// Every session of one user of one app, the ended ones among them, in no order.
    ///
    /// * One too few: a session survives "log out everywhere".
    /// * One too many: somebody else is logged out.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known.
    fn by_user(&self, app: &str, user: &str) -> impl Future<Output = Result<Vec<Found>, Unavailable>> + Send;

    /// The sessions that the query and `keep` let through, newest first. There is no index for this: it looks at every
    /// session, a few at a time, and is meant for people. A session that changes meanwhile is seen before or after.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known.
    fn list(
        &self,
        query: &ListQuery,
        keep: &Keep,
    ) -> impl Future<Output = Result<Vec<Found>, Unavailable>> + Send;

    /// How many times everybody has been sent away. A session that begins carries this number.
    ///
    /// A number too high: sessions that outlive the next call. A number too low: a login that ends at once.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known.
    fn epoch(&self) -> impl Future<Output = Result<u64, Unavailable>> + Send;

    /// Ends every session of every app, in one step, and returns the new epoch. Durable when it returns. Sessions of an
    /// earlier epoch are from now on found as ended at `now` as revoked, even those whose creation is still on its way.
    ///
    /// * A wrong yes: **an attacker stays in after "everybody out"**.
    ///
    /// # Errors
    /// [`Unavailable`]: everybody is still there, or will be gone after a restart.
    fn end_everyone(&self, now: UnixTime) -> impl Future<Output = Result<u64, Unavailable>> + Send;

    /// Asks whether this key was seen before, and remembers it until `until`. Kept in memory: a restart forgets it, so
    /// whatever is guarded by this must not outlive a restart.
    ///
    /// * A wrong [`Memory::First`]: **a replayed proof is accepted**. Exactly one caller is the first.
    /// * A wrong [`Memory::Seen`]: the client signs again. A key that is already past its time is answered so.
    ///
    /// # Errors
    /// [`Unavailable`]: there is no room for more keys until some run out.
    fn remember(
        &self,
        key: [u8; 16],
        until: UnixTime,
        now: UnixTime,
    ) -> impl Future<Output = Result<Memory, Unavailable>> + Send;

    /// What was last kept under this key. Everything that is no session and must outlive a restart is a note: what is
    /// usual for a user, what is known of a device, how far a stream of signals has been told.
    ///
    /// * A wrong `None`: something is learned anew, or asked for again.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known.
    fn note(
        &self,
        kind: NoteKind,
        key: &[u8],
    ) -> impl Future<Output = Result<Option<Arc<[u8]>>, Unavailable>> + Send;

    /// Every note of a kind with its key, in no order.
    ///
    /// # Errors
    /// [`Unavailable`]: they are not known.
    fn notes(&self, kind: NoteKind) -> impl Future<Output = Result<Vec<Note>, Unavailable>> + Send;

    /// Keeps a note, or with `None` removes it. The last caller wins. [`Keeping::Durable`] returns when the disk has it;
    /// [`Keeping::Lazy`] at once, and a crash may lose it.
    ///
    /// # Errors
    /// [`Unavailable`]: it is kept until the process ends, and written down when writing works again.
    fn keep_note(
        &self,
        kind: NoteKind,
        key: &[u8],
        value: Option<Vec<u8>>,
        keeping: Keeping,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Looks at the next `budget` sessions in turn, does with each what `judge` says, and writes down their lazily kept
    /// activity. Call it again and again; each call is short, and the calls go round through all of them.
    ///
    /// An end that is not carried out (it lost a race, or the disk is full) comes round again.
    ///
    /// # Errors
    /// [`Unavailable`]: none of the ends of this batch was carried out.
    fn sweep(
        &self,
        now: UnixTime,
        budget: usize,
        judge: &Judge,
    ) -> impl Future<Output = Result<Swept, Unavailable>> + Send;

    /// How much longer a durable write that is handed over now takes than it would if none waited before it, as far as
    /// can be told from those before. Zero where nothing waits, and in a store that waits for nothing.
    ///
    /// * Too long: requests are turned away that could have been served.
    /// * Too short: they wait longer than their clients do.
    fn backlog(&self) -> Duration;

    /// How many sessions are remembered, the ended ones among them.
    fn count(&self) -> usize;

    /// Whether writes go through. After a failure this tries to write again, and so finds out that space was made.
    ///
    /// # Errors
    /// [`Unavailable`]: they do not.
    fn healthy(&self) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Writes down what was kept lazily and lets go of the disk. Later writes are refused as [`Unavailable`].
    ///
    /// # Errors
    /// [`Unavailable`]: the lazily kept activity may be lost. Nothing else is.
    fn close(&self) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// What [`Backend::list`] asks of each session that fits the query.
pub type Keep = dyn Fn(&Found) -> bool + Send + Sync;

/// What [`Backend::sweep`] asks of each session.
pub type Judge = dyn Fn(&Found) -> Sweep + Send + Sync;

/// A session as it was last acknowledged, and its use.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The session. Ended, if everybody was sent away after it began.
    pub session: Arc<Session>,
    /// Its use.
    pub activity: Activity,
}

/// The answer to [`Backend::create`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Creation {
    /// It is remembered.
    Created,
    /// The id is taken.
    Exists,
}

/// The answer to [`Backend::replace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Replacement {
    /// Somebody else changed it first, or it has ended: load it again.
    Conflict,
    /// There is no such session.
    Missing,
    /// It is remembered.
    Replaced,
}

/// The answer to [`Backend::remember`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Memory {
    /// Nobody came with this key before.
    First,
    /// Somebody did.
    Seen,
}

/// What a note is about. The number stands on the disk and is never given to another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoteKind {
    /// How far the audit trail was carried to somebody else.
    AuditCursor,
    /// What is known of a device.
    Device,
    /// What other parties' signals need remembered: identifiers that were seen, events that wait.
    Signals,
    /// What is usual for a user.
    User,
}

impl NoteKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::AuditCursor, Self::Device, Self::Signals, Self::User];

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::AuditCursor => 1,
            Self::Device => 2,
            Self::Signals => 3,
            Self::User => 4,
        }
    }

    /// The kind of this number.
    pub(crate) fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Whether a backup has such notes. How far this server has told others of its own trail is true of no other store.
    pub(crate) const fn is_backed_up(self) -> bool {
        match self {
            Self::AuditCursor => false,
            Self::Device | Self::Signals | Self::User => true,
        }
    }
}

/// A note: its key and its value.
pub type Note = (Box<[u8]>, Arc<[u8]>);

/// How surely a note is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// The disk has it when the call returns.
    Durable,
    /// Written down when there is occasion.
    Lazy,
}

/// Which sessions [`Backend::list`] looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Of this app alone.
    pub app: Option<Box<str>>,
    /// Of this user alone, as the app names its users.
    pub user: Option<Box<str>>,
    /// Strictly before this place in the order, which is by creation and then by id: the last session of the page before.
    pub before: Option<(UnixTime, SessionId)>,
    /// At most so many.
    pub limit: usize,
}

/// What becomes of a session that a sweep looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// It ends, at this time and for this reason. Of an ended one, nothing is changed.
    End(Ended),
    /// It is removed. For sessions that ended long ago: an id that is not remembered is refused.
    Forget,
    /// It stays.
    Keep,
}

/// What a sweep did.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// The sessions that it ended, as they are now.
    pub ended: Vec<Arc<Session>>,
    /// How many it removed.
    pub forgotten: usize,
}
