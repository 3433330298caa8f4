//! `GET /v1/audit/jwks`: the keys that checkpoints of the audit trail are verified with (RFC 7517 §5).

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};

use crate::house::Holdfast;

/// A set of its own: whoever believes a key for assertions must not believe it for the trail, nor the other way round.
pub(crate) async fn audit_jwks(State(house): State<Arc<Holdfast>>) -> Response {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"))];
    (json, house.audit_jwks.to_string()).into_response()
}
