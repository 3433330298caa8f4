//! API tokens: made here once, then known only by their hash.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The SHA-256 of an API token. A token has 256 random bits, so a plain hash is enough.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// What stands in examples where a hash belongs: 64 zeros, the hash of no token that anybody knows.
    pub(crate) const fn of_example() -> Self {
        Self([0; 32])
    }

    /// Whether `presented` is the hash of the same token, in constant time.
    pub fn matches(&self, presented: &Self) -> Option<TokenMatches> {
        bool::from(self.0.ct_eq(&presented.0)).then_some(TokenMatches(()))
    }
}

/// Proof that a token was compared and is the right one.
#[derive(Debug)]
pub struct TokenMatches(());

/// A new API token of 256 random bits: `hft_` and 64 hex digits, so that secret scanners can find a lost one.
pub(crate) fn new_token(random: [u8; 32]) -> String {
    format!("{TOKEN_PREFIX}{}", hex(&random))
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

impl FromStr for TokenHash {
    type Err = MalformedTokenHash;

    fn from_str(text: &str) -> Result<Self, MalformedTokenHash> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(MalformedTokenHash);
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * index..2 * index + 2).ok_or(MalformedTokenHash)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| MalformedTokenHash)?;
        }
        Ok(Self(bytes))
    }
}

/// The text is no hash of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedTokenHash;

impl fmt::Display for MalformedTokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token's hash is 64 hex digits; `holdfast new-token` prints a token and its line")
    }
}

impl std::error::Error for MalformedTokenHash {}

/// What every token begins with.
pub(crate) const TOKEN_PREFIX: &str = "hft_";

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
