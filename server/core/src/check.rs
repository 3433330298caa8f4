//! The question "may this request go on?".

use std::{fmt, time::Duration};

use crate::{
    Level, UnixTime,
    cookie::AuthenticCookie,
    jose::Thumbprint,
    policy::{Requirements, SessionPolicy},
    session::{Activity, Binding, EndReason, Session, Standing},
};

/// The answer of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The request may go on.
    Allow,
    /// It may not.
    Deny,
    /// The user must authenticate again.
    StepUp,
    /// The device must prove its key now.
    Reprove,
}

impl Decision {
    /// Every answer.
    pub const ALL: [Self; 4] = [Self::Allow, Self::Deny, Self::StepUp, Self::Reprove];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::StepUp => "step_up",
            Self::Reprove => "reprove",
        }
    }
}

macro_rules! reasons {
    ($($(#[doc = $says:literal])+ $variant:ident = $word:literal;)+) => {
        /// Why a check was answered as it was. The words are stable: they stand in answers, metrics and audit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $says])+ $variant,)+
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The reason as a sentence, for the one who is refused.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$variant => concat!($($says,)+).trim_ascii(),)+ }
            }
        }
    };
}

reasons! {
    /// The session is in order.
    Ok = "ok";
    /// The request carries no session cookie. Log in first.
    NoCredential = "no_credential";
    /// The session cookie was not issued by this server. Log in again.
    BadCookie = "bad_cookie";
    /// The request carries two different session cookies. Remove both and log in again.
    DuplicateCookie = "duplicate_cookie";
    /// The session cookie has expired. A browser with the device key refreshes it; anyone else logs in again.
    CookieExpired = "cookie_expired";
    /// A newer cookie has taken the place of this one.
    CookieSuperseded = "cookie_superseded";
    /// There is no such session. Log in again.
    SessionUnknown = "session_unknown";
    /// The session has ended. Log in again.
    SessionEnded = "session_ended";
    /// The session was not used for too long. Authenticate again.
    IdleExpired = "idle_expired";
    /// The session has reached its limit. Log in again.
    AbsoluteExpired = "absolute_expired";
    /// No device bound the session in time. Log in again.
    BindingOverdue = "binding_overdue";
    /// This request needs a session that is bound more strongly. Log in again on such a device.
    BindingRequired = "binding_required";
    /// This request needs a fresh proof by the device.
    ProofTooOld = "proof_too_old";
    /// This request needs a fresh login.
    AuthTooOld = "auth_too_old";
    /// The policy does not allow this request.
    PolicyDenied = "policy_denied";
    /// The context of this request needs a fresh proof by the device.
    RiskReprove = "risk_reprove";
    /// The session was ended for what it was used for. Log in again.
    RiskRevoked = "risk_revoked";
    /// The context of this request needs a fresh login.
    RiskStepUp = "risk_step_up";
    /// The DPoP proof is not one for this request. Sign a new one.
    InvalidDpopProof = "invalid_dpop_proof";
    /// The DPoP proof needs the nonce in DPoP-Nonce. Sign a new one with it.
    UseDpopNonce = "use_dpop_nonce";
    /// The access token was granted for less than this. Ask the user for more.
    InsufficientScope = "insufficient_scope";
    /// The access token is not good here. Get a new one.
    InvalidToken = "invalid_token";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A check's answer, its reason, and what else was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The answer.
    pub decision: Decision,
    /// Why.
    pub reason: Reason,
    /// The cookie is a copy that should not exist any more: somebody uses what the owner's browser has long replaced.
    pub stale_copy: bool,
}

impl Verdict {
    const ALLOW: Self = Self { decision: Decision::Allow, reason: Reason::Ok, stale_copy: false };

    /// A refusal.
    pub const fn deny(reason: Reason) -> Self {
        Self { decision: Decision::Deny, reason, stale_copy: false }
    }
}

/// Judges an authentic cookie before anything is looked up.
///
/// # Errors
/// The verdict, if the cookie has expired by the clock of the server; browsers and thieves may keep it longer.
pub fn judge_cookie(cookie: &AuthenticCookie, now: UnixTime) -> Result<(), Verdict> {
    if now >= cookie.get().expires_at { Err(Verdict::deny(Reason::CookieExpired)) } else { Ok(()) }
}

/// Judges the cookie against its session: is it alive, is this its current cookie, and does it meet the requirements?
pub fn judge_session(
    cookie: &AuthenticCookie,
    session: &Session,
    activity: Activity,
    requirements: &Requirements,
    policy: &SessionPolicy,
    now: UnixTime,
) -> Verdict {
    // A cookie is a browser's. The session of an OAuth client has none, whatever a cookie says.
    if session.record().grant.is_some() {
        return Verdict::deny(Reason::SessionUnknown);
    }
    let standing = session.standing(activity, policy, now);
    if let Some(verdict) = judge_end(standing) {
        return verdict;
    }
    let of_another_generation = match &session.record().binding {
        Some(binding) => judge_generation(cookie, binding, activity, policy, now),
        // Only a store that has lost a write can hold less than a cookie proves; it is not believed.
        None => (cookie.get().generation != 0).then_some(Verdict::deny(Reason::CookieSuperseded)),
    };
    if let Some(verdict) = of_another_generation {
        return verdict;
    }
    // Only whoever has a cookie that is good learns of the lock: an old copy is none, and may not log its owner out of it.
    judge_lock(standing).or_else(|| judge_requirements(session, requirements, now)).unwrap_or(Verdict::ALLOW)
}

