//! The shapes of bodies. What the server chooses from a list is chosen from the same list here.

mod checks;
mod oauth;
mod sessions;

use serde_json::{Value, json};

use crate::routes::events::event_names;

/// Every schema, by its name.
pub(super) fn all() -> Value {
    let Value::Object(mut all) = sessions::schemas() else { return Value::Null };
    for more in [
        checks::schemas(),
        browsers(),
        oauth::schemas(),
        store(),
        super::devices::schemas(),
        super::signals::schemas(),
        trail(),
    ] {
        if let Value::Object(more) = more {
            all.extend(more);
        }
    }
    all.into()
}

/// A reference to one of the schemas.
pub(super) fn refer(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn browsers() -> Value {
    json!({
        "Instructions": {
            "type": "object",
            "description": "DBSC session instructions",
            "properties": {
                "session_identifier": refer("SessionId"),
                "refresh_url": { "type": "string" },
                "scope": {
                    "type": "object",
                    "properties": { "origin": { "type": "string" }, "include_site": { "type": "boolean" } },
                    "required": ["origin", "include_site"],
                },
                "credentials": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "type": { "type": "string", "const": "cookie" },
                            "name": { "type": "string" },
                            "attributes": { "type": "string" },
                        },
                        "required": ["type", "name", "attributes"],
                    },
                },
            },
            "required": ["session_identifier", "refresh_url", "scope", "credentials"],
        },
        "JwkSet": {
            "type": "object",
            "properties": {
                "keys": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "kty": { "type": "string" }, "crv": { "type": "string" }, "x": { "type": "string" },
                            "y": { "type": "string" }, "alg": { "type": "string" }, "use": { "type": "string" },
                            "kid": { "type": "string" },
                        },
                        "required": ["kty", "crv", "x", "y", "alg", "use", "kid"],
                    },
                },
            },
            "required": ["keys"],
        },
    })
}

fn trail() -> Value {
    let names: Vec<_> = event_names().collect();
    let number = |says: &str| json!({ "type": "integer", "minimum": 0, "description": says });
    json!({
        "Event": {
            "type": "object",
            "description": "A line of the audit trail, as it is written. spec-notes/logging.md has its members.",
            "properties": {
                "time": { "type": "string", "format": "date-time" },
                "event": { "type": "string", "enum": names },
                "seq": number("Its number in the chain."),
                "prev": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
                "hash": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
            },
            "required": ["time", "event", "seq", "prev", "hash"],
        },
        "EventPage": {
            "type": "object",
            "properties": {
                "events": { "type": "array", "items": refer("Event") },
                "next_after": number("after of the next page: the last line that was looked at."),
                "more": { "type": "boolean", "description": "Whether there is more to look at just now." },
                "gone": number("How many lines after `after` are not kept any more."),
            },
            "required": ["events", "next_after", "more", "gone"],
            "additionalProperties": false,
        },
    })
}

fn store() -> Value {
    let count = |says: &str| json!({ "type": "integer", "minimum": 0, "description": says });
    json!({
        "Restored": {
            "type": "object",
            "properties": {
                "taken_at": { "type": "string", "format": "date-time", "description": "When the backup was begun." },
                "sessions": count("How many sessions the backup has."),
                "added": count("Those that were not known here and are now."),
                "updated": count("Those that were here in an older state."),
                "ended": count("Those that were alive here, and ended in the backup: they have ended."),
                "kept": count("Those that were here already, as new or newer, or ended."),
                "left_out": count("Those that have expired, or ended too long ago to be read."),
                "notes": count("What came in beside sessions: postures of devices, profiles of users, streams of signals."),
            },
            "required": ["taken_at", "sessions", "added", "updated", "ended", "kept", "left_out", "notes"],
            "additionalProperties": false,
        },
    })
}
