//! `Holdfast-Assertion`: who makes this request, signed by Holdfast.

use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;

use crate::keys::Keys;

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
    keys: Keys,
    origin: String,
}

impl Verifier {
    /// For the app at `origin`, as browsers see it (`https://shop.example`), asking Holdfast's internal listener at `api`
    /// (`http://127.0.0.1:8444`).
    #[must_use]
    pub fn new(http: reqwest::Client, api: &str, origin: &str) -> Self {
        Self { keys: Keys::at(format!("{api}/_holdfast/jwks"), http), origin: origin.to_owned() }
    }

    /// With another clock for the age of keys.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.keys.clock = Box::new(clock);
        self
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
        let mut rules = Validation::new(Algorithm::ES256);
        rules.leeway = SKEW.as_secs();
        rules.set_required_spec_claims(&["aud", "exp", "iss", "sub"]);
        rules.set_audience(&[&self.origin]);
        rules.set_issuer(&[&self.origin]);
        let decoded = jsonwebtoken::decode::<Claims>(assertion, &self.keys.find(&id).await?, &rules);
        let claims = decoded.map_err(|_| Refusal::Invalid)?.claims;
        let is_short = claims.exp <= jsonwebtoken::get_current_timestamp() + (LONGEST + SKEW).as_secs();
        let is_this_request = claims.htm == method && claims.htu.strip_prefix(&self.origin) == Some(path);
        if is_short && is_this_request { Ok(claims.identity) } else { Err(Refusal::Invalid) }
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
