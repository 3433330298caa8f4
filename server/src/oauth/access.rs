//! Access tokens (RFC 9068): made here, and recognised here.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_core::{
    Rejection, Rule, UnixTime,
    dpop::Boot,
    jose::{PublicKey, Thumbprint},
    oauth::{AccessToken, TokenExpectation, UnverifiedAccessToken},
    session::Session,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    cache::Cache,
    context::Context,
    error::Trouble,
    house::{App, Holdfast},
    issuers::REFRESH,
    random::random,
    sessions::is_user,
    signing::SigningKeys,
};

/// Makes and recognises access tokens.
pub(crate) struct AccessTokens {
    keys: Arc<SigningKeys>,
    /// Tokens whose signature was checked, by their hash.
    verified: Cache<[u8; 32], Remembered>,
}

struct Remembered {
    token: Arc<AccessToken>,
    verified_at: UnixTime,
}

/// A token that was recognised: signed by an issuer that is known, good for this app, and alive.
pub(crate) struct Recognised {
    pub(crate) token: Arc<AccessToken>,
    /// SHA-256 of its text.
    pub(crate) hash: [u8; 32],
    /// It was issued by this server, and has a session here.
    pub(crate) is_ours: bool,
    /// It was issued by this run of this server.
    pub(crate) is_of_this_run: bool,
}

impl AccessTokens {
    pub(crate) fn new(keys: Arc<SigningKeys>) -> Self {
        Self { keys, verified: Cache::new(ROOM) }
    }

    /// A token for the current key of a session, and how many seconds it lives.
    pub(crate) fn issue(
        &self,
        house: &Holdfast,
        app: &App,
        session: &Session,
        now: UnixTime,
    ) -> Result<(String, u64), Trouble> {
        let record = session.record();
        let (Some(grant), Some(binding)) = (&record.grant, &record.binding) else {
            return Err(Trouble::Contention);
        };
        let expires_at = now.after(house.oauth.access_token).min(session.absolute_at(&house.policy, now));
        let auth = record.auth.as_deref();
        let claims = Claims {
            iss: app.origin.as_str(),
            aud: &grant.audience,
            sub: &record.user,
            client_id: &grant.client_id,
            scope: Some(&*grant.scope).filter(|scope| !scope.is_empty()),
            sid: &record.id.to_string(),
            jti: &jti_of(&house.oauth.boot)?,
            iat: now.as_secs(),
            exp: expires_at.as_secs(),
            cnf: Confirmation { jkt: &binding.key.thumbprint().to_string() },
            acr: auth.and_then(|auth| auth.acr.as_deref()),
            amr: auth.map(|auth| &*auth.amr).filter(|amr| !amr.is_empty()),
            auth_time: record.auth_time().as_secs(),
        };
        let token = self.keys.at(now)?.signer.token("at+jwt", &claims).ok_or(Trouble::Randomness)?;
        Ok((token, expires_at.as_secs().saturating_sub(now.as_secs())))
    }

    /// Recognises a token that was sent to `app`.
    ///
    /// # Errors
    /// `T-01` to `T-07`; outside, our own trouble.
    pub(crate) async fn recognise(
        &self,
        house: &Holdfast,
        app: &App,
        text: &str,
        context: &Context,
    ) -> Result<Result<Recognised, Rejection>, Trouble> {
        let now = context.now;
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let remembered = self.verified.find(&hash).filter(|found| found.is_good(house, app, now));
        if let Some(Remembered { token, .. }) = remembered.as_deref() {
            let names = names_of(house, app, &token.issuer);
            let judged = token.judge(&expectation(&token.issuer, house, &names, now));
            return Ok(judged.map(|()| Recognised::new(Arc::clone(token), hash, house)));
        }
        Ok(self.verify(house, app, text, context).await?.map(|token| {
            let token = Arc::new(token);
            let remembered = Remembered { token: Arc::clone(&token), verified_at: now };
            self.verified.keep(hash, Arc::new(remembered));
            Recognised::new(token, hash, house)
        }))
    }

    /// Whether tokens of this issuer are known here.
    pub(crate) fn knows(&self, house: &Holdfast, issuer: &str) -> bool {
        is_ours(issuer, house) || house.oauth.issuers.named(issuer).is_some()
    }

    /// The token of a text, if it is one of ours and alive, wherever it is good.
    pub(crate) fn of_any_app(
        &self,
        house: &Holdfast,
        text: &str,
        now: UnixTime,
    ) -> Result<Option<AccessToken>, Trouble> {
        let Ok(unverified) = UnverifiedAccessToken::parse(text) else { return Ok(None) };
        let period = self.keys.at(now)?;
        let Some(key) =
            unverified.key_id().and_then(|id| period.key(id)).filter(|_| is_ours(unverified.issuer(), house))
        else {
            return Ok(None);
        };
        Ok(unverified
            .verify(key, &TokenExpectation { audiences: None, now, skew: Duration::ZERO })
            .ok()
            .map(holdfast_core::Verified::into_inner))
    }

