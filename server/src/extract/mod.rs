//! From a request to typed values. What comes out of here needs no more looking at.

pub(crate) mod cookies;
pub(crate) mod dbsc;
pub(crate) mod fetch;
pub(crate) mod gateway;
mod json;
mod permit;

pub(crate) use json::Json;
pub(crate) use permit::{AppPermit, OperatorPermit, Permit};

use axum::extract::FromRequestParts;
use http::{StatusCode, request::Parts};

use crate::{context::Context, respond::Problem};

impl<S: Send + Sync> FromRequestParts<S> for Context {
    type Rejection = Problem;

    /// The context that the listener put beside every request.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| {
            let detail = "the request did not come through a listener";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
        })
    }
}
