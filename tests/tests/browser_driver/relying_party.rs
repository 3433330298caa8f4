//! The smallest site that speaks DBSC. It checks no proofs; it only shows what the browser sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Version};
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use axum::routing::{get, post};
use holdfast_tests::{Authority, Site};

/// The bound cookie's name.
pub(crate) const COOKIE: &str = "__Host-bound";

/// Serves the site as `host`.
pub(crate) async fn start(authority: &Authority, host: &str) -> Result<Site> {
    let router = Router::new()
        .route("/login", get(login))
        .route("/page", get(page))
        .route("/reg", post(register))
        .route("/refresh", post(refresh))
        .with_state(Arc::new(AtomicU32::new(0)));
    Site::start(authority, &[host], router).await
}

/// Counts the cookies given out, so that each has another value.
type Issued = Arc<AtomicU32>;

async fn login() -> Response {
    let registration = r#"(ES256);path="/reg";challenge="x""#;
    ([("secure-session-registration", registration)], document("logged in")).into_response()
}

/// Shows the cookies that the request brought, and by which version of HTTP.
async fn page(version: Version, headers: HeaderMap) -> Response {
    let cookies = headers.get("cookie").and_then(|value| value.to_str().ok()).unwrap_or("no cookie");
    document(&format!("{version:?} {cookies}")).into_response()
}

async fn register(State(issued): State<Issued>, headers: HeaderMap) -> Response {
    match headers.get(PROOF) {
        Some(_) => renewed(&issued),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn refresh(State(issued): State<Issued>, headers: HeaderMap) -> Response {
    match headers.get(PROOF) {
        Some(_) => renewed(&issued),
        None => (StatusCode::FORBIDDEN, [challenge()]).into_response(),
    }
}

/// The session's instructions, a new cookie and the next challenge.
fn renewed(issued: &Issued) -> Response {
    let number = issued.fetch_add(1, Ordering::Relaxed);
    let cookie = format!("{COOKIE}={number}; Max-Age=600; {ATTRIBUTES}");
    let instructions = serde_json::json!({
        "session_identifier": SESSION,
        "refresh_url": "/refresh",
        "scope": { "include_site": false },
        "credentials": [{ "type": "cookie", "name": COOKIE, "attributes": ATTRIBUTES }],
    });
    let headers = AppendHeaders([("content-type", "application/json".to_owned()), ("set-cookie", cookie)]);
    ([challenge()], headers, instructions.to_string()).into_response()
}

fn challenge() -> (&'static str, String) {
    ("secure-session-challenge", format!(r#""y";id="{SESSION}""#))
}

/// The icon keeps the browser from asking for `/favicon.ico`, which would be one more request in the session's scope.
fn document(text: &str) -> Html<String> {
    Html(format!(r#"<!doctype html><link rel="icon" href="data:,"><body>{text}</body>"#))
}

const PROOF: &str = "secure-session-response";
const SESSION: &str = "session-1";
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";
