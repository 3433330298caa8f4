//! The forms of OAuth endpoints (RFC 6749 §3.2).

use axum::body::Body;
use http::{HeaderMap, Request, header};

use super::answer::Failure;
use crate::{
    extract::body::read,
    oauth::{Client, Clients, Presented},
    respond::OAuthError,
};

/// The parameters of a request, each of them once.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body of at most 16 KiB.
    pub(super) async fn read(request: Request<Body>) -> Result<(HeaderMap, Self), Failure> {
        let (parts, body) = request.into_parts();
        let kind =
            parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(invalid("send Content-Type: application/x-www-form-urlencoded"));
        }
        let bytes = read(body, MAX_BYTES).await;
        let bytes = bytes.ok_or(invalid("the form is larger than 16 KiB, or it did not come in time"))?;
        Self::parse(&bytes).map(|form| (parts.headers, form))
    }

    fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            // RFC 6749 §3.2: a parameter without a value is as one that was not sent.
            if value.is_empty() {
                continue;
            }
            if parameters.iter().any(|(other, _)| *other == name) {
                return Err(invalid("the form has a parameter twice"));
            }
            if parameters.len() == MOST_PARAMETERS {
                return Err(invalid("the form has more parameters than any request needs"));
            }
            parameters.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(parameters))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The client that sent the form.
    pub(super) fn client<'a>(
        &self,
        headers: &HeaderMap,
        clients: &'a Clients,
    ) -> Result<&'a Client, Failure> {
        let presented = Presented::read(headers, self.get("client_id"), self.get("client_secret"));
        let scheme = headers.contains_key(header::AUTHORIZATION).then_some("Basic");
        let presented = presented.map_err(|_| Failure::UnknownClient(scheme))?;
        clients.authenticate(&presented).ok_or(Failure::UnknownClient(scheme))
    }
}

pub(super) const fn invalid(says: &'static str) -> Failure {
    Failure::Error(OAuthError::InvalidRequest, says)
}

const MAX_BYTES: usize = 16 * 1024;

const MOST_PARAMETERS: usize = 32;
