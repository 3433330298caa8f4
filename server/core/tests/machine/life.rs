//! A session, the store that holds it, and everybody who talks to it.

use std::{sync::Arc, time::Duration};

use holdfast_core::{
    Keyring, Origin, RootKey, SessionId, UnixTime, Verified,
    check::{Decision, LOGIN_COOKIE_GRACE, Reason, judge_cookie, judge_session},
    cookie::AuthenticCookie,
    dbsc::{Challenge, FreshProof, Purpose, Registration, UnverifiedRefresh, UnverifiedRegistration, offer},
    jose::{Algorithm, PublicKey},
    policy::{Requirements, SessionPolicy, Unbound},
    session::{
        Activity, Auth, EndReason, Ended, Login, NotBound, NotFollowed, Regeneration, Renewal, Session,
        Standing,
    },
};
use proptest::{prelude::*, sample::Index};

use crate::{Authenticated, Edge, device::Device};

pub(crate) fn unbound() -> impl Strategy<Value = Unbound> {
    prop::sample::select(vec![Unbound::Allow, Unbound::Restrict, Unbound::Deny])
}

pub(crate) struct Life {
    /// What the store holds. It changes by `replace` alone, as a store's record does.
    stored: Session,
    activity: Activity,
    now: UnixTime,
    policy: SessionPolicy,
    ring: Keyring,
    origin: Origin,
    offer: String,
    /// The device whose key is bound.
    owner: Option<u8>,
    seen: Seen,
}

/// What was true before and may never become untrue.
struct Seen {
    id: SessionId,
    generation: u32,
    revision: u64,
    key: Option<PublicKey>,
    ended: bool,
    /// When the user logged in last; a change of the id is no login.
    login_at: UnixTime,
    /// Every cookie that went out, with its session.
    cookies: Vec<String>,
}

impl Life {
    pub(crate) fn begin(unbound: Unbound, soft_lock: bool) -> Self {
        let now = UnixTime::from_millis(1_800_000_000_123);
        let policy = SessionPolicy { unbound, soft_lock, ..SessionPolicy::default() };
        let ring = Keyring::new(&RootKey::from_bytes([7; 32]), &[]);
        let id = SessionId::from_bytes([1; 16]);
        let login = Login {
            app: Arc::from("shop"),
            user: "alice".into(),
            auth: None,
            client: None,
            attributes: None,
            grant: None,
        };
        let stored = Session::begin(id, login, 0, now);
        let mut life = Self {
            offer: offer(id, [1; 16], &[Algorithm::Es256], &ring, &policy, now).unwrap(),
            activity: Activity { last_seen: now, confirmed_at: None },
            origin: "https://shop.example".parse().unwrap(),
            seen: Seen {
                id,
                generation: 0,
                revision: 0,
                key: None,
                ended: false,
                login_at: now,
                cookies: Vec::new(),
            },
            owner: None,
            stored,
            now,
            policy,
            ring,
        };
        life.give_cookie();
        life
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
    }

    /// Moves the clock to the moment at which something ends, if that is to come, and presents a cookie just then.
    pub(crate) fn pass_to(&mut self, edge: Edge, which: Index) {
        let binding = self.stored.record().binding.as_ref();
        let end = match edge {
            Edge::AbsoluteLimit => self.stored.absolute_at(&self.policy, self.now),
            Edge::Cookie => self.cookie(which).get().expires_at,
            Edge::IdleLimit => self.stored.idle_at(self.activity, &self.policy, self.now),
            Edge::LoginCookieGrace => {
                binding.map_or(self.now, |binding| binding.bound_at.after(LOGIN_COOKIE_GRACE))
            }
            Edge::Overlap => {
                binding.map_or(self.now, |binding| binding.last_proof_at.after(self.policy.cookie_overlap))
            }
            Edge::RegistrationWindow => {
                self.stored.record().created_at.after(self.policy.registration_window)
            }
        };
        self.now = self.now.max(end);
        self.present(which);
    }

    pub(crate) fn bind(&mut self, device: u8) {
        let Some(verified) = self.registration(device) else { return };
        if !self.is_alive() {
            return;
        }
        let before = self.stored.clone();
        let was_locked = self.is_locked();
        match self.stored.bind(verified, self.now) {
            Ok(next) => {
                assert!(before.record().binding.is_none(), "a second key was taken");
                self.owner = Some(device);
                assert!(self.replace(&before, next));
                assert_eq!(self.is_locked(), was_locked, "a key opened a lock");
                self.give_cookie();
            }
            Err(already) => {
                let same_key = self.owner == Some(device);
                assert_eq!(already, if same_key { NotBound::SameKey } else { NotBound::SecondKey });
                assert_eq!(self.stored, before, "a rejection changed something");
            }
        }
    }

