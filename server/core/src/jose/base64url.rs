//! Base64url as JOSE means it: its alphabet, no padding, no stray bits (RFC 7515 §2, RFC 4648 §3.5).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The bytes, if the text is their one canonical spelling.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_the_canonical_spelling() {
        assert_eq!(decode("AA"), Some(vec![0]));
        for text in ["AB", "AA==", "AA=", "A", "A A", "AA\n", "A/", "A+", "é"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
