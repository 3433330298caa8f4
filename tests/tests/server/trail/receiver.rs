//! Somebody who takes batches, or does not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// How it behaves at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// It takes what comes.
    Well,
    /// It answers with this status, and takes nothing.
    Answers(u16),
    /// It takes the request and never answers.
    Hangs,
    /// It answers 200 with a megabyte of something else.
    Babbles,
    /// It sends everybody elsewhere.
    Redirects,
    /// It takes at most so many lines at once.
    TakesFew(usize),
}

/// A server for a test.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    mood: Mutex<Mood>,
    batches: Mutex<Vec<(HeaderMap, String)>>,
    asked: Mutex<usize>,
}

impl Receiver {
    pub(super) async fn start(mood: Mood) -> Result<Self> {
        let shared =
            Arc::new(Shared { mood: Mutex::new(mood), batches: Mutex::default(), asked: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/events", listener.local_addr()?);
        let app = Router::new().fallback(take).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, shared })
    }

    pub(super) fn becomes(&self, mood: Mood) {
        *locked(&self.shared.mood) = mood;
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        *locked(&self.shared.asked)
    }

    /// What it took.
    pub(super) fn batches(&self) -> Vec<(HeaderMap, String)> {
        locked(&self.shared.batches).clone()
    }

    /// The lines it took, in their order.
    pub(super) fn lines(&self) -> Vec<Value> {
        let batches = self.batches();
        let lines = batches.iter().flat_map(|(_, body)| body.lines());
        lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until some line it took fits.
    pub(super) async fn wait_for(&self, fits: impl Fn(&Value) -> bool) -> Result<Vec<Value>> {
        for _ in 0..6000 {
            let lines = self.lines();
            if lines.iter().any(&fits) {
                return Ok(lines);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("it was never told: {:#?}", self.lines())
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    *locked(&shared.asked) += 1;
    let mood = *locked(&shared.mood);
    let body = String::from_utf8_lossy(&body).into_owned();
    match mood {
        Mood::Hangs => std::future::pending().await,
        Mood::Answers(status) => StatusCode::from_u16(status).unwrap_or_default().into_response(),
        Mood::Redirects => {
            (StatusCode::TEMPORARY_REDIRECT, [("location", "http://127.0.0.1:9/")]).into_response()
        }
        Mood::TakesFew(most) if body.lines().count() > most => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Mood::Babbles => {
            locked(&shared.batches).push((headers, body));
            "<html>\u{0}".repeat(100_000).into_response()
        }
        Mood::TakesFew(_) | Mood::Well => {
            locked(&shared.batches).push((headers, body));
            StatusCode::OK.into_response()
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
