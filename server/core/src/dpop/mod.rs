//! Demonstrating Proof of Possession (RFC 9449).
//!
//! A proof walks through types: [`UnverifiedProof`] → [`Verified<Proof>`](crate::Verified). Whether it was seen before is
//! the last question, and asked of a store.

mod htu;
mod nonce;
mod proof;

pub use htu::TargetUri;
pub use nonce::{Boot, LiveNonce, issue as issue_nonce};
pub(crate) use proof::numeric_date;
pub use proof::{BoundToken, DpopPolicy, Expected, NonceDemand, Proof, UnverifiedProof};
