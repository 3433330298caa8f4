//! The client: it redeems codes, calls resources and refreshes, with a proof on every request.

use std::path::PathBuf;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use url::Url;

use super::grant::{Code, Grant, Outcome, SavedClient};
use super::happening::Happening;
use super::nonces::Nonces;
use super::pkce::Verifier;
use super::registration::Registration;
use crate::Failure;
use crate::browser::Network;
use crate::clock::SharedClock;
use crate::http::{Answer, Request, Transport};
use crate::key::DeviceKey;
use crate::wire::dpop::{self, Claims, DPOP};

/// A simulated OAuth client with one key and at most one set of tokens.
pub struct Client {
    network: Network,
    clock: SharedClock,
    registration: Registration,
    key: DeviceKey,
    ca: Option<PathBuf>,
    nonces: Nonces,
    grant: Option<Grant>,
    sent: Vec<Request>,
    happenings: Vec<Happening>,
}

impl Client {
    /// A client without tokens.
    pub fn new(network: Network, clock: SharedClock, registration: Registration, key: DeviceKey) -> Self {
        Self {
            network,
            clock,
            registration,
            key,
            ca: None,
            nonces: Nonces::default(),
            grant: None,
            sent: Vec::new(),
            happenings: Vec::new(),
        }
    }

    /// The same client, trusting the roots in this PEM file when it calls a resource on another origin.
    pub fn trusting(mut self, ca: Option<PathBuf>) -> Self {
        self.ca = ca;
        self
    }

    /// Starts with what an earlier run left, key and registration aside.
    pub fn with_memory(mut self, nonces: Nonces, grant: Grant) -> Self {
        (self.nonces, self.grant) = (nonces, Some(grant));
        self
    }

    /// What survives a restart; nothing without tokens.
    pub fn memory(&self) -> Result<Option<SavedClient>, Failure> {
        let Some(grant) = self.grant.clone() else { return Ok(None) };
        let (registration, nonces) = (self.registration.clone(), self.nonces.clone());
        Ok(Some(SavedClient { registration, key: self.key.saved()?, nonces, grant }))
    }

    /// Has the app authenticate `user` and ask for a code that only this client's key can redeem.
    pub async fn log_in(&self, user: &str) -> Result<Code, Failure> {
        let verifier = Verifier::draw()?;
        let app = self.network.app.as_ref();
        let app =
            app.ok_or_else(|| Failure::Usage("a client needs an app that gives out codes".to_owned()))?;
        let thumbprint = self.key.jwk().thumbprint()?;
        let begun = app.authorize(user, &self.registration, &verifier.challenge(), &thumbprint).await?;
        Ok(Code { code: begun.code, verifier: verifier.into_text(), session: begun.session.id })
    }

    /// Makes tokens of a code.
    pub async fn redeem(&mut self, code: &Code) -> Result<Outcome, Failure> {
        let form = redemption_form(&self.registration, &code.code, &code.verifier);
        let request = self.token_request(&form)?;
        self.tokens(request, Happening::Redeemed).await
    }

    /// Makes new tokens of its refresh token.
    pub async fn refresh(&mut self) -> Result<Outcome, Failure> {
        let token = self.grant()?.refresh_token.clone();
        self.refresh_with(&token).await
    }

    /// Makes tokens of any refresh token, with this client's key.
    pub async fn refresh_with(&mut self, token: &str) -> Result<Outcome, Failure> {
        let request = self.token_request(&refresh_form(token))?;
        self.tokens(request, Happening::Refreshed).await
    }

    /// Opens a page with the access token. One that has expired is refreshed first, or when the answer says so.
    pub async fn get(&mut self, url: &Url) -> Result<Answer, Failure> {
        self.refresh_if_expired().await?;
        let answer = self.call(&Method::GET, url).await?;
        if !says(&answer, "invalid_token") || self.refresh().await? != Outcome::Granted {
            return Ok(answer);
        }
        self.call(&Method::GET, url).await
    }

    /// Makes new tokens if the access token is past its time. A refusal is told by the happenings.
    pub async fn refresh_if_expired(&mut self) -> Result<(), Failure> {
        if self.grant()?.expires_at <= self.now().as_secs() {
            self.refresh().await?;
        }
        Ok(())
    }

    /// One request to a resource, as it is: with token and proof, and once more if a nonce was demanded.
    pub async fn call(&mut self, method: &Method, url: &Url) -> Result<Answer, Failure> {
        let token = self.grant()?.access_token.clone();
        let request = Request::new(method.clone(), url.clone())
            .header("user-agent", super::USER_AGENT)?
            .header("authorization", &format!("DPoP {token}"))?;
        self.send_proven(&request, Some(&token)).await
    }

