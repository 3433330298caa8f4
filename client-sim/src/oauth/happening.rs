//! What happened to a client's tokens, in order.

use serde::Serialize;

/// One happening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// A server wanted a nonce, gave one, and was asked again.
    NonceDemanded {
        /// Where.
        url: String,
    },
    /// A code became tokens.
    Redeemed,
    /// A refresh token became new tokens.
    Refreshed,
    /// The token endpoint said no.
    Refused {
        /// The error's name.
        error: String,
    },
}
