//! Tokens of OAuth clients: authorization codes, refresh tokens and access tokens, all of them bound to a key.
//!
//! A grant is a session like any other. Its code and its refresh tokens are sealed texts that name it; the record holds
//! what was asked for and the hash of the one refresh token that is current.

mod access_token;
mod code;
mod grant;
mod refresh_token;

pub use access_token::{AccessToken, TokenExpectation, UnverifiedAccessToken};
pub use code::{AuthenticCode, CODE_LIFE, code, code_challenge_of};
pub use grant::{Exchange, Grant, GrantState, Offer, Redemption};
pub use refresh_token::{AuthenticRefreshToken, RefreshToken};
