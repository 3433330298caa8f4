//! Open Cybersecurity Schema Framework 1.8.0: Authentication (3002), Authorize Session (3003), API Activity (6003) and
//! Detection Finding (2004), one JSON document on one line. What the schema has no attribute for is in `unmapped`.

use serde_json::{Map, Value, json};

use crate::{Event, Outcome, Weight};

/// One line without a line feed. `version` is the product's.
pub fn ocsf(event: &Event, version: &str) -> String {
    let class = Class::of(event);
    let (activity, activity_name) = class.activity(event);
    let mut document = base(event, class, activity, activity_name, version);
    let more = match class {
        Class::ApiActivity => api_activity(event),
        Class::Authentication => authentication(event),
        Class::AuthorizeSession => json!({
            "user": user(event), "session": session(event), "src_endpoint": source(event),
            "privileges": [format!("binding:{}", event.binding.as_deref().unwrap_or("none"))],
        }),
        Class::DetectionFinding => finding(event, version),
    };
    document.extend(members(more));
    Value::from(document).to_string()
}

/// The classes that are spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    ApiActivity,
    Authentication,
    AuthorizeSession,
    DetectionFinding,
}

impl Class {
    fn of(event: &Event) -> Self {
        match event.event.as_str() {
            _ if event.is_detection() => Self::DetectionFinding,
            "session.created"
            | "session.ended"
            | "session.refreshed"
            | "session.regenerated"
            | "proof.rejected"
            | "client.rejected" => Self::Authentication,
            "session.bound" => Self::AuthorizeSession,
            _ => Self::ApiActivity,
        }
    }

    /// The numbers and names of class and category.
    const fn ids(self) -> (u64, &'static str, u64, &'static str) {
        match self {
            Self::ApiActivity => (6003, "API Activity", 6, "Application Activity"),
            Self::Authentication => (3002, "Authentication", 3, IAM),
            Self::AuthorizeSession => (3003, "Authorize Session", 3, IAM),
            Self::DetectionFinding => (2004, "Detection Finding", 2, "Findings"),
        }
    }

    /// There is no activity for a session that is checked, refreshed or renewed: 99 says so, with a name of ours.
    fn activity(self, event: &Event) -> (u64, &str) {
        match (self, event.event.as_str()) {
            (Self::Authentication, "session.created") => (1, "Logon"),
            (Self::Authentication, "session.ended") => (2, "Logoff"),
            (Self::AuthorizeSession, _) => (1, "Assign Privileges"),
            (Self::DetectionFinding, _) => (1, "Create"),
            (Self::ApiActivity, "session.checked" | "session.denied" | "request.anonymous") => (2, "Read"),
            (Self::ApiActivity, "sessions.ended") => (4, "Delete"),
            (Self::ApiActivity | Self::Authentication, name) => (99, name),
        }
    }
}

/// What every event has.
fn base(
    event: &Event,
    class: Class,
    activity: u64,
    activity_name: &str,
    version: &str,
) -> Map<String, Value> {
    let (class_uid, class_name, category_uid, category_name) = class.ids();
    let (severity_id, severity) = match event.weight() {
        Weight::Information => (1, "Informational"),
        Weight::Low => (2, "Low"),
        Weight::Medium => (3, "Medium"),
        Weight::High => (4, "High"),
    };
    let mut metadata = members(json!({
        "version": "1.8.0",
        "product": { "name": "Holdfast", "vendor_name": "Holdfast", "version": version },
        "uid": event.hash, "sequence": event.seq, "event_code": event.event, "log_name": "audit",
        "log_provider": "holdfast", "original_time": event.time,
    }));
    put(&mut metadata, "correlation_uid", event.request_id.as_deref());
    if !event.tags.is_empty() {
        metadata.insert("labels".to_owned(), json!(event.tags));
    }
    let mut document = members(json!({
        "activity_id": activity, "activity_name": activity_name, "class_uid": class_uid, "class_name": class_name,
        "category_uid": category_uid, "category_name": category_name, "type_uid": class_uid * 100 + activity,
        "type_name": format!("{class_name}: {activity_name}"), "severity_id": severity_id, "severity": severity,
        "time": event.at().as_millis(), "message": event.title(), "metadata": metadata,
    }));
    if class == Class::DetectionFinding {
        // Here it is the state of the work on it.
        document.extend(members(json!({ "status_id": 1, "status": "New" })));
    } else {
        let (status_id, status) = match event.outcome() {
            Outcome::Failure => (2, "Failure"),
            Outcome::Success => (1, "Success"),
            Outcome::Unknown => (0, "Unknown"),
        };
        document.extend(members(json!({ "status_id": status_id, "status": status })));
    }
    put(&mut document, "status_code", event.reason.as_deref());
    put(&mut document, "status_detail", event.detail.as_deref());
    let mut unmapped = Map::new();
    for (name, value) in [
        ("binding", &event.binding),
        ("decision", &event.decision),
        ("rule", &event.rule),
        ("trace_id", &event.trace_id),
    ] {
        put(&mut unmapped, name, value.as_deref());
    }
    if let Some(risk) = &event.risk {
        unmapped.insert("risk".to_owned(), risk.clone());
    }
    if !unmapped.is_empty() {
        document.insert("unmapped".to_owned(), unmapped.into());
    }
    document
}

