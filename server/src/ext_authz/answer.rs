//! What Envoy is told.

use axum::{body::to_bytes, response::Response};
use http::{HeaderMap, HeaderName, StatusCode, header};
use tonic::Code;

use super::proto::{
    CheckResponse, DeniedHttpResponse, HeaderValue, HeaderValueOption, HttpResponse, HttpStatus,
    OkHttpResponse, Status,
};
use crate::{dpop, extract::gateway::SECRET_HEADER, routes::verify::IDENTITY};

/// The answer that any gateway gets over HTTP, in the words of gRPC.
///
/// Trouble of ours is told as a denial with 503 and not as a failed call, which an Envoy with `failure_mode_allow` would
/// take for a yes.
pub(crate) async fn answer(response: Response, asked: &HeaderMap) -> CheckResponse {
    let (head, body) = response.into_parts();
    if head.status == StatusCode::OK {
        return CheckResponse {
            status: Some(status(Code::Ok)),
            http_response: Some(HttpResponse::OkResponse(OkHttpResponse {
                headers: IDENTITY.iter().filter_map(|name| field(&head.headers, name)).collect(),
                headers_to_remove: names_to_remove(asked),
                response_headers_to_add: field(&head.headers, &dpop::NONCE).into_iter().collect(),
            })),
        };
    }
    let body = to_bytes(body, MOST_BODY_BYTES).await.unwrap_or_default();
    let names =
        head.headers.keys().filter(|name| !IDENTITY.contains(name) && **name != header::CONTENT_LENGTH);
    let mut headers: Vec<_> = names.filter_map(|name| field(&head.headers, name)).collect();
    headers.push(replacing("cache-control", "no-store"));
    CheckResponse {
        status: Some(status(match head.status {
            StatusCode::UNAUTHORIZED => Code::Unauthenticated,
            status if status.is_server_error() => Code::Unavailable,
            _ => Code::PermissionDenied,
        })),
        http_response: Some(HttpResponse::DeniedResponse(DeniedHttpResponse {
            status: Some(HttpStatus { code: i32::from(head.status.as_u16()) }),
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })),
    }
}

/// What the app must not see: the secret, and whatever a client has sent under a name like those of ours.
fn names_to_remove(asked: &HeaderMap) -> Vec<String> {
    let ours = asked.keys().filter(|name| name.as_str().starts_with("holdfast-") && !IDENTITY.contains(name));
    let others = ours.filter(|name| **name != SECRET_HEADER);
    std::iter::once(&SECRET_HEADER).chain(others).map(|name| name.as_str().to_owned()).collect()
}

/// A header field of the answer. A check has at most one of each name.
fn field(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValueOption> {
    let value = headers.get(name)?;
    Some(replacing(name.as_str(), &String::from_utf8_lossy(value.as_bytes())))
}

/// A header field that takes the place of those of the same name. Envoy keeps an empty one.
fn replacing(name: &str, value: &str) -> HeaderValueOption {
    let header = HeaderValue { key: name.to_owned(), value: value.to_owned(), raw_value: Vec::new() };
    HeaderValueOption { header: Some(header), append: Some(false) }
}

fn status(code: Code) -> Status {
    Status { code: i32::from(code), message: String::new() }
}

/// Problem documents are far smaller.
const MOST_BODY_BYTES: usize = 64 * 1024;
