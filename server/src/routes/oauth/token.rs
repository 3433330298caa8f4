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
    session::{EndReason, Session, Standing},
};
use holdfast_store::{Backend, Found, Replacement};
use http::HeaderMap;
use serde::Serialize;

use super::{
    allow_origin,
    answer::{Failure, settle, success},
    form::{Form, invalid},
};
use crate::{
    context::Context,
    dpop,
    error::Trouble,
    house::Holdfast,
    limits::Use,
    oauth::Client,
    random::random,
    respond::OAuthError,
    sessions::{MOST_RACES, end, enforce_cap, find_alive},
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
    let outcome = answer(&house, request, &context).await;
    let mut response = settle(&house, "token", outcome, &context);
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
            return Err(Failure::Error(OAuthError::UnsupportedGrantType, says));
        }
    };
    house.admit_write(context)?;
    let found = alive(house, grant.session(), context).await?;
    let proof = prove(house, client, &found, &headers, context)?;
    let (session, refresh_token) = commit(house, client, &grant, &form, &proof, context).await?;
    // A refresh is the client's doing and not the user's: it keeps what a locked session has, and opens no lock.
    if !matches!(house.standing(&found.session, found.activity, context.now), Standing::Locked(_)) {
        house.store.touch(session.record().id, context.now, proof.get().nonce_is_worn.is_some());
    }
    let mut response = tokens(house, client, &session, &refresh_token, context.now)?;
    if let Some(nonce) = dpop::next_nonce(house, proof.get(), context.now) {
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
    let token = form.get("refresh_token").ok_or(invalid("refresh_token is missing"))?;
    // G-08 · RFC 6749 §5.2: a token that we did not seal names no session.
    AuthenticRefreshToken::open(&house.keyring, token).ok_or(Failure::Grant(Rule::G08.into(), None))
}

/// Judges the proof, nonce and all, before any state of the grant is touched (RFC 9449 §8).
fn prove(
    house: &Holdfast,
    client: &Client,
    found: &Found,
    headers: &HeaderMap,
    context: &Context,
) -> Result<Verified<Proof>, Failure> {
    let refused = |refused| Failure::Proof(refused, Some(Arc::clone(&found.session)));
    let values = headers.get_all(dpop::PROOF).iter().map(|value| value.to_str().unwrap_or_default());
    let proof = dpop::read(house, values).map_err(refused)?;
    let target = TargetUri::parse(&client.app.origin.address_of(TOKEN_PATH));
    // A proof for this endpoint names no token, and so may be older than whatever it comes with, unless there was nothing
    // before this run.
    let nonce = NonceDemand::of(found.activity.confirmed_at.is_some(), house.oauth.is_first_run);
    let expected = Expected { method: "POST", target: target.as_ref(), token: None, nonce };
    dpop::verify(house, proof, &expected, context).map_err(refused)
}

/// Takes code or token. What would be refused is refused before the proof is remembered, so that nobody uses up memory
/// with a grant that is not theirs; what changes anything, an end too, needs a proof that is seen for the first time.
async fn commit(
    house: &Holdfast,
    client: &Client,
    grant: &Grant,
    form: &Form,
    proof: &Verified<Proof>,
    context: &Context,
) -> Result<(Arc<Session>, RefreshToken), Failure> {
    let random = random()?;
    let mut is_remembered = false;
    for _ in 0..MOST_RACES {
        let session = alive(house, grant.session(), context).await?.session;
        let step = match grant {
            Grant::Code(code) => redeem(&session, client, code, form, proof, random, context.now),
            Grant::Refresh(token) => exchange(&session, client, token, form, proof, context.now),
        };
        let step = match step {
            Ok(step) => step,
            Err(Stop::Request(failure)) => return Err(failure),
            Err(Stop::Grant(rejection)) if ends(rejection.rule) => Step::End(rejection),
            Err(Stop::Grant(rejection)) => return Err(Failure::Grant(rejection, Some(session))),
        };
        if !std::mem::replace(&mut is_remembered, true) {
            // The proof is of the session's own key: nobody else can use its limit up.
            house.limits.take_of_session(session.record().id, Use::Proof)?;
            let remembered = dpop::remember(house, proof, context).await?;
            remembered.map_err(|refused| Failure::Proof(refused, Some(Arc::clone(&session))))?;
        }
        let (name, next, token) = match step {
            Step::End(rejection) => {
                end(house, session.record().id, EndReason::Revoked, context).await?;
                return Err(Failure::Grant(rejection, Some(session)));
            }
            Step::Repeat(token) => return Ok((session, token)),
            Step::Go(name, next, token) => (name, next, token),
        };
        match house.store.replace(next.clone()).await? {
            Replacement::Replaced => {
                tell(house, name, &next, context);
                if name == EventName::SessionBound {
                    enforce_cap(house, &next, context).await?;
                }
                return Ok((Arc::new(next), token));
            }
            // Somebody was faster: look again at what the session has become.
            Replacement::Conflict => {}
            Replacement::Missing => return Err(Failure::Grant(Rule::G11.into(), None)),
        }
    }
    Err(Trouble::Contention.into())
}

/// What a grant leads to.
enum Step {
    /// To the next state of its session, and a token for it.
    Go(EventName, Session, RefreshToken),
    /// To the same token once more.
    Repeat(RefreshToken),
    /// To the end of its session.
    End(Rejection),
}

/// Why a grant leads nowhere.
enum Stop {
    Request(Failure),
    Grant(Rejection),
}

/// A code or token that two have used ends what it began, since nobody can say which of them is the owner.
const fn ends(rule: Rule) -> bool {
    matches!(rule, Rule::G03 | Rule::G10)
}

fn redeem(
    session: &Session,
    client: &Client,
    code: &AuthenticCode,
    form: &Form,
    proof: &Verified<Proof>,
    random: [u8; 32],
    now: UnixTime,
) -> Result<Step, Stop> {
    let request = Redemption {
        client_id: &client.id,
        redirect_uri: form.get("redirect_uri"),
        code_verifier: form.get("code_verifier"),
    };
    let first = RefreshToken::first(session.record().id, random);
    let next = session.redeem(code, &request, proof, &first, now).map_err(Stop::Grant)?;
    Ok(Step::Go(EventName::SessionBound, next, first))
}

fn exchange(
    session: &Session,
    client: &Client,
    token: &AuthenticRefreshToken,
    form: &Form,
    proof: &Verified<Proof>,
    now: UnixTime,
) -> Result<Step, Stop> {
    let step = match session.exchange(token, &client.id, proof, now).map_err(Stop::Grant)? {
        Exchange::Rotated(next, token) => Step::Go(EventName::SessionRefreshed, next, token),
        Exchange::Repeated(token) => Step::Repeat(token),
    };
    // RFC 6749 §6 lets a client ask for less; what it gets here is what was granted, and so it may ask for that alone.
    let granted = session.record().grant.as_ref().map_or("", |grant| &*grant.scope);
    if form.get("scope").is_some_and(|scope| scope != granted) {
        let says = "a refreshed token has the scope that was granted; leave scope out";
        return Err(Stop::Request(Failure::Error(OAuthError::InvalidScope, says)));
    }
    Ok(step)
}

async fn alive(house: &Holdfast, id: SessionId, context: &Context) -> Result<Found, Failure> {
    let found = find_alive(house, id, context.now).await?;
    // G-11 · RFC 6749 §5.2: what the session's end has ended stays ended.
    found.ok_or(Failure::Grant(Rule::G11.into(), None))
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
