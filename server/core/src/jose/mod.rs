//! Strict compact JWS, public keys and their thumbprints: the one reader for every proof that reaches this house.

mod algorithm;
mod base64url;
mod compact;
mod json;
mod key;

pub(crate) use base64url::{decode, encode};

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use compact::{MAX_PROOF_BYTES, UnverifiedJws, VerifiedJws};
pub use json::{Limits, Object, Value};
pub use key::{PublicKey, RsaScheme, Thumbprint};
