//! The public handle of a session.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// A session's id: `hs_` and 22 base64url characters, 128 random bits.
///
/// It is a public handle and never a credential: it may stand in logs, addresses and headers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// The length of the text form.
    pub const TEXT_LENGTH: usize = PREFIX.len() + 22;

    /// An id from 128 fresh random bits, or from where such an id was stored.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 128 bits.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The text form, without an allocation.
    pub fn text(self) -> SessionIdText {
        let mut text = [0; Self::TEXT_LENGTH];
        let (prefix, encoded) = text.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        let written = URL_SAFE_NO_PAD.encode_slice(self.0, encoded);
        debug_assert_eq!(written, Ok(22), "16 bytes are 22 characters");
        SessionIdText(text)
    }
}

/// A session's id as text.
#[derive(Clone, Copy)]
pub struct SessionIdText([u8; SessionId::TEXT_LENGTH]);

impl SessionIdText {
    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for SessionId {
    type Err = MalformedSessionId;

    fn from_str(text: &str) -> Result<Self, MalformedSessionId> {
        let encoded = text.strip_prefix(PREFIX).ok_or(MalformedSessionId)?;
        let mut bytes = [0; 16];
        // One byte more than an id decodes to, so that a longer text is seen as longer and not cut.
        let mut buffer = [0; 18];
        if encoded.len() != 22 {
            return Err(MalformedSessionId);
        }
        let length = URL_SAFE_NO_PAD.decode_slice(encoded, &mut buffer).map_err(|_| MalformedSessionId)?;
        let decoded = buffer.get(..length).ok_or(MalformedSessionId)?;
        if decoded.len() != bytes.len() {
            return Err(MalformedSessionId);
        }
        bytes.copy_from_slice(decoded);
        Ok(Self(bytes))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a session id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedSessionId;

impl fmt::Display for MalformedSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a session id is \"hs_\" and 22 characters of the base64url alphabet")
    }
}

impl std::error::Error for MalformedSessionId {}

const PREFIX: &str = "hs_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_its_text_and_back() {
        let id = SessionId::from_bytes([7; 16]);
        assert_eq!(id.to_string().len(), SessionId::TEXT_LENGTH);
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn has_one_text_only() {
        // The last character of 22 carries four unused bits; only zero bits there are canonical.
        let canonical = SessionId::from_bytes([0; 16]).to_string();
        let alias = format!("{}B", &canonical[..canonical.len() - 1]);
        assert_eq!(alias.parse::<SessionId>(), Err(MalformedSessionId));
    }

    #[test]
    fn refuses_strange_ids() {
        for text in [
            "",
            "hs_",
            "hs_AAAAAAAAAAAAAAAAAAAAA",
            "hs_AAAAAAAAAAAAAAAAAAAAAAA",
            "HS_AAAAAAAAAAAAAAAAAAAAAA",
            "hs_AAAAAAAAAAAAAAAAAAAA==",
            "hs_AAAAAAAAAA/AAAAAAAAAAA",
            "hs_é",
            "../../etc/passwd",
            "hs_AAAAAAAAAAAAAAAAAAAAA\n",
        ] {
            assert_eq!(text.parse::<SessionId>(), Err(MalformedSessionId), "{text:?}");
        }
    }
}