    pub(crate) fn race_to_bind(&mut self) {
        let (Some(first), Some(second)) = (self.registration(1), self.registration(2)) else { return };
        if !self.is_alive() || self.stored.record().binding.is_some() {
            return;
        }
        let snapshot = self.stored.clone();
        let first = snapshot.bind(first, self.now).unwrap();
        let second = snapshot.bind(second, self.now).unwrap();
        assert!(self.replace(&snapshot, first));
        assert!(!self.replace(&snapshot, second), "two devices bound one session");
        self.owner = Some(1);
        self.give_cookie();
        // Whoever lost comes again and finds a key.
        let again = self.registration(2).unwrap();
        assert_eq!(self.stored.bind(again, self.now).unwrap_err(), NotBound::SecondKey);
    }

    pub(crate) fn renew(&mut self, behind: u32) {
        let Some(generation) = self.stored.generation().checked_sub(behind) else { return };
        if !self.is_alive() {
            return;
        }
        let before = self.stored.clone();
        let Some(proof) = self.proof(self.owner, generation, &before) else {
            assert!(behind > 0 || self.owner.is_none(), "the current proof was refused");
            assert_eq!(self.stored, before, "a rejection changed something");
            return;
        };
        let was_locked = self.is_locked();
        match before.renew(proof, self.now).unwrap() {
            Renewal::Rotated(next) => {
                assert_eq!(behind, 0, "an old challenge moved the session on");
                assert_eq!(next.generation(), before.generation() + 1);
                assert!(self.replace(&before, next));
                assert_eq!(self.is_locked(), was_locked, "a proof by the device opened a lock");
                self.give_cookie();
            }
            Renewal::Repeated => {
                assert_eq!(behind, 1, "only the generation before may come again");
                let taken_at = before.record().binding.as_ref().unwrap().last_proof_at;
                assert!(self.now < taken_at.after(self.policy.cookie_overlap), "a proof came again too late");
            }
        }
    }

    pub(crate) fn race_to_renew(&mut self) {
        if !self.is_alive() {
            return;
        }
        let snapshot = self.stored.clone();
        let generation = snapshot.generation();
        let proofs = [0, 1].map(|_| self.proof(self.owner, generation, &snapshot));
        let [Some(first), Some(second)] = proofs else { return };
        let won = [first, second].map(|proof| match snapshot.renew(proof, self.now).unwrap() {
            Renewal::Rotated(next) => self.replace(&snapshot, next),
            Renewal::Repeated => false,
        });
        assert_eq!(won, [true, false], "exactly one of two racing renewals happens");
        self.give_cookie();
        // The one that lost is judged against what is stored now, and gets the winner's cookie.
        let now_stored = self.stored.clone();
        let again =
            self.proof(self.owner, generation, &now_stored).expect("a proof just taken is no offence");
        assert!(matches!(now_stored.renew(again, self.now), Some(Renewal::Repeated)));
        self.a_proof_moves_nothing_else();
    }

    /// A proof that was judged against one record moves no other: not the next revision, not an ended one.
    fn a_proof_moves_nothing_else(&mut self) {
        let judged = self.stored.clone();
        let prove =
            || self.proof(self.owner, judged.generation(), &judged).expect("the current proof is good");
        let (first, second, third) = (prove(), prove(), prove());
        let Some(Renewal::Rotated(moved)) = judged.renew(first, self.now) else {
            unreachable!("a proof judged as current is current")
        };
        assert!(moved.renew(second, self.now).is_none(), "one proof moved a session twice");
        let ended = judged.end(EndReason::Logout, self.now).expect("it is alive");
        assert!(ended.renew(third, self.now).is_none(), "a proof moved an ended session");
        let follow = Regeneration { id: judged.record().id, epoch: 0, auth: None };
        assert_eq!(
            ended.regenerate(follow, Standing::Active, self.now),
            Err(NotFollowed::Ended),
            "an ended session was followed by a living one"
        );
    }

    pub(crate) fn renew_while_ending(&mut self) {
        if !self.is_alive() {
            return;
        }
        let snapshot = self.stored.clone();
        let Some(proof) = self.proof(self.owner, snapshot.generation(), &snapshot) else { return };
        let Some(Renewal::Rotated(renewed)) = snapshot.renew(proof, self.now) else { return };
        self.end(EndReason::Revoked);
        assert!(!self.replace(&snapshot, renewed), "a renewal undid an ending");
    }

