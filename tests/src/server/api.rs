//! Everything that can be asked of a server from outside, by an app, a browser or a gateway.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::described::is_described;
use super::{Answer, Bound, COOKIE, Device, GATEWAY_SECRET, Login, ORIGIN, TOKEN};
use crate::http;

/// The two listeners of a server.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    public: SocketAddr,
    internal: SocketAddr,
}

/// A request in the making.
#[derive(Debug)]
pub struct Call {
    request: RequestBuilder,
    /// Whether Holdfast itself answers. What a proxy makes of a request is no part of our document.
    is_ours: bool,
}

impl Api {
    /// The server with these listeners, both without TLS.
    pub fn at(public: SocketAddr, internal: SocketAddr) -> Result<Self> {
        Ok(Self { client: http::plain_client()?, public, internal })
    }

    /// Where browsers reach it.
    #[must_use]
    pub fn public_addr(&self) -> SocketAddr {
        self.public
    }

    /// Where apps reach it.
    #[must_use]
    pub fn internal_addr(&self) -> SocketAddr {
        self.internal
    }

    /// A request to the public listener.
    #[must_use]
    pub fn public(&self, method: Method, path: &str) -> Call {
        Call { request: self.client.request(method, format!("http://{}{path}", self.public)), is_ours: true }
    }

    /// A request to the internal listener, without a token.
    #[must_use]
    pub fn internal(&self, method: Method, path: &str) -> Call {
        Call {
            request: self.client.request(method, format!("http://{}{path}", self.internal)),
            is_ours: true,
        }
    }

    /// A request to the internal listener with this token.
    #[must_use]
    pub fn with_token(&self, token: &str, method: Method, path: &str) -> Call {
        self.internal(method, path).header("authorization", &format!("Bearer {token}"))
    }

    /// A request of the shop's back end.
    #[must_use]
    pub fn app(&self, method: Method, path: &str) -> Call {
        self.with_token(TOKEN, method, path)
    }

    /// A question of a gateway that is trusted.
    #[must_use]
    pub fn gateway(&self, method: Method, path: &str) -> Call {
        self.internal(method, path).header("holdfast-gateway-secret", GATEWAY_SECRET)
    }

    /// Logs a user in at the shop.
    pub async fn login(&self, user: &str) -> Result<Login> {
        self.login_with(json!({ "user": user })).await
    }

    /// Logs in at the shop with this body.
    pub async fn login_with(&self, body: Value) -> Result<Login> {
        Login::read(self.app(Method::POST, "/v1/sessions").json(&body).send().await?.expect(201)?)
    }

    /// Posts to the registration endpoint as a browser does.
    pub async fn register(&self, proof: &str) -> Result<Answer> {
        self.browser("/_holdfast/dbsc/register").header("secure-session-response", proof).send().await
    }

    /// Posts to the refresh endpoint as a browser does.
    pub async fn refresh(&self, session: &str, proof: Option<&str>) -> Result<Answer> {
        let call = self.browser("/_holdfast/dbsc/refresh").header("sec-secure-session-id", session);
        match proof {
            Some(proof) => call.header("secure-session-response", proof).send().await,
            None => call.send().await,
        }
    }

    /// A post of the browser's own, with the headers of Chromium.
    #[must_use]
    pub fn browser(&self, path: &str) -> Call {
        self.public(Method::POST, path)
            .header("content-length", "0")
            .header("sec-fetch-mode", "no-cors")
            .header("sec-fetch-dest", "empty")
            .header("sec-fetch-site", "same-origin")
            .header("origin", ORIGIN)
    }

    /// Logs a user in and binds the session to a new device.
    pub async fn bind(&self, user: &str) -> Result<Bound> {
        let login = self.login(user).await?;
        self.bind_login(&login).await
    }

    /// Binds the session of a login to a new device.
    pub async fn bind_login(&self, login: &Login) -> Result<Bound> {
        let device = Device::new()?;
        let answer = self.register(&device.registration(&login.offer)).await?.expect(200)?;
        Bound::read(&login.id, device, &answer)
    }

