//! What OAuth clients are given and how it is recognised again.

mod access;
mod client;

pub(crate) use access::{AccessTokens, Recognised, key_of};
pub(crate) use client::{Client, Clients, Presented};

use std::time::Duration;

use holdfast_core::dpop::{Boot, DpopPolicy};

use crate::issuers::Issuers;

/// Everything about OAuth that the process owns.
pub(crate) struct OAuth {
    pub(crate) clients: Clients,
    pub(crate) tokens: AccessTokens,
    pub(crate) issuers: Issuers,
    pub(crate) dpop: DpopPolicy,
    /// `algs` of every challenge and the metadata (RFC 9449 §5.1, §7.1): what is accepted, no more and no less.
    pub(crate) algs: String,
    pub(crate) access_token: Duration,
    /// This run of the server.
    pub(crate) boot: Boot,
    /// Nothing was there when it began, so no proof for it can be older.
    pub(crate) is_first_run: bool,
}
