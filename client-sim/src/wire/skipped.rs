//! `Secure-Session-Skipped`: the browser says why a request goes without its bound cookie.

use sfv::{KeyRef, ListSerializer, StringRef, TokenRef};

/// Why a session was not refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The signing quota of the site is used up.
    QuotaExceeded,
    /// The endpoint answered 5xx.
    ServerError,
    /// The endpoint could not be reached, or is left alone for a while.
    Unreachable,
}

impl Reason {
    /// The token on the wire.
    pub fn token(self) -> &'static str {
        match self {
            Self::QuotaExceeded => "quota_exceeded",
            Self::ServerError => "server_error",
            Self::Unreachable => "unreachable",
        }
    }
}

/// The header's value, one entry per session; nothing when no session was skipped or an id cannot be written.
pub fn skipped(sessions: &[(Reason, &str)]) -> Option<String> {
    let mut list = ListSerializer::new();
    for (reason, session) in sessions {
        let token = TokenRef::from_str(reason.token()).ok()?;
        let key = KeyRef::from_str("session_identifier").ok()?;
        list.bare_item(token).parameter(key, StringRef::from_str(session).ok()?);
    }
    list.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_of_tokens_with_quoted_ids() {
        let header = skipped(&[(Reason::Unreachable, "a"), (Reason::ServerError, "b")]).unwrap();
        assert_eq!(header, r#"unreachable;session_identifier="a", server_error;session_identifier="b""#);
        assert_eq!(skipped(&[]), None);
    }
}
