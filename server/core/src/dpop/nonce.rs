//! Nonces: what a server gives to a client so that its next proof cannot have been made before (RFC 9449 §8, §9). They are
//! sealed instead of stored.

use std::time::Duration;

use crate::{Keyring, UnixTime, jose::Thumbprint, seal};

/// Names one run of a server. What a process keeps in memory, the proofs it has seen, dies with it: a nonce of an
/// earlier run therefore proves nothing to a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Random, drawn when the process began.
    pub id: [u8; 4],
    /// When it began.
    pub at: UnixTime,
}

/// Issues a nonce: for the holder of `key`, or for anybody if it is not known yet. ASCII, of the characters that RFC 9449
/// §8.1 allows.
pub fn issue(keyring: &Keyring, boot: &Boot, key: Option<&Thumbprint>, now: UnixTime) -> String {
    let body: [&[u8]; 4] = [&[u8::from(key.is_some())], &boot.id, &now.as_secs().to_be_bytes(), &half(key)];
    seal::seal(keyring, |keys| &keys.dpop_nonce, &body)
}

/// A nonce that this run of this server issued, to this key or to anybody, and that is still alive.
#[derive(Clone, Copy, Debug)]
pub struct LiveNonce {
    issued_at: UnixTime,
    life: Duration,
}

impl LiveNonce {
    /// Opens what came back. `None` if it was not issued here, not by this run, not to this key, or too long ago.
    pub fn open(
        keyring: &Keyring,
        boot: &Boot,
        text: &str,
        key: &Thumbprint,
        life: Duration,
        now: UnixTime,
    ) -> Option<Self> {
        let (body, _keys) = seal::open::<BODY>(keyring, |keys| &keys.dpop_nonce, text)?;
        let (kind, rest) = body.split_first()?;
        let (boot_id, rest) = rest.split_first_chunk::<4>()?;
        let (issued_at, bound_to) = rest.split_first_chunk::<8>()?;
        let is_theirs = *kind == 0 || bound_to == half(Some(key));
        let issued_at = UnixTime::from_secs(u64::from_be_bytes(*issued_at));
        let nonce = Self { issued_at, life };
        (is_theirs && *boot_id == boot.id && now < nonce.expires_at()).then_some(nonce)
    }

    /// When it stops being accepted.
    pub fn expires_at(&self) -> UnixTime {
        self.issued_at.after(self.life)
    }

    /// Whether it is time to give the client the next one: in the second half of its life.
    pub fn is_worn(&self, now: UnixTime) -> bool {
        now.since(self.issued_at) >= self.life / 2
    }
}

/// Enough of a thumbprint that no second key can be found for a nonce within its life.
fn half(key: Option<&Thumbprint>) -> [u8; 16] {
    key.and_then(|key| key.as_bytes().first_chunk::<16>().copied()).unwrap_or_default()
}

const BODY: usize = 1 + 4 + 8 + 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RootKey;

    const LIFE: Duration = Duration::from_secs(300);
    const BOOT: Boot = Boot { id: *b"boot", at: UnixTime::EPOCH };

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn a_nonce_is_good_for_its_key_its_run_and_its_time() {
        let ring = Keyring::new(&RootKey::from_bytes([1; 32]), &[]);
        let (mine, other) = (Thumbprint::from_bytes([1; 32]), Thumbprint::from_bytes([2; 32]));
        let nonce = issue(&ring, &BOOT, Some(&mine), at(0));
        let open = |boot: &Boot, text: &str, key, now| LiveNonce::open(&ring, boot, text, key, LIFE, now);
        assert!(open(&BOOT, &nonce, &mine, at(0)).is_some_and(|nonce| !nonce.is_worn(at(149))));
        assert!(open(&BOOT, &nonce, &mine, at(299)).is_some_and(|nonce| nonce.is_worn(at(150))));
        assert!(open(&BOOT, &nonce, &mine, at(300)).is_none(), "too old");
        assert!(open(&BOOT, &nonce, &other, at(0)).is_none(), "of another key");
        assert!(open(&Boot { id: *b"next", ..BOOT }, &nonce, &mine, at(0)).is_none(), "of an earlier run");
        let anybody = issue(&ring, &BOOT, None, at(0));
        assert!(open(&BOOT, &anybody, &other, at(0)).is_some());
        for forged in ["", "x", &nonce.to_uppercase(), &"A".repeat(nonce.len())] {
            assert!(open(&BOOT, forged, &mine, at(0)).is_none(), "{forged}");
        }
    }

    #[test]
    fn a_nonce_outlives_the_key_that_sealed_it() {
        let [old, new] = [1, 2].map(|byte| RootKey::from_bytes([byte; 32]));
        let key = Thumbprint::from_bytes([1; 32]);
        let nonce = issue(&Keyring::new(&old, &[]), &BOOT, Some(&key), at(0));
        let rotated = Keyring::new(&new, &[old]);
        assert!(LiveNonce::open(&rotated, &BOOT, &nonce, &key, LIFE, at(1)).is_some());
        assert!(LiveNonce::open(&Keyring::new(&new, &[]), &BOOT, &nonce, &key, LIFE, at(1)).is_none());
    }

    #[test]
    fn nonces_are_made_of_the_characters_that_the_rfc_allows() {
        let ring = Keyring::new(&RootKey::from_bytes([1; 32]), &[]);
        let nonce = issue(&ring, &BOOT, None, at(0));
        assert!(nonce.bytes().all(|b| b == 0x21 || (0x23..=0x5b).contains(&b) || (0x5d..=0x7e).contains(&b)));
    }
}
