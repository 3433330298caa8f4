//! What an attacker tries. Each attack is told in gateways' terms and works on any proxy.

use anyhow::{Context as _, Result};
use holdfast_tests::server::{COOKIE, Call, HINT};
use reqwest::Method;

use crate::gate::Gate;
use crate::raw;

/// A way to get what one should not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    /// A header with a dot that CGI reads as ours (GHSA-x677-9fxg-v5c5).
    Dot,
    /// The left side of `X-Forwarded-For`.
    ForgedClient,
    /// `X-Forwarded-Method` of a public route.
    ForgedMethod,
    /// `X-Forwarded-Prefix` of a public route (CVE-2026-35051).
    ForgedPrefix,
    /// `X-Forwarded-Uri` of a public route (GHSA-7x63-xv5r-3p2x).
    ForgedUri,
    /// A fragment that looks like a public route (GHSA-pxq7-h93f-9jrg).
    Fragment,
    /// The `User-Agent` of a health check (GHSA-5hvv-m4w4-gf6v).
    HealthCheck,
    /// `Set-Cookie` of the app, overwritten by the gateway's.
    LostCookies,
    /// An encoded way out of a protected path that ends at the open one.
    OpenInDisguise,
    /// Holdfast does not answer. This one comes last: it stays so.
    Outage,
    /// A refresh that is answered by the gateway.
    PageBeforeRefresh,
    /// A query that looks like a public route (GHSA-7rh7-c77v-6434).
    Query,
    /// A redirect of the check that the gateway cannot pass on.
    RedirectIsError,
    /// Two session cookies, of which the attacker's is the first.
    TwoCookies,
    /// A header with an underscore that CGI reads as ours (GHSA-vjrc-mh2v-45x6).
    Underscore,
    /// An identity header that the gateway does not set (GHSA-7r4p-vjf4-gxv4).
    Unset,
}

impl Attack {
    pub(super) const ALL: [Self; 16] = [
        Self::Dot,
        Self::ForgedClient,
        Self::ForgedMethod,
        Self::ForgedPrefix,
        Self::ForgedUri,
        Self::Fragment,
        Self::HealthCheck,
        Self::LostCookies,
        Self::OpenInDisguise,
        Self::PageBeforeRefresh,
        Self::Query,
        Self::RedirectIsError,
        Self::TwoCookies,
        Self::Underscore,
        Self::Unset,
        Self::Outage,
    ];

    /// Tries it, and says whether the attacker has got what he wanted.
    pub(super) async fn succeeds(self, gate: &mut Gate) -> Result<bool> {
        match self {
            Self::Dot => imitated(gate, "Holdfast.User").await,
            Self::ForgedClient => forged_client(gate).await,
            Self::ForgedMethod => {
                reaches(gate, gate.get("/orders").header("x-forwarded-method", "OPTIONS")).await
            }
            Self::ForgedPrefix => {
                reaches(gate, gate.get("/orders").header("x-forwarded-prefix", "/public")).await
            }
            Self::ForgedUri => {
                let call = gate.get("/orders").header("x-forwarded-uri", "/public/x");
                let call = call.header("x-original-uri", "/public/x").header("x-rewrite-url", "/public/x");
                reaches(gate, call).await
            }
            Self::Fragment => fragment(gate).await,
            Self::HealthCheck => {
                reaches(gate, gate.get("/orders").header("user-agent", "kube-probe/1.30")).await
            }
            Self::LostCookies => lost_cookies(gate).await,
            Self::OpenInDisguise => open_in_disguise(gate).await,
            Self::Outage => {
                gate.house.stop().await;
                reaches(gate, gate.get("/orders")).await
            }
            Self::PageBeforeRefresh => page_before_refresh(gate).await,
            Self::Query => reaches(gate, gate.get("/orders?next=/public/")).await,
            Self::RedirectIsError => redirect_is_error(gate).await,
            Self::TwoCookies => two_cookies(gate).await,
            Self::Underscore => imitated(gate, "Holdfast_User").await,
            Self::Unset => unset(gate).await,
        }
    }
}

/// Whether a request gets to the app without any session.
async fn reaches(gate: &Gate, call: Call) -> Result<bool> {
    let before = gate.app.seen().len();
    call.send().await?;
    Ok(gate.app.seen().len() > before)
}

