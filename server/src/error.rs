//! Trouble of our own: never the client's fault, always a 5xx.

use std::fmt;

use holdfast_store::Unavailable;

use crate::respond::ProblemCode;

/// Something this server needs is not there right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A living session is of an app that the configuration does not name at the moment.
    App,
    /// More is asked about one session than `limits.session_rate` lets through.
    Busy,
    /// Writes wait for the disk for longer than `limits.queue_delay_ms`.
    Overloaded,
    /// The operating system gives no randomness.
    Randomness,
    /// A record kept changing under our hands; the client may try again.
    Contention,
    /// An issuer of access tokens has never told its keys.
    Issuer,
    /// The store does not answer; why is for the operator's eyes alone.
    Store(Unavailable),
}

impl Trouble {
    /// The stable code.
    pub(crate) const fn code(&self) -> ProblemCode {
        match self {
            Self::App => ProblemCode::AppUnconfigured,
            Self::Busy => ProblemCode::RateLimited,
            Self::Contention => ProblemCode::Contention,
            Self::Issuer => ProblemCode::IssuerUnavailable,
            Self::Overloaded => ProblemCode::Overloaded,
            Self::Randomness => ProblemCode::RandomnessUnavailable,
            Self::Store(_) => ProblemCode::StoreUnavailable,
        }
    }
}

impl From<Unavailable> for Trouble {
    fn from(unavailable: Unavailable) -> Self {
        Self::Store(unavailable)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::App => "the app of this session is not configured at the moment; the operator has to look",
            Self::Busy => "there were more requests for this session than limits.session_rate lets through; slow down, and try again",
            Self::Contention => "the session kept changing while the request was served; try again",
            Self::Issuer => "the issuer of this access token does not tell its keys; try again",
            Self::Overloaded => "more waits for the disk than can be written in time; nothing was changed, try again",
            Self::Randomness => "the operating system gives no randomness; the operator has to look",
            Self::Store(_) => "the session store does not answer; nothing was changed, try again",
        })
    }
}

impl std::error::Error for Trouble {}
