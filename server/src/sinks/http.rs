//! Batches by POST.

use std::path::Path;

use reqwest::{Certificate, Client, StatusCode};

use super::{Failure, Told, otlp::Otlp, webhook::Webhook};
use crate::issuers;

/// A server that is sent batches.
pub(super) struct Poster {
    client: Client,
    url: String,
    speech: Speech,
}

/// What it is sent.
pub(super) enum Speech {
    Otlp(Otlp),
    Webhook(Box<Webhook>),
}

impl Poster {
    /// # Errors
    /// The key of the sink that is not in order, and what it should be.
    pub(super) fn new(url: &str, ca_file: Option<&Path>, speech: Speech) -> Result<Self, String> {
        let certificates = match ca_file {
            // Nothing is encrypted on the way to this machine itself, and it may have no certificates at all.
            None if url.starts_with("http:") => Some(Vec::new()),
            None => None,
            Some(file) => {
                let told = |what: String| format!("ca_file: {} {what}", file.display());
                let pem = std::fs::read(file).map_err(|error| told(format!("cannot be read: {error}")))?;
                let read = Certificate::from_pem_bundle(&pem).ok().filter(|found| !found.is_empty());
                Some(read.ok_or_else(|| told("holds no certificate in PEM".to_owned()))?)
            }
        };
        let client = issuers::client_believing(certificates).map_err(|what| format!("url: {what}"))?;
        Ok(Self { client, url: url.to_owned(), speech })
    }

    /// The caller's patience is the only one; whatever the answer has in it beside its status is not waited for long.
    pub(super) async fn post(&self, batch: &[Told]) -> Result<Option<(u64, String)>, Failure> {
        let request = self.client.post(&self.url);
        let request = match &self.speech {
            Speech::Otlp(otlp) => otlp.fill(request, batch),
            Speech::Webhook(webhook) => webhook.fill(request, batch),
        };
        let response = request.send().await.map_err(|error| Failure::new(issuers::describe(&error)))?;
        match (response.status(), &self.speech) {
            (status, Speech::Webhook(_)) if status.is_success() => Ok(None),
            (status, Speech::Otlp(otlp)) if status.is_success() => Ok(otlp.judge(response).await),
            (StatusCode::PAYLOAD_TOO_LARGE, _) => {
                Err(Failure { what: "it answers 413".to_owned(), is_too_large: true })
            }
            (status, _) => Err(Failure::new(format!("it answers {}", status.as_u16()))),
        }
    }
}
