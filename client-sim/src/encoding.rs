//! Base64url without padding, as JOSE and DBSC want it, and random text made of it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::Failure;

/// Encodes as base64url without padding.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Encodes as ordinary base64, as HTTP Basic wants it.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes base64url without padding.
pub fn from_base64url(text: &str) -> Result<Vec<u8>, Failure> {
    URL_SAFE_NO_PAD.decode(text).map_err(|error| Failure::Answer(format!("not base64url: {error}")))
}

/// Decodes ordinary base64, line breaks included, as PEM files have it.
pub fn from_pem_body(text: &str) -> Result<Vec<u8>, Failure> {
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).map_err(|error| Failure::File(format!("not PEM: {error}")))
}

/// Fresh random text with 128 bits in it.
pub fn random_text() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::key("drawing random bytes", error))?;
    Ok(base64url(&bytes))
}
