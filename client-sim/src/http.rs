//! One HTTP exchange at a time: no redirects followed, no cookies kept, a root CA of our own.

use std::path::Path;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::Failure;
use crate::origin::authority;

/// A request, addressed as the browser believes it to be.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The full URL on the site's origin.
    pub url: Url,
    /// Every header but `Host`.
    pub headers: HeaderMap,
    /// The body, mostly empty.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Vec::new() }
    }

    /// Adds a header. Bytes that no header can carry fail.
    pub fn header(mut self, name: &'static str, value: &str) -> Result<Self, Failure> {
        self.headers.append(HeaderName::from_static(name), header_value(value)?);
        Ok(self)
    }
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Every header.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// All values of a header, joined as one list.
    pub fn list(&self, name: &str) -> Option<String> {
        joined(&self.headers, name)
    }

    /// The values of all `Set-Cookie` lines.
    pub fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(http::header::SET_COOKIE).iter().filter_map(|v| v.to_str().ok()).collect()
    }

    /// The first value of a header.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// All values of a header, joined with commas; nothing if there is none or one is not readable text.
pub fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<&str> =
        headers.get_all(name).iter().map(|value| value.to_str().ok()).collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.join(", "))
}

/// Text as a header value.
pub fn header_value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| Failure::Answer(format!("no header can carry {text:?}")))
}

/// A real connection to somewhere.
#[derive(Clone, Debug)]
pub struct Transport {
    client: reqwest::Client,
    base: Url,
}

impl Transport {
    /// Connects to `base`, trusting the roots in `ca` (a PEM file) when there is one.
    pub fn new(base: Url, ca: Option<&Path>) -> Result<Self, Failure> {
        // A second install is refused and harmless: the process then already has its provider.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .timeout(PATIENCE);
        if let Some(path) = ca {
            let pem = std::fs::read(path).map_err(|error| Failure::file(path, error))?;
            let roots = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|error| Failure::file(path, chain(&error)))?;
            builder = builder.tls_certs_only(roots);
        }
        let client = builder.build().map_err(|error| Failure::network("setting up TLS", chain(&error)))?;
        Ok(Self { client, base })
    }

    /// Sends `request` to this transport's own address, while `Host` names the origin that the URL names.
    pub async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let mut url = self.base.clone();
        url.set_path(request.url.path());
        url.set_query(request.url.query());
        let doing = format!("{} {url}", request.method);
        let mut headers = request.headers.clone();
        headers.insert(HOST, header_value(&authority(&request.url))?);
        if request.method == Method::POST {
            // Browsers send the length of an empty body too.
            headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
        }
        let answer = self
            .client
            .request(request.method.clone(), url)
            .headers(headers)
            .body(request.body.clone())
            .send()
            .await
            .map_err(|error| Failure::network(&doing, chain(&error)))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await.map_err(|error| Failure::network(&doing, chain(&error)))?;
        Ok(Answer { status, headers, body: body.to_vec() })
    }

    /// The address this transport connects to.
    pub fn base(&self) -> &Url {
        &self.base
    }
}

/// An error with its causes: the outermost sentence alone seldom says what to do.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// How long Chromium waits for a refresh before it lets the request go without the cookie.
const PATIENCE: Duration = Duration::from_secs(20);
