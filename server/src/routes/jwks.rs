//! `GET /_holdfast/jwks`: the keys that access tokens and assertions are signed with (RFC 7517 §5).

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};

use crate::{context::Context, house::Holdfast, respond::Problem};

/// The same on both listeners.
pub(crate) async fn jwks(State(house): State<Arc<Holdfast>>, context: Context) -> Result<Response, Problem> {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"))];
    Ok((json, house.signing.at(context.now)?.jwks.clone()).into_response())
}