    pub(crate) fn steal(&mut self) {
        let before = self.stored.clone();
        assert!(
            self.proof(Some(200), before.generation(), &before).is_none(),
            "another key was taken for the bound one"
        );
        assert_eq!(self.stored, before);
    }

    pub(crate) fn present(&mut self, which: Index) {
        let cookie = self.cookie(which);
        let said = *cookie.get();
        let verdict = match judge_cookie(&cookie, self.now) {
            Err(verdict) => verdict,
            // A lookup by the id finds another session, or none.
            Ok(()) if said.session != self.stored.record().id => return,
            Ok(()) => {
                let demands = Requirements::default();
                judge_session(&cookie, &self.stored, self.activity, &demands, &self.policy, self.now)
            }
        };
        let is_locked = verdict.reason == Reason::IdleExpired && verdict.decision == Decision::StepUp;
        assert!(!is_locked || self.is_locked(), "a session that is not locked was said to be");
        if is_locked {
            self.was_not_superseded(said.generation);
        }
        if verdict.decision != Decision::Allow {
            assert_ne!(verdict.reason, Reason::Ok);
            return;
        }
        assert!(!verdict.stale_copy);
        assert!(self.now < said.expires_at, "an expired cookie was accepted");
        assert_eq!(self.standing(), Standing::Active, "a session that is not active was accepted");
        assert!(self.now < self.activity.last_seen.after(self.policy.idle), "an unused session was accepted");
        self.was_not_superseded(said.generation);
        // What the server does after an allowed request.
        self.activity.last_seen = self.now;
        if said.generation > 0 && self.activity.confirmed_at.is_none() {
            self.activity.confirmed_at = Some(self.now);
        }
    }

    pub(crate) fn end(&mut self, reason: EndReason) {
        let before = self.stored.clone();
        match self.stored.end(reason, self.now) {
            Some(ended) => {
                assert!(before.record().ended.is_none(), "a session ended twice");
                assert!(self.replace(&before, ended));
            }
            None => assert!(before.record().ended.is_some(), "a session would not end"),
        }
    }

    pub(crate) fn regenerate(&mut self, login: Authenticated) {
        if !self.is_alive() {
            return;
        }
        let mut bytes = *self.stored.record().id.as_bytes();
        bytes[0] = bytes[0].wrapping_add(1);
        let id = SessionId::from_bytes(bytes);
        let last_used = self.stored.last_used(self.activity);
        let auth_time = match login {
            Authenticated::Not | Authenticated::Now => None,
            Authenticated::BeforeLastUse => Some(last_used.before(Duration::from_secs(1))),
        };
        // A login from before this session, or the one that it knows already, is no new one.
        let knows = self.stored.record().auth.as_ref().and_then(|auth| auth.auth_time);
        let is_new = auth_time.is_none_or(|at| {
            at.as_secs() >= self.stored.record().created_at.as_secs()
                && knows.is_none_or(|known| at.as_secs() > known.as_secs())
        });
        let auth = (login != Authenticated::Not).then(|| Box::new(Auth { auth_time, ..Auth::default() }));
        let follow = self.stored.regenerate(Regeneration { id, epoch: 0, auth }, self.standing(), self.now);
        let next = match follow {
            Ok(next) => next,
            Err(why) => {
                assert_eq!(why, NotFollowed::Locked, "a living session was not followed");
                assert!(self.is_locked() && login != Authenticated::Now, "a login did not open a lock");
                return;
            }
        };
        assert!(!self.is_locked() || login == Authenticated::Now, "a lock opened without a login");
        let login = login != Authenticated::Not && is_new;
        assert!(next.record().binding.is_none() && next.record().ended.is_none());
        assert_eq!(next.record().user, self.stored.record().user);
        let login_at = if login { self.now } else { self.seen.login_at };
        assert_eq!(next.record().began_at, login_at, "only a login begins the absolute limit anew");
        self.end(EndReason::Regenerated);
        let cookies = std::mem::take(&mut self.seen.cookies);
        self.seen = Seen { id, generation: 0, revision: 0, key: None, ended: false, login_at, cookies };
        self.offer = offer(id, [2; 16], &[Algorithm::Es256], &self.ring, &self.policy, self.now).unwrap();
        self.activity = Activity { last_seen: self.now, confirmed_at: None };
        self.owner = None;
        self.stored = next;
        assert_eq!(self.standing(), Standing::Active, "a session did not begin in use");
        self.give_cookie();
    }

