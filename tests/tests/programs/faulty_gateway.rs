//! A small gateway with an app behind it, sound but for one fault at most.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each place knows its own faults, and all others are none there"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use holdfast_tests::http::plain_client;
use holdfast_tests::server::{GATEWAY_SECRET, IDENTITY, ORIGIN};
use holdfast_tests::{Authority, Site};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::{Client, Method};

/// What a gateway does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Nothing,
    /// `/_holdfast/dbsc/` is the app's.
    DbscNotRouted,
    /// `/_holdfast/dbsc/` is asked about: who still has the login cookie can register.
    DbscBehindAuth,
    /// Refusals become pages.
    ErrorPages,
    /// Ten refreshes and no more.
    RateLimit,
    DropsChallenge,
    DropsSessionId,
    UnquotesChallenge,
    CookieWithoutSecure,
    CookieWithDomain,
    CookiesJoined,
    RewritesOrigin,
    DoesNotAsk,
    WrongSecret,
    RefusalIsAnError,
    KeepsIdentity,
    HidesAliases,
    ForgetsIdentity,
    BelievesHost,
    BelievesMethod,
    BelievesAddress,
    /// What is Holdfast's comes from the gateway, as far as Holdfast knows.
    ForgetsAddress,
    TellsForwarded,
    PicksACookie,
    NoHsts,
    WrongClock,
    DropsNonce,
    DropsAuthenticate,
    DropsAuthorization,
    HandsOnVerify,
    HandsOnMetrics,
    SecretToTheApp,
    NoMetadata,
}

struct Gateway {
    fault: Fault,
    client: Client,
    public: SocketAddr,
    internal: SocketAddr,
    refreshes: AtomicUsize,
}