fn authentication(event: &Event) -> Value {
    let mut more = members(json!({
        "user": user(event), "session": session(event), "src_endpoint": source(event), "is_remote": true,
        "service": { "name": event.app.as_deref().unwrap_or("holdfast") },
    }));
    more.extend(request(event));
    more.into()
}

fn api_activity(event: &Event) -> Value {
    let mut api = members(json!({ "operation": event.event, "service": { "name": "holdfast" } }));
    if let Some(id) = &event.request_id {
        api.insert("request".to_owned(), json!({ "uid": id }));
    }
    let mut more = members(json!({ "actor": actor(event), "api": api, "src_endpoint": source(event) }));
    more.extend(request(event));
    if let Some(app) = &event.app {
        more.insert("resources".to_owned(), json!([{ "name": app, "type": "app" }]));
    }
    more.into()
}

fn finding(event: &Event, version: &str) -> Value {
    let signals: Vec<_> = event.signals().collect();
    let names: Vec<_> = match signals.as_slice() {
        [] => vec![event.event.as_str()],
        signals => signals.iter().map(|signal| signal.name).collect(),
    };
    let strongest =
        signals.iter().max_by_key(|signal| signal.score).map_or(event.event.as_str(), |signal| signal.name);
    let analytic = |name: &str| json!({ "name": name, "uid": name, "type_id": 1, "type": "Rule" });
    let related: Vec<_> =
        names.iter().filter(|name| **name != strongest).map(|name| analytic(name)).collect();
    let mut info = members(json!({
        "uid": event.hash, "title": event.title(), "created_time": event.at().as_millis(), "types": names,
        "analytic": analytic(strongest), "data_sources": ["holdfast audit trail"],
        "product": { "name": "Holdfast", "vendor_name": "Holdfast", "version": version },
    }));
    if !related.is_empty() {
        info.insert("related_analytics".to_owned(), related.into());
    }
    put(&mut info, "desc", event.detail.as_deref());
    let score = event.risk_score().unwrap_or(match event.weight() {
        Weight::High => 90,
        Weight::Medium => 60,
        Weight::Low | Weight::Information => 30,
    });
    let (risk_level_id, risk_level) = match score {
        80.. => (3, "High"),
        50..80 => (2, "Medium"),
        _ => (1, "Low"),
    };
    let mut evidence = members(json!({ "actor": actor(event), "src_endpoint": source(event) }));
    evidence.extend(request(event));
    let weighed = |signal: &crate::Signal<'_>| {
        json!({ "actor": actor(event), "name": signal.name,
                "data": { "score": signal.score, "factors": signal.factors } })
    };
    let evidences: Vec<Value> = std::iter::once(evidence.into()).chain(signals.iter().map(weighed)).collect();
    let policies: Vec<_> = event
        .policies()
        .map(|policy| format!("{} {} ({})", policy.id, policy.decision, policy.mode))
        .collect();
    let mut more = members(json!({
        "finding_info": info, "evidences": evidences, "is_alert": true, "risk_score": score,
        "risk_level_id": risk_level_id, "risk_level": risk_level,
    }));
    if !policies.is_empty() {
        more.insert("risk_details".to_owned(), policies.join("; ").into());
    }
    if let Some(app) = &event.app {
        more.insert("resources".to_owned(), json!([{ "name": app, "type": "app" }]));
    }
    more.into()
}

fn user(event: &Event) -> Value {
    match &event.user {
        Some(user) => json!({ "name": user, "uid": user, "type_id": 1, "type": "User" }),
        None => json!({ "name": "unknown", "type_id": 0, "type": "Unknown" }),
    }
}

fn session(event: &Event) -> Value {
    let mut session = members(json!({ "is_remote": true, "issuer": "holdfast" }));
    put(&mut session, "uid", event.session.as_deref());
    if event.event == "session.ended" {
        put(&mut session, "expiration_reason", event.reason.as_deref());
    }
    session.into()
}

/// Whoever has acted: a user, or the program that did it without one.
fn actor(event: &Event) -> Value {
    let mut actor = Map::new();
    if event.user.is_some() {
        actor.insert("user".to_owned(), user(event));
    }
    if event.session.is_some() {
        actor.insert("session".to_owned(), session(event));
    }
    if actor.is_empty() {
        actor.insert("app_name".to_owned(), event.app.as_deref().unwrap_or("holdfast").into());
    }
    actor.into()
}

fn source(event: &Event) -> Value {
    match event.client_ip.as_ref().filter(|ip| ip.parse::<std::net::IpAddr>().is_ok()) {
        Some(ip) => json!({ "ip": ip }),
        None => json!({ "name": "unknown" }),
    }
}

fn request(event: &Event) -> Map<String, Value> {
    let mut request = Map::new();
    put(&mut request, "user_agent", event.user_agent.as_deref());
    put(&mut request, "uid", event.request_id.as_deref());
    if request.is_empty() { request } else { members(json!({ "http_request": request })) }
}

fn members(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

fn put(map: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), value.into());
    }
}

const IAM: &str = "Identity & Access Management";
