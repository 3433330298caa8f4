//! Walks the steps with the library for Rust.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use axum::{Extension, Router};
use holdfast_client::{Api, AssertionLayer, Begun, Binding, Error, Identity, Refusal, Verifier};
use holdfast_tests::http::plain_client;
use holdfast_tests::server::TOKEN;
use serde_json::{Value, json};
use tower_layer::Layer as _;
use tower_service::Service as _;

use crate::plan::Plan;

/// The steps by name, and what came of each.
pub(crate) async fn walk(plan: &Plan) -> Result<Vec<(String, String)>> {
    let mut walker = Walker::new(plan)?;
    let mut outcomes = Vec::new();
    for (step, _) in &plan.steps {
        let name = text(step, "name").to_owned();
        let outcome = walker.take(step).await.with_context(|| name.clone())?;
        outcomes.push((name, outcome));
    }
    Ok(outcomes)
}

struct Walker {
    plan: Plan,
    http: reqwest::Client,
    layer: AssertionLayer,
    verifier: Arc<Verifier>,
    /// By how many seconds the age of keys is ahead of the time.
    later: Arc<AtomicU64>,
    api: Api,
    id: String,
    cookie: String,
}

impl Walker {
    fn new(plan: &Plan) -> Result<Self> {
        let http = plain_client()?;
        let later = Arc::<AtomicU64>::default();
        let seconds = Arc::clone(&later);
        let clock = move || Instant::now() + Duration::from_secs(seconds.load(Ordering::SeqCst));
        let verifier = Arc::new(Verifier::new(http.clone(), &plan.api, &plan.origin).with_clock(clock));
        Ok(Self {
            layer: AssertionLayer::new(Arc::clone(&verifier)),
            verifier,
            later,
            api: Api::new(http.clone(), &plan.internal, TOKEN).context("a token")?,
            http,
            plan: plan.clone(),
            id: String::new(),
            cookie: String::new(),
        })
    }

    async fn take(&mut self, step: &Value) -> Result<String> {
        Ok(match text(step, "do") {
            "verify" => told(self.verify(step).await.map(|identity| identity.user)),
            "level" => {
                let wanted: Binding = serde_json::from_value(step["level"].clone())?;
                told(self.verify(step).await.map(|identity| (identity.binding >= wanted).to_string()))
            }
            "guard" => self.guard(step).await?,
            "advance" => {
                self.later.fetch_add(step["seconds"].as_u64().context("no seconds")?, Ordering::SeqCst);
                "done".to_owned()
            }
            "get" => self.http.get(text(step, "url")).send().await?.text().await?,
            "begin" => {
                let begun = self.api.begin(&json!({ "user": step["user"] })).await;
                said(begun.map(|begun| text(&self.remember(begun), "user").to_owned()))
            }
            "check" => {
                let url = format!("{}/", self.plan.origin);
                let question = json!({ "method": "GET", "url": url, "headers": [["Cookie", self.cookie]] });
                said(self.api.check(&question).await.map(|answer| text(&answer, "reason").to_owned()))
            }
            "session" => {
                said(self.api.session(&self.id).await.map(|session| text(&session, "state").to_owned()))
            }
            "regenerate" => {
                let before = self.id.clone();
                let begun = self.api.regenerate(&before, &json!({ "acr": "mfa" })).await;
                said(begun.map(|begun| {
                    let session = self.remember(begun);
                    let age = if self.id == before { "old" } else { "new" };
                    format!("{age} {}", text(&session["auth"], "acr"))
                }))
            }
            "end" => said(self.api.end(&self.id).await.map(|()| "null".to_owned())),
            "end_user" => {
                said(self.api.end_user(text(step, "user")).await.map(|answer| answer["ended"].to_string()))
            }
            "wrong_token" => self.read_with(&self.plan.internal).await?,
            "nobody" => self.read_with(&self.plan.nobody).await?,
            other => bail!("no step {other}"),
        })
    }

    async fn verify(&self, step: &Value) -> Result<Identity, Refusal> {
        self.verifier.verify(text(step, "assertion"), text(step, "method"), text(step, "path")).await
    }

    /// Through a router of axum that has the layer around it.
    async fn guard(&self, step: &Value) -> Result<String> {
        let hello = any(|Extension(identity): Extension<Identity>| async move { identity.user });
        let mut app = self.layer.layer(Router::new().fallback(hello));
        let mut request = Request::builder().method(text(step, "method")).uri(text(step, "target"));
        for assertion in step["assertions"].as_array().context("no assertions")? {
            request = request.header("holdfast-assertion", assertion.as_str().unwrap_or_default());
        }
        let answer = app.call(request.body(Body::empty())?).await?;
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 1024).await?;
        Ok(format!("{status} {}", String::from_utf8_lossy(&body)).trim_end().to_owned())
    }

    async fn read_with(&self, base: &str) -> Result<String> {
        let api = Api::new(self.http.clone(), base, "no").context("a token")?;
        Ok(said(api.session("hs_x").await.map(|session| session.to_string())))
    }

    fn remember(&mut self, begun: Begun) -> Value {
        let cookie = begun.response_headers.iter().find(|(name, _)| name == "Set-Cookie");
        let cookie = cookie.and_then(|(_, value)| value.split(';').next());
        self.cookie = cookie.unwrap_or_default().to_owned();
        self.id = text(&begun.session, "id").to_owned();
        begun.session
    }
}

fn told(outcome: Result<String, Refusal>) -> String {
    outcome.unwrap_or_else(|refusal| match refusal {
        Refusal::Invalid => "refused".to_owned(),
        Refusal::Unavailable => "unavailable".to_owned(),
    })
}

fn said(outcome: Result<String, Error>) -> String {
    outcome.unwrap_or_else(|error| match error {
        Error::Refused(status, _) if status < 500 => format!("call refused {status}"),
        Error::Refused(..) | Error::Unreachable(_) => "unavailable".to_owned(),
    })
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