    /// Refreshes with the challenge that the device has; gives the answer and moves the device on.
    pub async fn renew(&self, bound: &mut Bound) -> Result<Answer> {
        let proof = bound.device.refresh(&bound.challenge);
        let answer = self.refresh(&bound.id, Some(&proof)).await?.expect(200)?;
        bound.take(&answer)?;
        Ok(answer)
    }

    /// The shop asks about a request with this session cookie.
    pub async fn check(&self, cookie: &str) -> Result<Answer> {
        self.check_with(cookie, json!({})).await
    }

    /// The shop asks about a request with this session cookie and these requirements.
    pub async fn check_with(&self, cookie: &str, require: Value) -> Result<Answer> {
        let headers = [["Cookie", &format!("{COOKIE}={cookie}")]];
        self.ask(json!({ "headers": headers, "require": require })).await
    }

    /// The shop asks; `method` and `url` have defaults.
    pub async fn ask(&self, mut question: Value) -> Result<Answer> {
        if let Value::Object(members) = &mut question {
            members.entry("method").or_insert_with(|| json!("GET"));
            members.entry("url").or_insert_with(|| json!(format!("{ORIGIN}/orders?x=1")));
        }
        self.app(Method::POST, "/v1/check").json(&question).send().await?.expect(200)
    }

    /// The session as the shop sees it.
    pub async fn session(&self, id: &str) -> Result<Answer> {
        self.app(Method::GET, &format!("/v1/sessions/{id}")).send().await
    }

    /// The shop ends a session.
    pub async fn revoke(&self, id: &str) -> Result<()> {
        self.app(Method::DELETE, &format!("/v1/sessions/{id}")).send().await?.expect(204).map(|_| ())
    }

    /// The value of a line of `GET /metrics`, by everything that stands before it.
    pub async fn metric(&self, line: &str) -> Result<u64> {
        let metrics = self.internal(Method::GET, "/metrics").send().await?.expect(200)?;
        let values = metrics.text.lines().filter_map(|text| text.strip_prefix(line)?.strip_prefix(' '));
        let value = values.map(str::to_owned).next();
        Ok(value.with_context(|| format!("no metric {line}"))?.parse()?)
    }
}

impl From<RequestBuilder> for Call {
    /// A request that somebody else answers, such as a proxy.
    fn from(request: RequestBuilder) -> Self {
        Self { request, is_ours: false }
    }
}

impl Call {
    /// Adds a header; one more of the same name stands beside the first.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.bytes(name, value.as_bytes())
    }

    /// Adds a header of any bytes. A name or value that HTTP cannot carry is left out, and the test will notice.
    #[must_use]
    pub fn bytes(self, name: &str, value: &[u8]) -> Self {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
            (Ok(name), Ok(value)) => Self { request: self.request.header(name, value), ..self },
            _ => self,
        }
    }

    /// Adds the shop's session cookie.
    #[must_use]
    pub fn cookie(self, value: &str) -> Self {
        self.header("cookie", &format!("{COOKIE}={value}"))
    }

    /// A JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        Self { request: self.request.json(body), ..self }
    }

    /// A form.
    #[must_use]
    pub fn form(self, parameters: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let request = self.request.header("content-type", "application/x-www-form-urlencoded").body(body);
        Self { request, ..self }
    }

    /// Any body, without a content type.
    #[must_use]
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self { request: self.request.body(body), ..self }
    }

    /// Sends it and reads the answer, which must be one that the OpenAPI document describes.
    pub async fn send(self) -> Result<Answer> {
        let (client, request) = self.request.build_split();
        let request = request?;
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let answer = Answer::read(client.execute(request).await?).await?;
        if self.is_ours {
            is_described(&method, &path, &answer).with_context(|| {
                format!("{method} {path} has an answer that server/openapi.json does not describe")
            })?;
        }
        Ok(answer)
    }
}
