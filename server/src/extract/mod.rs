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

/// As much of a `User-Agent` as is kept and written down: no browser's is longer, and nobody shall fill a disk with it.
pub(crate) fn user_agent(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MOST_USER_AGENT_BYTES)).unwrap_or_default()
}

const MOST_USER_AGENT_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_agent_is_cut_between_characters() {
        let most = MOST_USER_AGENT_BYTES;
        assert_eq!(user_agent("Mozilla/5.0"), "Mozilla/5.0");
        assert_eq!(user_agent(&"x".repeat(most + 1)), "x".repeat(most));
        assert_eq!(user_agent(&"\u{e9}".repeat(most)), "\u{e9}".repeat(most / 2));
        assert_eq!(user_agent(&format!("x{}", "\u{e9}".repeat(most))).len(), most - 1);
    }
}
