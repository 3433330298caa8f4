//! `POST /_holdfast/oauth/token`: codes and refresh tokens become access tokens (RFC 6749 §4.1.3, §6; RFC 9449 §5).

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use holdfast_core::{
    Rejection, Rule, SessionId, UnixTime, Verified,
    dpop::{Expected, NonceDemand, Proof, TargetUri},
    oauth::{AuthenticCode, AuthenticRefreshToken, Exchange, Redemption, RefreshToken},
    session::{EndReason, Session},
};
use holdfast_store::{Backend, Found, Replacement};
use http::HeaderMap;
use serde::Serialize;

use super::{
    allow_origin,
    answer::{Failure, success},
    form::{Form, invalid},
};
use crate::{
    context::Context,
    dpop,
    error::Trouble,
    house::Holdfast,
    oauth::Client,
    random::random,
    sessions::{MOST_RACES, end, find_alive},
    telemetry::{Event, EventName},
};

/// Reads the form, then who sent it; then the grant, unproven; judges the proof, nonce and all; and only then touches the
/// grant.
pub(crate) async fn token(
    State(house): State<Arc<Holdfast>>,
    context: Context,
    request: Request,
) -> Response {
    let origin = request.headers().clone();
    let mut response = match answer(&house, request, &context).await {
        Ok(response) => response,
        Err(failure) => {
            failure.report(&house, "token", &context);
            failure.answer(&house, &context)
        }
    };
    allow_origin(&house, &origin, &mut response);
    response
}

async fn answer(house: &Holdfast, request: Request<Body>, context: &Context) -> Result<Response, Failure> {
    let (headers, form) = Form::read(request).await?;
    let grant_type = form.get("grant_type").ok_or(invalid("grant_type is missing"))?;
    let client = form.client(&headers, &house.oauth.clients)?;
    let grant = match grant_type {
        "authorization_code" => Grant::Code(open_code(house, &form)?),
        "refresh_token" => Grant::Refresh(open_refresh_token(house, &form)?),
        _ => {
            let says = "the grant types here are authorization_code and refresh_token";
            return Err(Failure::Error("unsupported_grant_type", says));
        }
    };
    let proof = prove(house, client, &grant, &headers, context).await?;
    let nonce = dpop::next_nonce(house, proof.get(), context.now);
    let has_nonce = proof.get().nonce_is_worn.is_some();
    let (session, refresh_token) = match &grant {
        Grant::Code(code) => redeem(house, client, code, &form, proof, context).await?,
        Grant::Refresh(token) => exchange(house, client, token, &proof, context).await?,
    };
    house.store.touch(session.record().id, context.now, has_nonce);
    let mut response = tokens(house, client, &session, &refresh_token, context.now)?;
    if let Some(nonce) = nonce {
        response.headers_mut().insert(dpop::NONCE, nonce);
    }
    Ok(response)
}

/// What the client brings: sealed by us, and nothing more is known of it yet.
enum Grant {
    Code(AuthenticCode),
    Refresh(AuthenticRefreshToken),
}

impl Grant {
    const fn session(&self) -> SessionId {
        match self {
            Self::Code(code) => code.session(),
            Self::Refresh(token) => token.session(),
        }
    }
}

fn open_code(house: &Holdfast, form: &Form) -> Result<AuthenticCode, Failure> {
    let code = form.get("code").ok_or(invalid("code is missing"))?;
    // G-01 · RFC 6749 §5.2: a code that we did not seal names no session.
    AuthenticCode::open(&house.keyring, code).ok_or(Failure::Grant(Rule::G01.into(), None))
}

fn open_refresh_token(house: &Holdfast, form: &Form) -> Result<AuthenticRefreshToken, Failure> {
    if form.get("scope").is_some() {
        return Err(Failure::Error(
            "invalid_scope",
            "a refreshed token has the scope that was granted; leave scope out",
        ));
    }
    let token = form.get("refresh_token").ok_or(invalid("refresh_token is missing"))?;
    // G-08 · RFC 6749 §5.2: a token that we did not seal names no session.
    AuthenticRefreshToken::open(&house.keyring, token).ok_or(Failure::Grant(Rule::G08.into(), None))
}

/// Takes the proof. The nonce is judged in here, before any state of the grant is touched (RFC 9449 §8).
async fn prove(
    house: &Holdfast,
    client: &Client,
    grant: &Grant,
    headers: &HeaderMap,
    context: &Context,
) -> Result<Verified<Proof>, Failure> {
    let values = headers.get_all(dpop::PROOF).iter().map(|value| value.to_str().unwrap_or_default());
    let proof = dpop::read(house, values).map_err(|refused| Failure::Proof(refused, None))?;
    let target = TargetUri::parse(&client.app.origin.address_of(TOKEN_PATH));
    let found = house.store.load(grant.session()).await?;
    let expected = Expected {
        method: "POST",
        target: target.as_ref(),
        token: None,
        nonce: found.as_ref().map_or(NonceDemand::UnlessYounger, |found| demand(house, found)),
    };
    let taken = dpop::take(house, proof, &expected, context).await?;
    taken.map_err(|refused| Failure::Proof(refused, found.map(|found| found.session)))
}