/// Whether the app takes a stranger on the login page, or a user elsewhere, for somebody else.
async fn imitated(gate: &Gate, name: &str) -> Result<bool> {
    gate.get("/login").header(name, "root").send().await?;
    let alice = gate.login("alice").await?;
    gate.get("/orders").cookie(&alice.cookie).header(name, "root").send().await?;
    Ok(gate.app.seen().iter().any(|seen| seen.as_cgi("holdfast-user") == "root"))
}

async fn forged_client(gate: &Gate) -> Result<bool> {
    let alice = gate.login("alice").await?;
    let before = gate.house.audit().named("session.checked").len();
    let call = gate.get("/orders").cookie(&alice.cookie).header("x-forwarded-for", "198.51.100.9, 192.0.2.1");
    call.send().await?.expect(200)?;
    let checked = gate.house.audit().wait_for("session.checked", before + 1).await?;
    let address = checked.last().context("no check")?["client_ip"].clone();
    Ok(address != "127.0.0.1")
}

async fn fragment(gate: &Gate) -> Result<bool> {
    let before = gate.app.seen().len();
    let request = "GET /orders#/public/ HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    raw::over_tls(&gate.authority, gate.proxy.https, request).await?;
    Ok(gate.app.seen().len() > before)
}

async fn lost_cookies(gate: &Gate) -> Result<bool> {
    let alice = gate.login("alice").await?;
    let answer = gate.get("/cookies").cookie(&alice.cookie).send().await?.expect(200)?;
    let cookies = answer.all("set-cookie");
    Ok(!["basket=1", "theme=dark"]
        .iter()
        .all(|wanted| cookies.iter().any(|cookie| cookie.starts_with(wanted))))
}

/// To the proxy this is the open path; what the app makes of it, nobody knows.
async fn open_in_disguise(gate: &Gate) -> Result<bool> {
    let before = gate.app.seen().len();
    for path in ["/account/..%2flogin", "/account/%2e%2e/login", "/account/../login", "//login", "/LOGIN"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n");
        raw::over_tls(&gate.authority, gate.proxy.https, &request).await?;
    }
    Ok(gate.app.seen().iter().skip(before).any(|seen| seen.target != "/login"))
}

async fn page_before_refresh(gate: &Gate) -> Result<bool> {
    let bound = gate.house.api.bind("alice").await?;
    let refresh = gate.request(Method::POST, "/_holdfast/dbsc/refresh").header("content-length", "0");
    let answer = refresh.header("sec-secure-session-id", &bound.id).send().await?;
    Ok((answer.status, answer.challenge(&bound.id).is_some()) != (403, true))
}

async fn redirect_is_error(gate: &Gate) -> Result<bool> {
    let call =
        gate.get("/orders").header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "navigate");
    let call = call.header("sec-fetch-dest", "document").header("cookie", &format!("{HINT}=1"));
    Ok(call.send().await?.status >= 500)
}

/// Alice's browser has been given a cookie of mallory's, and works as mallory without knowing it.
async fn two_cookies(gate: &Gate) -> Result<bool> {
    let (alice, mallory) = (gate.login("alice").await?, gate.login("mallory").await?);
    let cookies = format!("{COOKIE}={}; {COOKIE}={}", mallory.cookie, alice.cookie);
    gate.get("/orders").header("cookie", &cookies).send().await?;
    Ok(gate.app.seen().iter().any(|seen| seen.as_cgi("holdfast-user") == "mallory"))
}

async fn unset(gate: &Gate) -> Result<bool> {
    let alice = gate.login("alice").await?;
    let call = gate.get("/orders").cookie(&alice.cookie).header("holdfast-scope", "admin");
    call.send().await?.expect(200)?;
    Ok(gate.app.last()?.as_cgi("holdfast-scope") == "admin")
}

/// Two routes that are open, beside what the recipe says.
pub(super) const VARIABLES: &[(&str, &str)] = &[
    ("ROUTES__1__PATH", "/public/"),
    ("ROUTES__1__PUBLIC", "true"),
    ("ROUTES__2__PATH", "/"),
    ("ROUTES__2__METHODS", "OPTIONS"),
    ("ROUTES__2__PUBLIC", "true"),
];
