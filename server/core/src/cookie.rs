//! The session cookie: the credential, sealed.

use std::time::Duration;

use crate::{Keyring, Level, SessionId, UnixTime, seal, secret::SecretText};

/// What a session cookie says. Its value is this and a MAC; nothing about it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Whose cookie it is.
    pub session: SessionId,
    /// How many times the session was bound or refreshed when the cookie was issued: 0 is the login cookie.
    pub generation: u32,
    /// When it was issued. Whole seconds; the rest is cut.
    pub issued_at: UnixTime,
    /// When it stops being accepted, by the clock of the server. Whole seconds; the rest is cut.
    pub expires_at: UnixTime,
    /// How the session was bound when the cookie was issued.
    pub level: Level,
}

impl Cookie {
    /// The value to put into `Set-Cookie`.
    pub fn seal(&self, keyring: &Keyring) -> SecretText {
        let body: [&[u8]; 5] = [
            self.session.as_bytes(),
            &self.generation.to_be_bytes(),
            &self.issued_at.as_secs().to_be_bytes(),
            &self.expires_at.as_secs().to_be_bytes(),
            &[self.level.as_byte()],
        ];
        SecretText::new(seal::seal(keyring, |keys| &keys.cookie, &body))
    }

    /// How long the cookie still lives at `now`.
    pub fn remaining(&self, now: UnixTime) -> Duration {
        self.expires_at.since(now)
    }
}

/// A cookie that this server issued. It may have expired or been superseded; that is for [`crate::check`] to say.
#[derive(Clone, Copy, Debug)]
pub struct AuthenticCookie(Cookie);

impl AuthenticCookie {
    /// Opens the value of a cookie. `None` if this server did not seal it.
    pub fn open(keyring: &Keyring, value: &str) -> Option<Self> {
        let (body, _keys) = seal::open::<BODY>(keyring, |keys| &keys.cookie, value)?;
        let (session, rest) = body.split_first_chunk::<16>()?;
        let (generation, rest) = rest.split_first_chunk::<4>()?;
        let (issued_at, rest) = rest.split_first_chunk::<8>()?;
        let (expires_at, rest) = rest.split_first_chunk::<8>()?;
        let [level] = rest else { return None };
        Some(Self(Cookie {
            session: SessionId::from_bytes(*session),
            generation: u32::from_be_bytes(*generation),
            issued_at: UnixTime::from_secs(u64::from_be_bytes(*issued_at)),
            expires_at: UnixTime::from_secs(u64::from_be_bytes(*expires_at)),
            level: Level::from_byte(*level)?,
        }))
    }

    /// What the cookie says.
    pub const fn get(&self) -> &Cookie {
        &self.0
    }
}

const BODY: usize = 16 + 4 + 8 + 8 + 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RootKey;

    #[test]
    fn opens_as_it_was_sealed() {
        let ring = Keyring::new(&RootKey::from_bytes([3; 32]), &[]);
        let cookie = Cookie {
            session: SessionId::from_bytes([9; 16]),
            generation: u32::MAX,
            issued_at: UnixTime::from_secs(1_800_000_000),
            expires_at: UnixTime::from_secs(1_800_000_600),
            level: Level::Hardware,
        };
        let value = cookie.seal(&ring);
        assert_eq!(AuthenticCookie::open(&ring, value.reveal()).unwrap().get(), &cookie);
        assert!(value.reveal().len() < 128);
        for forged in ["", "x", &"A".repeat(value.reveal().len()), &value.reveal().to_uppercase()] {
            assert!(AuthenticCookie::open(&ring, forged).is_none());
        }
    }
}
