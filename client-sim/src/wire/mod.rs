//! The shapes that travel: headers, proofs and session instructions, exactly as Chromium reads and writes them; and the
//! proofs of OAuth clients.

pub mod challenge;
pub mod dpop;
pub mod host_pattern;
pub mod instructions;
pub mod proof;
pub mod registration;
pub mod scope;
pub mod skipped;

/// The registration offer on a response.
pub const REGISTRATION: &str = "secure-session-registration";
/// A challenge on a response.
pub const CHALLENGE: &str = "secure-session-challenge";
/// The proof on a registration or refresh request.
pub const RESPONSE: &str = "secure-session-response";
/// The session's id on a refresh request.
pub const SESSION_ID: &str = "sec-secure-session-id";
/// Why the browser let a request go without its bound cookie.
pub const SKIPPED: &str = "secure-session-skipped";

/// A string-typed bare item.
pub(crate) fn string_of(item: &sfv::BareItem) -> Option<String> {
    item.as_string().map(|text| text.as_str().to_owned())
}
