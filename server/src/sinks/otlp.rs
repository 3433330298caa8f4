//! OTLP logs over HTTP in the JSON encoding (OpenTelemetry Protocol 1.7 §"OTLP/HTTP", logs data model 1.x).

use holdfast_audit::{Event, Weight};
use serde_json::{Value, json};

use super::Told;

/// What a collector is sent.
pub(super) struct Otlp;

impl Otlp {
    pub(super) fn fill(&self, request: reqwest::RequestBuilder, batch: &[Told]) -> reqwest::RequestBuilder {
        request.header(http::header::CONTENT_TYPE, "application/json").body(document(batch).to_string())
    }

    /// A collector may take some records and refuse others; the protocol forbids to send those again.
    pub(super) async fn judge(&self, mut response: reqwest::Response) -> Option<(u64, String)> {
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MOST_ANSWER {
                return None;
            }
        }
        refused(&bytes)
    }
}

fn refused(answer: &[u8]) -> Option<(u64, String)> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let partial = answer.get("partialSuccess")?;
    let count = partial.get("rejectedLogRecords")?;
    // 64-bit numbers are texts in JSON (proto3), and numbers are taken too.
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok()).filter(|count| *count > 0)?;
    let why: String =
        partial.get("errorMessage").and_then(Value::as_str).unwrap_or_default().chars().take(200).collect();
    Some((count, format!("{why:?}")))
}

/// An `ExportLogsServiceRequest`.
fn document(batch: &[Told]) -> Value {
    let service = [text("service.name", "holdfast"), text("service.version", env!("CARGO_PKG_VERSION"))];
    let records: Vec<Value> = batch.iter().map(record).collect();
    json!({ "resourceLogs": [{
        "resource": { "attributes": service },
        "scopeLogs": [{ "scope": { "name": "holdfast.audit" }, "logRecords": records }],
    }] })
}

/// The body is the event in the format of the sink; attributes are what a collector filters by.
fn record(told: &Told) -> Value {
    let mut record = json!({ "body": { "stringValue": told.text } });
    let (Value::Object(members), Some(event)) = (&mut record, &told.event) else { return record };
    let nanos = (u128::from(event.at().as_millis()) * 1_000_000).to_string();
    let (number, word) = match event.weight() {
        Weight::Information => (9, "INFO"),
        Weight::Low => (10, "INFO2"),
        Weight::Medium => (13, "WARN"),
        Weight::High => (17, "ERROR"),
    };
    members.insert("timeUnixNano".to_owned(), json!(nanos));
    members.insert("observedTimeUnixNano".to_owned(), json!(nanos));
    members.insert("severityNumber".to_owned(), json!(number));
    members.insert("severityText".to_owned(), json!(word));
    members.insert("eventName".to_owned(), json!(format!("holdfast.{}", event.event)));
    members.insert("attributes".to_owned(), attributes(event).into());
    if let Some(trace) = event.trace_id.as_ref().filter(|trace| trace.len() == 32) {
        members.insert("traceId".to_owned(), json!(trace));
    }
    record
}

fn attributes(event: &Event) -> Vec<Value> {
    let named = [
        ("user.name", &event.user),
        ("client.address", &event.client_ip),
        ("user_agent.original", &event.user_agent),
        ("holdfast.app", &event.app),
        ("holdfast.session", &event.session),
        ("holdfast.reason", &event.reason),
        ("holdfast.binding", &event.binding),
        ("holdfast.rule", &event.rule),
        ("holdfast.request_id", &event.request_id),
        ("holdfast.decision", &event.decision),
    ];
    let mut attributes = vec![text("event.name", &event.event), number("holdfast.seq", event.seq)];
    attributes.extend(named.iter().filter_map(|(key, value)| value.as_deref().map(|value| text(key, value))));
    attributes.extend(event.risk_score().map(|score| number("holdfast.risk_score", score)));
    attributes
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: u64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

const MOST_ANSWER: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_and_garbage_is_none() {
        let read = |text: &str| refused(text.as_bytes()).map(|(count, _)| count);
        assert_eq!(read(r#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"no"}}"#), Some(3));
        assert_eq!(read(r#"{"partialSuccess":{"rejectedLogRecords":2}}"#), Some(2));
        for text in [
            "",
            "{}",
            "<html>",
            "[]",
            r#"{"partialSuccess":{"rejectedLogRecords":0}}"#,
            r#"{"partialSuccess":3}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_record_has_its_time_and_severity() {
        let line = format!(
            "{{\"time\":\"2026-11-22T10:00:00.042Z\",\"event\":\"token.stolen\",\"user\":\"alice\",\"trace_id\":\"{}\",\"seq\":7,\"hash\":\"x\"}}",
            "ab".repeat(16)
        );
        let event = Event::parse(line.as_bytes()).unwrap();
        let told = Told { seq: 7, text: line, event: Some(event) };
        let document = document(&[told]);
        let record = document.pointer("/resourceLogs/0/scopeLogs/0/logRecords/0").unwrap();
        assert_eq!(record["timeUnixNano"], "1795341600042000000");
        assert_eq!(record["severityText"], "ERROR");
        assert_eq!(record["traceId"], "ab".repeat(16));
        assert!(record["attributes"].as_array().unwrap().contains(&text("user.name", "alice")));
    }
}
