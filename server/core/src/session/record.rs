//! What is remembered of a session.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use super::DeviceId;
use crate::{Level, Method, SessionId, UnixTime, jose::PublicKey, oauth::Grant};

/// Everything a session is, as a store keeps it. Only [`crate::session::Session`] makes a changed one.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The public handle.
    pub id: SessionId,
    /// How often this record was changed; a store replaces a record only if this has not moved.
    pub revision: u64,
    /// The number of times that everybody had been sent away when this session began.
    pub epoch: u64,
    /// The name of the app it belongs to.
    pub app: Arc<str>,
    /// Who is logged in, as the app names its users.
    pub user: Box<str>,
    /// How they authenticated.
    pub auth: Option<Box<Auth>>,
    /// What the app saw of their client at login.
    pub client: Option<Box<Client>>,
    /// What else the app wants remembered: a JSON object, kept as its text.
    pub attributes: Option<Box<str>>,
    /// What was granted to an OAuth client, if this is its session and no browser's.
    pub grant: Option<Box<Grant>>,
    /// When this record was made.
    pub created_at: UnixTime,
    /// When the login was from which the absolute limit counts; earlier than `created_at` after a regeneration.
    pub began_at: UnixTime,
    /// The device key, once there is one.
    pub binding: Option<Box<Binding>>,
    /// When and why it ended, once it has.
    pub ended: Option<Ended>,
}

impl Record {
    /// When the user authenticated: as the app told it, or when the login came.
    pub fn auth_time(&self) -> UnixTime {
        self.auth.as_deref().and_then(|auth| auth.auth_time).unwrap_or(self.began_at)
    }

    /// The time that ages of a login are counted from. Nobody authenticates for a session after it was made; a later time
    /// is a wrong clock, and must not last longer.
    pub fn authenticated_at(&self) -> UnixTime {
        self.auth_time().min(self.created_at)
    }
}

/// How a user authenticated, as the app tells it (OpenID Connect Core §2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// The authentication context class.
    pub acr: Option<Box<str>>,
    /// The authentication methods.
    pub amr: Vec<Box<str>>,
    /// When they authenticated.
    pub auth_time: Option<UnixTime>,
}

/// What the app saw of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Its `User-Agent`. Shared, because a million sessions have few different ones.
    pub user_agent: Option<Arc<str>>,
    /// The device it runs on, as the app names it.
    pub device_id: Option<DeviceId>,
}

/// A device key and how often it has proved itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// By which protocol.
    pub method: Method,
    /// How much it is worth.
    pub level: Level,
    /// The public key.
    pub key: PublicKey,
    /// When the key was bound.
    pub bound_at: UnixTime,
    /// When the last proof came: the birth of the current generation.
    pub last_proof_at: UnixTime,
    /// The number of proofs taken, and so the current generation of cookie and challenge. The first is the registration.
    pub generation: u32,
}

/// When and why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: UnixTime,
    /// Why.
    pub reason: EndReason,
}

/// What a store knows of a session's use besides its record. Kept in memory and written lazily: losing it costs nobody
/// more than an earlier login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// When the session was last used.
    pub last_seen: UnixTime,
    /// When a cookie of a bound generation was first seen; from then on the login cookie is dead. For an OAuth client,
    /// when a proof with a nonce was first seen; from then on a proof without one is refused.
    pub confirmed_at: Option<UnixTime>,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// It reached its absolute limit.
    Absolute,
    /// It was not used for too long.
    Idle,
    /// The user logged out.
    Logout,
    /// It lives on under a new id.
    Regenerated,
    /// A new login on the same browser took its place.
    Replaced,
    /// An app or an operator ended it.
    Revoked,
    /// The risk rules ended it.
    Risk,
    /// The user began more sessions than allowed, and this was the oldest.
    UserCap,
}

impl EndReason {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Absolute,
        Self::Idle,
        Self::Logout,
        Self::Regenerated,
        Self::Replaced,
        Self::Revoked,
        Self::Risk,
        Self::UserCap,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Idle => "idle",
            Self::Logout => "logout",
            Self::Regenerated => "regenerated",
            Self::Replaced => "replaced",
            Self::Revoked => "revoked",
            Self::Risk => "risk",
            Self::UserCap => "user_cap",
        }
    }
}

impl FromStr for EndReason {
    type Err = UnknownEndReason;

    fn from_str(text: &str) -> Result<Self, UnknownEndReason> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(UnknownEndReason)
    }
}

/// The text names no reason for an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownEndReason;

impl fmt::Display for UnknownEndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text names no reason for which a session ends")
    }
}

impl std::error::Error for UnknownEndReason {}
