//! `GET /_holdfast/session`: a browser asks about its own session, for instance whether it is bound yet.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use holdfast_core::{
    check::{Decision, Reason, judge_cookie, judge_session},
    cookie::AuthenticCookie,
    policy::Requirements,
};
use holdfast_store::{Backend, Found};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    context::Context,
    error::Trouble,
    extract::cookies::{self, Credential},
    house::Holdfast,
    respond::{Problem, SessionView},
};

/// The session as JSON, or 401 with the reason. Asking is not using: a page that polls keeps no session alive.
pub(crate) async fn own_session(
    State(house): State<Arc<Holdfast>>,
    context: Context,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = presented(&house, &headers, &context).await?;
    let found =
        found.map_err(|reason| Problem::new(StatusCode::UNAUTHORIZED, reason.as_str(), reason.says()))?;
    let view = SessionView::of(&house, &found.session, found.activity, context.now);
    let body = serde_json::to_vec(&view).unwrap_or_default();
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((StatusCode::OK, json, body).into_response())
}

/// The session that the request's cookie speaks for, or why there is none.
pub(super) async fn presented(
    house: &Holdfast,
    headers: &HeaderMap,
    context: &Context,
) -> Result<Result<Found, Reason>, Trouble> {
    let values = headers.get_all(header::COOKIE).iter().map(|value| value.to_str().unwrap_or_default());
    let value = match cookies::credential(values, &house.cookie_name) {
        Credential::None => return Ok(Err(Reason::NoCredential)),
        Credential::Several => return Ok(Err(Reason::DuplicateCookie)),
        Credential::One(value) => value,
    };
    let Some(cookie) = AuthenticCookie::open(&house.keyring, value) else {
        return Ok(Err(Reason::BadCookie));
    };
    if let Err(verdict) = judge_cookie(&cookie, context.now) {
        return Ok(Err(verdict.reason));
    }
    let Some(found) = house.store.load(cookie.get().session).await? else {
        return Ok(Err(Reason::SessionUnknown));
    };
    let nothing_more = Requirements::default();
    let verdict =
        judge_session(&cookie, &found.session, found.activity, &nothing_more, &house.policy, context.now);
    Ok(if verdict.decision == Decision::Allow { Ok(found) } else { Err(verdict.reason) })
}
