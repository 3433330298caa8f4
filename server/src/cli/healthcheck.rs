//! `holdfast healthcheck`: what a container asks, where there is no curl.

use std::time::Duration;

use clap::Args;
use reqwest::{Client, redirect};

use super::Exit;

/// What `holdfast healthcheck` may be told.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    /// The internal listener of the running server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8444")]
    pub(super) api: String,
}

/// Asks `GET /healthz` of the internal listener at `api`: exit code 0 if the server answers, 1 if not.
pub(super) fn healthcheck(api: &str) -> Exit {
    if !api.starts_with("http://") {
        return Exit::usage("--api must be the internal listener, such as http://127.0.0.1:8444");
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::failed(format!("the system gives no threads: {error}")),
    };
    match runtime.block_on(ask(api.trim_end_matches('/'))) {
        Ok(200) => Exit::done(""),
        Ok(status) => {
            Exit::failed(format!("{api}: /healthz answers {status}; is this the internal listener?"))
        }
        Err(what) => Exit::failed(format!("{api}: {what}")),
    }
}

async fn ask(api: &str) -> Result<u16, &'static str> {
    // The client asks for the provider of the process, and there is only this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).timeout(PATIENCE).build();
    let client = client.map_err(|_| "no HTTP client")?;
    let answer = client.get(format!("{api}/healthz")).send().await;
    answer.map(|answer| answer.status().as_u16()).map_err(|error| {
        if error.is_builder() {
            "this is no address"
        } else if error.is_timeout() {
            "it does not answer in time"
        } else {
            "nobody answers there"
        }
    })
}

/// Shorter than the time-out of a container's health check, so that it is this program that tells what is wrong.
const PATIENCE: Duration = Duration::from_secs(2);
