//! Refresh tokens (RFC 6749 §6): opaque to clients, sealed, and stored as a hash.
//!
//! Each token but the first is made from the one before it with a key that only the server has. So a client that lost an
//! answer can be given the same successor again, and yet no token is stored.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{Keyring, SessionId, keyring::KeySet, seal, secret::SecretText};

/// The secret of a refresh token.
#[derive(Clone)]
pub struct RefreshToken {
    session: SessionId,
    generation: u32,
    secret: Zeroizing<[u8; 32]>,
}

impl RefreshToken {
    /// The first token of a grant, made of 32 fresh random bytes.
    pub fn first(session: SessionId, random: [u8; 32]) -> Self {
        Self { session, generation: 1, secret: Zeroizing::new(random) }
    }

    /// The text for the client.
    pub fn seal(&self, keyring: &Keyring) -> SecretText {
        let body: [&[u8]; 3] =
            [self.session.as_bytes(), &self.generation.to_be_bytes(), self.secret.as_ref()];
        SecretText::new(seal::seal(keyring, |keys| &keys.refresh_token, &body))
    }

    /// What is stored of it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_ref()).into()
    }

    fn follow(&self, keys: &KeySet) -> Self {
        let mut message = Zeroizing::new([0; 32 + 16 + 4]);
        let generation = self.generation.saturating_add(1);
        let number = generation.to_be_bytes();
        let parts = self.secret.iter().chain(self.session.as_bytes()).chain(&number);
        message.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        let secret = Zeroizing::new(keys.refresh_successor.mac(message.as_ref()));
        Self { session: self.session, generation, secret }
    }
}

/// A refresh token that this server issued. It may be an old one; that is for its session to say.
pub struct AuthenticRefreshToken {
    token: RefreshToken,
    /// What follows by each root key that is in force, the one that sealed the token first: a token may have been taken,
    /// and be asked about again, on two sides of a rotation.
    successors: Vec<RefreshToken>,
}

impl AuthenticRefreshToken {
    /// Opens what a client sent. `None` if this server did not seal it.
    pub fn open(keyring: &Keyring, text: &str) -> Option<Self> {
        let (body, sealed_by) = seal::open::<BODY>(keyring, |keys| &keys.refresh_token, text)?;
        let body = Zeroizing::new(body);
        let (session, rest) = body.split_first_chunk::<16>()?;
        let (generation, secret) = rest.split_first_chunk::<4>()?;
        let token = RefreshToken {
            session: SessionId::from_bytes(*session),
            generation: u32::from_be_bytes(*generation),
            secret: Zeroizing::new(secret.try_into().ok()?),
        };
        let others = keyring.sets().filter(|keys| keys.id != sealed_by.id);
        let successors = std::iter::once(sealed_by).chain(others).map(|keys| token.follow(keys)).collect();
        Some(Self { token, successors })
    }

    /// The session of its grant; the one to load.
    pub const fn session(&self) -> SessionId {
        self.token.session
    }

    pub(super) const fn generation(&self) -> u32 {
        self.token.generation
    }

    /// The token that follows this one, if it is taken now.
    pub fn successor(&self) -> Option<&RefreshToken> {
        self.successors.first()
    }

    /// Whether this is the token of the hash.
    pub(super) fn is(&self, hash: &[u8; 32]) -> bool {
        self.token.hash().ct_eq(hash).into()
    }

    /// The token of the hash, if it is the one that followed this one.
    pub(super) fn successor_of(&self, hash: &[u8; 32]) -> Option<&RefreshToken> {
        self.successors.iter().find(|successor| successor.hash().ct_eq(hash).into())
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RefreshToken({} {}, …)", self.session, self.generation)
    }
}

impl std::fmt::Debug for AuthenticRefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.token, f)
    }
}

const BODY: usize = 16 + 4 + 32;
