//! Events for the tests of the formats.

use crate::{Event, Link};

/// A refused request with these members, each with its JSON.
pub(crate) fn event(members: &[(&str, &str)]) -> Event {
    let mut line = serde_json::json!({
        "time": "2026-11-22T10:00:00.042Z", "event": "session.denied", "app": "shop", "user": null, "session": null,
        "reason": null, "client_ip": null, "user_agent": null, "binding": null, "rule": null, "request_id": null,
        "trace_id": null, "detail": null, "tags": null, "decision": "step_up", "risk": null,
    });
    for (name, json) in members {
        line[*name] = serde_json::from_str(json).unwrap();
    }
    let mut out = Vec::new();
    Link { seq: 6, hash: Link::BEGINNING.hash }.append(line.to_string().as_bytes(), &mut out);
    Event::parse(out.trim_ascii_end()).unwrap()
}

/// One that signals have spoken against.
pub(crate) fn risky() -> Event {
    event(&[
        ("user", "\"alice\""),
        ("session", "\"hs_x\""),
        ("client_ip", "\"203.0.113.7\""),
        (
            "risk",
            r#"{"signals":[{"name":"travel.impossible","score":90,"factors":{"km":5000}},
                           {"name":"network.changed","score":30,"factors":{}}],
                "policies":[{"id":"geo-1","decision":"step_up","mode":"enforce"}]}"#,
        ),
    ])
}

/// One whose every text is this.
pub(crate) fn filled(text: &str) -> Event {
    let json = serde_json::to_string(text).unwrap();
    let names = [
        "app",
        "user",
        "session",
        "reason",
        "user_agent",
        "binding",
        "rule",
        "request_id",
        "trace_id",
        "detail",
    ];
    let mut members: Vec<_> = names.iter().map(|name| (*name, json.as_str())).collect();
    let tags = format!("[{json}]");
    let risk = format!(
        "{{\"signals\":[{{\"name\":{json},\"score\":5,\"factors\":{{}}}}],\"policies\":[{{\"id\":{json},\"decision\":{json},\"mode\":{json}}}]}}"
    );
    members.extend([("tags", tags.as_str()), ("risk", risk.as_str())]);
    event(&members)
}

/// What somebody might call themselves.
pub(crate) const HOSTILE: [&str; 18] = [
    "a|b|c",
    "\\",
    "\\\\|",
    "x=1 src=10.0.0.1",
    "\\=",
    "line\nfeed",
    "\r\n<13>1 - - - - - - forged",
    "\"] [forged@1 a=\"b\"]",
    "]",
    "\"",
    "\\\"]",
    "\u{0}\u{1b}[2J\u{7f}",
    "\u{85}\u{2028}\u{2029}",
    "\u{202e}drawkcab",
    "{\"event\":\"forged\"}",
    "\",\"event\":\"forged\",\"x\":\"",
    "é\u{301}😀",
    "CEF:0|a|b|c|d|e|1|",
];
