//! A server that keeps no rules: it answers well by default, and as told when told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Method};
use url::Url;

use super::super::{Browser, Network, Page, Visit};
use crate::canned::{self, Canned};
use crate::clock::{Clock, ManualClock};
use crate::http::Transport;
use crate::key::KeyMaker;
use crate::origin::Origin;
use crate::wire::{CHALLENGE, REGISTRATION, RESPONSE};

/// A request that arrived.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    path: String,
    headers: HeaderMap,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<String> {
        crate::http::joined(&self.headers, name)
    }
}

#[derive(Debug)]
struct Inner {
    seen: Vec<Seen>,
    canned: VecDeque<Canned>,
    bound_cookie: String,
    challenges: usize,
}

/// The running server.
pub(super) struct Fake {
    address: Url,
    inner: Arc<Mutex<Inner>>,
    pub(super) clock: Arc<ManualClock>,
}

impl Fake {
    pub(super) async fn start() -> Self {
        let inner = Inner {
            seen: Vec::new(),
            canned: VecDeque::new(),
            bound_cookie: "__Host-bound=1; Max-Age=600; Path=/; Secure; HttpOnly; SameSite=Lax".to_owned(),
            challenges: 0,
        };
        let inner = Arc::new(Mutex::new(inner));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let address = canned::serve(router).await;
        Self { address, inner, clock: Arc::new(ManualClock::default()) }
    }

    pub(super) fn browser(&self) -> Browser {
        let origin = Origin::parse(self.origin()).unwrap();
        let public = Transport::new(self.address.clone(), None).unwrap();
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
        Browser::new(Network { origin, public, app: None }, clock, KeyMaker::software())
    }

    pub(super) fn origin(&self) -> &'static str {
        "https://shop.example"
    }

    pub(super) fn url(&self, path: &str) -> Url {
        Url::parse(self.origin()).unwrap().join(path).unwrap()
    }

    pub(super) async fn visit(&self, browser: &mut Browser, path: &str) -> Page {
        browser.visit(Visit::typed(self.url(path))).await.unwrap()
    }

    /// What the two DBSC endpoints answer next.
    pub(super) fn answer_with(&self, answers: impl IntoIterator<Item = Canned>) {
        self.inner.lock().unwrap().canned.extend(answers);
    }

    pub(super) fn set_bound_cookie(&self, line: &str) {
        line.clone_into(&mut self.inner.lock().unwrap().bound_cookie);
    }

    pub(super) fn seen(&self, path: &str) -> Vec<Seen> {
        self.inner.lock().unwrap().seen.iter().filter(|seen| seen.path == path).cloned().collect()
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.inner.lock().unwrap().seen.iter().map(|seen| seen.path.clone()).collect()
    }
}

/// A browser that has logged in and registered.
pub(super) async fn bound(fake: &Fake) -> Browser {
    let mut browser = fake.browser();
    fake.visit(&mut browser, "/login").await;
    browser
}

async fn answer(State(inner): State<Arc<Mutex<Inner>>>, request: Request) -> Response {
    let mut inner = inner.lock().unwrap();
    let path = request.uri().path().to_owned();
    let proof = request.headers().contains_key(RESPONSE);
    let (method, headers) = (request.method().clone(), request.headers().clone());
    inner.seen.push(Seen { method, path: path.clone(), headers });
    let dbsc = path.starts_with("/_holdfast/dbsc/");
    if let Some(canned) = dbsc.then(|| inner.canned.pop_front()).flatten() {
        return canned.response();
    }
    inner.challenges += 1;
    let challenge = format!(r#""c{}";id="sid""#, inner.challenges);
    let offer = r#"(ES256 RS256);path="/_holdfast/dbsc/register";challenge="r""#;
    match path.as_str() {
        "/login" => Canned::status(200).with(REGISTRATION, offer),
        "/clear" => Canned::status(200).with("clear-site-data", "\"storage\""),
        "/html" => Canned::status(200).body("<html>"),
        "/_holdfast/dbsc/register" => {
            Canned::status(200).with("set-cookie", &inner.bound_cookie).body(INSTRUCTIONS)
        }
        "/_holdfast/dbsc/refresh" if proof => {
            Canned::status(200).with("set-cookie", &inner.bound_cookie).with(CHALLENGE, &challenge)
        }
        "/_holdfast/dbsc/refresh" => Canned::status(403).with(CHALLENGE, &challenge),
        _ => Canned::status(200).body("page"),
    }
    .response()
}

pub(super) const INSTRUCTIONS: &str = r#"{"session_identifier":"sid","refresh_url":"/_holdfast/dbsc/refresh",
    "scope":{"include_site":false},"credentials":[{"type":"cookie","name":"__Host-bound",
    "attributes":"Path=/; Secure; HttpOnly; SameSite=Lax"}]}"#;

pub(super) const OTHER_ID: &str = r#"{"session_identifier":"other","scope":{"include_site":false},
    "credentials":[{"type":"cookie","name":"__Host-bound","attributes":"Path=/; Secure"}]}"#;

pub(super) const TERMINATION: &str = r#"{"session_identifier":"sid","continue":false}"#;
