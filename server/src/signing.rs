//! The keys that sign what others verify: access tokens and assertions. They follow from the root key and the calendar,
//! so they rotate by themselves, every node has the same, and none of them is ever written down.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_audit::{Keys, Seal, verify::CHECKPOINT_TYPE};
use holdfast_core::{RootKey, SigningRoot, UnixTime, jose::PublicKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::{SecretKey, elliptic_curve::sec1::ToSec1Point, pkcs8::EncodePrivateKey};
use parking_lot::Mutex;
use serde::Serialize;

use crate::error::Trouble;

/// All signing keys: those of the current root key sign, those of former ones are still published.
pub(crate) struct SigningKeys {
    current: SigningRoot,
    previous: Vec<SigningRoot>,
    period: Mutex<Arc<Period>>,
}

/// The keys that are in force for a while.
pub(crate) struct Period {
    number: u64,
    /// The one that signs.
    pub(crate) signer: Signer,
    /// Those that others may meet: the one before, the current one, and the next one, which is known before it signs.
    published: Vec<(String, PublicKey)>,
    /// The published keys as a document (RFC 7517 §5).
    pub(crate) jwks: String,
}

/// A private key.
pub(crate) struct Signer {
    pub(crate) key_id: String,
    pair: EcdsaKeyPair,
    random: SystemRandom,
    encoding: EncodingKey,
}

impl SigningKeys {
    /// The keys that come of these root keys at `now`.
    ///
    /// # Errors
    /// A sentence, if none comes of them, which no root key that was ever random does.
    pub(crate) fn new(current: &RootKey, previous: &[RootKey], now: UnixTime) -> Result<Self, String> {
        let current = current.signing_root();
        let previous: Vec<_> = previous.iter().map(RootKey::signing_root).collect();
        let period = Mutex::new(Arc::new(Period::derive(&current, &previous, number_of(now))?));
        Ok(Self { current, previous, period })
    }

    /// Whether these keys are those of the same root keys, in the same order.
    pub(crate) fn publish_the_same_as(&self, other: &Self, now: UnixTime) -> bool {
        matches!((self.at(now), other.at(now)), (Ok(one), Ok(two)) if one.jwks == two.jwks)
    }

    /// The keys in force at `now`.
    pub(crate) fn at(&self, now: UnixTime) -> Result<Arc<Period>, Trouble> {
        let mut period = self.period.lock();
        if period.number != number_of(now) {
            let next = Period::derive(&self.current, &self.previous, number_of(now));
            *period = Arc::new(next.map_err(|_| Trouble::Randomness)?);
        }
        Ok(Arc::clone(&period))
    }
}

/// The keys that sign checkpoints of the audit trail: one for each root key, which signs nothing else. A trail is judged
/// years later, so they have no period.
pub(crate) struct AuditKeys {
    signer: Arc<Signer>,
    known: Vec<(String, PublicKey)>,
    /// The public keys as a document (RFC 7517 §5): the one that signs, then those of former root keys.
    pub(crate) jwks: String,
}

impl AuditKeys {
    /// The keys that come of these root keys.
    ///
    /// # Errors
    /// A sentence, if none comes of them.
    pub(crate) fn new(current: &RootKey, previous: &[RootKey]) -> Result<Self, String> {
        let all = std::iter::once(current).chain(previous);
        let secrets =
            all.map(|root| secret_of(&root.audit_root(), 0)).collect::<Result<Vec<SecretKey>, String>>()?;
        let signer = secrets.first().map(Signer::new).transpose()?.ok_or("there is no root key")?;
        let keys = secrets.iter().map(jwk_of).collect();
        let known = secrets.iter().map(|secret| (jwk_of(secret).kid, public_of(secret))).collect();
        let jwks = serde_json::to_string(&Jwks { keys }).map_err(|error| error.to_string())?;
        Ok(Self { signer: Arc::new(signer), known, jwks })
    }

    /// What signs the end of a chain.
    pub(crate) fn seal(&self) -> Seal {
        let signer = Arc::clone(&self.signer);
        Box::new(move |now, end| {
            let claims = Checkpoint { iat: now.as_secs(), seq: end.seq, hash: end.hash.to_string() };
            signer.token(CHECKPOINT_TYPE, &claims)
        })
    }

    /// What checkpoints are verified with.
    pub(crate) fn public(&self) -> Keys {
        Keys::new(self.known.iter().cloned())
    }
}

#[derive(Serialize)]
struct Checkpoint {
    iat: u64,
    seq: u64,
    hash: String,
}

impl Period {
    fn derive(current: &SigningRoot, previous: &[SigningRoot], number: u64) -> Result<Self, String> {
        let now = secret_of(current, number)?;
        let mut secrets = vec![
            secret_of(current, number.saturating_sub(1))?,
            now.clone(),
            secret_of(current, number.saturating_add(1))?,
        ];
        for root in previous {
            secrets.push(secret_of(root, number.saturating_sub(1))?);
            secrets.push(secret_of(root, number)?);
        }
        let keys = secrets.iter().map(jwk_of).collect::<Vec<_>>();
        let published = secrets.iter().map(|secret| (jwk_of(secret).kid, public_of(secret))).collect();
        let jwks = serde_json::to_string(&Jwks { keys }).map_err(|error| error.to_string())?;
        Ok(Self { number, signer: Signer::new(&now)?, published, jwks })
    }

    /// The published key of that id.
    pub(crate) fn key(&self, key_id: &str) -> Option<&PublicKey> {
        self.published.iter().find(|(id, _)| id == key_id).map(|(_, key)| key)
    }
}

impl Signer {
    fn new(secret: &SecretKey) -> Result<Self, String> {
        let der =
            secret.to_pkcs8_der().map_err(|error| format!("the signing key cannot be encoded: {error}"))?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_bytes())
            .map_err(|error| format!("the signing key cannot be read: {error}"))?;
        let encoding = EncodingKey::from_ec_der(der.as_bytes());
        Ok(Self { key_id: jwk_of(secret).kid, pair, random: SystemRandom::new(), encoding })
    }

    /// A signed JWT of this `typ`.
    pub(crate) fn token(&self, typ: &str, claims: &impl Serialize) -> Option<String> {
        let header = Header {
            typ: Some(typ.to_owned()),
            kid: Some(self.key_id.clone()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, claims, &self.encoding).ok()
    }

    /// Signs `jwt`, which is header and payload, and appends the signature. For assertions, of which there is one for
    /// nearly each request: the key pair is kept, where the library reads it again for each token.
    pub(crate) fn append_signature(&self, jwt: &mut String) -> Option<()> {
        let signature = self.pair.sign(&self.random, jwt.as_bytes()).ok()?;
        jwt.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), jwt);
        Some(())
    }
}

