//! Every route of both listeners, and nothing else.

use std::sync::Arc;

use axum::{
    Router,
    routing::{any, delete, get, post},
};

use crate::{
    house::Holdfast,
    routes::{
        check, ext_authz, jwks, logout, method_not_allowed, not_found, oauth, operations, own_session,
        refresh, register, resume, sessions, verify,
    },
};

/// For browsers, on the app's own origin.
pub(crate) fn public(house: Arc<Holdfast>) -> Router {
    finish(public_routes(), house)
}

/// The public routes, for whoever adds some of their own.
pub(crate) fn public_routes() -> Router<Arc<Holdfast>> {
    Router::new()
        .route("/_holdfast/dbsc/register", post(register::register))
        .route("/_holdfast/dbsc/refresh", post(refresh::refresh))
        .route("/_holdfast/session", get(own_session::own_session))
        .route("/_holdfast/logout", post(logout::logout))
        .route("/_holdfast/resume", get(resume::resume))
        .route("/_holdfast/jwks", get(jwks::jwks))
        .route(oauth::TOKEN_PATH, post(oauth::token).options(oauth::preflight))
        .route("/_holdfast/oauth/revoke", post(oauth::revoke).options(oauth::preflight))
        .route("/_holdfast/oauth/introspect", post(oauth::introspect))
        .route("/_holdfast/oauth/nonce", get(oauth::nonce).options(oauth::preflight))
        .route("/.well-known/oauth-authorization-server", get(oauth::authorization_server))
        .route("/.well-known/oauth-protected-resource", get(oauth::protected_resource))
}

/// For app back ends, gateways and operators.
pub(crate) fn internal(house: Arc<Holdfast>) -> Router {
    let routes = Router::new()
        .route("/v1/sessions", post(sessions::create).get(sessions::list).delete(sessions::end_everyone))
        .route("/v1/sessions/{id}", get(sessions::read).delete(sessions::end_one))
        .route("/v1/sessions/{id}/regenerate", post(sessions::regenerate))
        .route("/v1/users/{user}/sessions", delete(sessions::end_user))
        .route("/v1/check", post(check::check))
        .route("/verify/nginx", get(verify::nginx))
        .route("/verify/caddy", get(verify::forwarded))
        .route("/verify/traefik", get(verify::traefik))
        .route("/verify/haproxy", get(verify::forwarded))
        .route("/verify/envoy", any(verify::envoy))
        .route("/verify/envoy/", any(verify::envoy))
        .route("/verify/envoy/{*path}", any(verify::envoy))
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::metrics))
        .route("/openapi.json", get(operations::openapi))
        .route("/_holdfast/jwks", get(jwks::jwks));
    finish(routes, house)
}

/// For Envoy, over gRPC.
pub(crate) fn grpc(house: Arc<Holdfast>) -> Router {
    Router::new()
        .route("/envoy.service.auth.v3.Authorization/Check", post(ext_authz::check))
        .fallback(ext_authz::unimplemented)
        .method_not_allowed_fallback(ext_authz::unimplemented)
        .with_state(house)
}

/// What every table of routes ends with.
pub(crate) fn finish(routes: Router<Arc<Holdfast>>, house: Arc<Holdfast>) -> Router {
    routes.fallback(not_found).method_not_allowed_fallback(method_not_allowed).with_state(house)
}
