//! Events that are fetched (RFC 8936) from a transmitter of the test's own.

#![expect(clippy::indexing_slicing, reason = "what is not as it should be fails the test")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing::post};
use holdfast_tests::server::{Server, Settings};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::*;

/// What is to be fetched, and what was said about it.
#[derive(Default)]
struct Outbox {
    waiting: BTreeMap<String, String>,
    acknowledged: Vec<String>,
    errors: BTreeMap<String, Value>,
    asked: usize,
    authorizations: Vec<String>,
    fails: bool,
}

#[derive(Clone, Default)]
struct Polled(Arc<Mutex<Outbox>>);

impl Polled {
    fn state(&self) -> MutexGuard<'_, Outbox> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, jti: &str, set: String) {
        self.state().waiting.insert(jti.to_owned(), set);
    }

    async fn start(&self) -> Result<String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/poll", listener.local_addr()?);
        let router = Router::new().route("/poll", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(url)
    }

    async fn answered(&self, count: usize) -> Result<()> {
        until("every event is answered", async || {
            let state = self.state();
            Ok(state.acknowledged.len() + state.errors.len() >= count && state.waiting.is_empty())
        })
        .await
    }
}

async fn answer(State(polled): State<Polled>, headers: HeaderMap, body: String) -> Response {
    let request: Value = serde_json::from_str(&body).unwrap_or_default();
    let sets = {
        let mut state = polled.state();
        state.asked += 1;
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
        state.authorizations.push(authorization.unwrap_or_default().to_owned());
        if state.fails {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        for jti in request["ack"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            state.waiting.remove(jti);
            state.acknowledged.push(jti.to_owned());
        }
        for (jti, error) in request["setErrs"].as_object().into_iter().flatten() {
            state.waiting.remove(jti);
            state.errors.insert(jti.clone(), error.clone());
        }
        state.waiting.clone()
    };
    if sets.is_empty() {
        // Held back, as transmitters do.
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    json!({ "sets": sets }).to_string().into_response()
}

async fn polling(transmitter: &Transmitter, url: &str, settings: Settings) -> Result<Server> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("idp.jwks"), transmitter.jwks())?;
    std::fs::write(folder.path().join("poll.token"), "token-of-ours\n")?;
    Server::in_folder(folder, fetching(url, settings)).await
}

fn fetching(url: &str, settings: Settings) -> Settings {
    receiver(settings)
        .set("signals.receivers.0.poll_url", url)
        .set("signals.receivers.0.poll_token_file", "poll.token")
}

#[tokio::test]
async fn what_is_fetched_has_its_effect_and_is_acknowledged() -> Result<()> {
    let (transmitter, polled) = (Transmitter::new()?, Polled::default());
    let server = polling(&transmitter, &polled.start().await?, Settings::default()).await?;
    let [alice, bob] = [server.login("alice").await?, server.login("bob").await?];
    polled.add("good", transmitter.set(&server, SESSION_REVOKED, email("alice"), json!({})));
    polled.add("garbage", "x.y.z".to_owned());
    let foreign = json!({ "iss": "https://evil.example", "sub_id": email("bob") });
    polled.add("foreign", transmitter.set_with(&server, json!({}), foreign));
    polled.answered(3).await?;
    assert_eq!(server.check(&alice.cookie).await?.verdict(), ("deny", "session_ended"));
    assert_eq!(server.check(&bob.cookie).await?.verdict().0, "allow");
    let state = polled.state();
    assert_eq!(state.acknowledged, ["good"]);
    assert_eq!(state.errors["garbage"]["err"], "invalid_request");
    assert_eq!(state.errors["foreign"]["err"], "invalid_issuer");
    assert!(state.authorizations.iter().all(|value| value == "Bearer token-of-ours"));
    Ok(())
}

#[tokio::test]
async fn a_transmitter_that_was_down_is_asked_again() -> Result<()> {
    let (transmitter, polled) = (Transmitter::new()?, Polled::default());
    polled.state().fails = true;
    let server = polling(&transmitter, &polled.start().await?, Settings::default()).await?;
    let alice = server.login("alice").await?;
    polled.add("1", transmitter.set(&server, ACCOUNT_DISABLED, email("alice"), json!({})));
    until("it was asked twice", async || Ok(polled.state().asked >= 2)).await?;
    assert_eq!(server.check(&alice.cookie).await?.verdict().0, "allow");
    polled.state().fails = false;
    polled.answered(1).await?;
    assert_eq!(server.check(&alice.cookie).await?.verdict().0, "deny");
    Ok(())
}

#[tokio::test]
async fn what_comes_again_after_a_restart_has_no_second_effect() -> Result<()> {
    let (transmitter, polled) = (Transmitter::new()?, Polled::default());
    let server = polling(&transmitter, &polled.start().await?, Settings::default().on_disk()).await?;
    server.login("alice").await?;
    let set = transmitter.set(&server, SESSION_REVOKED, email("alice"), json!({}));
    polled.add("1", set.clone());
    polled.answered(1).await?;
    let server = server.restart().await?;
    let alice = server.login("alice").await?;
    polled.add("1", set);
    polled.answered(2).await?;
    assert_eq!(server.check(&alice.cookie).await?.verdict().0, "allow");
    assert_eq!(polled.state().acknowledged, ["1", "1"]);
    Ok(())
}

#[tokio::test]
async fn a_reload_begins_and_ends_the_fetching() -> Result<()> {
    let (transmitter, polled) = (Transmitter::new()?, Polled::default());
    let url = polled.start().await?;
    let server = polling(&transmitter, &url, Settings::default()).await?;
    until("it is asked", async || Ok(polled.state().asked > 0)).await?;
    server.reload(Settings::default()).await?;
    // One question may be on its way.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let asked = polled.state().asked;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(polled.state().asked, asked);
    server.reload(fetching(&url, Settings::default())).await?;
    until("it is asked again", async || Ok(polled.state().asked > asked)).await?;
    let bad = fetching(&url, Settings::default()).set("signals.receivers.0.poll_token_file", "missing");
    let refused = server.reload(bad).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("poll_token_file"), "{refused}");
    Ok(())
}
