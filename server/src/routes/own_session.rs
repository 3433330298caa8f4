//! `GET /_holdfast/session`: a browser asks about its own session, for instance whether it is bound yet.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use holdfast_core::check::Reason;
use holdfast_store::Found;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    context::Context,
    error::Trouble,
    extract::cookies::{self, Credential},
    house::Holdfast,
    respond::{Problem, SessionView},
    sessions::presented,
};

/// The session as JSON, or 401 with the reason. Asking is not using: a page that polls keeps no session alive.
pub(crate) async fn own_session(
    State(house): State<Arc<Holdfast>>,
    context: Context,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = of_request(&house, &headers, &context).await?;
    let found =
        found.map_err(|reason| Problem::new(StatusCode::UNAUTHORIZED, reason.as_str(), reason.says()))?;
    let view = SessionView::of(&house, &found.session, found.activity, context.now);
    let body = serde_json::to_vec(&view).unwrap_or_default();
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((StatusCode::OK, json, body).into_response())
}

/// The session that the request's cookie speaks for, or why there is none.
pub(super) async fn of_request(
    house: &Holdfast,
    headers: &HeaderMap,
    context: &Context,
) -> Result<Result<Found, Reason>, Trouble> {
    let values = headers.get_all(header::COOKIE).iter().map(|value| value.to_str().unwrap_or_default());
    match cookies::credential(values, &house.cookie_name) {
        Credential::None => Ok(Err(Reason::NoCredential)),
        Credential::Several => Ok(Err(Reason::DuplicateCookie)),
        Credential::One(value) => presented(house, value, context).await,
    }
}
