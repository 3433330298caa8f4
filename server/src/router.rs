//! Every route of both listeners, and nothing else. A route stands here with its handler and its description.

use std::sync::Arc;

use axum::{Router, routing::post};

use crate::{
    house::Holdfast,
    openapi::{self, Table},
    routes::{
        check, devices, events, ext_authz, jwks, logout, method_not_allowed, not_found, oauth, operations,
        own_session, refresh, register, resume, sessions, signals, store, verify,
    },
};

/// For browsers, on the app's own origin.
pub(crate) fn public(house: Arc<Holdfast>) -> Router {
    finish(public_routes(), house)
}

/// The public routes, for whoever adds some of their own.
pub(crate) fn public_routes() -> Router<Arc<Holdfast>> {
    public_table().into_router()
}

/// For app back ends, gateways and operators.
pub(crate) fn internal(house: Arc<Holdfast>) -> Router {
    finish(internal_table().into_router(), house)
}

pub(crate) fn public_table() -> Table {
    use openapi::{browsers, oauth as about, signals as about_signals};
    Table::new()
        .post("/_holdfast/dbsc/register", register::register, browsers::register)
        .post("/_holdfast/dbsc/refresh", refresh::refresh, browsers::refresh)
        .get("/_holdfast/session", own_session::own_session, browsers::own_session)
        .post("/_holdfast/logout", logout::logout, browsers::logout)
        .get("/_holdfast/resume", resume::resume, browsers::resume)
        .get("/_holdfast/jwks", jwks::jwks, browsers::jwks)
        .post("/_holdfast/ssf/events/{receiver}", signals::receive, about_signals::receive)
        .get("/.well-known/ssf-configuration", signals::configuration, about_signals::configuration)
        .get("/_holdfast/ssf/jwks", signals::jwks, about_signals::jwks)
        .post("/_holdfast/ssf/stream", signals::create, about_signals::create)
        .get("/_holdfast/ssf/stream", signals::read, about_signals::read)
        .patch("/_holdfast/ssf/stream", signals::update, about_signals::update)
        .put("/_holdfast/ssf/stream", signals::replace, about_signals::replace)
        .delete("/_holdfast/ssf/stream", signals::delete, about_signals::delete)
        .get("/_holdfast/ssf/status", signals::status, about_signals::status)
        .post("/_holdfast/ssf/status", signals::set_status, about_signals::set_status)
        .post("/_holdfast/ssf/subjects/add", signals::add_subject, about_signals::add_subject)
        .post("/_holdfast/ssf/subjects/remove", signals::remove_subject, about_signals::remove_subject)
        .post("/_holdfast/ssf/verify", signals::verify, about_signals::verify)
        .post("/_holdfast/ssf/poll/{stream_id}", signals::poll, about_signals::poll)
        .post(oauth::TOKEN_PATH, oauth::token, about::token)
        .options(oauth::TOKEN_PATH, oauth::preflight, about::preflight_token)
        .post("/_holdfast/oauth/revoke", oauth::revoke, about::revoke)
        .options("/_holdfast/oauth/revoke", oauth::preflight, about::preflight_revoke)
        .post("/_holdfast/oauth/introspect", oauth::introspect, about::introspect)
        .get("/_holdfast/oauth/nonce", oauth::nonce, about::nonce)
        .options("/_holdfast/oauth/nonce", oauth::preflight, about::preflight_nonce)
        .get(
            "/.well-known/oauth-authorization-server",
            oauth::authorization_server,
            about::authorization_server,
        )
        .get("/.well-known/oauth-protected-resource", oauth::protected_resource, about::protected_resource)
}

pub(crate) fn internal_table() -> Table {
    use openapi::{
        browsers, checks, devices as about_devices, operations as operators, sessions as about,
        store as about_store, trail,
    };
    Table::new()
        .post("/v1/sessions", sessions::create, about::create)
        .get("/v1/sessions", sessions::list, about::list)
        .delete("/v1/sessions", sessions::end_everyone, about::end_everyone)
        .get("/v1/sessions/{id}", sessions::read, about::read)
        .delete("/v1/sessions/{id}", sessions::end_one, about::end_one)
        .post("/v1/sessions/{id}/regenerate", sessions::regenerate, about::regenerate)
        .post("/v1/sessions/{id}/usage", sessions::usage, about::usage)
        .delete("/v1/users/{user}/sessions", sessions::end_user, about::end_user)
        .put(POSTURE, devices::put, about_devices::put)
        .get(POSTURE, devices::read, about_devices::read)
        .delete(POSTURE, devices::forget, about_devices::forget)
        .post("/v1/check", check::check, checks::check)
        .get("/v1/events", events::events, trail::events)
        .get("/v1/events/stream", events::stream, trail::stream)
        .get("/v1/audit/jwks", events::audit_jwks, trail::jwks)
        .get("/v1/backup", store::backup, about_store::backup)
        .post("/v1/restore", store::restore, about_store::restore)
        .get("/verify/nginx", verify::nginx, checks::nginx)
        .get("/verify/caddy", verify::forwarded, checks::caddy)
        .get("/verify/traefik", verify::traefik, checks::traefik)
        .get("/verify/haproxy", verify::forwarded, checks::haproxy)
        .any("/verify/envoy", verify::envoy, checks::envoy_root)
        .any("/verify/envoy/", verify::envoy, checks::envoy_slash)
        .any("/verify/envoy/{*path}", verify::envoy, checks::envoy_path)
        .get("/healthz", operations::healthz, operators::healthz)
        .get("/readyz", operations::readyz, operators::readyz)
        .get("/metrics", operations::metrics, operators::metrics)
        .get("/openapi.json", operations::openapi, operators::openapi)
        .get("/_holdfast/jwks", jwks::jwks, browsers::jwks)
}

const POSTURE: &str = "/v1/devices/{device_id}/posture";

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
