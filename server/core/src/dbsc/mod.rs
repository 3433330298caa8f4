//! Device Bound Session Credentials (W3C draft of 2026-02-17, read with what Chromium 156 does).
//!
//! A proof walks through types: [`UnverifiedRegistration`] → [`Verified<Registration>`](crate::Verified) → `Session::bind`, and
//! [`UnverifiedRefresh`] → [`FreshProof`] → `Session::renew`. Each step is the only way to the next.

mod challenge;
pub mod headers;
mod instructions;
mod refresh;
mod registration;
mod set_cookie;

pub use challenge::{AuthenticChallenge, Challenge, Purpose};
pub use instructions::{REFRESH_PATH, REGISTER_PATH, instructions};
pub use refresh::{FreshProof, Freshness, UnverifiedRefresh};
pub use registration::{Registration, UnverifiedRegistration, offer};
pub use set_cookie::{CookieName, MalformedCookieName, expire_cookie, set_cookie, set_transient_cookie};
