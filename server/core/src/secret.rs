//! Secrets as types: no `Debug` of the value, constant-time equality, zeroised when dropped.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A text that must not be seen in a log and must not be compared by its first different byte.
#[derive(Clone)]
pub struct SecretText(Box<str>);

impl SecretText {
    /// Takes a text into custody.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself. Whoever calls this puts it on the wire and nowhere else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `other` is the same text, in a time that depends on the length alone.
    pub fn matches(&self, other: &str) -> Option<SecretMatches> {
        bool::from(self.0.as_bytes().ct_eq(other.as_bytes())).then_some(SecretMatches(()))
    }
}

/// Proof that two secrets were compared and are equal.
#[derive(Debug)]
pub struct SecretMatches(());

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_not_show_itself() {
        assert!(!format!("{:?}", SecretText::new("hunter2")).contains("hunter2"));
    }

    #[test]
    fn matches_only_itself() {
        let secret = SecretText::new("abc");
        assert!(secret.matches("abc").is_some());
        for other in ["", "ab", "abcd", "abd", "ABC"] {
            assert!(secret.matches(other).is_none(), "{other}");
        }
    }
}
