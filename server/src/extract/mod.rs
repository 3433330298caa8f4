//! From a request to typed values. What comes out of here needs no more looking at.

pub(crate) mod authorization;
pub(crate) mod body;
pub(crate) mod cookies;
pub(crate) mod dbsc;
pub(crate) mod fetch;
pub(crate) mod gateway;
mod json;
mod permit;
pub(crate) mod trace;

pub(crate) use json::{Json, Object};
pub(crate) use permit::{AppPermit, OperatorPermit, Permit};

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::{
    context::Context,
    respond::{Problem, ProblemCode},
};

impl<S: Send + Sync> FromRequestParts<S> for Context {
    type Rejection = Problem;

    /// The context that the listener put beside every request.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| {
            let detail = "the request did not come through a listener";
            Problem::of(ProblemCode::InternalError, detail)
        })
    }
}

/// The one variable part of a path, percent-decoded.
pub(crate) struct PathPart(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathPart {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(part) = Path::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::bad_request("the path holds bytes that are no UTF-8 text"))?;
        Ok(Self(part))
    }
}