#[derive(Serialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Serialize)]
struct Jwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    y: String,
    alg: &'static str,
    r#use: &'static str,
    kid: String,
}

fn number_of(now: UnixTime) -> u64 {
    now.as_secs() / PERIOD.as_secs()
}

fn secret_of(root: &SigningRoot, period: u64) -> Result<SecretKey, String> {
    // One in 2^32 seeds is no scalar of the curve; the next one is then taken.
    (0..4)
        .find_map(|attempt| SecretKey::from_slice(root.seed(period, attempt).as_ref()).ok())
        .ok_or_else(|| "no signing key comes of this root key; make a new one".to_owned())
}

fn public_of(secret: &SecretKey) -> PublicKey {
    let point = secret.public_key().to_sec1_point(false);
    PublicKey::P256(point.as_bytes().get(1..).and_then(|xy| xy.try_into().ok()).unwrap_or([0; 64]))
}

fn jwk_of(secret: &SecretKey) -> Jwk {
    let public = public_of(secret);
    let kid = public.thumbprint().to_string();
    let coordinates = if let PublicKey::P256(coordinates) = public { coordinates } else { [0; 64] };
    let (x, y) = coordinates.split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    Jwk { kty: "EC", crv: "P-256", x, y, alg: "ES256", r#use: "sig", kid }
}

/// How long a key signs. Everything it has signed is dead long before its successor has a successor.
const PERIOD: Duration = Duration::from_secs(7 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_key_is_known_before_it_signs_and_the_last_one_after() {
        let root = RootKey::from_bytes([1; 32]);
        let week = |number: u64| UnixTime::from_secs(number * PERIOD.as_secs());
        let keys = SigningKeys::new(&root, &[], week(2900)).unwrap();
        let signers: Vec<_> = (2900..2904)
            .map(|number| {
                let period = keys.at(week(number)).unwrap();
                assert!(period.key(&period.signer.key_id).is_some());
                period.signer.key_id.clone()
            })
            .collect();
        let second = keys.at(week(2901)).unwrap();
        let known: Vec<_> = signers.iter().map(|id| second.key(id).is_some()).collect();
        assert_eq!(known, [true, true, true, false]);
        let again = SigningKeys::new(&root, &[], week(2902)).unwrap();
        assert_eq!(again.at(week(2902)).unwrap().signer.key_id, signers[2], "the same on every node");
    }

    #[test]
    fn a_former_root_key_is_published_and_signs_nothing() {
        let [old, new] = [1, 2].map(|byte| RootKey::from_bytes([byte; 32]));
        let now = UnixTime::from_secs(1_800_000_000);
        let before = SigningKeys::new(&old, &[], now).unwrap().at(now).unwrap().signer.key_id.clone();
        let after = SigningKeys::new(&new, &[old], now).unwrap().at(now).unwrap();
        assert_ne!(after.signer.key_id, before);
        assert!(after.key(&before).is_some());
    }
}
