//! Every event in OCSF is what the schema says of its class.

use std::{collections::BTreeSet, net::IpAddr};

use holdfast_audit::{Event, Link, format::ocsf};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Everything that `value` breaks, by its path.
fn check(value: &Value, rules: &[&Value], schema: &Value, path: &str, broken: &mut Vec<String>) {
    let Some(members) = value.as_object() else { return broken.push(format!("{path}: no object")) };
    let find = |pointer: &str| rules.iter().rev().find_map(|rules| rules.pointer(pointer));
    for (name, member) in members {
        let here = format!("{path}/{name}");
        match find(&format!("/attributes/{name}")).and_then(Value::as_str) {
            None => broken.push(format!("{here}: there is no such attribute")),
            Some(kind) => check_type(member, kind, schema, &here, broken),
        }
        if let Some(allowed) = find(&format!("/enums/{name}"))
            && !allowed.as_array().unwrap().contains(member)
        {
            broken.push(format!("{here}: {member} is not in the list"));
        }
        let id = members.get(&format!("{}_id", name.trim_end_matches("_name"))).map(Value::to_string);
        if let (Some(captions), Some(id)) = (find(&format!("/captions/{name}")), id)
            && id != "99"
            && captions.get(&id) != Some(member)
        {
            broken.push(format!("{here}: {member} is not the caption of {id}"));
        }
    }
    for rules in rules {
        let listed = |key: &str| rules.get(key).and_then(Value::as_array).cloned();
        for name in listed("required").into_iter().flatten() {
            if !members.contains_key(name.as_str().unwrap()) {
                broken.push(format!("{path}: {name} is required"));
            }
        }
        if let Some(names) = listed("at_least_one")
            && !names.iter().any(|name| members.contains_key(name.as_str().unwrap()))
        {
            broken.push(format!("{path}: there is none of {names:?}"));
        }
    }
}

fn check_type(value: &Value, kind: &str, schema: &Value, path: &str, broken: &mut Vec<String>) {
    let fits = match kind.split_once(' ') {
        Some(("object", name)) => return check(value, &[&schema["objects"][name]], schema, path, broken),
        Some(("list", element)) => {
            let kind = if element == "string" { element.to_owned() } else { format!("object {element}") };
            let Some(list) = value.as_array() else { return broken.push(format!("{path}: no list")) };
            return list.iter().enumerate().for_each(|(index, value)| {
                check_type(value, &kind, schema, &format!("{path}/{index}"), broken);
            });
        }
        Some(_) => panic!("{kind}"),
        None => match kind {
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64(),
            "ip" => value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok()),
            "json" => value.is_object(),
            "string" => value.is_string(),
            "timestamp" => value.as_u64().is_some_and(|millis| millis < 253_402_300_800_000),
            other => panic!("{other}"),
        },
    };
    if !fits {
        broken.push(format!("{path}: {value} is no {kind}"));
    }
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../tests/vectors/ocsf/1.8.0.json")).unwrap()
}

fn problems(document: &Value) -> Vec<String> {
    let (schema, mut broken) = (schema(), Vec::new());
    let class = document["class_uid"].to_string();
    let Some(rules) = schema["classes"].get(&class) else { return vec![format!("class {class}")] };
    check(document, &[&schema["base"], rules], &schema, "", &mut broken);
    let [class_uid, activity, kind] =
        ["class_uid", "activity_id", "type_uid"].map(|name| document[name].as_u64().unwrap_or(0));
    if kind != class_uid * 100 + activity {
        broken.push("type_uid".to_owned());
    }
    for (name, expected) in
        [("class_name", "name"), ("category_uid", "category_uid"), ("category_name", "category_name")]
    {
        if document[name] != rules[expected] {
            broken.push(name.to_owned());
        }
    }
    broken
}

fn event(members: &Value) -> Event {
    let mut line = json!({
        "time": "2026-11-22T10:00:00.042Z", "event": "session.checked", "app": null, "user": null, "session": null,
        "reason": null, "client_ip": null, "user_agent": null, "binding": null, "rule": null, "request_id": null,
        "trace_id": null, "detail": null, "tags": null, "decision": null, "risk": null,
    });
    for (name, value) in members.as_object().unwrap() {
        line[name] = value.clone();
    }
    let mut out = Vec::new();
    Link::BEGINNING.append(line.to_string().as_bytes(), &mut out);
    out.pop();
    Event::parse(&out).unwrap()
}

/// Every event that the documentation of the trail lists, and some that nobody knows yet.
fn names() -> Vec<String> {
    let notes = include_str!("../../../../spec-notes/logging.md");
    let table = notes.split("| event | when |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| `"));
    let mut names: Vec<_> = rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect();
    assert!(names.len() > 20, "{names:?}");
    names.extend(["something.new".to_owned(), String::new()]);
    names
}

