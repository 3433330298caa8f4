//! What other parties told of users and sessions, for checks to weigh.
//!
//! A check asks [`Told::about`], which answers from memory; what was told is also a note in the store
//! ([`holdfast_store::NoteKind::Signals`]) and outlives a restart. What ends sessions is not here: it has ended them.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use holdfast_core::{SessionId, UnixTime};
use holdfast_store::{Backend, Keeping, NoteKind, Store, Unavailable};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::shares::Shares;

/// What was told of every user and session.
#[derive(Default)]
pub(crate) struct Told {
    /// By their app.
    users: RwLock<HashMap<Arc<str>, Users>>,
    sessions: RwLock<HashMap<SessionId, Hearing>>,
    /// How many of them each receiver was the first to tell of, by its name.
    of_receivers: RwLock<Shares<Box<str>>>,
    count: AtomicUsize,
    /// Whoever changes something holds this, so that memory and store see the changes in the same order.
    changing: tokio::sync::Mutex<()>,
}

type Users = HashMap<Box<str>, Hearing>;

/// Of whom something is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Whom {
    /// A user of an app, as the app names its users.
    User {
        /// The name of the app.
        app: Arc<str>,
        /// The user.
        user: Box<str>,
    },
    /// One session.
    Session(SessionId),
}

/// One thing that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// The user's assurance is now of this level (CAEP §3.4), as the transmitter names levels.
    Assurance {
        /// The level now.
        level: Box<str>,
        /// Whether it is higher than it was; `None` if that was not told.
        rose: Option<bool>,
    },
    /// Claims of the user's tokens are no longer what they were (CAEP §3.2): their names, never their values.
    Claims(Vec<Box<str>>),
    /// The user is in danger to this degree (CAEP §3.8).
    Risk(RiskLevel),
    /// Whoever logged in before this was told must authenticate again.
    StepUp,
}

/// How much in danger a user, a session or a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RiskLevel {
    /// Nothing is known against it.
    Low,
    /// It should be looked at.
    Medium,
    /// It should not be trusted.
    High,
}

/// What was last told of one user or session. Times are when this server took it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Hearing {
    /// Logins before this time do not suffice: the user must authenticate again.
    #[serde(with = "millis", skip_serializing_if = "Option::is_none")]
    pub(crate) step_up_before: Option<UnixTime>,
    /// The degree of danger, and since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) risk: Option<(RiskLevel, Millis)>,
    /// The assurance level, whether it rose, and since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assurance: Option<(Box<str>, Option<bool>, Millis)>,
    /// Which claims changed last, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) claims: Option<(Vec<Box<str>>, Millis)>,
    /// The receiver whose share it is counted in: the first one that told something.
    #[serde(skip_serializing_if = "str::is_empty")]
    by: Box<str>,
}

/// A time in a note: milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Millis(u64);

impl Millis {
    /// The time.
    pub(crate) const fn at(self) -> UnixTime {
        UnixTime::from_millis(self.0)
    }
}

