//! The doctor in the place of the app: every request is answered with the headers that it had.

use std::net::SocketAddr;

use axum::{Router, extract::Request, response::IntoResponse};
use http::header;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

/// A listener where the app would be. Dropping it closes it.
pub(super) struct StandIn(JoinHandle<()>);

impl StandIn {
    /// # Errors
    /// Why there can be no listener, such as the app itself.
    pub(super) async fn listen(address: SocketAddr) -> Result<Self, String> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            format!("{address}: {error}; stop the app while this command stands in for it")
        })?;
        let router = Router::new().fallback(echo);
        Ok(Self(tokio::spawn(async move {
            // It ends with the examination.
            let _ = axum::serve(listener, router).await;
        })))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn echo(request: Request) -> impl IntoResponse {
    let pairs = request.headers().iter().map(|(name, value)| {
        Value::from(vec![name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()])
    });
    ([(header::CONTENT_TYPE, "application/json")], Value::Array(pairs.collect()).to_string())
}
