//! The root key, and the keys made of it.

use std::fmt;

use aws_lc_rs::hmac;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

/// 32 random bytes from which every other key is derived (HKDF-SHA-256, RFC 5869).
pub struct RootKey(Zeroizing<[u8; 32]>);

impl RootKey {
    /// A root key of 32 bytes.
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let key = Self(Zeroizing::new(bytes));
        bytes.zeroize();
        key
    }

    /// A root key from 64 hex digits; white space around them is allowed, since it comes from a file.
    pub fn from_hex(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let mut bytes = Zeroizing::new([0_u8; 32]);
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// What the keys that sign tokens and assertions are made of.
    pub fn signing_root(&self) -> SigningRoot {
        SigningRoot(Self(self.derive("signing root")))
    }

    /// What the keys are made of that sign the audit trail. They sign nothing else, and stay as long as the root key does.
    pub fn audit_root(&self) -> SigningRoot {
        SigningRoot(Self(self.derive("audit root")))
    }

    fn derive<const N: usize>(&self, purpose: &str) -> Zeroizing<[u8; N]> {
        let mut key = Zeroizing::new([0; N]);
        let expanded = Hkdf::<Sha256>::new(Some(b"holdfast/1"), self.0.as_ref())
            .expand(purpose.as_bytes(), key.as_mut());
        debug_assert!(expanded.is_ok(), "HKDF-SHA-256 expands to 32 bytes and fewer");
        key
    }
}

/// A key from which signing keys are derived, a new one for each period.
pub struct SigningRoot(RootKey);

impl SigningRoot {
    /// 32 bytes to make a signing key of; `attempt` counts from 0, for curves that refuse some.
    pub fn seed(&self, period: u64, attempt: u8) -> Zeroizing<[u8; 32]> {
        self.0.derive(&format!("signing key {period} {attempt}"))
    }
}

impl fmt::Debug for SigningRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningRoot(…)")
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(…)")
    }
}

/// The keys in force: one set that seals, and the sets of former root keys that still open what they sealed.
#[derive(Debug)]
pub struct Keyring {
    current: KeySet,
    previous: Vec<KeySet>,
}

impl Keyring {
    /// A keyring that seals with `current` and also opens what `previous` sealed.
    pub fn new(current: &RootKey, previous: &[RootKey]) -> Self {
        Self { current: KeySet::derive(current), previous: previous.iter().map(KeySet::derive).collect() }
    }

    pub(crate) const fn current(&self) -> &KeySet {
        &self.current
    }

    pub(crate) fn by_id(&self, id: KeyId) -> Option<&KeySet> {
        self.sets().find(|set| set.id == id)
    }

    /// Every set, the current one first.
    pub(crate) fn sets(&self) -> impl Iterator<Item = &KeySet> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

/// Names a root key without telling anything about it.
pub(crate) type KeyId = [u8; 4];

/// The keys derived from one root key, one for each purpose, so that nothing sealed for one opens as another.
#[derive(Debug)]
pub(crate) struct KeySet {
    pub(crate) id: KeyId,
    pub(crate) cookie: MacKey,
    pub(crate) challenge: MacKey,
    pub(crate) authorization: MacKey,
    pub(crate) dpop_nonce: MacKey,
    pub(crate) code: MacKey,
    pub(crate) refresh_token: MacKey,
    pub(crate) refresh_successor: MacKey,
    pub(crate) backup: MacKey,
}

impl KeySet {
    fn derive(root: &RootKey) -> Self {
        Self {
            id: *root.derive("key id"),
            cookie: MacKey::new(&root.derive("session cookie")),
            challenge: MacKey::new(&root.derive("dbsc challenge")),
            authorization: MacKey::new(&root.derive("dbsc authorization")),
            dpop_nonce: MacKey::new(&root.derive("dpop nonce")),
            code: MacKey::new(&root.derive("oauth code")),
            refresh_token: MacKey::new(&root.derive("oauth refresh token")),
            refresh_successor: MacKey::new(&root.derive("oauth refresh successor")),
            backup: MacKey::new(&root.derive("store backup")),
        }
    }
}

/// A key of HMAC-SHA-256 (RFC 2104), with its two inner blocks already hashed.
pub(crate) struct MacKey(hmac::Key);

impl MacKey {
    fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    pub(crate) fn mac(&self, message: &[u8]) -> [u8; 32] {
        let mut mac = [0; 32];
        mac.copy_from_slice(hmac::sign(&self.0, message).as_ref());
        mac
    }

    /// Compares in constant time.
    pub(crate) fn verify(&self, message: &[u8], tag: &[u8]) -> Option<MacMatches> {
        hmac::verify(&self.0, message, tag).ok().map(|()| MacMatches(()))
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(…)")
    }
}

/// Proof that a MAC was checked and fits.
#[derive(Debug)]
pub(crate) struct MacMatches(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_64_digits() {
        assert!(RootKey::from_hex(&"0a".repeat(32)).is_some());
        assert!(RootKey::from_hex(&format!("  {}\n", "0A".repeat(32))).is_some());
        for text in [
            "",
            "0a",
            &"0a".repeat(31),
            &"0a".repeat(33),
            &"zz".repeat(32),
            &"é".repeat(32),
            &"+a".repeat(32),
        ] {
            assert!(RootKey::from_hex(text).is_none(), "{text}");
        }
    }

    /// RFC 4231 §4.3, with a key as long as ours: HMAC pads a shorter one with zeros, so the MAC is the same.
    #[test]
    fn mac_is_hmac_sha256() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let expected = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
            0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
        ];
        let key = MacKey::new(&key);
        assert_eq!(key.mac(b"what do ya want for nothing?"), expected);
        assert!(key.verify(b"what do ya want for nothing?", &expected).is_some());
        assert!(key.verify(b"what do ya want for nothing", &expected).is_none());
        assert!(key.verify(b"what do ya want for nothing?", &expected[..31]).is_none());
        assert!(key.verify(b"what do ya want for nothing?", &[]).is_none());
    }

    #[test]
    fn keys_of_different_purposes_differ() {
        let set = KeySet::derive(&RootKey::from_bytes([1; 32]));
        assert_ne!(set.cookie.mac(b"x"), set.challenge.mac(b"x"));
        assert_ne!(set.challenge.mac(b"x"), set.authorization.mac(b"x"));
    }

    #[test]
    fn nothing_shows_a_key() {
        let ring = Keyring::new(&RootKey::from_bytes([0xAB; 32]), &[]);
        let shown = format!("{ring:?}{:?}", RootKey::from_bytes([0xAB; 32]));
        assert!(!shown.to_lowercase().contains("abab") && !shown.contains("171"), "{shown}");
    }
}
