//! Something that stands where Holdfast should, and always says the same.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use axum::Router;
use axum::response::{AppendHeaders, IntoResponse as _};
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running stand-in.
#[derive(Debug)]
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Stub {
    /// Answers everything with this status and these headers.
    pub(crate) async fn start(status: u16, headers: &'static [(&'static str, &'static str)]) -> Result<Self> {
        let status = StatusCode::from_u16(status)?;
        let answer = move || async move { (status, AppendHeaders(headers.iter().copied())).into_response() };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            let _ended = axum::serve(listener, Router::new().fallback(answer)).await;
        });
        Ok(Self { address, serving })
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
