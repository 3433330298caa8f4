//! `Holdfast-Assertion`: the identity of a request, signed, so that an app need trust no header.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_core::{Origin, SessionId, UnixTime, session::Session};
use http::HeaderValue;
use serde::Serialize;

use crate::{cache::Cache, signing::SigningKeys};

/// Signs assertions, and hands out the same one while nothing in it would change.
pub(crate) struct Assertions {
    keys: Arc<SigningKeys>,
    made: Cache<Name, Made>,
}

/// What makes one assertion different from another: session, revision, and method and address of the request. The whole
/// of it, so that none is handed out for another.
type Name = (SessionId, u64, String);

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
    pub(crate) fn new(keys: Arc<SigningKeys>) -> Self {
        Self { keys, made: Cache::new(ROOM) }
    }

    /// An assertion about `subject` that lives at least [`SHORTEST`] from `now`.
    pub(crate) fn about(&self, subject: Subject<'_>, now: UnixTime) -> Option<HeaderValue> {
        let record = subject.session.record();
        let request = format!("{} {}{}", subject.method, subject.origin, subject.path);
        let name = (record.id, record.revision, request);
        if let Some(made) = self.made.find(&name).filter(|made| made.is_good(now)) {
            return Some(made.value.clone());
        }
        let made = Arc::new(self.sign(subject, now)?);
        self.made.keep(name, Arc::clone(&made));
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
            client_id: record.grant.as_ref().map(|grant| &*grant.client_id),
            scope: record.grant.as_ref().map(|grant| &*grant.scope),
            acr: auth.and_then(|auth| auth.acr.as_deref()),
            amr: auth.map_or(&[], |auth| &auth.amr),
            auth_time: record.auth_time().as_secs(),
            iat: now.as_secs(),
            exp: expires_at.as_secs(),
            htm: subject.method,
            htu: subject.origin.address_of(subject.path),
        };
        let period = self.keys.at(now).ok()?;
        let header = Header { alg: "ES256", kid: &period.signer.key_id, typ: "JWT" };
        let mut jwt = format!("{}.{}", base64url(&header)?, base64url(&claims)?);
        period.signer.append_signature(&mut jwt)?;
        Some(Made { value: HeaderValue::try_from(jwt).ok()?, expires_at })
    }
}

struct Made {
    value: HeaderValue,
    expires_at: UnixTime,
}

impl Made {
    /// A clock that was set back must not lengthen a life.
    fn is_good(&self, now: UnixTime) -> bool {
        self.expires_at.since(now) >= SHORTEST && self.expires_at <= now.after(LIFE)
    }
}

/// A value as JSON in base64url: the form of a JWT's parts (RFC 7515 §7.1).
fn base64url(value: &impl Serialize) -> Option<String> {
    serde_json::to_vec(value).map(|json| URL_SAFE_NO_PAD.encode(json)).ok()
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    kid: &'a str,
    typ: &'static str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    sid: &'a str,
    bnd: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    acr: Option<&'a str>,
    amr: &'a [Box<str>],
    auth_time: u64,
    iat: u64,
    exp: u64,
    htm: &'a str,
    htu: String,
}

/// How long an assertion is good for: the contract's 60 s.
const LIFE: Duration = Duration::from_secs(60);

/// How long it must still be good for when it is handed out again.
const SHORTEST: Duration = Duration::from_secs(20);

/// Twice as many at most, about 900 bytes each: 240 MB, reached only by that many sessions in use at once.
const ROOM: usize = 131_072;
