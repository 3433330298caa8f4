//! Challenges: what a proof must sign. They are sealed instead of stored, so that asking for one costs no memory.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{Keyring, SessionId, UnixTime, seal, secret::SecretText};

/// What a challenge says. Its text is this and a MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// What it was issued for.
    pub purpose: Purpose,
    /// The session it was issued for.
    pub session: SessionId,
    /// The session's generation when it was issued. A proof moves the session on, and this challenge into the past:
    /// that is how each is used once.
    pub generation: u32,
    /// When it stops being accepted. Whole seconds; the rest is cut.
    pub expires_at: UnixTime,
    /// 128 fresh random bits, so that no proof can be made before its challenge.
    pub random: [u8; 16],
}

/// What a challenge was issued for. A proof for one purpose is worth nothing for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To bind a key.
    Register,
    /// To prove a bound key.
    Refresh,
}

impl Challenge {
    /// The text that goes out, ASCII.
    pub fn seal(&self, keyring: &Keyring) -> String {
        let body: [&[u8]; 5] = [
            &[self.purpose.as_byte()],
            self.session.as_bytes(),
            &self.generation.to_be_bytes(),
            &self.expires_at.as_secs().to_be_bytes(),
            &self.random,
        ];
        seal::seal(keyring, |keys| &keys.challenge, &body)
    }
}

/// A challenge that this server issued. Whether it is the right one is for the proof's rules to say.
#[derive(Clone, Copy, Debug)]
pub struct AuthenticChallenge(Challenge);

impl AuthenticChallenge {
    /// Opens what came back as `jti`. `None` if this server did not seal it.
    pub fn open(keyring: &Keyring, text: &str) -> Option<Self> {
        let (body, _keys) = seal::open::<BODY>(keyring, |keys| &keys.challenge, text)?;
        let (purpose, rest) = body.split_first()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (generation, rest) = rest.split_first_chunk::<4>()?;
        let (expires_at, rest) = rest.split_first_chunk::<8>()?;
        Some(Self(Challenge {
            purpose: Purpose::from_byte(*purpose)?,
            session: SessionId::from_bytes(*session),
            generation: u32::from_be_bytes(*generation),
            expires_at: UnixTime::from_secs(u64::from_be_bytes(*expires_at)),
            random: rest.try_into().ok()?,
        }))
    }

    /// What the challenge says.
    pub const fn get(&self) -> &Challenge {
        &self.0
    }
}

/// The one-time code that goes out with a registration challenge and must come back with it: a MAC over the text of
/// the challenge, by the keys that sealed it. `None` if this server did not seal it.
pub(super) fn authorization_of(keyring: &Keyring, challenge: &str) -> Option<SecretText> {
    let (_body, keys) = seal::open::<BODY>(keyring, |keys| &keys.challenge, challenge)?;
    let mac = keys.authorization.mac(challenge.as_bytes());
    let (half, _) = mac.split_at(16);
    Some(SecretText::new(URL_SAFE_NO_PAD.encode(half)))
}

impl Purpose {
    const fn as_byte(self) -> u8 {
        match self {
            Self::Register => 1,
            Self::Refresh => 2,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Register),
            2 => Some(Self::Refresh),
            _ => None,
        }
    }
}

const BODY: usize = 1 + 16 + 4 + 8 + 16;
