//! What stands where the library looks for keys.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use holdfast_tests::server::Server;
use reqwest::Method;
use tokio::net::TcpListener;

/// Hands out the keys of one of two servers, or 503, and counts how often it was asked.
pub(crate) struct Relay {
    address: String,
}

#[derive(Clone)]
struct Switch {
    ours: String,
    theirs: String,
    shown: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Relay {
    pub(crate) async fn start(ours: &Server, theirs: &Server) -> Result<Self> {
        let switch = Switch {
            ours: keys_of(ours).await?,
            theirs: keys_of(theirs).await?,
            shown: Arc::new(Mutex::new("nothing".to_owned())),
            asked: Arc::default(),
        };
        let router = Router::new()
            .route("/_holdfast/jwks", get(jwks))
            .route("/show/{what}", get(show))
            .route("/asked", get(asked))
            .with_state(switch);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address })
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }
}

async fn jwks(State(switch): State<Switch>) -> (StatusCode, String) {
    switch.asked.fetch_add(1, Ordering::SeqCst);
    match switch.shown.lock().unwrap_or_else(PoisonError::into_inner).as_str() {
        "ours" => (StatusCode::OK, switch.ours),
        "theirs" => (StatusCode::OK, switch.theirs),
        "nonsense" => (StatusCode::OK, "<html>".to_owned()),
        _ => (StatusCode::SERVICE_UNAVAILABLE, String::new()),
    }
}

async fn show(State(switch): State<Switch>, Path(what): Path<String>) -> &'static str {
    *switch.shown.lock().unwrap_or_else(PoisonError::into_inner) = what;
    switch.asked.store(0, Ordering::SeqCst);
    "shown"
}

async fn asked(State(switch): State<Switch>) -> String {
    switch.asked.load(Ordering::SeqCst).to_string()
}

async fn keys_of(server: &Server) -> Result<String> {
    Ok(server.internal(Method::GET, "/_holdfast/jwks").send().await?.expect(200)?.text)
}
