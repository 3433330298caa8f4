//! The states of a session and the transitions between them.

use std::{sync::Arc, time::Duration};

use super::{Activity, Auth, Binding, Client, EndReason, Ended, Record};
use crate::{
    Level, SessionId, UnixTime, Verified,
    cookie::Cookie,
    dbsc::{FreshProof, Freshness, Registration},
    oauth::{CODE_LIFE, Grant},
    policy::{SessionPolicy, Unbound},
};

/// A session. It changes by transitions alone, each of which leaves the old one as it was and gives a new one with the
/// next revision: the store decides which of two racing transitions happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Session(Record);

/// What an app says of a login.
#[derive(Clone, Debug)]
pub struct Login {
    /// The name of the app.
    pub app: Arc<str>,
    /// The user, 1 to 256 bytes.
    pub user: Box<str>,
    /// How they authenticated.
    pub auth: Option<Box<Auth>>,
    /// What the app saw of the client.
    pub client: Option<Box<Client>>,
    /// A JSON object to remember, as its text.
    pub attributes: Option<Box<str>>,
    /// What is granted to an OAuth client, for whom the login was.
    pub grant: Option<Box<Grant>>,
}

/// How a session stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may be used.
    Active,
    /// It lives, but no device bound it in time and the policy does not accept that.
    BindingOverdue,
    /// It has ended, by decision or by the clock.
    Ended(Ended),
    /// It was not used for too long, and is kept for its user: nothing goes on in it until they have authenticated again.
    Locked(Locked),
}

/// How a session came to be locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locked {
    /// When it was last used, or began. Whoever authenticates after that has been there since.
    pub last_used: UnixTime,
}

impl Session {
    /// A new session that no device has bound yet.
    pub fn begin(id: SessionId, login: Login, epoch: u64, now: UnixTime) -> Self {
        Self(Record {
            id,
            revision: 0,
            epoch,
            app: login.app,
            user: login.user,
            auth: login.auth,
            client: login.client,
            attributes: login.attributes,
            grant: login.grant,
            created_at: now,
            began_at: now,
            binding: None,
            ended: None,
        })
    }

    /// The session of a record that a store kept.
    pub const fn restore(record: Record) -> Self {
        Self(record)
    }

    /// What is remembered.
    pub const fn record(&self) -> &Record {
        &self.0
    }

    /// How strongly it is bound.
    pub fn level(&self) -> Level {
        self.0.binding.as_ref().map_or(Level::None, |binding| binding.level)
    }

    /// The current generation of cookie and challenge; 0 until a device binds the session.
    pub fn generation(&self) -> u32 {
        self.0.binding.as_ref().map_or(0, |binding| binding.generation)
    }

    /// How the session stands at `now`. The clock ends sessions without anybody writing it down.
    pub fn standing(&self, activity: Activity, policy: &SessionPolicy, now: UnixTime) -> Standing {
        if let Some(ended) = self.0.ended {
            return Standing::Ended(ended);
        }
        let absolute_at = self.absolute_at(policy, now);
        let idle_at = self.idle_at(activity, policy, now);
        let is_idle = now >= idle_at;
        // The earlier end is the one that happened. A lock is none.
        if now >= absolute_at && (absolute_at <= idle_at || policy.soft_lock) {
            return Standing::Ended(Ended { at: absolute_at, reason: EndReason::Absolute });
        }
        if is_idle && !policy.soft_lock {
            return Standing::Ended(Ended { at: idle_at, reason: EndReason::Idle });
        }
        // Nobody came with the code; no other way leads into the session of an OAuth client.
        let code_expires_at = self.0.created_at.after(CODE_LIFE);
        if self.0.grant.is_some() && self.0.binding.is_none() && now >= code_expires_at {
            return Standing::Ended(Ended { at: code_expires_at, reason: EndReason::Idle });
        }
        if policy.unbound == Unbound::Deny && self.is_overdue(policy, now) {
            return Standing::BindingOverdue;
        }
        if is_idle {
            return Standing::Locked(Locked { last_used: self.last_used(activity) });
        }
        Standing::Active
    }

