//! Short texts that this server wrote itself and can recognise: a fixed body, the id of the key, and a MAC.
//!
//! The session cookie and the challenge are both such texts. Nothing about them is stored; the MAC is their record.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::keyring::{KeySet, Keyring, MacKey};

/// Which of the derived keys seals this kind of text.
pub(crate) type KeyOf = fn(&KeySet) -> &MacKey;

/// `base64url(version ‖ key id ‖ body ‖ HMAC-SHA-256(version ‖ key id ‖ body))`.
pub(crate) fn seal(ring: &Keyring, key_of: KeyOf, body: &[&[u8]]) -> String {
    let keys = ring.current();
    let mut bytes = Vec::with_capacity(LONGEST);
    bytes.push(VERSION);
    bytes.extend_from_slice(&keys.id);
    body.iter().for_each(|part| bytes.extend_from_slice(part));
    let tag = key_of(keys).mac(&bytes);
    bytes.extend_from_slice(&tag);
    URL_SAFE_NO_PAD.encode(&bytes)
}

/// The body, if this server sealed the text with a key that is still in force, and the keys it was sealed with.
///
/// The length is fixed, so a hostile text costs no memory; nothing of the body is looked at before the MAC fits.
pub(crate) fn open<'r, const BODY: usize>(
    ring: &'r Keyring,
    key_of: KeyOf,
    text: &str,
) -> Option<([u8; BODY], &'r KeySet)> {
    let size = HEAD + BODY + TAG;
    if text.len() != (size * 4).div_ceil(3) {
        return None;
    }
    let mut buffer = [0; LONGEST];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut buffer).ok()?;
    let bytes = buffer.get(..length).filter(|bytes| bytes.len() == size)?;
    let (message, tag) = bytes.split_at_checked(HEAD + BODY)?;
    let (version, rest) = message.split_first()?;
    let (key_id, body) = rest.split_first_chunk::<4>()?;
    if *version != VERSION {
        return None;
    }
    let keys = ring.by_id(*key_id)?;
    let _fits = key_of(keys).verify(message, tag)?;
    Some((body.try_into().ok()?, keys))
}

const VERSION: u8 = 1;
const HEAD: usize = 1 + 4;
const TAG: usize = 32;
/// Room for the longest body in use; `decode_slice` wants whole groups of three.
const LONGEST: usize = 129;

#[cfg(test)]
mod tests {
    use super::{KeyOf, Keyring, seal};
    use crate::RootKey;

    fn open<const BODY: usize>(ring: &Keyring, key_of: KeyOf, text: &str) -> Option<[u8; BODY]> {
        super::open(ring, key_of, text).map(|(body, _keys)| body)
    }

    fn ring(byte: u8) -> Keyring {
        Keyring::new(&RootKey::from_bytes([byte; 32]), &[])
    }

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let text = seal(&ring(1), |k| &k.cookie, &[b"bo", b"dy"]);
        assert_eq!(open::<4>(&ring(1), |k| &k.cookie, &text), Some(*b"body"));
        assert_eq!(open::<4>(&ring(2), |k| &k.cookie, &text), None, "another root key");
        assert_eq!(open::<4>(&ring(1), |k| &k.challenge, &text), None, "another purpose");
        assert_eq!(open::<5>(&ring(1), |k| &k.cookie, &text), None, "another length");
        for index in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(bytes).unwrap();
            assert_eq!(open::<4>(&ring(1), |k| &k.cookie, &tampered), None, "character {index}");
        }
    }

    #[test]
    fn a_former_key_still_opens() {
        let text = seal(&ring(1), |k| &k.cookie, &[b"bo", b"dy"]);
        let rotated = Keyring::new(&RootKey::from_bytes([2; 32]), &[RootKey::from_bytes([1; 32])]);
        assert_eq!(open::<4>(&rotated, |k| &k.cookie, &text), Some(*b"body"));
    }
}
