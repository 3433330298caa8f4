//! `/_holdfast/oauth/*`: the token endpoint and its neighbours, in the words of OAuth 2.0.

mod answer;
mod form;
mod introspect;
mod metadata;
mod named;
mod nonce;
mod revoke;
mod token;

pub(crate) use introspect::introspect;
pub(crate) use metadata::{authorization_server, protected_resource};
pub(crate) use nonce::nonce;
pub(crate) use revoke::revoke;
pub(crate) use token::{TOKEN_PATH, token};

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::house::{App, Holdfast};

/// The answer to a browser that asks whether a page may call (CORS, Fetch §3.2.2).
pub(crate) async fn preflight(State(house): State<Arc<Holdfast>>, headers: HeaderMap) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    if allow_origin(&house, &headers, &mut response) {
        let allow = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, DPoP"),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ];
        let allow = allow.map(|(name, value)| (name, HeaderValue::from_static(value)));
        response.headers_mut().extend(allow);
    }
    response
}

/// Lets pages of a client's own origin read the answer, and nobody else's.
fn allow_origin(house: &Holdfast, headers: &HeaderMap, response: &mut Response) -> bool {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    let expose = HeaderValue::from_static("DPoP-Nonce, WWW-Authenticate");
    response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, expose);
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
    if !origin.to_str().is_ok_and(|origin| house.oauth.clients.speak_from(origin)) {
        return false;
    }
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    // What one origin may read is not for a page of another.
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    true
}

/// The app that a request without a client is for: the one whose origin it was sent to. With one app there is no choice.
fn app_of_host<'a>(house: &'a Holdfast, uri: &http::Uri, headers: &HeaderMap) -> Option<&'a Arc<App>> {
    if let [only] = house.apps.as_slice() {
        return Some(only);
    }
    let host = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST)?.to_str().ok()?,
    };
    house.app_of_address(&format!("https://{host}/")).map(|(app, _)| app)
}