    /// When the session ends whatever happens.
    pub fn absolute_at(&self, policy: &SessionPolicy, now: UnixTime) -> UnixTime {
        let (_, absolute) = policy.limits(self.is_restricted(policy, now));
        self.0.began_at.after(absolute)
    }

    /// When the session ends, or is locked, unless it is used.
    pub fn idle_at(&self, activity: Activity, policy: &SessionPolicy, now: UnixTime) -> UnixTime {
        let (idle, _) = policy.limits(self.is_restricted(policy, now));
        self.last_used(activity).after(idle)
    }

    /// When the session was last used; its beginning is a use.
    pub fn last_used(&self, activity: Activity) -> UnixTime {
        activity.last_seen.max(self.0.created_at)
    }

    /// The cookie of the current generation. The same record gives the same cookie, so that an answer can be repeated
    /// without lengthening a life.
    pub fn cookie(&self, policy: &SessionPolicy) -> Cookie {
        let (issued_at, life) = match &self.0.binding {
            Some(binding) => (binding.last_proof_at, policy.bound_cookie),
            None => (self.0.created_at, self.login_cookie_life(policy)),
        };
        let end = self.0.began_at.after(policy.absolute);
        Cookie {
            session: self.0.id,
            generation: self.generation(),
            issued_at,
            expires_at: issued_at.after(life).min(end),
            level: self.level(),
        }
    }

    /// Takes the session from unbound to bound, once.
    ///
    /// # Errors
    /// [`NotBound`]; the session stays as it is.
    pub fn bind(&self, proof: Verified<Registration>, now: UnixTime) -> Result<Self, NotBound> {
        let registration = proof.into_inner();
        if registration.session != self.0.id || self.0.ended.is_some() || self.0.grant.is_some() {
            return Err(NotBound::AnotherSession);
        }
        // D-REG-13 · DBSC §8.8: a registration challenge is good for one key, once.
        if let Some(binding) = &self.0.binding {
            let same_key = binding.key == registration.key;
            return Err(if same_key { NotBound::SameKey } else { NotBound::SecondKey });
        }
        let binding = Binding {
            method: registration.method,
            level: registration.level,
            key: registration.key,
            bound_at: now,
            last_proof_at: now,
            generation: 1,
        };
        Ok(self.changed(|record| record.binding = Some(Box::new(binding))))
    }

    /// Takes a proof by the bound key: to the next generation, or, for a proof that has just been taken, nowhere.
    /// `None` if the proof was judged against anything else than this very record, the session has ended, or it is one of
    /// an OAuth client: what a client was granted must not become a browser's session, which is granted everything.
    pub fn renew(&self, proof: FreshProof, now: UnixTime) -> Option<Renewal> {
        let alive = self.0.ended.is_none() && self.0.grant.is_none();
        let freshness = proof.into_freshness(&self.0).filter(|_| alive)?;
        Some(match freshness {
            Freshness::Current => Renewal::Rotated(self.changed(|record| {
                if let Some(binding) = &mut record.binding {
                    binding.generation = binding.generation.saturating_add(1);
                    binding.last_proof_at = now;
                }
            })),
            Freshness::JustTaken => Renewal::Repeated,
        })
    }

    /// Ends the session. `None` if it has ended before: the first end stays.
    pub fn end(&self, reason: EndReason, now: UnixTime) -> Option<Self> {
        self.0.ended.is_none().then(|| self.changed(|record| record.ended = Some(Ended { at: now, reason })))
    }

