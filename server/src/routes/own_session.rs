//! `GET /_holdfast/session`: a browser asks about its own session, for instance whether it is bound yet.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use holdfast_core::check::Reason;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    context::Context,
    extract::cookies::{self, Credential},
    house::Holdfast,
    respond::{Problem, SessionView, json},
    sessions::presented,
};

/// The session as JSON, or 401 with the reason. Asking is not using: a page that polls keeps no session alive.
pub(crate) async fn own_session(
    State(house): State<Arc<Holdfast>>,
    context: Context,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let refused = |reason: Reason| Problem::new(StatusCode::UNAUTHORIZED, reason, reason.says());
    let cookie = cookie_of(&house, &headers).map_err(refused)?;
    let found = presented(&house, cookie, &context).await?.map_err(refused)?;
    let view = SessionView::of(&house, &found.session, found.activity, context.now);
    Ok(json(StatusCode::OK, &view))
}

/// The request's session cookie, or why there is none.
pub(super) fn cookie_of<'a>(house: &Holdfast, headers: &'a HeaderMap) -> Result<&'a str, Reason> {
    let values = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    match cookies::credential(values, &house.cookie_name) {
        Credential::None => Err(Reason::NoCredential),
        Credential::Several => Err(Reason::DuplicateCookie),
        Credential::One(value) => Ok(value),
    }
}
