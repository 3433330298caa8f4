//! Spans on their way to a collector: OTLP over HTTP in its JSON encoding (OpenTelemetry Protocol 1.7 §"OTLP/HTTP").
//!
//! No request waits for the collector. What it does not take in time is lost, and counted.

use std::{sync::Arc, time::Duration};

use holdfast_core::UnixTime;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::JoinHandle,
    time::timeout,
};

use super::{Finished, Log, Metrics};
use crate::{Clock, config::TelemetryConfig, issuers};

/// The queue of a collector, if there is one.
pub(crate) struct Spans {
    queue: Mutex<Option<Sender<Finished>>>,
    task: Mutex<Option<JoinHandle<()>>>,
    metrics: Arc<Metrics>,
}

impl Spans {
    /// Begins to tell the collector of the configuration.
    ///
    /// # Errors
    /// If there can be no HTTP client.
    pub(crate) fn start(
        config: &TelemetryConfig,
        clock: &Clock,
        log: &Arc<Log>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, String> {
        let (mut queue, mut task) = (None, None);
        if let Some(endpoint) = &config.otlp_endpoint {
            let (sender, receiver) = channel(MOST_WAITING);
            let exporter = Exporter {
                client: issuers::client()?,
                endpoint: endpoint.clone(),
                clock: clock.clone(),
                log: Arc::clone(log),
                metrics: Arc::clone(metrics),
            };
            queue = Some(sender);
            task = Some(tokio::spawn(exporter.export(receiver)));
        }
        Ok(Self { queue: Mutex::new(queue), task: Mutex::new(task), metrics: Arc::clone(metrics) })
    }

    /// Hands a span over, or loses it if too many wait.
    pub(crate) fn record(&self, finished: Finished) {
        if let Some(queue) = &*self.queue.lock()
            && queue.try_send(finished).is_err()
        {
            self.metrics.spans_lost(1);
        }
    }

    /// Tells what still waits, for a moment, and nothing more.
    pub(crate) async fn close(&self) {
        drop(self.queue.lock().take());
        let task = self.task.lock().take();
        if let Some(task) = task {
            let _ = timeout(LAST_WORDS, task).await;
        }
    }
}

struct Exporter {
    client: reqwest::Client,
    endpoint: String,
    clock: Clock,
    log: Arc<Log>,
    metrics: Arc<Metrics>,
}

impl Exporter {
    async fn export(self, mut waiting: Receiver<Finished>) {
        let mut batch = Vec::with_capacity(MOST_AT_ONCE);
        // So that an outage is told once, and its end too.
        let mut failing = false;
        while waiting.recv_many(&mut batch, MOST_AT_ONCE).await > 0 {
            let gathering = async {
                while batch.len() < MOST_AT_ONCE {
                    let room = MOST_AT_ONCE - batch.len();
                    if waiting.recv_many(&mut batch, room).await == 0 {
                        break;
                    }
                }
            };
            let _ = timeout(GATHER, gathering).await;
            match (self.send(&batch).await, failing) {
                (Ok(()), true) => {
                    self.log
                        .info(self.clock.now(), "the collector of telemetry.otlp_endpoint takes spans again");
                    failing = false;
                }
                (Ok(()), false) => {}
                (Err(what), told) => {
                    self.metrics.spans_lost(batch.len());
                    if !told {
                        let says = "the collector of telemetry.otlp_endpoint takes no spans";
                        self.log
                            .warn(self.clock.now(), &format!("{says}: {what}; they are lost until it does"));
                    }
                    failing = true;
                }
            }
            batch.clear();
        }
    }

    async fn send(&self, batch: &[Finished]) -> Result<(), String> {
        let body = document(batch).to_string();
        let json = "application/json";
        let request = self.client.post(&self.endpoint).header(http::header::CONTENT_TYPE, json).body(body);
        let response = request.send().await.map_err(|error| issuers::describe(&error))?;
        if response.status().is_success() {
            Ok(())
        } else {
            Err(format!("it answers {}", response.status().as_u16()))
        }
    }
}

/// An `ExportTraceServiceRequest`.
fn document(batch: &[Finished]) -> Value {
    let service = [text("service.name", "holdfast"), text("service.version", env!("CARGO_PKG_VERSION"))];
    let spans: Vec<Value> = batch.iter().map(span).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": service },
        "scopeSpans": [{ "scope": { "name": "holdfast" }, "spans": spans }],
    }] })
}

