//! The fields of DBSC, read and written by the rules of structured fields (RFC 9651).

use std::borrow::Cow;

use sfv::{BareItem, Item, KeyRef, List, ListEntry, ListSerializer, Parser, StringRef, TokenRef};

use crate::{SessionId, jose::Algorithm};

/// Offers a registration (DBSC §9.1).
pub const REGISTRATION: &str = "secure-session-registration";
/// Carries a challenge (DBSC §9.2).
pub const CHALLENGE: &str = "secure-session-challenge";
/// Carries a proof (DBSC §9.3).
pub const RESPONSE: &str = "secure-session-response";
/// Names the session to refresh (DBSC §9.4).
pub const SESSION_ID: &str = "sec-secure-session-id";
/// Says that a browser gave up on a refresh (DBSC §9.5). Any page script can send it: a hint, never an authority.
pub const SKIPPED: &str = "secure-session-skipped";

/// The value that offers a registration: `(ES256 RS256);path="…";challenge="…";authorization="…"`.
///
/// `None` if a text cannot stand in a structured field, which is never so for what this server makes itself.
pub fn write_registration(
    algorithms: &[Algorithm],
    path: &str,
    challenge: &str,
    authorization: &str,
) -> Option<String> {
    let mut list = ListSerializer::new();
    let mut offer = list.inner_list();
    for algorithm in algorithms {
        let _ = offer.bare_item(TokenRef::from_str(algorithm.as_str()).ok()?);
    }
    let _ = offer
        .finish()
        .parameter(KeyRef::constant("path"), StringRef::from_str(path).ok()?)
        .parameter(KeyRef::constant("challenge"), StringRef::from_str(challenge).ok()?)
        .parameter(KeyRef::constant("authorization"), StringRef::from_str(authorization).ok()?);
    list.finish()
}

/// The value that carries a challenge: `"…";id="hs_…"`.
pub fn write_challenge(challenge: &str, session: SessionId) -> Option<String> {
    let mut list = ListSerializer::new();
    let _ = list
        .bare_item(StringRef::from_str(challenge).ok()?)
        .parameter(KeyRef::constant("id"), StringRef::from_str(&session.to_string()).ok()?);
    list.finish()
}

/// Reads a field that the draft calls a string and that Chromium sends bare: a proof, or a session id.
///
/// A value that begins with a quote is a structured string whose parameters are dropped; any other is taken up to an
/// optional `;`. What comes out is not checked further here.
pub fn read_raw_or_quoted(value: &str) -> Option<Cow<'_, str>> {
    let value = value.trim_matches([' ', '\t']);
    if !value.starts_with('"') {
        let raw = value.split_once(';').map_or(value, |(raw, _parameters)| raw);
        return Some(Cow::Borrowed(raw.trim_end_matches([' ', '\t'])));
    }
    match Parser::new(value).parse::<Item>().ok()?.bare_item {
        BareItem::String(text) => Some(Cow::Owned(text.as_str().to_owned())),
        BareItem::Boolean(_)
        | BareItem::ByteSequence(_)
        | BareItem::Date(_)
        | BareItem::Decimal(_)
        | BareItem::DisplayString(_)
        | BareItem::Integer(_)
        | BareItem::Token(_) => None,
    }
}

/// Why a browser gave up on a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SkipReason {
    /// It had signed too often.
    QuotaExceeded,
    /// The refresh endpoint was in trouble.
    ServerError,
    /// The refresh endpoint could not be reached.
    Unreachable,
}

impl SkipReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::QuotaExceeded, Self::ServerError, Self::Unreachable];

    /// The token in the field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QuotaExceeded => "quota_exceeded",
            Self::ServerError => "server_error",
            Self::Unreachable => "unreachable",
        }
    }
}

/// The reasons in a `Secure-Session-Skipped` field. A malformed field and an unknown reason say nothing.
pub fn read_skipped(value: &str) -> Vec<SkipReason> {
    if value.len() > MAX_SKIPPED_BYTES {
        return Vec::new();
    }
    let Ok(list) = Parser::new(value).parse::<List>() else { return Vec::new() };
    list.iter().filter_map(skip_reason).collect()
}

fn skip_reason(entry: &ListEntry) -> Option<SkipReason> {
    let ListEntry::Item(item) = entry else { return None };
    let BareItem::Token(token) = &item.bare_item else { return None };
    SkipReason::ALL.into_iter().find(|reason| reason.as_str() == token.as_str())
}

/// A browser has few sessions on one site; a longer field is not from one.
const MAX_SKIPPED_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_reads_back() {
        let value =
            write_registration(&[Algorithm::Es256, Algorithm::Rs256], "/a\"b\\c", "ch", "au").unwrap();
        assert_eq!(value, r#"(ES256 RS256);path="/a\"b\\c";challenge="ch";authorization="au""#);
        let list: List = Parser::new(&value).parse().unwrap();
        assert_eq!(list.len(), 1);
        assert_eq!(write_registration(&[Algorithm::Es256], "/é", "ch", "au"), None);
    }

    #[test]
    fn a_challenge_names_its_session() {
        let session = SessionId::from_bytes([0; 16]);
        assert_eq!(write_challenge("ch", session).unwrap(), r#""ch";id="hs_AAAAAAAAAAAAAAAAAAAAAA""#);
    }

    #[test]
    fn bare_and_quoted_are_one() {
        for value in ["a.b.c", "\"a.b.c\"", " a.b.c ", "a.b.c;x=1", "a.b.c ; x", "\"a.b.c\";x=1"] {
            assert_eq!(read_raw_or_quoted(value).as_deref(), Some("a.b.c"), "{value}");
        }
        for value in ["\"a.b.c", "\"a\" \"b\"", "\"é\"", "\"a\", \"b\"", "\"a\\b\""] {
            assert_eq!(read_raw_or_quoted(value), None, "{value}");
        }
        assert_eq!(read_raw_or_quoted(r#""a\"b""#).as_deref(), Some("a\"b"));
    }

    #[test]
    fn skipped_is_counted_or_ignored() {
        let three =
            r#"unreachable;session_identifier="a", quota_exceeded;session_identifier="b", server_error"#;
        assert_eq!(
            read_skipped(three),
            [SkipReason::Unreachable, SkipReason::QuotaExceeded, SkipReason::ServerError]
        );
        for value in ["", ",", "unreachable,", "\"unreachable\"", "(unreachable)", "other", "unreachable;;"] {
            assert_eq!(read_skipped(value), [], "{value}");
        }
    }
}