/// Judges the session that an access token names, and what the caller demands of it, before the proof is judged: is it
/// alive, and is the token's key still its key? The proof that comes with the request is as fresh as one can be.
pub fn judge_token_session(
    key: &Thumbprint,
    session: &Session,
    activity: Activity,
    requirements: &Requirements,
    policy: &SessionPolicy,
    now: UnixTime,
) -> Verdict {
    let standing = session.standing(activity, policy, now);
    if let Some(verdict) = judge_end(standing) {
        return verdict;
    }
    let record = session.record();
    let is_its_key = record.binding.as_ref().is_some_and(|binding| binding.key.thumbprint() == *key);
    if record.grant.is_none() || !is_its_key {
        return Verdict::deny(Reason::InvalidToken);
    }
    let requirements = Requirements { max_proof_age: None, ..*requirements };
    judge_lock(standing).or_else(|| judge_requirements(session, &requirements, now)).unwrap_or(Verdict::ALLOW)
}

/// Judges what the caller demands of a token of another issuer, of which nothing is known but its key.
pub fn judge_foreign_token(requirements: &Requirements) -> Verdict {
    let step_up = |reason| Verdict { decision: Decision::StepUp, ..Verdict::deny(reason) };
    if requirements.binding.is_some_and(|level| level > Level::Software) {
        step_up(Reason::BindingRequired)
    } else if requirements.max_auth_age.is_some() {
        step_up(Reason::AuthTooOld)
    } else {
        Verdict::ALLOW
    }
}

/// The current generation and, for a short while, the one before it. `None` if the cookie is one of them.
fn judge_generation(
    cookie: &AuthenticCookie,
    binding: &Binding,
    activity: Activity,
    policy: &SessionPolicy,
    now: UnixTime,
) -> Option<Verdict> {
    let presented = cookie.get().generation;
    if presented == binding.generation {
        return None;
    }
    // The login cookie dies when the first bound cookie is seen, or LOGIN_COOKIE_GRACE after binding. Any other cookie
    // dies an overlap after the rotation that replaced it.
    let died_at = if presented == 0 {
        let grace_ends = binding.bound_at.after(LOGIN_COOKIE_GRACE);
        activity.confirmed_at.map_or(grace_ends, |confirmed_at| confirmed_at.min(grace_ends))
    } else if presented.checked_add(1) == Some(binding.generation) {
        binding.last_proof_at.after(policy.cookie_overlap)
    } else {
        UnixTime::EPOCH
    };
    if now < died_at {
        return None;
    }
    // Requests that were on the wire when a cookie died are no copies in use; those of an earlier age are.
    let on_the_wire = presented == 0 && now < died_at.after(policy.cookie_overlap);
    let stale_copy = presented < binding.generation && !on_the_wire;
    Some(Verdict { stale_copy, ..Verdict::deny(Reason::CookieSuperseded) })
}

/// What the caller demands, in the order in which a user can do something about it.
fn judge_requirements(session: &Session, requirements: &Requirements, now: UnixTime) -> Option<Verdict> {
    let answer = |decision, reason| Some(Verdict { decision, reason, stale_copy: false });
    let record = session.record();
    if requirements.binding.is_some_and(|level| session.level() < level) {
        return answer(Decision::StepUp, Reason::BindingRequired);
    }
    if requirements.max_auth_age.is_some_and(|age| now.since(record.authenticated_at()) > age) {
        return answer(Decision::StepUp, Reason::AuthTooOld);
    }
    match (requirements.max_proof_age, &record.binding) {
        (Some(age), Some(binding)) if now.since(binding.last_proof_at) > age => {
            answer(Decision::Reprove, Reason::ProofTooOld)
        }
        // A session without a key can prove nothing; only a new login brings one.
        (Some(_), None) => answer(Decision::StepUp, Reason::ProofTooOld),
        (Some(_) | None, _) => None,
    }
}

/// What a session's standing has to say, whatever the credential is. `None` if the session lives.
fn judge_end(standing: Standing) -> Option<Verdict> {
    match standing {
        Standing::Ended(ended) => Some(Verdict::deny(reason_of_end(ended.reason))),
        Standing::BindingOverdue => Some(Verdict::deny(Reason::BindingOverdue)),
        // Of a lock, the credential comes first.
        Standing::Active | Standing::Locked(_) => None,
    }
}

/// What a lock has to say to a credential that is good: its user must authenticate again, and one factor is enough
/// (NIST SP 800-63B-4 §2.2.3). `None` if the session is not locked.
fn judge_lock(standing: Standing) -> Option<Verdict> {
    match standing {
        Standing::Locked(_) => {
            Some(Verdict { decision: Decision::StepUp, ..Verdict::deny(Reason::IdleExpired) })
        }
        Standing::Active | Standing::BindingOverdue | Standing::Ended(_) => None,
    }
}

const fn reason_of_end(reason: EndReason) -> Reason {
    match reason {
        EndReason::Absolute => Reason::AbsoluteExpired,
        EndReason::Idle => Reason::IdleExpired,
        EndReason::Logout
        | EndReason::Regenerated
        | EndReason::Replaced
        | EndReason::Revoked
        | EndReason::Risk
        | EndReason::UserCap => Reason::SessionEnded,
    }
}

/// How long the login cookie is accepted beside the first bound cookie if that never comes: a browser that could not
/// store the bound cookie would otherwise be logged out in the middle of a page.
pub const LOGIN_COOKIE_GRACE: Duration = Duration::from_secs(60);
