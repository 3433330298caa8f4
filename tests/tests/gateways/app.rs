//! The protected app: it logs everybody in, and shows what reaches it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::{Form, Query, Request, State};
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use axum::routing::get;
use holdfast_tests::http::plain_client;
use holdfast_tests::server::{COOKIE, ORIGIN, TOKEN};
use http::{HeaderMap, StatusCode};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running app. It remembers every request that has reached it.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    serving: JoinHandle<()>,
}

/// A request as it reached the app.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    /// What was posted to a page.
    pub(crate) body: String,
    headers: Vec<(String, String)>,
}

impl App {
    /// Starts the app, which asks `internal` for its sessions.
    pub(crate) async fn start(internal: SocketAddr) -> Result<Self> {
        let seen = Arc::default();
        let state = Arc::new(Inner { client: plain_client()?, internal, seen: Arc::clone(&seen) });
        let router = Router::new()
            .route("/login", get(form).post(login))
            .route("/cookies", get(cookies))
            .route("/headers", get(headers))
            .fallback(page)
            .with_state(state);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self { address, seen, serving })
    }

    /// Every request so far, the pages of the login included.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes away; its port is free a moment later.
    pub(crate) fn stop(&self) {
        self.serving.abort();
    }

    /// The last request.
    pub(crate) fn last(&self) -> Result<Seen> {
        self.seen().pop().context("nothing has reached the app")
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Seen {
    /// Every value of a header that is really called so.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The header as a program behind CGI, WSGI or PHP reads it: `-`, `_` and `.` are the same to it, and the last one
    /// that says something wins.
    pub(crate) fn as_cgi(&self, name: &str) -> &str {
        let fold = |name: &str| name.to_ascii_lowercase().replace(['_', '.'], "-");
        let named = self.headers.iter().filter(|(key, value)| fold(key) == fold(name) && !value.is_empty());
        named.map(|(_, value)| value.as_str()).next_back().unwrap_or_default()
    }

    /// The names of all headers, in lower case.
    pub(crate) fn names(&self) -> Vec<String> {
        self.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }

    fn of(request: &Request) -> Self {
        let headers = request.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        Self {
            method: request.method().to_string(),
            target: request.uri().to_string(),
            body: String::new(),
            headers: headers.collect(),
        }
    }
}

struct Inner {
    client: Client,
    internal: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Inner {
    fn remember(&self, request: &Request) -> Seen {
        self.remember_all(Seen::of(request))
    }

    fn remember_all(&self, seen: Seen) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen.clone());
        seen
    }
}

#[derive(Deserialize)]
struct Return {
    return_to: Option<String>,
    /// Whoever comes is logged in, and has to show once more who they are.
    #[serde(default)]
    again: String,
}

#[derive(Deserialize)]
struct Credentials {
    user: String,
    return_to: String,
    #[serde(default)]
    again: String,
}

async fn form(State(app): State<Arc<Inner>>, Query(query): Query<Return>, request: Request) -> Html<String> {
    app.remember(&request);
    // The path comes from Holdfast by way of the browser; an app that redirects to it looks at it first.
    let again = if query.again.is_empty() { "" } else { "1" };
    let to = query
        .return_to
        .filter(|to| to.starts_with('/') && !to.starts_with("//") && !to.contains(['"', '&', '<']));
    let to = to.as_deref().unwrap_or("/");
    Html(format!(
        "<!doctype html><html lang=en><link rel=icon href='data:,'><title>Log in</title><body data-page=login>\
         <form method=post action=/login><input name=user value=alice><input type=hidden name=return_to value=\"{to}\">\
         <input type=hidden name=again value='{again}'>\
         <button>Log in</button></form>"
    ))
}

/// What every app does: one call, and the headers copied as they are.
async fn login(
    State(app): State<Arc<Inner>>,
    headers: HeaderMap,
    Form(credentials): Form<Credentials>,
) -> Response {
    let begun = if credentials.again.is_empty() {
        begin(&app, &headers, &credentials.user).await
    } else {
        go_on(&app, &headers).await
    };
    match begun {
        Ok(response_headers) => {
            let location = ("Location".to_owned(), credentials.return_to);
            (StatusCode::SEE_OTHER, AppendHeaders(response_headers.into_iter().chain([location])))
                .into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

async fn begin(app: &Inner, headers: &HeaderMap, user: &str) -> Result<Vec<(String, String)>> {
    let cookies = headers.get_all("cookie").iter().filter_map(|value| value.to_str().ok());
    let mut cookies = cookies.flat_map(|value| value.split("; ")).filter_map(|pair| pair.split_once('='));
    let previous = cookies.find(|(name, _)| *name == COOKIE).map(|(_, value)| value);
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let body = json!({
        "user": user,
        "auth": { "amr": ["pwd"] },
        "client": { "ip": text("x-forwarded-for"), "user_agent": text("user-agent") },
        "previous_cookie": previous,
    });
    let call = app.client.post(format!("http://{}/v1/sessions", app.internal)).bearer_auth(TOKEN).json(&body);
    let begun: Value = call.send().await?.error_for_status()?.json().await?;
    Ok(serde_json::from_value(begun["response_headers"].clone())?)
}

/// What an app does after a step-up: it asks whose session the cookie is, and has it go on with the new login.
async fn go_on(app: &Inner, headers: &HeaderMap) -> Result<Vec<(String, String)>> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let address = |path: &str| format!("http://{}{path}", app.internal);
    let fields = [["Cookie", text("cookie")], ["User-Agent", text("user-agent")]];
    let question = json!({
        "method": "POST", "url": format!("{ORIGIN}/login"), "headers": fields, "client_ip": text("x-forwarded-for"),
    });
    let call = app.client.post(address("/v1/check")).bearer_auth(TOKEN).json(&question);
    let answer: Value = call.send().await?.error_for_status()?.json().await?;
    let id = answer["session"]["id"].as_str().context("nobody's session")?;
    let body = json!({ "auth": { "amr": ["pwd", "otp"] } });
    let call =
        app.client.post(address(&format!("/v1/sessions/{id}/regenerate"))).bearer_auth(TOKEN).json(&body);
    let begun: Value = call.send().await?.error_for_status()?.json().await?;
    Ok(serde_json::from_value(begun["response_headers"].clone())?)
}

/// Two cookies of the app's own.
async fn cookies(State(app): State<Arc<Inner>>, request: Request) -> Response {
    app.remember(&request);
    AppendHeaders([("Set-Cookie", "basket=1; Path=/; Secure"), ("Set-Cookie", "theme=dark; Path=/; Secure")])
        .into_response()
}

/// The headers of the request, as `holdfast doctor` wants to see them.
async fn headers(State(app): State<Arc<Inner>>, request: Request) -> String {
    let seen = app.remember(&request);
    seen.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

/// Any page: it says who the gateway says is there.
async fn page(State(app): State<Arc<Inner>>, request: Request) -> Html<String> {
    let mut seen = Seen::of(&request);
    let body = axum::body::to_bytes(request.into_body(), 64 * 1024).await.unwrap_or_default();
    seen.body = String::from_utf8_lossy(&body).into_owned();
    let seen = app.remember_all(seen);
    let (user, binding) = (seen.as_cgi("holdfast-user"), seen.as_cgi("holdfast-binding"));
    Html(format!(
        "<!doctype html><html lang=en><link rel=icon href='data:,'><title>Shop</title>\
         <body data-page=shop data-user='{user}' data-binding='{binding}'>\
         <form method=post action='/_holdfast/logout?to=/login'><button>Log out</button></form>"
    ))
}
