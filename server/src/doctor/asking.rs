//! Asking: through the gateway as a stranger, and Holdfast itself as the app.

use std::{net::SocketAddr, time::Duration};

use holdfast_core::secret::SecretText;
use http::{HeaderName, HeaderValue, Method, header};
use parking_lot::Mutex;
use reqwest::{Certificate, Client, RequestBuilder, redirect};
use serde_json::Value;

use super::seen::Seen;

/// Whoever asks through the gateway.
pub(super) struct Stranger {
    client: Client,
    origin: String,
    /// Never sent and never shown: looked for in answers.
    secrets: Vec<SecretText>,
    /// The request whose answer had it.
    leak: Mutex<Option<String>>,
}

/// Whoever asks Holdfast with the app's token.
pub(super) struct App {
    client: Client,
    api: String,
    token: Option<SecretText>,
}

/// A header field of a request.
pub(super) type Field<'a> = (&'a str, &'a str);

impl Stranger {
    /// Somebody who trusts `ca` alone, if there is one, and finds the origin's host at `connect`.
    ///
    /// # Errors
    /// What is wrong with the certificate.
    pub(super) fn new(
        origin: &str,
        ca: Option<&[u8]>,
        connect: Option<SocketAddr>,
        secrets: Vec<SecretText>,
    ) -> Result<Self, String> {
        let mut client = builder().http1_only();
        if let Some(pem) = ca {
            let certificate =
                Certificate::from_pem_bundle(pem).map_err(|_| "--ca: this is no certificate in PEM")?;
            if certificate.is_empty() {
                return Err("--ca: there is no certificate in it".to_owned());
            }
            client = client.tls_certs_only(certificate);
        }
        if let Some(address) = connect {
            client = client.resolve(host_of(origin), address);
        }
        let client = client.build().map_err(|error| format!("no HTTP client: {error}"))?;
        Ok(Self { client, origin: origin.to_owned(), secrets, leak: Mutex::new(None) })
    }

    /// The absolute address of a path.
    pub(super) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Sends a request through the gateway. Redirects are answers.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        fields: &[Field<'_>],
        form: Option<String>,
    ) -> Result<Seen, String> {
        let mut request = self.client.request(method, self.address(path));
        // What comes later may say otherwise.
        request = request.header(header::ACCEPT, "application/json");
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a name that cannot be sent")?;
            let value = HeaderValue::from_str(value).map_err(|_| "a value that cannot be sent")?;
            request = request.header(name, value);
        }
        if let Some(form) = form {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        }
        let seen = answer(request).await?;
        self.look_for_the_secret(path, &seen);
        Ok(seen)
    }

    pub(super) async fn get(&self, path: &str, fields: &[Field<'_>]) -> Result<Seen, String> {
        self.send(Method::GET, path, fields, None).await
    }

    pub(super) async fn post(&self, path: &str, fields: &[Field<'_>]) -> Result<Seen, String> {
        self.send(Method::POST, path, fields, None).await
    }

    /// Whether the gateway secret is known to whoever asks, and so could be found.
    pub(super) fn knows_the_secret(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// The path whose answer had the gateway secret in it.
    pub(super) fn leak(&self) -> Option<String> {
        self.leak.lock().clone()
    }

    fn look_for_the_secret(&self, path: &str, seen: &Seen) {
        let came = |secret: &str| {
            let has = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).contains(secret);
            seen.headers.values().any(has) || seen.body.contains(secret)
        };
        if self.secrets.iter().map(SecretText::reveal).any(|secret| !secret.is_empty() && came(secret)) {
            *self.leak.lock() = Some(path.to_owned());
        }
    }
}

impl App {
    /// # Errors
    /// If there can be no client.
    pub(super) fn new(api: &str, token: Option<SecretText>) -> Result<Self, String> {
        // A token is not carried elsewhere: not by a proxy of the environment either.
        let client = builder().no_proxy().build().map_err(|error| format!("no HTTP client: {error}"))?;
        Ok(Self { client, api: api.trim_end_matches('/').to_owned(), token })
    }

    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// `POST /v1/sessions`.
    ///
    /// # Errors
    /// Why there is no session.
    pub(super) async fn create(&self, body: &Value) -> Result<Value, String> {
        let token = self.token.as_ref().ok_or(NO_TOKEN)?;
        let request = self.client.post(format!("{}/v1/sessions", self.api)).bearer_auth(token.reveal());
        let seen = answer(request.json(body)).await.map_err(|why| format!("{}: {why}", self.api))?;
        if seen.status != 201 {
            return Err(format!("{} gives no session: {}", self.api, seen.words()));
        }
        serde_json::from_str(&seen.body).map_err(|_| format!("{} does not answer in JSON", self.api))
    }

    /// Ends a session. If that fails, its limits end it.
    pub(super) async fn end(&self, id: &str) {
        let Some(token) = &self.token else { return };
        let address = format!("{}/v1/sessions/{id}", self.api);
        let _ = self.client.delete(address).bearer_auth(token.reveal()).send().await;
    }

    /// How many questions of gateways were refused so far.
    pub(super) async fn refused_gateways(&self) -> Option<f64> {
        let seen = answer(self.client.get(format!("{}/metrics", self.api))).await.ok()?;
        (seen.status == 200).then(|| sum_of(&seen.body, "holdfast_gateway_refused_total"))
    }
}

/// The sum of a counter over its labels.
fn sum_of(metrics: &str, name: &str) -> f64 {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(name));
    lines.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Whether Holdfast's internal listener answers there, by plain HTTP.
pub(super) async fn is_internal(address: &str) -> bool {
    let Ok(client) = builder().build() else { return false };
    let seen = answer(client.get(format!("http://{address}/metrics")).timeout(SHORT)).await;
    seen.is_ok_and(|seen| seen.body.contains("holdfast_checks_total"))
}

/// The host of an origin, without its port.
pub(super) fn host_of(origin: &str) -> &str {
    let host = origin.strip_prefix("https://").unwrap_or(origin);
    match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => host,
    }
}

async fn answer(request: RequestBuilder) -> Result<Seen, String> {
    let mut response = request.send().await.map_err(|error| why(&error))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| why(&error))? {
        body.extend_from_slice(&part);
        if body.len() > MOST_BYTES {
            break;
        }
    }
    Ok(Seen { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn why(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        text = error.to_string();
        source = error.source();
    }
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke off"
    };
    format!("{what} ({})", super::seen::printable(&text))
}

fn builder() -> reqwest::ClientBuilder {
    // The client asks for the provider of the process, and there is only this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder()
        .user_agent(super::visit::AGENT)
        .redirect(redirect::Policy::none())
        .connect_timeout(PATIENCE)
        .timeout(PATIENCE)
        // Each request stands alone, as a stranger's would.
        .pool_max_idle_per_host(1)
}

/// Said where a check needs a session.
pub(super) const NO_TOKEN: &str = "it needs a session: name the app's token with --token-file";

const PATIENCE: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_secs(2);
const MOST_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed_over_their_labels() {
        let text = "# TYPE a counter\na_total{reason=\"x\"} 2\na_total{reason=\"y\"} 3\nb_total 7\n";
        assert_eq!((sum_of(text, "a_total"), sum_of(text, "c_total")), (5.0, 0.0));
    }

    #[test]
    fn a_host_has_no_port() {
        for (origin, host) in [
            ("https://shop.example", "shop.example"),
            ("https://shop.example:8443", "shop.example"),
            ("https://[::1]", "[::1]"),
            ("https://[::1]:8443", "[::1]"),
        ] {
            assert_eq!(host_of(origin), host);
        }
    }
}