    async fn verify(
        &self,
        house: &Holdfast,
        app: &App,
        text: &str,
        context: &Context,
    ) -> Result<Result<AccessToken, Rejection>, Trouble> {
        let unverified = match UnverifiedAccessToken::parse(text) {
            Ok(unverified) => unverified,
            Err(rejection) => return Ok(Err(rejection)),
        };
        // T-02 · RFC 9068 §4, RFC 8725 §3.8: who vouches for a token, and where, is on a list and not in the token.
        let issuer = house.oauth.issuers.named(unverified.issuer());
        if !self.knows(house, unverified.issuer()) || issuer.is_some_and(|issuer| !issuer.serves(&app.name)) {
            return Ok(Err(Rule::T02.into()));
        }
        // T-03 · RFC 9068 §4: a key that nobody has published signs nothing.
        let Some(key) = self.key(house, &unverified, context).await? else {
            return Ok(Err(Rule::T03.into()));
        };
        let names = names_of(house, app, unverified.issuer());
        let expected = expectation(unverified.issuer(), house, &names, context.now);
        let verified = unverified.verify(&key, &expected).map(holdfast_core::Verified::into_inner);
        Ok(verified.and_then(refuse_unspeakable))
    }

    async fn key(
        &self,
        house: &Holdfast,
        token: &UnverifiedAccessToken<'_>,
        context: &Context,
    ) -> Result<Option<PublicKey>, Trouble> {
        match house.oauth.issuers.named(token.issuer()) {
            Some(issuer) => {
                let Some(algorithm) = token.algorithm() else { return Ok(None) };
                issuer.key(token.key_id(), algorithm, context).await
            }
            None => {
                let period = self.keys.at(context.now)?;
                Ok(token.key_id().and_then(|id| period.key(id)).cloned())
            }
        }
    }
}

/// The names that `aud` of a token may hold when it is sent to `app`.
fn names_of<'a>(house: &'a Holdfast, app: &'a App, issuer: &str) -> Vec<&'a str> {
    match house.oauth.issuers.named(issuer).map(|issuer| issuer.audiences()) {
        Some(audiences) if !audiences.is_empty() => audiences.iter().map(String::as_str).collect(),
        Some(_) | None => {
            std::iter::once(app.origin.as_str()).chain(app.audiences.iter().map(String::as_str)).collect()
        }
    }
}

/// A subject travels in a header. Our own were judged when their session began.
fn refuse_unspeakable(token: AccessToken) -> Result<AccessToken, Rejection> {
    if is_user(&token.subject) { Ok(token) } else { Err(Rule::T01.into()) }
}

impl Remembered {
    /// Our own keys are never taken back. Another issuer's may be, and a token must not outlive its key by more than the
    /// keys do.
    fn is_good(&self, house: &Holdfast, app: &App, now: UnixTime) -> bool {
        let is_young = now >= self.verified_at && now.since(self.verified_at) < REFRESH;
        match house.oauth.issuers.named(&self.token.issuer) {
            Some(issuer) => is_young && issuer.serves(&app.name),
            None => true,
        }
    }
}

impl Recognised {
    fn new(token: Arc<AccessToken>, hash: [u8; 32], house: &Holdfast) -> Self {
        let is_ours = is_ours(&token.issuer, house);
        let is_named_here = token.id.as_deref().is_some_and(|id| is_id_of(id, &house.oauth.boot));
        Self { token, hash, is_ours, is_of_this_run: is_ours && is_named_here }
    }
}

/// Whether a token of this issuer is one of ours: each app's origin is the issuer of its clients' tokens.
fn is_ours(issuer: &str, house: &Holdfast) -> bool {
    house.apps.iter().any(|app| app.origin.as_str() == issuer)
}

/// Our own clock agrees with itself; other issuers' may be a little off.
fn expectation<'a>(
    issuer: &str,
    house: &Holdfast,
    audiences: &'a [&'a str],
    now: UnixTime,
) -> TokenExpectation<'a> {
    let skew = if is_ours(issuer, house) { Duration::ZERO } else { house.oauth.dpop.skew };
    TokenExpectation { audiences: Some(audiences), now, skew }
}

/// The name of a token: its beginning says which run of the server made it, the rest is random.
fn jti_of(boot: &Boot) -> Result<String, Trouble> {
    let random: [u8; 12] = random()?;
    Ok(format!("{}{}", prefix_of(boot), URL_SAFE_NO_PAD.encode(random)))
}

fn is_id_of(id: &str, boot: &Boot) -> bool {
    id.starts_with(&prefix_of(boot))
}

fn prefix_of(boot: &Boot) -> String {
    format!("{}.", URL_SAFE_NO_PAD.encode(boot.id))
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    sid: &'a str,
    jti: &'a str,
    iat: u64,
    exp: u64,
    cnf: Confirmation<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<&'a [Box<str>]>,
    auth_time: u64,
}

#[derive(Serialize)]
struct Confirmation<'a> {
    jkt: &'a str,
}

/// The key that a token is bound to.
pub(crate) fn key_of(token: &AccessToken) -> Result<&Thumbprint, Rejection> {
    // T-08 · RFC 9449 §6.1, §7.1: a proof beside a token that anybody may use proves nothing.
    token.key.as_ref().ok_or(Rule::T08.into())
}

/// Twice as many at most, about half a kilobyte each.
const ROOM: usize = 131_072;
