//! `Holdfast-Assertion`: the identity of a request, signed, so that an app need trust no header.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_core::{Origin, RootKey, SessionId, UnixTime, session::Session};
use http::HeaderValue;
use p256::{SecretKey, elliptic_curve::sec1::ToSec1Point, pkcs8::EncodePrivateKey};
use parking_lot::Mutex;
use serde::Serialize;

/// Signs assertions, and hands out the same one while nothing in it would change.
///
/// The key pair is read once and kept: JWT libraries read it again for each token, which costs more than the signature.
pub(crate) struct Assertions {
    key: EcdsaKeyPair,
    random: SystemRandom,
    /// The encoded header and its dot, the same for every assertion.
    prefix: String,
    jwks: String,
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
}

/// What an assertion is about.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) session: &'a Session,
    pub(crate) origin: &'a Origin,
    pub(crate) method: &'a str,
    /// The path, without the query: what identifies the resource (RFC 9449 §4.2 does the same for `htu`).
    pub(crate) path: &'a str,
}

impl Assertions {
    /// Signs with a key derived from the current root key, and publishes those of former ones too, so that an
    /// assertion made just before a rotation still verifies.
    ///
    /// # Errors
    /// A sentence, if no key comes of it, which no root key that was ever random does.
    pub(crate) fn new(current: &RootKey, previous: &[RootKey]) -> Result<Self, String> {
        let secret = secret_of(current)?;
        let der =
            secret.to_pkcs8_der().map_err(|error| format!("the assertion key cannot be encoded: {error}"))?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_bytes())
            .map_err(|error| format!("the assertion key cannot be read: {error}"))?;
        let jwks = std::iter::once(Ok(jwk_of(&secret)))
            .chain(previous.iter().map(|root| secret_of(root).map(|secret| jwk_of(&secret))))
            .collect::<Result<Vec<_>, String>>()?;
        let header = Header { alg: "ES256", kid: jwks.first().map(|jwk| &*jwk.kid), typ: "JWT" };
        let prefix = format!("{}.", base64url(&header)?);
        Ok(Self {
            key,
            random: SystemRandom::new(),
            prefix,
            jwks: serde_json::to_string(&Jwks { keys: jwks }).map_err(|error| error.to_string())?,
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        })
    }

    /// The public keys (RFC 7517 §5).
    pub(crate) fn jwks(&self) -> &str {
        &self.jwks
    }

    /// An assertion about `subject` that lives at least [`SHORTEST`] from `now`.
    pub(crate) fn about(&self, subject: Subject<'_>, now: UnixTime) -> Option<HeaderValue> {
        let record = subject.session.record();
        let hash = self.hasher.hash_one((record.id, record.revision, subject.method, subject.path));
        let shard = usize::try_from(hash >> 56).ok().and_then(|index| self.shards.get(index % SHARDS))?;
        if let Some(made) = shard.lock().find(hash, |made| made.fits(subject, now)) {
            return Some(made.value.clone());
        }
        let made = Arc::new(self.sign(subject, now)?);
        shard.lock().keep(hash, Arc::clone(&made));
        Some(made.value.clone())
    }

    fn sign(&self, subject: Subject<'_>, now: UnixTime) -> Option<Made> {
        let record = subject.session.record();
        let auth = record.auth.as_deref();
        let expires_at = now.after(LIFE);
        let session = record.id.to_string();
        let claims = Claims {
            iss: subject.origin.as_str(),
            aud: subject.origin.as_str(),
            sub: &record.user,
            sid: &session,
            bnd: subject.session.level().as_str(),
            acr: auth.and_then(|auth| auth.acr.as_deref()),
            amr: auth.map_or(&[], |auth| &auth.amr),
            auth_time: auth.and_then(|auth| auth.auth_time).unwrap_or(record.began_at).as_secs(),
            iat: now.as_secs(),
            exp: expires_at.as_secs(),
            htm: subject.method,
            htu: subject.origin.address_of(subject.path),
        };
        let mut jwt = format!("{}{}", self.prefix, base64url(&claims).ok()?);
        let signature = self.key.sign(&self.random, jwt.as_bytes()).ok()?;
        jwt.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut jwt);
        Some(Made {
            session: record.id,
            revision: record.revision,
            method: subject.method.into(),
            path: subject.path.into(),
            value: HeaderValue::try_from(jwt).ok()?,
            expires_at,
        })
    }
}

struct Made {
    session: SessionId,
    revision: u64,
    method: Box<str>,
    path: Box<str>,
    value: HeaderValue,
    expires_at: UnixTime,
}

impl Made {
    fn fits(&self, subject: Subject<'_>, now: UnixTime) -> bool {
        let record = subject.session.record();
        self.session == record.id
            && self.revision == record.revision
            && *self.method == *subject.method
            && *self.path == *subject.path
            && self.expires_at.since(now) >= SHORTEST
            && self.expires_at <= now.after(LIFE)
    }
}

/// Two generations of a cache: when the young one is full it becomes the old one, and the old one is forgotten.
#[derive(Default)]
struct Shard {
    young: HashMap<u64, Arc<Made>>,
    old: HashMap<u64, Arc<Made>>,
}

impl Shard {
    fn find(&self, hash: u64, fits: impl Fn(&Made) -> bool) -> Option<Arc<Made>> {
        let made = self.young.get(&hash).or_else(|| self.old.get(&hash))?;
        fits(made).then(|| Arc::clone(made))
    }

    fn keep(&mut self, hash: u64, made: Arc<Made>) {
        if self.young.len() >= PER_SHARD && !self.young.contains_key(&hash) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, made);
    }
}

/// A value as JSON in base64url: the form of a JWT's parts (RFC 7515 §7.1).
fn base64url(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_vec(value).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|error| error.to_string())
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    kid: Option<&'a str>,
    typ: &'static str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    sid: &'a str,
    bnd: &'a str,
    acr: Option<&'a str>,
    amr: &'a [Box<str>],
    auth_time: u64,
    iat: u64,
    exp: u64,
    htm: &'a str,
    htu: String,
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

fn secret_of(root: &RootKey) -> Result<SecretKey, String> {
    // One in 2^32 seeds is no scalar of the curve; the next one is then taken.
    (0..4)
        .find_map(|attempt| SecretKey::from_slice(root.assertion_seed(attempt).as_ref()).ok())
        .ok_or_else(|| "no assertion key comes of this root key; make a new one".to_owned())
}

fn jwk_of(secret: &SecretKey) -> Jwk {
    let point = secret.public_key().to_sec1_point(false);
    let (x, y) = point.as_bytes().get(1..).map_or((&[][..], &[][..]), |xy| xy.split_at(xy.len() / 2));
    let coordinates: [u8; 64] = [x, y].concat().try_into().unwrap_or([0; 64]);
    let kid = holdfast_core::jose::PublicKey::P256(coordinates).thumbprint().to_string();
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    Jwk { kty: "EC", crv: "P-256", x, y, alg: "ES256", r#use: "sig", kid }
}

/// How long an assertion is good for: the contract's 60 s.
const LIFE: Duration = Duration::from_secs(60);

/// How long it must still be good for when it is handed out again.
const SHORTEST: Duration = Duration::from_secs(20);

const SHARDS: usize = 64;

/// 64 shards, two generations, about 900 bytes each: at most 230 MB, reached only by that many sessions in use at once.
const PER_SHARD: usize = 2048;
