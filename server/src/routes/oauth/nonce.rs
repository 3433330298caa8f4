//! `HEAD /_holdfast/oauth/nonce`: a nonce before the first proof, for whoever wants to save a refusal.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};

use super::allow_origin;
use crate::{context::Context, dpop, house::Holdfast};

/// A nonce that is bound to no key, since none is known.
pub(crate) async fn nonce(
    State(house): State<Arc<Holdfast>>,
    context: Context,
    headers: HeaderMap,
) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(dpop::NONCE, dpop::nonce(&house, None, context.now));
    allow_origin(&house, &headers, &mut response);
    response
}