    /// The session that follows this one under a new id: same user, no key, no cookie in common. `standing` is how this one
    /// stands at `now`, since a new session is one that was just used.
    ///
    /// # Errors
    /// [`NotFollowed`]; the session stays as it is.
    pub fn regenerate(
        &self,
        with: Regeneration,
        standing: Standing,
        now: UnixTime,
    ) -> Result<Self, NotFollowed> {
        if self.0.ended.is_some() || self.0.grant.is_some() {
            return Err(NotFollowed::Ended);
        }
        match standing {
            Standing::Ended(_) => return Err(NotFollowed::Ended),
            // NIST SP 800-63B-4 §2.2.3: a change of the id alone must not open a lock.
            Standing::Locked(locked) if !with.is_login_since(locked) => return Err(NotFollowed::Locked),
            Standing::Active | Standing::BindingOverdue | Standing::Locked(_) => {}
        }
        let reauthenticated = with.auth.as_deref().is_some_and(|auth| self.is_newer_login(auth));
        Ok(Self(Record {
            id: with.id,
            revision: 0,
            epoch: with.epoch,
            auth: with.auth.or_else(|| self.0.auth.clone()),
            created_at: now,
            // A login resets the absolute limit (NIST SP 800-63B-4 §5.2); a mere change of the id must not.
            began_at: if reauthenticated { now } else { self.0.began_at },
            binding: None,
            ..self.0.clone()
        }))
    }

    /// Whether this tells of a login that came after the one that the session knows of. An app that passes on the claims of
    /// the first login again has not seen another one, and neither limits nor suspicions begin anew.
    pub fn is_newer_login(&self, auth: &Auth) -> bool {
        let known = self.0.auth.as_deref().and_then(|auth| auth.auth_time);
        let is_newer = |at: UnixTime| {
            at.as_secs() >= self.0.created_at.as_secs()
                && known.is_none_or(|known| at.as_secs() > known.as_secs())
        };
        auth.auth_time.is_none_or(is_newer)
    }

    /// Whether the time to bind has passed unused.
    pub fn is_overdue(&self, policy: &SessionPolicy, now: UnixTime) -> bool {
        self.0.binding.is_none() && now >= self.0.created_at.after(policy.registration_window)
    }

    fn is_restricted(&self, policy: &SessionPolicy, now: UnixTime) -> bool {
        policy.unbound == Unbound::Restrict && self.is_overdue(policy, now)
    }

    fn login_cookie_life(&self, policy: &SessionPolicy) -> Duration {
        match policy.unbound {
            Unbound::Restrict => policy.absolute.min(policy.unbound_absolute),
            // Denied sessions keep a cookie beyond their window, so that the answer can say why it is refused.
            Unbound::Allow | Unbound::Deny => policy.absolute,
        }
    }

    pub(crate) fn changed(&self, change: impl FnOnce(&mut Record)) -> Self {
        let mut record = self.0.clone();
        record.revision = record.revision.saturating_add(1);
        change(&mut record);
        Self(record)
    }
}

/// What a regenerated session is made of, beside the one it follows.
#[derive(Debug)]
pub struct Regeneration {
    /// The new id.
    pub id: SessionId,
    /// The current epoch of the store.
    pub epoch: u64,
    /// A fresh authentication, after a step-up.
    pub auth: Option<Box<Auth>>,
}

impl Regeneration {
    /// Whether the user has authenticated since the session was last used. Without a time it was just now. Many providers
    /// tell whole seconds, so that a login right after a use may seem to be in its second.
    fn is_login_since(&self, locked: Locked) -> bool {
        let is_since = |at: UnixTime| at.as_secs() >= locked.last_used.as_secs();
        self.auth.as_ref().is_some_and(|auth| auth.auth_time.is_none_or(is_since))
    }
}

/// Why no session follows another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFollowed {
    /// It has ended, and from an end nothing follows; or it is one of an OAuth client, which has no cookie to change.
    Ended,
    /// It is locked, and its user has not authenticated since it was last used.
    Locked,
}

/// What a proof did.
#[derive(Clone, Debug)]
pub enum Renewal {
    /// The proof was taken: here is the next generation, to be stored.
    Rotated(Session),
    /// The proof had just been taken: the current cookie is the answer again, and nothing changes.
    Repeated,
}

/// Why a key was not bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotBound {
    /// The proof is for another session, or this one has ended.
    AnotherSession,
    /// The session has this key already: a repeated message, not a second device.
    SameKey,
    /// The session has another key, and keeps it.
    SecondKey,
}
