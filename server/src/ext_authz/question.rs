//! What Envoy says of a request.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::proto::{CheckRequest, HeaderValue as Field, HttpRequest};
use crate::extract::gateway::Refusal;

/// A question, with its header fields as HTTP has them.
#[derive(Debug, Default)]
pub(crate) struct EnvoyQuestion {
    pub(crate) method: String,
    /// Path and query, as the client sent them.
    pub(crate) target: String,
    /// Every name that the request has for its host: that of the question first, then `:authority`.
    pub(crate) hosts: Vec<String>,
    pub(crate) headers: HeaderMap,
    /// The client's address, as Envoy sees it.
    pub(crate) source: Option<IpAddr>,
}

impl EnvoyQuestion {
    /// Reads a question.
    ///
    /// # Errors
    /// If it is not about a request of HTTP, or has header fields that HTTP has not.
    pub(crate) fn read(question: CheckRequest) -> Result<Self, Refusal> {
        let attributes = question.attributes.unwrap_or_default();
        let source =
            attributes.source.and_then(|peer| peer.address?.socket_address).map(|socket| socket.address);
        let source =
            source.map(|text| text.parse().map_err(|_| Refusal::request("source.address is no IP address")));
        let http = attributes.request.and_then(|request| request.http);
        let http = http.ok_or_else(|| {
            Refusal::request("the question has no HTTP request; use the HTTP filter ext_authz")
        })?;
        let mut read =
            Self { hosts: vec![http.host.clone()], source: source.transpose()?, ..Self::default() };
        for (name, value) in fields(&http) {
            read.take(&http, name, value)?;
        }
        (read.method, read.target) = (http.method, http.path);
        Ok(read)
    }

    fn take(&mut self, http: &HttpRequest, name: &str, value: &[u8]) -> Result<(), Refusal> {
        let Some(pseudo) = name.strip_prefix(':') else {
            let name = HeaderName::from_bytes(name.as_bytes()).ok();
            let (name, value) = name
                .zip(HeaderValue::from_bytes(value).ok())
                .ok_or_else(|| Refusal::request("the question has a header field that HTTP has not"))?;
            if name == http::header::HOST {
                self.hosts.push(value.to_str().unwrap_or_default().to_owned());
            }
            self.headers.append(name, value);
            return Ok(());
        };
        match pseudo {
            "authority" => self.hosts.push(String::from_utf8_lossy(value).into_owned()),
            "method" if value != http.method.as_bytes() => {
                return Err(Refusal::request("method and :method differ"));
            }
            "path" if value != http.path.as_bytes() => {
                return Err(Refusal::request("path and :path differ"));
            }
            _ => {}
        }
        Ok(())
    }
}

/// The header fields: one by one if Envoy sends them so, else those of each name joined.
fn fields(http: &HttpRequest) -> Box<dyn Iterator<Item = (&str, &[u8])> + '_> {
    match &http.header_map {
        Some(map) if !map.headers.is_empty() => {
            Box::new(map.headers.iter().map(|field| (&*field.key, bytes_of(field))))
        }
        Some(_) | None => Box::new(http.headers.iter().map(|(name, value)| (&**name, value.as_bytes()))),
    }
}

fn bytes_of(field: &Field) -> &[u8] {
    if field.raw_value.is_empty() { field.value.as_bytes() } else { &field.raw_value }
}
