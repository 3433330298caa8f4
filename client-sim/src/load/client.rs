//! A browser reduced to what a refresh costs: a key, a cookie and the next challenge.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::connection::{Connection, Head};
use super::script;
use crate::app::Login;
use crate::encoding::base64url;
use crate::jar::SetCookie;
use crate::key::{Algorithm, Jwk};
use crate::wire::proof::{Claims, signing_input};
use crate::wire::registration::{Offer, offers};
use crate::wire::{CHALLENGE, REGISTRATION, challenge};
use crate::{Failure, Setup};

/// One session with its device.
pub(super) struct Client {
    pub(super) session: String,
    /// `name=value` of the session cookie.
    pub(super) cookie: String,
    pub(super) challenge: Option<String>,
    /// The refresh that is not answered yet.
    pending: Option<Vec<u8>>,
    offer: Option<Offer>,
    key: EcdsaKeyPair,
    jwk: Jwk,
}

impl Client {
    /// Creates a session through the internal API; it is not bound yet.
    pub(super) async fn create(
        setup: &Setup,
        api: &mut Connection,
        user: &str,
    ) -> Result<(Self, u16), Failure> {
        let head = api.exchange(&script::create(setup, user)?).await?;
        let body = api.body(head);
        if head.status != 201 {
            let text = String::from_utf8_lossy(&body);
            return Err(Failure::Answer(format!("POST /v1/sessions answered {} {text}", head.status)));
        }
        let login: Login = serde_json::from_slice(&body)
            .map_err(|error| Failure::Answer(format!("POST /v1/sessions: {error}")))?;
        let from = setup.origin.at("/login")?;
        let header = login.response_headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(REGISTRATION));
        let offer = header.and_then(|(_, value)| offers(value, &from).into_iter().next());
        let cookies =
            login.response_headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let cookie = session_cookie(setup, cookies.map(|(_, line)| line.as_str()));
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|error| Failure::key("making a P-256 key", error))?;
        let (x, y) = coordinates(key.public_key().as_ref());
        let jwk = Jwk::p256(&x, &y);
        let session = login.session.id;
        Ok((
            Self {
                session,
                cookie: cookie.unwrap_or_default(),
                challenge: None,
                pending: None,
                offer,
                key,
                jwk,
            },
            head.status,
        ))
    }

    /// The registration request, signed.
    pub(super) fn registration(&self, setup: &Setup) -> Result<Vec<u8>, Failure> {
        let offer = self.offer.as_ref();
        let offer = offer.ok_or_else(|| Failure::Answer("a login offered no registration".to_owned()))?;
        let (jti, authorization) = (offer.challenge.as_deref(), offer.authorization.as_deref());
        let claims = Claims { aud: None, authorization, jti };
        let proof = self.sign(&signing_input(Algorithm::Es256, Some(&self.jwk), &claims)?)?;
        Ok(script::register(setup, offer.endpoint.path(), &proof, &self.cookie))
    }

    /// The refresh request: signed if a challenge is known, bare otherwise. What a busy server turned away is sent once
    /// more as it was.
    pub(super) fn refresh(&mut self, setup: &Setup) -> Result<&[u8], Failure> {
        let request = match self.pending.take() {
            Some(request) => request,
            None => self.fresh_refresh(setup)?,
        };
        Ok(self.pending.insert(request))
    }

    fn fresh_refresh(&self, setup: &Setup) -> Result<Vec<u8>, Failure> {
        let Some(challenge) = self.challenge.as_deref() else {
            return Ok(script::refresh(setup, &self.session, None, &self.cookie));
        };
        let claims = Claims { jti: Some(challenge), ..Claims::default() };
        let proof = self.sign(&signing_input(Algorithm::Es256, None, &claims)?)?;
        Ok(script::refresh(setup, &self.session, Some(&proof), &self.cookie))
    }

    /// Takes the next challenge, and a new cookie if there is one.
    pub(super) fn read(&mut self, setup: &Setup, connection: &Connection, head: Head) {
        // A busy server has nothing to say.
        if head.status == 503 {
            return;
        }
        self.pending = None;
        if let Some(header) = connection.header(CHALLENGE) {
            self.challenge = challenge::challenge_for(&header, &self.session).or(self.challenge.take());
        }
        if head.status == 200 {
            let lines = connection.set_cookies();
            let cookie = session_cookie(setup, lines.iter().map(String::as_str));
            self.cookie = cookie.unwrap_or_else(|| std::mem::take(&mut self.cookie));
        }
    }

    fn sign(&self, input: &str) -> Result<String, Failure> {
        let signature = self.key.sign(&SystemRandom::new(), input.as_bytes());
        let signature = signature.map_err(|error| Failure::key("signing", error))?;
        Ok(format!("{input}.{}", base64url(signature.as_ref())))
    }
}

fn session_cookie<'a>(setup: &Setup, lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut cookies = lines.filter_map(SetCookie::parse);
    let cookie = cookies.find(|cookie| cookie.name == setup.cookie_name)?;
    Some(format!("{}={}", cookie.name, cookie.value))
}

/// The two halves of an uncompressed point.
pub(super) fn coordinates(point: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let half = |from: usize| point.iter().skip(from).take(32).copied().collect();
    (half(1), half(33))
}