    /// What holds at any time.
    pub(crate) fn keeps_its_promises(&mut self) {
        let record = self.stored.record();
        assert_eq!(record.id, self.seen.id);
        assert!(self.stored.generation() >= self.seen.generation, "the generation fell");
        assert!(record.revision >= self.seen.revision, "the revision fell");
        let key = record.binding.as_ref().map(|binding| binding.key.clone());
        assert!(self.seen.key.is_none() || self.seen.key == key, "the key changed");
        assert!(!self.seen.ended || record.ended.is_some(), "an ended session came back");
        if record.ended.is_some() {
            assert_ne!(self.standing(), Standing::Active);
        }
        let limit = self.seen.login_at.after(self.policy.absolute);
        assert!(
            self.now < limit || matches!(self.standing(), Standing::Ended(_)),
            "a session outlived its login"
        );
        let is_unused = self.now >= self.activity.last_seen.after(self.policy.idle);
        assert!(!is_unused || self.standing() != Standing::Active, "an unused session may be used");
        let ended_idle = matches!(
            self.standing(),
            Standing::Ended(Ended { reason: EndReason::Idle, .. }) if record.ended.is_none()
        );
        assert!(!self.policy.soft_lock || !ended_idle, "a session ended that shall be locked");
        assert!(self.policy.soft_lock || !self.is_locked(), "a session is locked that shall end");
        let cookie = self.stored.cookie(&self.policy);
        assert_eq!(cookie, self.stored.cookie(&self.policy), "one record, one cookie");
        assert!(cookie.expires_at <= limit, "a cookie outlives the session");
        self.seen.generation = self.stored.generation();
        self.seen.revision = record.revision;
        self.seen.ended = record.ended.is_some();
        self.seen.key = key;
    }

    /// The generation of an accepted cookie is the current one, or one that died a moment ago.
    fn was_not_superseded(&self, generation: u32) {
        if generation == self.stored.generation() {
            return;
        }
        let binding = self.stored.record().binding.as_ref().expect("without a key there is one generation");
        assert!(generation < binding.generation, "a cookie of the future was accepted");
        if generation == 0 {
            assert!(self.now < binding.bound_at.after(LOGIN_COOKIE_GRACE), "the login cookie lives on");
            let confirmed = self.activity.confirmed_at.is_some_and(|at| self.now >= at);
            assert!(!confirmed, "the login cookie lives beside a bound one");
        } else {
            assert_eq!(generation + 1, binding.generation, "a cookie of long ago was accepted");
            assert!(
                self.now < binding.last_proof_at.after(self.policy.cookie_overlap),
                "the overlap has no end"
            );
        }
    }

    /// Stores `next` if what is stored is still `expected`: the promise of a store.
    fn replace(&mut self, expected: &Session, next: Session) -> bool {
        let unchanged = self.stored.record().revision == expected.record().revision;
        if unchanged {
            assert_eq!(next.record().revision, expected.record().revision + 1, "a change is one revision");
            self.stored = next;
        }
        unchanged
    }

    fn give_cookie(&mut self) {
        self.seen.cookies.push(self.stored.cookie(&self.policy).seal(&self.ring).reveal().to_owned());
    }

    /// Some cookie that went out.
    fn cookie(&self, which: Index) -> AuthenticCookie {
        let value = self.seen.cookies.get(which.index(self.seen.cookies.len())).unwrap();
        AuthenticCookie::open(&self.ring, value).expect("a cookie of ours opens")
    }

    fn standing(&self) -> Standing {
        self.stored.standing(self.activity, &self.policy, self.now)
    }

    /// What a browser may still refresh, and an app regenerate.
    fn is_alive(&self) -> bool {
        matches!(self.standing(), Standing::Active | Standing::Locked(_))
    }

    fn is_locked(&self) -> bool {
        matches!(self.standing(), Standing::Locked(_))
    }

    /// A verified answer to the offer, if it is still good.
    fn registration(&self, device: u8) -> Option<Verified<Registration>> {
        let proof = Device::new(device).registration(&self.offer);
        let unverified = UnverifiedRegistration::parse(&proof, &self.ring, self.now).ok()?;
        assert_eq!(unverified.session(), self.stored.record().id);
        Some(unverified.verify(&[Algorithm::Es256], &self.origin).expect("the proof is good"))
    }

    /// A verified answer to a challenge of some generation, by some device, judged against `session`.
    fn proof(&self, device: Option<u8>, generation: u32, session: &Session) -> Option<FreshProof> {
        let expires_at = self.now.after(Duration::from_secs(10));
        let id = session.record().id;
        let challenge =
            Challenge { purpose: Purpose::Refresh, session: id, generation, expires_at, random: [0; 16] };
        let proof = Device::new(device?).refresh(&challenge.seal(&self.ring));
        let unverified = UnverifiedRefresh::parse(&proof).unwrap();
        unverified.verify(session, &self.ring, &self.origin, &self.policy, self.now).ok()
    }
}
