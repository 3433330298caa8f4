//! Questions and their answers.

use holdfast_core::{
    Level,
    check::{Decision, Reason},
};
use serde_json::{Value, json};

use super::refer;

pub(super) fn schemas() -> Value {
    let age =
        json!({ "type": ["string", "null"], "pattern": "^[0-9]+[smhd]$", "description": "Such as 5m." });
    json!({
        "Reason": { "type": "string", "enum": Reason::ALL.iter().map(|reason| reason.as_str()).collect::<Vec<_>>() },
        "Decision": { "type": "string", "enum": Decision::ALL.map(Decision::as_str) },
        "CheckQuestion": {
            "type": "object",
            "properties": {
                "method": { "type": "string", "pattern": "^[A-Za-z-]+$" },
                "url": { "type": "string", "description": "The absolute address that the client asked for." },
                "headers": refer("Headers"),
                "client_ip": { "type": ["string", "null"], "description": "An IPv4 or IPv6 address." },
                "require": {
                    "type": "object",
                    "properties": {
                        "binding": { "enum": [
                            Level::None.as_str(), Level::Software.as_str(), Level::Hardware.as_str(),
                            Level::Attested.as_str(), null,
                        ] },
                        "scope": {
                            "type": ["string", "null"],
                            "description": "Words that the scope of an OAuth client must hold.",
                        },
                        "max_auth_age": age.clone(),
                        "max_proof_age": age,
                    },
                    "additionalProperties": false,
                },
            },
            "required": ["method", "url"],
            "additionalProperties": false,
        },
        "CheckAnswer": {
            "type": "object",
            "properties": {
                "decision": refer("Decision"),
                "reason": refer("Reason"),
                "detail": {
                    "type": "string",
                    "description": "The reason as a sentence, or what the policy that decided says to the client.",
                },
                "status": {
                    "type": "integer", "enum": [200, 302, 303, 307, 401, 403],
                    "description": "What to send to the client when the decision is not allow.",
                },
                "session": {
                    "oneOf": [refer("Session"), { "type": "null" }],
                    "description": "Also there when the session was found and refused. null for a token of another \
                                    issuer, which has no session here.",
                },
                "request_headers": refer("Headers"),
                "response_headers": refer("Headers"),
            },
            "required": ["decision", "reason", "detail", "status", "session", "request_headers", "response_headers"],
            "additionalProperties": false,
        },
    })
}