/// This receiver has told of as many as are remembered of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Told {
    /// What the store remembers, and how many notes could not be read.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known what it remembers.
    pub(crate) async fn load(store: &Store) -> Result<(Self, usize), Unavailable> {
        let told = Self::default();
        let unreadable = told.take_in(store).await?;
        Ok((told, unreadable))
    }

    /// Takes in what the store remembers beyond this, such as what a backup has brought. Gives how many notes could not be
    /// read.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known what it remembers.
    pub(crate) async fn take_in(&self, store: &Store) -> Result<usize, Unavailable> {
        let (_turn, mut unreadable) = (self.changing.lock().await, 0);
        for (key, value) in store.notes(NoteKind::Signals).await? {
            if !key.starts_with(PREFIX) {
                continue;
            }
            let read = whom_of(&key).zip(serde_json::from_slice(&value).ok());
            match read {
                Some((whom, _)) if self.of(&whom).is_some() => {}
                Some((whom, hearing)) => self.put(&whom, hearing),
                None => unreadable += 1,
            }
        }
        Ok(unreadable)
    }

    /// What was told of a session and of its user, together: the later demand, the higher danger of the two, and of the
    /// rest what was told of the session, if anything was.
    ///
    /// Answers from memory, without waiting. `None` is the usual answer: nothing was told.
    pub(crate) fn about(&self, app: &str, user: &str, session: SessionId) -> Option<Hearing> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let of_session = self.sessions.read().get(&session).cloned();
        let of_user = self.users.read().get(app).and_then(|users| users.get(user)).cloned();
        match (of_session, of_user) {
            (Some(session), Some(user)) => Some(session.over(user)),
            (session, user) => session.or(user),
        }
    }

    /// Whether anything was told of exactly this one.
    pub(crate) fn knows(&self, whom: &Whom) -> bool {
        self.count.load(Ordering::Relaxed) > 0 && self.of(whom).is_some()
    }

    /// Takes what is told, durably.
    ///
    /// # Errors
    /// [`Full`] if there is no room for one more of this receiver, which takes none away from others; outside, the store's trouble. Checks may know of it already.
    pub(crate) async fn tell(
        &self,
        store: &Store,
        receiver: &str,
        whom: &Whom,
        fact: Fact,
        now: UnixTime,
    ) -> Result<Result<(), Full>, Unavailable> {
        let _turn = self.changing.lock().await;
        let known = self.of(whom);
        if known.is_none() && self.of_receivers.read().of(receiver) >= MOST {
            return Ok(Err(Full));
        }
        let known = known.unwrap_or_else(|| Hearing { by: receiver.into(), ..Hearing::default() });
        let hearing = known.with(fact, now);
        let value = serde_json::to_vec(&hearing).unwrap_or_default();
        self.put(whom, hearing);
        store.keep_note(NoteKind::Signals, &key_of(whom), Some(value), Keeping::Durable).await?;
        Ok(Ok(()))
    }

    /// Forgets everything that was last changed before `since`. To be called now and then. `since` must be further in the past
    /// than any session lives, or a demand would be forgotten before the login that it was about.
    ///
    /// # Errors
    /// The store's trouble; what is left comes round again.
    pub(crate) async fn tidy(&self, store: &Store, since: UnixTime) -> Result<(), Unavailable> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let _turn = self.changing.lock().await;
        for whom in self.older_than(since) {
            self.remove(&whom);
            store.keep_note(NoteKind::Signals, &key_of(&whom), None, Keeping::Lazy).await?;
        }
        Ok(())
    }

    fn of(&self, whom: &Whom) -> Option<Hearing> {
        match whom {
            Whom::User { app, user } => self.users.read().get(app).and_then(|users| users.get(user)).cloned(),
            Whom::Session(id) => self.sessions.read().get(id).cloned(),
        }
    }

    fn put(&self, whom: &Whom, hearing: Hearing) {
        let by = hearing.by.clone();
        let former = match whom {
            Whom::User { app, user } => {
                self.users.write().entry(Arc::clone(app)).or_default().insert(user.clone(), hearing)
            }
            Whom::Session(id) => self.sessions.write().insert(*id, hearing),
        };
        if former.is_none() {
            self.of_receivers.write().add(by);
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn remove(&self, whom: &Whom) {
        let former = match whom {
            Whom::User { app, user } => self.users.write().get_mut(app).and_then(|users| users.remove(user)),
            Whom::Session(id) => self.sessions.write().remove(id),
        };
        if let Some(former) = former {
            self.of_receivers.write().take(&former.by);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn older_than(&self, since: UnixTime) -> Vec<Whom> {
        let is_old = |hearing: &Hearing| hearing.last_told_at() < since;
        let users = self.users.read();
        let of_users = users.iter().flat_map(|(app, users)| {
            let old = users.iter().filter(|(_, hearing)| is_old(hearing));
            old.map(|(user, _)| Whom::User { app: Arc::clone(app), user: user.clone() })
        });
        let mut old: Vec<Whom> = of_users.collect();
        drop(users);
        let sessions = self.sessions.read();
        old.extend(sessions.iter().filter(|(_, hearing)| is_old(hearing)).map(|(id, _)| Whom::Session(*id)));
        old
    }
}

impl Hearing {
    /// When a demand was told that a login at `authenticated_at` does not meet. A login after the demand meets it.
    pub(crate) fn step_up(&self, authenticated_at: UnixTime) -> Option<UnixTime> {
        self.step_up_before.filter(|told_at| authenticated_at < *told_at)
    }

    fn with(self, fact: Fact, now: UnixTime) -> Self {
        let at = Millis(now.as_millis());
        match fact {
            Fact::Assurance { level, rose } => Self { assurance: Some((level, rose, at)), ..self },
            Fact::Claims(names) => Self { claims: Some((names, at)), ..self },
            Fact::Risk(level) => Self { risk: Some((level, at)), ..self },
            Fact::StepUp => Self { step_up_before: self.step_up_before.max(Some(now)), ..self },
        }
    }

    /// What was told of a session, laid over what was told of its user.
    fn over(self, user: Self) -> Self {
        Self {
            step_up_before: self.step_up_before.max(user.step_up_before),
            risk: self.risk.max(user.risk),
            assurance: self.assurance.or(user.assurance),
            claims: self.claims.or(user.claims),
            by: self.by,
        }
    }

    fn last_told_at(&self) -> UnixTime {
        let times = [
            self.step_up_before,
            self.risk.as_ref().map(|(_, at)| at.at()),
            self.assurance.as_ref().map(|(_, _, at)| at.at()),
            self.claims.as_ref().map(|(_, at)| at.at()),
        ];
        times.into_iter().flatten().max().unwrap_or(UnixTime::EPOCH)
    }
}

/// Neither names of apps nor users hold a zero byte.
fn key_of(whom: &Whom) -> Vec<u8> {
    let rest = match whom {
        Whom::User { app, user } => format!("user\0{app}\0{user}"),
        Whom::Session(id) => format!("session\0{id}"),
    };
    [PREFIX, rest.as_bytes()].concat()
}

fn whom_of(key: &[u8]) -> Option<Whom> {
    let text = std::str::from_utf8(key.strip_prefix(PREFIX)?).ok()?;
    match text.split_once('\0')? {
        ("user", rest) => {
            let (app, user) = rest.split_once('\0')?;
            Some(Whom::User { app: app.into(), user: user.into() })
        }
        ("session", id) => id.parse().ok().map(Whom::Session),
        _ => None,
    }
}

mod millis {
    use holdfast_core::UnixTime;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde asks for this shape")]
    pub(super) fn serialize<S: Serializer>(at: &Option<UnixTime>, to: S) -> Result<S::Ok, S::Error> {
        at.map(UnixTime::as_millis).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<UnixTime>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(UnixTime::from_millis))
    }
}

const PREFIX: &[u8] = b"told\0";

/// As many users and sessions as one receiver can tell of; some 24 MB when full.
const MOST: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn alice() -> Whom {
        Whom::User { app: "shop".into(), user: "alice".into() }
    }

    fn session() -> SessionId {
        SessionId::from_bytes([7; 16])
    }

    async fn tell(told: &Told, store: &Store, whom: &Whom, fact: Fact, now: UnixTime) {
        told.tell(store, "idp", whom, fact, now).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_demand_is_met_by_a_later_login() {
        let (told, store) = (Told::default(), Store::memory());
        assert_eq!(told.about("shop", "alice", session()), None);
        tell(&told, &store, &alice(), Fact::StepUp, NOW).await;
        let hearing = told.about("shop", "alice", session()).unwrap();
        assert_eq!(hearing.step_up(UnixTime::from_secs(1_799_999_999)), Some(NOW));
        assert_eq!(hearing.step_up(NOW), None);
        assert_eq!(told.about("other", "alice", session()), None);
        assert_eq!(told.about("shop", "bob", session()), None);
        // An event that comes late takes nothing back.
        tell(&told, &store, &alice(), Fact::StepUp, UnixTime::EPOCH).await;
        assert_eq!(told.about("shop", "alice", session()).unwrap().step_up_before, Some(NOW));
    }

    #[tokio::test]
    async fn of_session_and_user_the_stricter_counts() {
        let (told, store) = (Told::default(), Store::memory());
        let later = NOW.after(std::time::Duration::from_secs(60));
        tell(&told, &store, &alice(), Fact::Risk(RiskLevel::High), NOW).await;
        tell(&told, &store, &Whom::Session(session()), Fact::Risk(RiskLevel::Low), later).await;
        tell(&told, &store, &Whom::Session(session()), Fact::StepUp, later).await;
        let hearing = told.about("shop", "alice", session()).unwrap();
        assert_eq!(hearing.risk.unwrap().0, RiskLevel::High);
        assert_eq!(hearing.step_up(NOW), Some(later));
        let other = told.about("shop", "alice", SessionId::from_bytes([8; 16])).unwrap();
        assert_eq!((other.step_up(NOW), other.risk.unwrap().0), (None, RiskLevel::High));
        tell(&told, &store, &alice(), Fact::Risk(RiskLevel::Low), later).await;
        assert_eq!(
            told.about("shop", "alice", session()).unwrap().risk.unwrap().0,
            RiskLevel::Low,
            "it was taken back"
        );
    }

    #[tokio::test]
    async fn what_a_backup_brings_takes_nothing_back() {
        let (told, here, there) = (Told::default(), Store::memory(), Store::memory());
        let bob = Whom::User { app: "shop".into(), user: "bob".into() };
        let before = Told::default();
        for whom in [&alice(), &bob] {
            tell(&before, &there, whom, Fact::Risk(RiskLevel::High), NOW).await;
        }
        for (key, value) in there.notes(NoteKind::Signals).await.unwrap() {
            here.keep_note(NoteKind::Signals, &key, Some(value.to_vec()), Keeping::Lazy).await.unwrap();
        }
        tell(&told, &here, &alice(), Fact::Risk(RiskLevel::Low), NOW).await;
        for _ in 0..2 {
            assert_eq!(told.take_in(&here).await.unwrap(), 0);
            let risk = |user| told.about("shop", user, session()).unwrap().risk.unwrap().0;
            assert_eq!((risk("alice"), risk("bob")), (RiskLevel::Low, RiskLevel::High));
            assert_eq!(told.of_receivers.read().of("idp"), 2, "nothing is counted twice");
        }
    }

    #[tokio::test]
    async fn comes_back_from_the_store_and_goes_when_it_is_old() {
        let (told, store) = (Told::default(), Store::memory());
        tell(&told, &store, &alice(), Fact::Claims(vec!["role".into()]), NOW).await;
        tell(&told, &store, &alice(), Fact::Assurance { level: "nist-aal1".into(), rose: Some(false) }, NOW)
            .await;
        tell(&told, &store, &Whom::Session(session()), Fact::StepUp, NOW).await;
        store.keep_note(NoteKind::Signals, b"told\0user\0x", Some(vec![]), Keeping::Lazy).await.unwrap();
        store.keep_note(NoteKind::Signals, b"of others", Some(vec![]), Keeping::Lazy).await.unwrap();
        let (again, unreadable) = Told::load(&store).await.unwrap();
        assert_eq!(unreadable, 1);
        assert_eq!(again.about("shop", "alice", session()), told.about("shop", "alice", session()));
        again.tidy(&store, NOW).await.unwrap();
        assert!(again.about("shop", "alice", session()).is_some());
        again.tidy(&store, NOW.after(std::time::Duration::from_millis(1))).await.unwrap();
        assert_eq!(again.about("shop", "alice", session()), None);
        assert_eq!(
            store.notes(NoteKind::Signals).await.unwrap().len(),
            2,
            "those that are not ours to remove"
        );
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_and_nothing_forgotten() {
        let (told, store) = (Told::default(), Store::memory());
        for number in 0..MOST {
            let hearing = Hearing { by: "idp".into(), ..Hearing::default() };
            told.put(&Whom::User { app: "shop".into(), user: number.to_string().into() }, hearing);
        }
        let tell = async |receiver: &str, whom: &Whom| {
            told.tell(&store, receiver, whom, Fact::StepUp, NOW).await.unwrap()
        };
        assert_eq!(tell("idp", &alice()).await, Err(Full));
        let known = Whom::User { app: "shop".into(), user: "7".into() };
        assert_eq!(tell("idp", &known).await, Ok(()));
        assert_eq!(tell("other", &alice()).await, Ok(()), "each has a share of its own");
        assert_eq!(tell("idp", &alice()).await, Ok(()), "it is known, and counted as the other's");
        // What was kept is counted again after a restart.
        let (again, _) = Told::load(&store).await.unwrap();
        assert_eq!((again.of_receivers.read().of("idp"), again.of_receivers.read().of("other")), (1, 1));
        // All but two were told at no time.
        told.tidy(&store, NOW).await.unwrap();
        assert_eq!((told.of_receivers.read().of("idp"), told.of_receivers.read().of("other")), (1, 1));
        assert_eq!(tell("idp", &Whom::Session(session())).await, Ok(()));
    }
}
