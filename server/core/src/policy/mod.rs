//! The limits an operator sets, and what a caller may demand of a session.

mod path;
mod pattern;
mod routes;

pub use path::{Ambiguous, NormalPath};
pub use pattern::{MalformedPattern, PathPattern};
pub use routes::{Access, Demands, MalformedMethod, MethodName, Mismatch, Route, RoutedRequest, Routes};

use std::{fmt, str::FromStr, time::Duration};

use crate::Level;

/// How long sessions and their cookies live. The configuration's `[session]` table, already found to be consistent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    /// No use for so long ends a session, or locks it.
    pub idle: Duration,
    /// Whether a session that was not used for [`SessionPolicy::idle`] is locked, and kept for its user until the absolute
    /// limit, instead of ended (NIST SP 800-63B-4 §2.2.3).
    pub soft_lock: bool,
    /// A session ends so long after its login, whatever happens.
    pub absolute: Duration,
    /// How long the short-lived cookie of a bound session lives.
    pub bound_cookie: Duration,
    /// How long the cookie of the previous generation is still accepted after a rotation, since requests cross
    /// rotations on the wire; and how long a proof that was just used gets the same answer again, since answers get
    /// lost. One number: whoever may still send the old cookie may also not have seen the new one.
    pub cookie_overlap: Duration,
    /// How long a new session may stay unbound before [`SessionPolicy::unbound`] holds; also the life of the
    /// registration challenge.
    pub registration_window: Duration,
    /// What becomes of a session that is not bound by then.
    pub unbound: Unbound,
    /// The idle limit of a restricted unbound session.
    pub unbound_idle: Duration,
    /// The absolute limit of a restricted unbound session.
    pub unbound_absolute: Duration,
    /// Whether the cookie of an unbound session, which is a bearer secret, outlives a restart of its browser
    /// (NIST SP 800-63B-4 §5.1). The server's own limits hold in any case.
    pub unbound_persistent: bool,
    /// How many sessions one user may have; the oldest ends when one more starts.
    pub max_per_user: usize,
}

impl SessionPolicy {
    /// How long a refresh challenge lives: a little longer than the cookie beside which it was issued, since a browser
    /// uses it when that cookie has gone. A browser that comes later is given a fresh one.
    pub fn refresh_challenge(&self) -> Duration {
        self.bound_cookie.saturating_add(REFRESH_CHALLENGE_MARGIN)
    }

    /// The idle and absolute limits of a session in this state.
    pub fn limits(&self, restricted: bool) -> (Duration, Duration) {
        if restricted {
            (self.idle.min(self.unbound_idle), self.absolute.min(self.unbound_absolute))
        } else {
            (self.idle, self.absolute)
        }
    }
}

impl Default for SessionPolicy {
    /// The defaults of the configuration.
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(3600),
            soft_lock: false,
            absolute: Duration::from_secs(24 * 3600),
            bound_cookie: Duration::from_secs(600),
            cookie_overlap: Duration::from_secs(30),
            registration_window: Duration::from_secs(60),
            unbound: Unbound::Restrict,
            unbound_idle: Duration::from_secs(15 * 60),
            unbound_absolute: Duration::from_secs(8 * 3600),
            unbound_persistent: true,
            max_per_user: 20,
        }
    }
}

/// What becomes of a session that no device has bound in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbound {
    /// It lives on as a bearer session.
    Allow,
    /// It lives on, shorter.
    Restrict,
    /// It is refused.
    Deny,
}

impl FromStr for Unbound {
    type Err = UnknownUnbound;

    fn from_str(text: &str) -> Result<Self, UnknownUnbound> {
        match text {
            "allow" => Ok(Self::Allow),
            "restrict" => Ok(Self::Restrict),
            "deny" => Ok(Self::Deny),
            _ => Err(UnknownUnbound),
        }
    }
}

/// The text names no rule for unbound sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownUnbound;

impl fmt::Display for UnknownUnbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the rules for unbound sessions are \"allow\", \"restrict\" and \"deny\"")
    }
}

impl std::error::Error for UnknownUnbound {}

/// What a caller demands beyond a live session. Each member is optional; absent demands nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The session is bound at least so strongly.
    pub binding: Option<Level>,
    /// The user authenticated at most so long ago.
    pub max_auth_age: Option<Duration>,
    /// The device proved its key at most so long ago.
    pub max_proof_age: Option<Duration>,
}

impl Requirements {
    /// Both at once: the stricter of each.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let shorter = |one: Option<Duration>, two: Option<Duration>| match (one, two) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self {
            // `None` is less than any level.
            binding: self.binding.max(other.binding),
            max_auth_age: shorter(self.max_auth_age, other.max_auth_age),
            max_proof_age: shorter(self.max_proof_age, other.max_proof_age),
        }
    }
}

const REFRESH_CHALLENGE_MARGIN: Duration = Duration::from_secs(300);
