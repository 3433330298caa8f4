//! The rules of Holdfast, and nothing but the rules.
//!
//! This crate knows no clock, no randomness, no storage, no network, no environment and no log. The time comes in as
//! [`UnixTime`], fresh randomness as bytes, and whatever it decides goes out as a value: a check that passed is a type
//! that only the check can make, a check that failed is a [`Rejection`] that names its [`Rule`].
//!
//! Where to begin: [`dbsc`], [`dpop`] and [`oauth`] read in the order of their protocols, [`session`] holds the record and its transitions,
//! [`check`] answers the question "may this request go on?".

pub mod backup;
pub mod check;
pub mod cookie;
pub mod dbsc;
pub mod dpop;
mod duration;
pub mod id;
pub mod jose;
pub mod keyring;
pub mod level;
pub mod oauth;
pub mod origin;
pub mod page;
pub mod policy;
pub mod rejection;
pub mod risk;
pub mod rule;
mod seal;
pub mod secret;
pub mod session;
pub mod time;
pub mod trace;
mod verified;

pub use duration::{DurationError, parse_duration, write_duration};
pub use id::{SessionId, SessionIdText};
pub use keyring::{Keyring, RootKey, SigningRoot};
pub use level::{Level, Method};
pub use origin::Origin;
pub use rejection::Rejection;
pub use rule::Rule;
pub use time::UnixTime;
pub use verified::Verified;