    /// Asks the server for a nonce without wanting anything else.
    pub async fn fetch_nonce(&mut self) -> Result<(), Failure> {
        let url = self.network.origin.at(NONCE_ENDPOINT)?;
        let answer = self.network.send(&Request::new(Method::HEAD, url.clone())).await?;
        if answer.status == 204 && self.nonces.remember(&url, &answer) {
            return Ok(());
        }
        Err(Failure::answer(&format!("HEAD {NONCE_ENDPOINT}"), &answer))
    }

    /// A proof of this client's key over any claims.
    pub async fn prove(&self, claims: &Claims) -> Result<String, Failure> {
        dpop::proof(&self.key, claims).await
    }

    /// The key.
    pub fn key(&self) -> &DeviceKey {
        &self.key
    }

    /// The site and how it is reached.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The last nonce of each origin.
    pub fn nonces(&self) -> &Nonces {
        &self.nonces
    }

    /// The tokens.
    pub fn grant(&self) -> Result<&Grant, Failure> {
        self.grant
            .as_ref()
            .ok_or_else(|| Failure::Usage("there are no tokens: ask for some first".to_owned()))
    }

    /// Every request that carried a proof, as somebody who reads the client's traffic sees it.
    pub fn sent(&self) -> &[Request] {
        &self.sent
    }

    /// What became of the tokens so far.
    pub fn happenings(&self) -> &[Happening] {
        &self.happenings
    }

    /// A refresh without a proof: what a thief of the token alone can send.
    pub fn refresh_request(&self, token: &str) -> Result<Request, Failure> {
        self.token_request(&refresh_form(token))
    }

    fn token_request(&self, form: &[(&str, &str)]) -> Result<Request, Failure> {
        let request = Request::new(Method::POST, self.network.origin.at(TOKEN_ENDPOINT)?)
            .header("user-agent", super::USER_AGENT)?;
        self.registration.post(request, form)
    }

    async fn tokens(&mut self, request: Request, done: Happening) -> Result<Outcome, Failure> {
        let answer = self.send_proven(&request, None).await?;
        match Grant::read(&answer, self.now())? {
            Ok(grant) => {
                self.happenings.push(done);
                self.grant = Some(grant);
                Ok(Outcome::Granted)
            }
            Err(refusal) => {
                self.happenings.push(Happening::Refused { error: refusal.error.clone() });
                Ok(Outcome::Refused(refusal))
            }
        }
    }

    /// Sends a request with a proof. A demand for a nonce is met once: a server that demands another is not pleased.
    async fn send_proven(&mut self, request: &Request, token: Option<&str>) -> Result<Answer, Failure> {
        let answer = self.send_once(request, token).await?;
        let given = self.nonces.remember(&request.url, &answer);
        if !given || !demands_nonce(&answer) {
            return Ok(answer);
        }
        self.happenings.push(Happening::NonceDemanded { url: request.url.to_string() });
        let answer = self.send_once(request, token).await?;
        self.nonces.remember(&request.url, &answer);
        Ok(answer)
    }

    async fn send_once(&mut self, request: &Request, token: Option<&str>) -> Result<Answer, Failure> {
        let claims = Claims::new(&request.method, &request.url, self.now())?;
        let claims = claims.with_nonce(self.nonces.for_url(&request.url));
        let claims = match token {
            Some(token) => claims.for_token(token),
            None => claims,
        };
        let request = request.clone().header(DPOP, &self.prove(&claims).await?)?;
        self.sent.push(request.clone());
        if self.network.origin.owns(&request.url) {
            return self.network.send(&request).await;
        }
        Transport::new(request.url.clone(), self.ca.as_deref())?.send(&request).await
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }
}

/// What redeems a code.
pub(crate) fn redemption_form<'a>(
    registration: &'a Registration,
    code: &'a str,
    verifier: &'a str,
) -> [(&'a str, &'a str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &registration.redirect_uri),
        ("code_verifier", verifier),
    ]
}

/// What uses a refresh token.
pub(crate) fn refresh_form(token: &str) -> [(&str, &str); 2] {
    [("grant_type", "refresh_token"), ("refresh_token", token)]
}

/// RFC 9449 §8 at the token endpoint, §9 at a resource.
fn demands_nonce(answer: &Answer) -> bool {
    let json = || serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    match answer.status {
        400 => json().get("error").and_then(Value::as_str) == Some("use_dpop_nonce"),
        _ => says(answer, "use_dpop_nonce"),
    }
}

/// Whether a resource's challenge names this error.
fn says(answer: &Answer, error: &str) -> bool {
    let challenges = answer.headers.get_all(http::header::WWW_AUTHENTICATE).iter();
    let mut texts = challenges.filter_map(|value| value.to_str().ok());
    answer.status == 401 && texts.any(|text| dpop::challenge_error(text) == Some(error))
}

/// Where codes and refresh tokens become tokens.
pub const TOKEN_ENDPOINT: &str = "/_holdfast/oauth/token";

/// Where a nonce is to be had.
pub(crate) const NONCE_ENDPOINT: &str = "/_holdfast/oauth/nonce";