/// A span of a server, in the words of the semantic conventions for HTTP (1.23 and later).
fn span(finished: &Finished) -> Value {
    let Finished { trace, method, path, status, .. } = finished;
    let route = route_of(path, *status);
    let name = route.as_ref().map_or_else(|| method.to_string(), |route| format!("{method} {route}"));
    let mut attributes = vec![
        text("http.request.method", method.as_str()),
        text("url.path", path),
        json!({ "key": "http.response.status_code", "value": { "intValue": status.to_string() } }),
        text("client.address", &finished.client.to_string()),
        text("holdfast.listener", finished.listener),
        text("holdfast.request_id", &finished.request_id),
    ];
    attributes.extend(route.map(|route| text("http.route", &route)));
    attributes.extend(finished.code.map(|code| text("holdfast.code", code)));
    let ended = finished.began.after(finished.took);
    // A refusal is an answer; only our own trouble is an error of a server's span.
    let status = if *status >= 500 { json!({ "code": 2 }) } else { json!({}) };
    json!({
        "traceId": trace.trace_id.to_string(),
        "spanId": trace.span_id.to_string(),
        "parentSpanId": trace.parent.map_or_else(String::new, |parent| parent.to_string()),
        "name": name,
        "kind": 2,
        "startTimeUnixNano": nanos(finished.began, Duration::ZERO),
        "endTimeUnixNano": nanos(ended, sub_millis(finished.took)),
        "attributes": attributes,
        "status": status,
    })
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// 64-bit numbers are texts in JSON (proto3).
fn nanos(at: UnixTime, more: Duration) -> String {
    (u128::from(at.as_millis()) * 1_000_000 + more.as_nanos()).to_string()
}

/// What a [`UnixTime`] does not hold of a span of time.
fn sub_millis(span: Duration) -> Duration {
    Duration::from_nanos(u64::from(span.subsec_nanos() % 1_000_000))
}

/// The route of a path, so that spans of one kind have one name. None for what is not in the table of routes: its name would
/// be the client's choice.
fn route_of(path: &str, status: u16) -> Option<String> {
    if matches!(status, 404 | 405 | 429) {
        return None;
    }
    if path.starts_with("/verify/envoy/") {
        return Some("/verify/envoy/{*path}".to_owned());
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    match parts.as_mut_slice() {
        ["", "v1", "sessions", id] | ["", "v1", "sessions", id, _] => *id = "{id}",
        ["", "v1", "users", user, _] => *user = "{user}",
        _ => {}
    }
    Some(parts.join("/"))
}

/// Beyond this the collector is not slow but gone. A span takes about 300 bytes.
const MOST_WAITING: usize = 8192;

const MOST_AT_ONCE: usize = 512;

/// How long a span waits for others, so that they are told together.
const GATHER: Duration = Duration::from_secs(1);

/// How long a stopping server tells of its last spans.
const LAST_WORDS: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_one_kind_have_one_name() {
        for (path, status, route) in [
            ("/v1/sessions/hs_x", 200, Some("/v1/sessions/{id}")),
            ("/v1/sessions/hs_x/regenerate", 201, Some("/v1/sessions/{id}/regenerate")),
            ("/v1/users/alice/sessions", 200, Some("/v1/users/{user}/sessions")),
            ("/v1/sessions", 200, Some("/v1/sessions")),
            ("/verify/envoy/orders/7", 200, Some("/verify/envoy/{*path}")),
            ("/_holdfast/dbsc/refresh", 503, Some("/_holdfast/dbsc/refresh")),
            ("/whatever/7", 404, None),
        ] {
            assert_eq!(route_of(path, status).as_deref(), route, "{path}");
        }
    }
}