fn full() -> Value {
    json!({
        "app": "shop", "user": "alice", "session": "hs_x", "reason": "idle", "client_ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0", "binding": "hardware", "rule": "D-REF-06", "request_id": "0123", "trace_id": "ab",
        "detail": "more", "tags": ["export"], "decision": "allow",
    })
}

#[test]
fn every_event_is_of_its_class() {
    let mut classes = BTreeSet::new();
    let risk = json!({
        "signals": [{ "name": "travel.impossible", "score": 90.4, "factors": { "km": 5000 } }, { "name": "x", "score": 10 }],
        "policies": [{ "id": "geo", "decision": "step_up", "mode": "enforce" }],
    });
    for name in names() {
        for members in [json!({}), full()] {
            for (decision, risk) in
                [(None, Value::Null), (Some("step_up"), risk.clone()), (Some("allow"), risk.clone())]
            {
                let mut members = members.clone();
                members["event"] = json!(name);
                members["decision"] = json!(decision);
                members["risk"] = risk;
                let document: Value = serde_json::from_str(&ocsf(&event(&members), "0.1.0")).unwrap();
                assert_eq!(problems(&document), [""; 0], "{document:#}");
                classes.insert((document["class_uid"].as_u64().unwrap(), name.clone()));
            }
        }
    }
    for (class, name) in [
        (3002, "session.created"),
        (3002, "session.ended"),
        (3003, "session.bound"),
        (6003, "session.checked"),
        (6003, "session.denied"),
        (2004, "session.denied"),
        (2004, "token.stolen"),
        (2004, "binding.conflict"),
    ] {
        assert!(classes.contains(&(class, name.to_owned())), "{class} {name}");
    }
}

/// The checker itself finds what is wrong.
#[test]
fn what_breaks_the_schema_is_found() {
    let good: Value = serde_json::from_str(&ocsf(&event(&full()), "1")).unwrap();
    assert_eq!(problems(&good), [""; 0]);
    for (pointer, value) in [
        ("/severity_id", json!(7)),
        ("/severity", json!("High")),
        ("/status_id", json!("1")),
        ("/time", json!("2026-11-22")),
        ("/activity_id", json!(5)),
        ("/type_uid", json!(600_301)),
        ("/category_uid", json!(3)),
        ("/src_endpoint", json!({})),
        ("/src_endpoint/ip", json!("localhost")),
        ("/actor", json!({ "colour": "red" })),
        ("/metadata", json!({ "version": "1.8.0" })),
        ("/metadata/labels", json!("export")),
        ("/unmapped", json!(1)),
        ("/class_uid", json!(3001)),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(!problems(&bad).is_empty(), "{pointer}");
    }
}

#[test]
fn a_finding_says_what_was_weighed() {
    let mut members = full();
    members["event"] = json!("session.denied");
    members["decision"] = json!("step_up");
    members["risk"] = json!({
        "signals": [{ "name": "network.changed", "score": 30 }, { "name": "travel.impossible", "score": 85, "factors": { "km": 9 } }],
        "policies": [{ "id": "geo", "decision": "step_up", "mode": "enforce" }],
    });
    let document: Value = serde_json::from_str(&ocsf(&event(&members), "1")).unwrap();
    for (pointer, value) in [
        ("/finding_info/analytic/name", json!("travel.impossible")),
        ("/finding_info/related_analytics/0/name", json!("network.changed")),
        ("/risk_score", json!(85)),
        ("/risk_level", json!("High")),
        ("/severity", json!("High")),
        ("/risk_details", json!("geo step_up (enforce)")),
        ("/evidences/0/src_endpoint/ip", json!("203.0.113.7")),
        ("/evidences/2/data/factors/km", json!(9)),
        ("/evidences/0/actor/user/name", json!("alice")),
    ] {
        assert_eq!(document.pointer(pointer), Some(&value), "{pointer} in {document:#}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_it(text in any::<String>(), name in prop::sample::select(names())) {
        let mut members = full();
        members["event"] = json!(name);
        for key in ["app", "user", "session", "reason", "client_ip", "user_agent", "binding", "detail", "decision"] {
            members[key] = json!(text);
        }
        members["risk"] = json!({ "signals": [{ "name": text, "score": 1e300 }, text, 7], "policies": text });
        let line = ocsf(&event(&members), "1");
        prop_assert!(!line.contains(['\n', '\r']));
        let document: Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(problems(&document), Vec::<String>::new());
    }
}
