//! An OAuth client reduced to what its requests cost: a key, two tokens and perhaps a nonce.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use http::Method;
use serde::Deserialize;
use url::Url;

use super::client::coordinates;
use super::connection::{Connection, Head};
use super::script;
use crate::app::{Authorized, login_for};
use crate::encoding::base64url;
use crate::http::Request;
use crate::key::{Algorithm, Jwk};
use crate::oauth::pkce::Verifier;
use crate::oauth::{TOKEN_ENDPOINT, redemption_form, refresh_form};
use crate::wire::dpop::{Claims, DPOP, DPOP_NONCE, signing_input};
use crate::{Failure, Setup};

/// One session of an OAuth client.
pub(super) struct TokenClient {
    pub(super) access_token: String,
    refresh_token: String,
    nonce: Option<String>,
    key: EcdsaKeyPair,
    jwk: Jwk,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    refresh_token: String,
}

impl TokenClient {
    /// Has the internal API begin a session, and redeems its code.
    pub(super) async fn create(
        setup: &Setup,
        api: &mut Connection,
        public: &mut Connection,
        user: &str,
    ) -> Result<Self, Failure> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|error| Failure::key("making a P-256 key", error))?;
        let (x, y) = coordinates(key.public_key().as_ref());
        let jwk = Jwk::p256(&x, &y);
        let (access_token, refresh_token) = (String::new(), String::new());
        let mut client = Self { access_token, refresh_token, nonce: None, key, jwk };
        let registration = setup.registration()?;
        let verifier = Verifier::draw()?;
        let thumbprint = client.jwk.thumbprint()?;
        let body = login_for(registration, user, script::CLIENT_IP, &verifier.challenge(), &thumbprint);
        let head = api.exchange(&script::api_post(setup, "/v1/sessions", &body.to_string())).await?;
        let begun: Authorized = read(api, head, 201, "POST /v1/sessions of kind oauth")?;
        let verifier = verifier.into_text();
        let form = redemption_form(registration, &begun.code, &verifier);
        let mut head = public.exchange(&client.token_request(setup, &form)?).await?;
        client.remember_nonce(public);
        if head.status == 400 && client.nonce.is_some() {
            head = public.exchange(&client.token_request(setup, &form)?).await?;
        }
        client.take(read(public, head, 200, "the token endpoint")?);
        Ok(client)
    }

    /// One refresh.
    pub(super) async fn renew(
        &mut self,
        setup: &Setup,
        connection: &mut Connection,
    ) -> Result<Head, Failure> {
        let request = self.token_request(setup, &refresh_form(&self.refresh_token))?;
        let head = connection.exchange(&request).await?;
        self.remember_nonce(connection);
        if head.status == 200 {
            self.take(read(connection, head, 200, "the token endpoint")?);
        }
        Ok(head)
    }

    /// A proof for these claims.
    pub(super) fn proof(&self, claims: &Claims) -> Result<String, Failure> {
        let input = signing_input(Algorithm::Es256, &self.jwk, claims)?;
        let signature = self.key.sign(&SystemRandom::new(), input.as_bytes());
        let signature = signature.map_err(|error| Failure::key("signing", error))?;
        Ok(format!("{input}.{}", base64url(signature.as_ref())))
    }

    /// What all its proofs begin with: their header, which names its key.
    pub(super) fn proof_header(&self) -> Result<String, Failure> {
        let url = Url::parse("https://any.example").map_err(|error| Failure::Usage(error.to_string()))?;
        let claims = Claims::new(&Method::GET, &url, Duration::ZERO)?;
        let input = signing_input(Algorithm::Es256, &self.jwk, &claims)?;
        Ok(input.split('.').next().unwrap_or_default().to_owned())
    }

    fn token_request(&self, setup: &Setup, form: &[(&str, &str)]) -> Result<Vec<u8>, Failure> {
        let url = setup.origin.at(TOKEN_ENDPOINT)?;
        let claims = Claims::new(&Method::POST, &url, self.now(setup))?.with_nonce(self.nonce.as_deref());
        let request = setup.registration()?.post(Request::new(Method::POST, url), form)?;
        Ok(script::bytes(&request.header(DPOP, &self.proof(&claims)?)?))
    }

    fn now(&self, setup: &Setup) -> Duration {
        setup.clock.now()
    }

    fn remember_nonce(&mut self, connection: &Connection) {
        self.nonce = connection.header(DPOP_NONCE).or(self.nonce.take());
    }

    fn take(&mut self, tokens: Tokens) {
        (self.access_token, self.refresh_token) = (tokens.access_token, tokens.refresh_token);
    }
}

fn read<T: for<'a> Deserialize<'a>>(
    connection: &Connection,
    head: Head,
    status: u16,
    asked: &str,
) -> Result<T, Failure> {
    let body = connection.body(head);
    if head.status != status {
        let text = String::from_utf8_lossy(&body);
        return Err(Failure::Answer(format!("{asked} answered {} {text}", head.status)));
    }
    serde_json::from_slice(&body).map_err(|error| Failure::Answer(format!("{asked}: {error}")))
}
