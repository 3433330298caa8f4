//! `Holdfast-Assertion`: who makes this request, signed by Holdfast.

use std::{collections::HashMap, sync::RwLock, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

/// Who makes a request. A value of this type has been verified.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Identity {
    /// The user, as the app named them at the login.
    #[serde(rename = "sub")]
    pub user: String,
    /// The session's id: a handle, no secret.
    #[serde(rename = "sid")]
    pub session: String,
    /// How strongly the session is bound to a device. Compare it with `>=`.
    #[serde(rename = "bnd")]
    pub binding: Binding,
    /// The OAuth client; `None` for browsers.
    pub client_id: Option<String>,
    /// What the OAuth client was granted, words with spaces between; `None` for browsers.
    pub scope: Option<String>,
    /// The class of the login, as the app said.
    pub acr: Option<String>,
    /// The methods of the login, as the app said.
    #[serde(default)]
    pub amr: Vec<String>,
    /// When the user logged in, in seconds since 1970.
    pub auth_time: u64,
}

/// The level of a binding, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    /// No key.
    None,
    /// A key in software, or one of which nothing is known.
    Software,
    /// A key that a browser keeps.
    Hardware,
    /// A key that a TPM's certificates vouch for.
    Attested,
}

/// Why there is no identity.
#[derive(Debug)]
pub enum Refusal {
    /// There is no assertion, or it is not one for this request: answer 401.
    Invalid,
    /// The keys cannot be had, so nothing is known: answer 503.
    Unavailable,
}

/// Verifies assertions for one app, with the keys that Holdfast publishes.
pub struct Verifier {
    http: reqwest::Client,
    jwks: String,
    origin: String,
    /// The published keys by `kid`, and when they were fetched.
    keys: RwLock<Option<(Instant, HashMap<String, DecodingKey>)>>,
    /// When they were last asked for, and whether they came.
    tried: Mutex<Option<(Instant, bool)>>,
}

impl Verifier {
    /// For the app at `origin`, as browsers see it (`https://shop.example`), asking Holdfast's internal listener at `api`
    /// (`http://127.0.0.1:8444`).
    #[must_use]
    pub fn new(http: reqwest::Client, api: &str, origin: &str) -> Self {
        let jwks = format!("{api}/_holdfast/jwks");
        Self { http, jwks, origin: origin.to_owned(), keys: RwLock::new(None), tried: Mutex::new(None) }
    }

    /// The identity in `assertion`, if it is about a request of `method` for `path`, which has no query and is what the
    /// client sent to the gateway.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for anything else; [`Refusal::Unavailable`] while the keys cannot be had.
    pub async fn verify(&self, assertion: &str, method: &str, path: &str) -> Result<Identity, Refusal> {
        let header = jsonwebtoken::decode_header(assertion).map_err(|_| Refusal::Invalid)?;
        // Access tokens are signed with the same keys and say `at+jwt`.
        let id = header.kid.filter(|_| header.typ.as_deref() == Some("JWT")).ok_or(Refusal::Invalid)?;
        let key = self.key(&id).await?;
        let mut rules = Validation::new(Algorithm::ES256);
        rules.leeway = SKEW.as_secs();
        rules.set_required_spec_claims(&["aud", "exp", "iss", "sub"]);
        rules.set_audience(&[&self.origin]);
        rules.set_issuer(&[&self.origin]);
        let claims = jsonwebtoken::decode::<Claims>(assertion, &key, &rules).map_err(|_| Refusal::Invalid)?.claims;
        let is_short = claims.exp <= jsonwebtoken::get_current_timestamp() + (LONGEST + SKEW).as_secs();
        let is_this_request = claims.htm == method && claims.htu.strip_prefix(&self.origin) == Some(path);
        if is_short && is_this_request { Ok(claims.identity) } else { Err(Refusal::Invalid) }
    }

    async fn key(&self, id: &str) -> Result<DecodingKey, Refusal> {
        if let Some(key) = self.known(id) {
            return Ok(key);
        }
        let mut tried = self.tried.lock().await;
        let is_due = |(at, came): (Instant, bool)| at.elapsed() >= if came { COOLDOWN } else { RETRY };
        // Whoever waited for the lock may find what another has fetched.
        if self.known(id).is_none() && tried.is_none_or(is_due) {
            let fetched = self.fetch().await;
            *tried = Some((Instant::now(), fetched.is_some()));
            if let (Some(fetched), Ok(mut keys)) = (fetched, self.keys.write()) {
                *keys = Some((Instant::now(), fetched));
            }
        }
        let came = tried.is_some_and(|(_, came)| came);
        self.known(id).ok_or(if came { Refusal::Invalid } else { Refusal::Unavailable })
    }

    fn known(&self, id: &str) -> Option<DecodingKey> {
        let keys = self.keys.read().ok()?;
        let (at, keys) = keys.as_ref()?;
        keys.get(id).filter(|_| at.elapsed() < MAX_AGE).cloned()
    }

    async fn fetch(&self) -> Option<HashMap<String, DecodingKey>> {
        let answer = self.http.get(&self.jwks).timeout(PATIENCE).send().await.ok()?;
        let set: JwkSet = answer.error_for_status().ok()?.json().await.ok()?;
        let key = |jwk: &jsonwebtoken::jwk::Jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?));
        Some(set.keys.iter().filter_map(key).collect())
    }
}

#[derive(Deserialize)]
struct Claims {
    #[serde(flatten)]
    identity: Identity,
    exp: u64,
    htm: String,
    htu: String,
}

/// How far the clocks of app and Holdfast may be apart.
const SKEW: Duration = Duration::from_secs(5);
/// The longest life that Holdfast gives an assertion.
const LONGEST: Duration = Duration::from_secs(60);
/// A `kid` that is not known has the keys fetched again, but not before this has passed since they were: strangers can
/// make up as many as they like.
const COOLDOWN: Duration = Duration::from_secs(30);
/// The same after a fetch that failed.
const RETRY: Duration = Duration::from_secs(1);
/// Keys that were fetched so long ago are fetched again: one that Holdfast has dropped must not be believed for ever.
const MAX_AGE: Duration = Duration::from_secs(600);
/// How long Holdfast may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