/// Who has shown a nonce goes on doing so; and what an earlier run has issued may come with a proof that it has seen.
fn demand(house: &Holdfast, found: &Found) -> NonceDemand {
    let record = found.session.record();
    let issued_at = record.binding.as_ref().map_or(record.created_at, |binding| binding.last_proof_at);
    if found.activity.confirmed_at.is_some() {
        NonceDemand::Yes
    } else if issued_at >= house.oauth.boot.at {
        NonceDemand::No
    } else {
        NonceDemand::UnlessYounger
    }
}

async fn redeem(
    house: &Holdfast,
    client: &Client,
    code: &AuthenticCode,
    form: &Form,
    proof: Verified<Proof>,
    context: &Context,
) -> Result<(Arc<Session>, RefreshToken), Failure> {
    let request = Redemption {
        client_id: &client.id,
        redirect_uri: form.get("redirect_uri"),
        code_verifier: form.get("code_verifier"),
    };
    let session = alive(house, code.session(), context).await?;
    let first = RefreshToken::first(session.record().id, random()?);
    let next = match session.redeem(code, &request, proof, &first, context.now) {
        Ok(next) => next,
        Err(rejection) => return Err(refuse(house, rejection, session, context).await?),
    };
    match house.store.replace(next.clone()).await? {
        Replacement::Replaced => {}
        // Somebody else changed it in between, and nothing but a second redemption can have done that.
        Replacement::Conflict => {
            let session = alive(house, code.session(), context).await?;
            return Err(refuse(house, Rule::G03.into(), session, context).await?);
        }
        Replacement::Missing => return Err(Failure::Grant(Rule::G11.into(), None)),
    }
    tell(house, EventName::SessionBound, &next, context);
    Ok((Arc::new(next), first))
}

async fn exchange(
    house: &Holdfast,
    client: &Client,
    token: &AuthenticRefreshToken,
    proof: &Verified<Proof>,
    context: &Context,
) -> Result<(Arc<Session>, RefreshToken), Failure> {
    for _ in 0..MOST_RACES {
        let session = alive(house, token.session(), context).await?;
        let next = match session.exchange(token, &client.id, proof, context.now) {
            Ok(Exchange::Rotated(next)) => next,
            Ok(Exchange::Repeated) => return Ok((session, token.successor().clone())),
            Err(rejection) => return Err(refuse(house, rejection, session, context).await?),
        };
        match house.store.replace(next.clone()).await? {
            Replacement::Replaced => {
                tell(house, EventName::SessionRefreshed, &next, context);
                return Ok((Arc::new(next), token.successor().clone()));
            }
            // Somebody was faster: the same token is then one that has just been taken.
            Replacement::Conflict => {}
            Replacement::Missing => return Err(Failure::Grant(Rule::G11.into(), None)),
        }
    }
    Err(Trouble::Contention.into())
}

async fn alive(house: &Holdfast, id: SessionId, context: &Context) -> Result<Arc<Session>, Failure> {
    let found = find_alive(house, id, context.now).await?;
    // G-11 · RFC 6749 §5.2: what the session's end has ended stays ended.
    found.map(|found| found.session).ok_or(Failure::Grant(Rule::G11.into(), None))
}

/// A code or token that two have used ends what it began, since nobody can say which of them is the owner.
async fn refuse(
    house: &Holdfast,
    rejection: Rejection,
    session: Arc<Session>,
    context: &Context,
) -> Result<Failure, Failure> {
    if matches!(rejection.rule, Rule::G03 | Rule::G10) {
        end(house, session.record().id, EndReason::Revoked, context).await?;
    }
    Ok(Failure::Grant(rejection, Some(session)))
}

fn tell(house: &Holdfast, name: EventName, session: &Session, context: &Context) {
    let about = Event { client_ip: Some(context.client_ip), ..Event::default() };
    house.record_of(name, session, context, about);
}

fn tokens(
    house: &Holdfast,
    client: &Client,
    session: &Session,
    refresh_token: &RefreshToken,
    now: UnixTime,
) -> Result<Response, Trouble> {
    let (access_token, expires_in) = house.oauth.tokens.issue(house, &client.app, session, now)?;
    let scope = session.record().grant.as_ref().map(|grant| &*grant.scope).filter(|scope| !scope.is_empty());
    let refresh_token = refresh_token.seal(&house.keyring);
    let tokens = Tokens {
        access_token: &access_token,
        token_type: "DPoP",
        expires_in,
        refresh_token: refresh_token.reveal(),
        scope,
    };
    Ok(success(&tokens))
}

#[derive(Serialize)]
struct Tokens<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    refresh_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}

/// Where tokens are fetched, on each app's own origin.
pub(crate) const TOKEN_PATH: &str = "/_holdfast/oauth/token";
