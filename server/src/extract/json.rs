//! JSON bodies of the internal API.

use axum::{body::Body, extract::FromRequest};
use http::{Request, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::respond::Problem;

/// A body of at most 64 KiB that is the JSON of a `T`, and nothing else.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Problem> {
        let is_json = request.headers().get(header::CONTENT_TYPE).is_none_or(|value| {
            let kind = value.to_str().unwrap_or_default();
            kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        });
        if !is_json {
            let detail = "this call takes Content-Type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail));
        }
        let declared =
            request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if declared.is_some_and(|length: u64| length > MAX_BODY_BYTES_U64) {
            return Err(too_large());
        }
        let bytes = super::body::read(request.into_body(), MAX_BODY_BYTES).await.ok_or_else(too_large)?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(bytes).map(Self).map_err(|error| {
            Problem::bad_request("bad_request", format!("the body is not what this call takes: {error}"))
        })
    }
}

fn too_large() -> Problem {
    let detail = "the body is larger than 64 KiB, or it broke off, or it did not come in time";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
}

const MAX_BODY_BYTES: usize = 64 * 1024;
const MAX_BODY_BYTES_U64: u64 = 64 * 1024;