/// Starts a gateway for `hosts` in front of Holdfast.
pub(crate) async fn start(
    authority: &Authority,
    hosts: &[&str],
    fault: Fault,
    (public, internal): (SocketAddr, SocketAddr),
) -> Result<Site> {
    let gateway =
        Gateway { fault, client: plain_client()?, public, internal, refreshes: AtomicUsize::new(0) };
    let router = Router::new().fallback(answer).with_state(Arc::new(gateway));
    Site::start(authority, hosts, router).await
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let mut response = match gateway.answer(request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let headers = response.headers_mut();
    if gateway.fault != Fault::NoHsts {
        headers.insert("strict-transport-security", HeaderValue::from_static("max-age=31536000"));
    }
    if gateway.fault == Fault::WrongClock {
        headers.insert("date", HeaderValue::from_static("Sun, 22 Nov 2026 10:00:00 GMT"));
    }
    let dropped = match gateway.fault {
        Fault::DropsNonce => Some("dpop-nonce"),
        Fault::DropsAuthenticate => Some("www-authenticate"),
        Fault::DropsChallenge => Some("secure-session-challenge"),
        _ => None,
    };
    dropped.map(|name| headers.remove(name));
    response
}

impl Gateway {
    async fn answer(&self, request: Request) -> Result<Response> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, 1 << 20).await?;
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let path = parts.uri.path();
        let is_dbsc = path.starts_with("/_holdfast/dbsc/");
        let is_ours = path.starts_with("/_holdfast/")
            || (path.starts_with("/.well-known/oauth-") && self.fault != Fault::NoMetadata);
        let is_internal = match self.fault {
            Fault::HandsOnVerify => path.starts_with("/verify/"),
            Fault::HandsOnMetrics => path == "/metrics",
            _ => false,
        };
        let mut headers = parts.headers;
        headers.remove("host");
        if is_internal {
            return self.ask(self.internal, parts.method, &target, headers, body).await;
        }
        if is_dbsc && self.fault == Fault::DbscNotRouted {
            return Ok(echo(&headers));
        }
        if is_dbsc && self.fault == Fault::DbscBehindAuth {
            let answer = self.check(&parts.method, &target, &headers).await?;
            if answer.status() != StatusCode::OK {
                return Ok(answer);
            }
        }
        if is_ours {
            return self.hand_on(parts.method, &target, headers, body).await;
        }
        self.protected(parts.method, &target, headers).await
    }

    /// What is Holdfast's.
    async fn hand_on(
        &self,
        method: Method,
        target: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response> {
        if target.ends_with("/refresh") && self.fault == Fault::RateLimit {
            let number = self.refreshes.fetch_add(1, Ordering::Relaxed);
            if number >= 10 {
                return Ok(StatusCode::TOO_MANY_REQUESTS.into_response());
            }
        }
        if self.fault == Fault::DropsSessionId {
            headers.remove("sec-secure-session-id");
        }
        self.forward_address(&mut headers);
        if self.fault == Fault::ForgetsAddress {
            headers.remove("x-forwarded-for");
        }
        headers.insert("host", HeaderValue::from_static("shop.example"));
        let mut response = self.ask(self.public, method, target, headers, body).await?;
        match self.fault {
            Fault::ErrorPages if response.status().is_client_error() && target.contains("/dbsc/") => {
                let page = (response.status(), [("content-type", "text/html")], "<!doctype html>");
                return Ok(page.into_response());
            }
            Fault::UnquotesChallenge => {
                if let Some(challenge) = response.headers().get("secure-session-challenge") {
                    let bare = challenge.to_str()?.replace('"', "");
                    response.headers_mut().insert("secure-session-challenge", bare.parse()?);
                }
            }
            Fault::CookieWithoutSecure => {
                rewrite_cookies(&mut response, |line| line.replace("; Secure", ""))?
            }
            Fault::CookieWithDomain => {
                rewrite_cookies(&mut response, |line| format!("{line}; Domain=shop.example"))?;
            }
            Fault::CookiesJoined => {
                let lines: Vec<_> =
                    response.headers().get_all("set-cookie").iter().map(HeaderValue::to_str).collect();
                let joined = lines.into_iter().collect::<Result<Vec<_>, _>>()?.join(", ");
                if !joined.is_empty() {
                    response.headers_mut().insert("set-cookie", joined.parse()?);
                }
            }
            Fault::RewritesOrigin => {
                let (parts, body) = response.into_parts();
                let text = String::from_utf8(to_bytes(body, 1 << 20).await?.to_vec())?;
                let text =
                    if target.contains("/dbsc/") { text.replace(ORIGIN, "https://10.0.0.1") } else { text };
                return Ok(Response::from_parts(parts, Body::from(text)));
            }
            _ => {}
        }
        Ok(response)
    }

    /// What is the app's: asked about first.
    async fn protected(&self, method: Method, target: &str, client: HeaderMap) -> Result<Response> {
        let mut told = HeaderMap::new();
        if self.fault != Fault::DoesNotAsk {
            let answer = self.check(&method, target, &client).await?;
            if answer.status() != StatusCode::OK {
                return Ok(if self.fault == Fault::RefusalIsAnError {
                    StatusCode::INTERNAL_SERVER_ERROR.into_response()
                } else {
                    answer
                });
            }
            told = answer.headers().clone();
        }
        let mut headers = client;
        if self.fault != Fault::TellsForwarded {
            headers.insert("x-forwarded-for", HeaderValue::from_static("127.0.0.1"));
            headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        }
        headers.remove("holdfast-gateway-secret");
        if self.fault == Fault::SecretToTheApp {
            headers.insert("holdfast-gateway-secret", HeaderValue::from_static(GATEWAY_SECRET));
        }
        for name in IDENTITY {
            if self.fault != Fault::KeepsIdentity {
                headers.remove(name);
            }
            if let Some(value) = told.get(name).filter(|_| self.fault != Fault::ForgetsIdentity) {
                headers.append(name, value.clone());
            }
        }
        let mut response = echo(&headers);
        if let Some(nonce) = told.get("dpop-nonce") {
            response.headers_mut().insert("dpop-nonce", nonce.clone());
        }
        Ok(response)
    }

    async fn check(&self, method: &Method, target: &str, client: &HeaderMap) -> Result<Response> {
        let mut headers = client.clone();
        let believed = |name: &str, own: &str| {
            client.get(name).cloned().map_or_else(|| HeaderValue::from_str(own), Ok).context("a header")
        };
        let host = if self.fault == Fault::BelievesHost {
            believed("x-forwarded-host", "shop.example")?
        } else {
            HeaderValue::from_static("shop.example")
        };
        let method = if self.fault == Fault::BelievesMethod {
            believed("x-forwarded-method", method.as_str())?
        } else {
            method.as_str().parse()?
        };
        headers.insert("x-forwarded-host", host);
        headers.insert("x-forwarded-method", method);
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        headers.insert("x-forwarded-uri", target.parse()?);
        self.forward_address(&mut headers);
        let secret = if self.fault == Fault::WrongSecret { "another" } else { GATEWAY_SECRET };
        headers.insert("holdfast-gateway-secret", secret.parse()?);
        match self.fault {
            Fault::HidesAliases => {
                let aliases: Vec<HeaderName> =
                    headers.keys().filter(|name| name.as_str().starts_with("holdfast_")).cloned().collect();
                for name in aliases {
                    headers.remove(name);
                }
            }
            Fault::PicksACookie => {
                let cookies = headers.get("cookie").map(HeaderValue::to_str).transpose()?.unwrap_or_default();
                let first = cookies.split(';').next().unwrap_or_default().parse()?;
                headers.insert("cookie", first);
            }
            Fault::DropsAuthorization => {
                headers.remove("authorization");
            }
            _ => {}
        }
        self.ask(self.internal, Method::GET, "/verify/caddy", headers, Bytes::new()).await
    }

    /// The client's address, as this gateway saw it.
    fn forward_address(&self, headers: &mut HeaderMap) {
        if self.fault != Fault::BelievesAddress || !headers.contains_key("x-forwarded-for") {
            // Who forgets an address forgets it of somebody who is not on this machine.
            let client = if self.fault == Fault::ForgetsAddress { "203.0.113.9" } else { "127.0.0.1" };
            headers.insert("x-forwarded-for", HeaderValue::from_static(client));
        }
    }

    async fn ask(
        &self,
        address: SocketAddr,
        method: Method,
        target: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response> {
        let request = self.client.request(method, format!("http://{address}{target}")).headers(headers);
        let answer = request.body(body).send().await?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        for name in ["content-length", "transfer-encoding", "connection"] {
            headers.remove(name);
        }
        let mut response = Response::new(Body::from(answer.bytes().await?));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// The app: it shows what reaches it.
fn echo(headers: &HeaderMap) -> Response {
    let lines = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    lines.collect::<String>().into_response()
}

fn rewrite_cookies(response: &mut Response, rewrite: impl Fn(&str) -> String) -> Result<()> {
    let lines: Vec<HeaderValue> = response.headers().get_all("set-cookie").iter().cloned().collect();
    response.headers_mut().remove("set-cookie");
    for line in lines {
        response.headers_mut().append("set-cookie", rewrite(line.to_str()?).parse()?);
    }
    Ok(())
}
