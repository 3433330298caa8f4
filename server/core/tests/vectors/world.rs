//! The one small world in which all vectors happen.

use std::collections::BTreeMap;

use holdfast_core::{
    Keyring, RootKey, SessionId, UnixTime,
    dbsc::{Challenge, Purpose, offer},
    jose::{Algorithm, PublicKey},
    policy::SessionPolicy,
};
use sfv::{BareItem, List, ListEntry, Parser};

use crate::{
    keys::{Device, EdDsa, Es256, Keys, Rs256},
    model::SessionState,
    pss::Ps256,
};

/// When the session of every vector began.
pub(crate) const BEGAN: u64 = 1_800_000_000;
/// When its device proved itself last, where it is bound.
pub(crate) const LAST_PROOF: u64 = BEGAN + 1000;
/// When an ordinary registration proof comes.
pub(crate) const AT_REGISTRATION: u64 = BEGAN + 2;
/// When an ordinary refresh proof comes.
pub(crate) const AT_REFRESH: u64 = LAST_PROOF + 500;
/// The generation of the bound session.
pub(crate) const GENERATION: u32 = 3;
pub(crate) const ORIGIN: &str = "https://shop.example";
/// What Chromium offers of its own accord.
pub(crate) const BOTH: &[Algorithm] = &[Algorithm::Es256, Algorithm::Rs256];

pub(crate) struct World {
    pub(crate) keys: Keys,
    pub(crate) device: Es256,
    pub(crate) other: Es256,
    pub(crate) rsa: Rs256,
    pub(crate) ed: EdDsa,
    pub(crate) pss: Ps256,
    /// Who issues access tokens.
    pub(crate) issuer: Es256,
    /// The server's keys: the current root key and the one before it.
    pub(crate) ring: Keyring,
    pub(crate) policy: SessionPolicy,
}

impl World {
    pub(crate) fn new() -> Self {
        let keys = Keys::read();
        Self {
            device: keys.es256("device"),
            other: keys.es256("other"),
            rsa: keys.rs256("device"),
            ed: keys.eddsa("device"),
            pss: keys.ps256("device"),
            issuer: keys.es256("issuer"),
            ring: Keyring::new(&keys.root(), &[keys.previous_root()]),
            policy: SessionPolicy::default(),
            keys,
        }
    }

    /// The session of the vectors.
    pub(crate) fn session() -> SessionId {
        SessionId::from_bytes(*b"holdfast-vectors")
    }

    /// The session of somebody else.
    pub(crate) fn other_session() -> SessionId {
        SessionId::from_bytes(*b"somebody-elses-1")
    }

    pub(crate) fn unbound() -> SessionState {
        SessionState::Unbound { id: Self::session().to_string() }
    }

    /// The session, bound to the key of `device`.
    pub(crate) fn bound(device: &impl Device) -> SessionState {
        let jwk: BTreeMap<_, _> = serde_json::from_str(&device.jwk()).unwrap();
        let id = Self::session().to_string();
        SessionState::Bound { id, jwk, generation: GENERATION, last_proof_at: LAST_PROOF }
    }

    /// What was offered to the session: the challenge and the authorization.
    pub(crate) fn offered(&self) -> Offer {
        self.offered_to(Self::session(), 1)
    }

    /// What was offered to a session. Different `nonce`s are different logins.
    pub(crate) fn offered_to(&self, session: SessionId, nonce: u8) -> Offer {
        Offer::read(&self.ring, session, nonce, &self.policy)
    }

    /// What a server with another root key offered to the session.
    pub(crate) fn offered_by(&self, root: &RootKey) -> Offer {
        Offer::read(&Keyring::new(root, &[]), Self::session(), 1, &self.policy)
    }

    /// The refresh challenge of the session's current generation.
    pub(crate) fn refresh_challenge(&self) -> Challenge {
        Challenge {
            purpose: Purpose::Refresh,
            session: Self::session(),
            generation: GENERATION,
            expires_at: UnixTime::from_secs(LAST_PROOF).after(self.policy.refresh_challenge()),
            random: [2; 16],
        }
    }

    /// The text of the current refresh challenge.
    pub(crate) fn challenge(&self) -> String {
        self.refresh_challenge().seal(&self.ring)
    }

    /// The key of a device as the core reads it from coordinates.
    pub(crate) fn public(device: &Es256) -> PublicKey {
        PublicKey::p256(device.coordinates()).unwrap()
    }
}

/// A registration challenge and what must come back with it.
pub(crate) struct Offer {
    pub(crate) challenge: String,
    pub(crate) authorization: String,
}

impl Offer {
    /// Reads the field of an offer as a browser does.
    fn read(ring: &Keyring, session: SessionId, nonce: u8, policy: &SessionPolicy) -> Self {
        let value = offer(session, [nonce; 16], BOTH, ring, policy, UnixTime::from_secs(BEGAN)).unwrap();
        let list: List = Parser::new(&value).parse().unwrap();
        let ListEntry::InnerList(inner) = &list[0] else { panic!("an offer is an inner list") };
        let text = |name: &str| {
            let BareItem::String(text) = &inner.params[name] else { panic!("{name} is a string") };
            text.as_str().to_owned()
        };
        Self { challenge: text("challenge"), authorization: text("authorization") }
    }

    /// The payload with which a browser answers.
    pub(crate) fn payload(&self) -> String {
        format!(r#"{{"authorization":"{}","jti":"{}"}}"#, self.authorization, self.challenge)
    }
}
