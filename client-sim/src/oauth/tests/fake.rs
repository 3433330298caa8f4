//! A server that keeps no rules: everybody gets tokens and every page, unless it was told otherwise.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use url::Url;

use crate::Setup;
use crate::canned::{self, Canned};
use crate::clock::{Clock, ManualClock};
use crate::encoding::from_base64url;
use crate::oauth::Registration;
use crate::origin::Origin;

/// A decision that sends the client what stands in `answer`.
pub(crate) fn denied(answer: &Canned) -> Canned {
    let headers: Vec<[&str; 2]> =
        answer.headers.iter().map(|(name, value)| [*name, value.as_str()]).collect();
    let decision = json!({
        "decision": "deny", "reason": "invalid_token", "status": answer.status, "session": null,
        "response_headers": headers,
    });
    Canned::status(200).body(&decision.to_string())
}

/// What a proof says.
pub(crate) fn claims_of(proof: &str) -> Value {
    serde_json::from_slice(&from_base64url(proof.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        crate::http::joined(&self.headers, name)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    pub(crate) fn refresh_token(&self) -> Option<String> {
        self.form().remove("refresh_token")
    }

    /// The proof, of the request itself or of the one that a check is about.
    fn proof(&self) -> Option<String> {
        let json = self.json();
        let listed = json["headers"].as_array().into_iter().flatten();
        let inner =
            listed.filter(|header| header[0].as_str().is_some_and(|n| n.eq_ignore_ascii_case("dpop")));
        let inner = inner.filter_map(|header| header[1].as_str().map(str::to_owned)).next();
        self.header("dpop").or(inner)
    }
}

#[derive(Debug, Default)]
struct Inner {
    seen: Vec<Seen>,
    canned: BTreeMap<String, VecDeque<Canned>>,
    tokens: usize,
}

/// The running server.
pub(crate) struct Fake {
    address: Url,
    inner: Arc<Mutex<Inner>>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let inner = Arc::new(Mutex::new(Inner::default()));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let address = canned::serve(router).await;
        Self { address, inner, clock: Arc::new(ManualClock::default()) }
    }

    /// A setup that knows one client.
    pub(crate) fn setup(&self) -> Setup {
        let origin = Origin::parse("https://shop.example").unwrap();
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
        let (public, api) = (self.address.clone(), self.address.clone());
        let mut setup = Setup::new(origin, public, api, "token".to_owned(), clock);
        setup.client = Some(Registration::public("shop-cli"));
        setup
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse("https://shop.example").unwrap().join(path).unwrap()
    }

    /// What a path answers next.
    pub(crate) fn answer_with(&self, path: &str, answers: impl IntoIterator<Item = Canned>) {
        self.inner.lock().unwrap().canned.entry(path.to_owned()).or_default().extend(answers);
    }

    pub(crate) fn seen(&self, path: &str) -> Vec<Seen> {
        self.inner.lock().unwrap().seen.iter().filter(|seen| seen.path == path).cloned().collect()
    }

    /// Every proof that arrived, in order.
    pub(crate) fn proofs(&self) -> Vec<String> {
        self.inner.lock().unwrap().seen.iter().filter_map(Seen::proof).collect()
    }
}

async fn answer(State(inner): State<Arc<Mutex<Inner>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec();
    let mut inner = inner.lock().unwrap();
    let path = parts.uri.path().to_owned();
    inner.seen.push(Seen { path: path.clone(), headers: parts.headers, body });
    if let Some(canned) = inner.canned.get_mut(&path).and_then(VecDeque::pop_front) {
        return canned.response();
    }
    let session =
        json!({ "id": "hs_1", "user": "alice", "state": "active", "binding": { "method": "dpop" } });
    let body = match path.as_str() {
        "/v1/sessions" => json!({ "code": "code", "expires_in": 60, "session": session }),
        "/v1/check" => json!({ "decision": "allow", "reason": "ok", "status": 200, "session": session }),
        "/_holdfast/oauth/token" => {
            inner.tokens += 1;
            let [access, refresh] = ["access", "refresh"].map(|kind| format!("{kind}-{}", inner.tokens));
            json!({
                "access_token": access, "token_type": "DPoP", "expires_in": 600, "refresh_token": refresh,
                "scope": "read",
            })
        }
        "/_holdfast/oauth/nonce" if parts.method == Method::HEAD => {
            return Canned::status(204).with("dpop-nonce", "fetched").response();
        }
        _ => session,
    };
    let created = parts.method == Method::POST && path == "/v1/sessions";
    Canned::status(if created { 201 } else { 200 }).body(&body.to_string()).response()
}
