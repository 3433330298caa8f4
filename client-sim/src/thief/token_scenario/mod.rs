//! The attacks on tokens, by what was stolen or forged.

pub(super) mod code;
pub(super) mod dated_proof;
pub(super) mod grant;
pub(super) mod misused_proof;
pub(super) mod nonce;
pub(super) mod refresh_token;
pub(super) mod replayed_proof;
pub(super) mod stolen_token;
