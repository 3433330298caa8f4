//! A device and a thief.
//!
//! [`browser::Browser`] keeps the rules that Chromium keeps for device bound sessions: it sees the headers, makes a key,
//! registers, holds requests while it refreshes and forgets sessions whose server answers wrongly. [`app::App`] is the
//! protected site's back end, asking Holdfast about every request. [`oauth::Client`] is a native client that holds tokens
//! bound to its key. [`thief`] copies what such a browser or client holds and tries to live on it. [`load`] asks for the same
//! things, many times a second.
//!
//! Only wire formats are shared with the server, no verification: a mistake on one side must not cancel out on the other.

pub mod app;
pub mod audit;
pub mod browser;
#[cfg(test)]
mod canned;
pub mod cli;
pub mod clock;
pub mod encoding;
pub mod failure;
pub mod http;
pub mod jar;
pub mod key;
pub mod load;
pub mod oauth;
pub mod origin;
pub mod report;
pub mod restart;
pub mod setup;
pub mod state;
pub mod thief;
pub mod wire;

pub use failure::Failure;
pub use setup::Setup;
