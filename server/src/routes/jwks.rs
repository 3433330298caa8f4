//! `GET /_holdfast/jwks`: the keys that assertions are signed with (RFC 7517 §5).

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};

use crate::house::Holdfast;

/// The same on both listeners.
pub(crate) async fn jwks(State(house): State<Arc<Holdfast>>) -> Response {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"))];
    (json, house.assertions.jwks().to_owned()).into_response()
}
