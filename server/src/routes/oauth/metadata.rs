//! What clients and resources find out about this server (RFC 8414, RFC 9728).

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde::Serialize;

use super::{TOKEN_PATH, app_of_host};
use crate::{
    house::{App, Holdfast},
    respond::{Problem, ProblemCode, json},
};

/// `GET /.well-known/oauth-authorization-server` (RFC 8414). The issuer is the app's origin. There is no authorization
/// endpoint: the app authenticates its users itself, and hands the code to its client.
pub(crate) async fn authorization_server(
    State(house): State<Arc<Holdfast>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(app) = app_of_host(&house, &uri, &headers) else { return misdirected() };
    let address = |path: &str| app.origin.address_of(path);
    public(&AuthorizationServer {
        issuer: app.origin.as_str(),
        token_endpoint: address(TOKEN_PATH),
        revocation_endpoint: address("/_holdfast/oauth/revoke"),
        introspection_endpoint: address("/_holdfast/oauth/introspect"),
        jwks_uri: address("/_holdfast/jwks"),
        response_types_supported: ["code"],
        response_modes_supported: ["query"],
        grant_types_supported: ["authorization_code", "refresh_token"],
        token_endpoint_auth_methods_supported: ["none", "client_secret_basic", "client_secret_post"],
        revocation_endpoint_auth_methods_supported: ["none", "client_secret_basic", "client_secret_post"],
        introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
        code_challenge_methods_supported: ["S256"],
        scopes_supported: scopes(&house, app),
        dpop_signing_alg_values_supported: algorithms(&house),
    })
}

/// `GET /.well-known/oauth-protected-resource` (RFC 9728).
pub(crate) async fn protected_resource(
    State(house): State<Arc<Holdfast>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(app) = app_of_host(&house, &uri, &headers) else { return misdirected() };
    public(&ProtectedResource {
        resource: app.origin.as_str(),
        authorization_servers: [app.origin.as_str()],
        jwks_uri: app.origin.address_of("/_holdfast/jwks"),
        scopes_supported: scopes(&house, app),
        bearer_methods_supported: ["header"],
        dpop_signing_alg_values_supported: algorithms(&house),
        dpop_bound_access_tokens_required: true,
    })
}

fn algorithms(house: &Holdfast) -> Vec<&'static str> {
    house.oauth.dpop.algorithms.iter().map(|algorithm| algorithm.as_str()).collect()
}

fn scopes<'a>(house: &'a Holdfast, app: &'a App) -> Vec<&'a str> {
    let mut scopes: Vec<&str> =
        house.oauth.clients.of_app(app).flat_map(|client| client.scopes.iter().map(String::as_str)).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

/// Public facts: any page may read them.
fn public(document: &impl Serialize) -> Response {
    let mut response = json(StatusCode::OK, document);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    response
}

fn misdirected() -> Response {
    let detail = "this server has several apps, and Host names the origin of none of them";
    Problem::of(ProblemCode::UnknownOrigin, detail).into_response()
}

#[derive(Serialize)]
struct AuthorizationServer<'a> {
    issuer: &'a str,
    token_endpoint: String,
    revocation_endpoint: String,
    introspection_endpoint: String,
    jwks_uri: String,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 2],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    code_challenge_methods_supported: [&'static str; 1],
    scopes_supported: Vec<&'a str>,
    dpop_signing_alg_values_supported: Vec<&'static str>,
}

#[derive(Serialize)]
struct ProtectedResource<'a> {
    resource: &'a str,
    authorization_servers: [&'a str; 1],
    jwks_uri: String,
    scopes_supported: Vec<&'a str>,
    bearer_methods_supported: [&'static str; 1],
    dpop_signing_alg_values_supported: Vec<&'static str>,
    dpop_bound_access_tokens_required: bool,
}
