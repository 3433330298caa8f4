//! Authorization codes (RFC 6749 §4.1.2): sealed, and single-use because redeeming one changes the session it names.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::{Keyring, SessionId, UnixTime, jose, seal, secret::SecretText};

/// The code of a session that began at `now`. It is a credential until it is redeemed.
pub fn code(keyring: &Keyring, session: SessionId, now: UnixTime) -> SecretText {
    let expires_at = now.after(CODE_LIFE);
    let body: [&[u8]; 2] = [session.as_bytes(), &expires_at.as_millis().to_be_bytes()];
    SecretText::new(seal::seal(keyring, |keys| &keys.code, &body))
}

/// A code that this server issued. Whether it may still be redeemed is for its session to say.
#[derive(Clone, Copy, Debug)]
pub struct AuthenticCode {
    session: SessionId,
    expires_at: UnixTime,
}

impl AuthenticCode {
    /// Opens what came back as `code`. `None` if this server did not seal it.
    pub fn open(keyring: &Keyring, text: &str) -> Option<Self> {
        let (body, _keys) = seal::open::<BODY>(keyring, |keys| &keys.code, text)?;
        let (session, rest) = body.split_first_chunk::<16>()?;
        let expires_at = UnixTime::from_millis(u64::from_be_bytes(rest.try_into().ok()?));
        Some(Self { session: SessionId::from_bytes(*session), expires_at })
    }

    /// The session that waits for it; the one to load.
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// When it stops being accepted.
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }
}

/// Reads a `code_challenge` of method `S256`: SHA-256 in base64url (RFC 7636 §4.2).
pub fn code_challenge_of(text: &str) -> Option<[u8; 32]> {
    jose::decode(text)?.try_into().ok()
}

/// Whether this is a `code_verifier` (RFC 7636 §4.1), and then what its challenge is.
pub(super) fn challenge_of_verifier(verifier: &str) -> Option<[u8; 32]> {
    let fits = (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
    fits.then(|| Sha256::digest(verifier.as_bytes()).into())
}

/// How long a code may be redeemed.
pub const CODE_LIFE: Duration = Duration::from_secs(60);

const BODY: usize = 16 + 8;
