//! Elastic Common Schema 9: one JSON document on one line.

use serde_json::{Map, Value, json};

use crate::{Event, Outcome, Weight};

/// One line without a line feed. `version` is the product's. What ECS has no field for is below `holdfast`.
pub fn ecs(event: &Event, version: &str) -> String {
    let (categories, types) = class_of(event);
    let kind = if event.is_detection() { "alert" } else { "event" };
    let outcome = match event.outcome() {
        Outcome::Failure => "failure",
        Outcome::Success => "success",
        Outcome::Unknown => "unknown",
    };
    let severity = match event.weight() {
        Weight::Information => 1,
        Weight::Low => 2,
        Weight::Medium => 3,
        Weight::High => 4,
    };
    let mut about = object(json!({
        "kind": kind, "category": categories, "type": types, "action": event.event, "outcome": outcome,
        "severity": severity, "sequence": event.seq, "id": event.hash, "module": "holdfast",
        "dataset": "holdfast.audit", "provider": "holdfast",
    }));
    put(&mut about, "reason", event.reason.as_deref());
    if let Some(score) = event.risk_score() {
        about.insert("risk_score".to_owned(), json!(score));
        about.insert("risk_score_norm".to_owned(), json!(score));
    }
    let mut document = object(json!({
        "@timestamp": event.time, "ecs": { "version": "9.0.0" }, "event": about, "message": event.title(),
        "observer": { "vendor": "Holdfast", "product": "Holdfast", "version": version },
    }));
    let mut related = Map::new();
    if let Some(user) = &event.user {
        document.insert("user".to_owned(), json!({ "name": user }));
        related.insert("user".to_owned(), json!([user]));
    }
    // A field of type ip takes no other text.
    if let Some(ip) = event.client_ip.as_ref().filter(|ip| ip.parse::<std::net::IpAddr>().is_ok()) {
        document.insert("source".to_owned(), json!({ "ip": ip, "address": ip }));
        related.insert("ip".to_owned(), json!([ip]));
    }
    if !related.is_empty() {
        document.insert("related".to_owned(), related.into());
    }
    for (name, member, value) in [
        ("service", "name", &event.app),
        ("user_agent", "original", &event.user_agent),
        ("trace", "id", &event.trace_id),
        ("rule", "id", &event.rule),
    ] {
        if let Some(value) = value {
            document.insert(name.to_owned(), json!({ member: value }));
        }
    }
    if let Some(id) = &event.request_id {
        document.insert("http".to_owned(), json!({ "request": { "id": id } }));
    }
    if !event.tags.is_empty() {
        document.insert("tags".to_owned(), json!(event.tags));
    }
    let mut own = Map::new();
    for (name, value) in [
        ("session_id", &event.session),
        ("binding", &event.binding),
        ("decision", &event.decision),
        ("detail", &event.detail),
    ] {
        put(&mut own, name, value.as_deref());
    }
    if let Some(risk) = &event.risk {
        own.insert("risk".to_owned(), risk.clone());
    }
    document.insert("holdfast".to_owned(), own.into());
    Value::from(document).to_string()
}

/// `event.category` and `event.type`: only pairs that ECS allows.
fn class_of(event: &Event) -> (Vec<&'static str>, Vec<&'static str>) {
    match event.event.as_str() {
        "session.created" => (vec!["authentication", "session"], vec!["start"]),
        "session.ended" | "sessions.ended" => (vec!["session"], vec!["end"]),
        "session.checked" | "request.anonymous" => (vec!["session"], vec!["info"]),
        name if name.starts_with("session.") => (vec!["session"], vec!["info"]),
        name if event.is_detection() || name.starts_with("token.") => (vec!["threat"], vec!["indicator"]),
        "proof.rejected" | "client.rejected" | "gateway.refused" => (vec!["authentication"], vec!["info"]),
        "config.loaded" | "config.rejected" => (vec!["configuration"], vec!["change"]),
        name if name.starts_with("store.") => (vec!["database"], vec!["info"]),
        _ => (vec!["host"], vec!["info"]),
    }
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

fn put(map: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::samples;

    fn read(event: &Event) -> Value {
        let line = ecs(event, "0.1.0");
        assert!(!line.contains(['\n', '\r']));
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn members_have_their_places() {
        let document = read(&samples::risky());
        for (pointer, value) in [
            ("/@timestamp", json!("2026-11-22T10:00:00.042Z")),
            ("/event/kind", json!("alert")),
            ("/event/action", json!("session.denied")),
            ("/event/outcome", json!("failure")),
            ("/event/risk_score", json!(90)),
            ("/event/sequence", json!(7)),
            ("/source/ip", json!("203.0.113.7")),
            ("/related/user", json!(["alice"])),
            ("/holdfast/session_id", json!("hs_x")),
            ("/holdfast/risk/policies/0/id", json!("geo-1")),
        ] {
            assert_eq!(document.pointer(pointer), Some(&value), "{pointer} in {document:#}");
        }
        let nobody = read(&samples::event(&[("client_ip", "\"no address\"")]));
        assert_eq!(nobody.pointer("/source"), None);
    }

    #[test]
    fn no_text_adds_a_member() {
        let keys = |value: &Value| {
            let mut keys = Vec::new();
            collect(value, &mut keys);
            keys
        };
        fn collect(value: &Value, keys: &mut Vec<String>) {
            for (key, value) in value.as_object().into_iter().flatten() {
                keys.push(key.clone());
                collect(value, keys);
            }
        }
        let plain = keys(&read(&samples::filled("x")));
        for text in samples::HOSTILE {
            assert_eq!(keys(&read(&samples::filled(text))), plain, "{text:?}");
        }
    }
}
