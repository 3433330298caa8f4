//! A native app or a program that acts for a user: OAuth with PKCE, and tokens that are bound to its key by DPoP.
//!
//! There is no authorization endpoint in this story. The app's back end has authenticated the user, asks Holdfast for a
//! code, and hands it to the client; the client redeems it. What it then holds is worth nothing without its key.

mod client;
mod grant;
mod happening;
mod nonces;
pub(crate) mod pkce;
mod registration;
#[cfg(test)]
pub(crate) mod tests;
mod unverified;

pub use client::{Client, TOKEN_ENDPOINT};
pub(crate) use client::{NONCE_ENDPOINT, redemption_form, refresh_form};
pub use grant::{Code, Grant, Outcome, Refusal, SavedClient};
pub use happening::Happening;
pub use nonces::Nonces;
pub use registration::{REDIRECT_URI, Registration};

/// What the client calls itself.
pub const USER_AGENT: &str = "holdfast-sim (OAuth client)";
