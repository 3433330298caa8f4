//! The audit trail, read.

use http::StatusCode;
use serde_json::json;

use super::{Operation, answer::Answer, caller::Caller, schemas::refer};
use crate::{
    respond::ProblemCode,
    routes::events::{STREAM_TYPE, event_names},
};

pub(crate) fn events() -> Operation {
    let operation = Operation::new(TAG, "listEvents", "The audit trail, oldest first")
        .says(
            "An app sees the events of its own sessions, an operator all. A page looks at a few megabytes of the trail: one \
             with few events, or none, says where to go on all the same.",
        )
        .by_app_or_operator();
    filtered(operation)
        .query("after", false, "next_after of the page before, or the seq of a line.", number())
        .query(
            "limit",
            false,
            "How many at most.",
            json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 }),
        )
        .answer(StatusCode::OK, Answer::json("A page.", "EventPage"))
        .problem(ProblemCode::AuditOff)
        .problem(ProblemCode::AuditUnreadable)
}

pub(crate) fn stream() -> Operation {
    let says = "Server-sent events: id is the seq of a line, event its event, data the line. audit.gone tells of lines that \
                are not kept any more; audit.behind is the last word to a listener that does not keep up. An id without \
                data comes every 15 seconds.";
    let operation = Operation::new(TAG, "streamEvents", "The audit trail, as it is written")
        .says(
            "It ends when the configuration is loaded anew, and when the server stops: come again with Last-Event-ID, as \
             browsers do by themselves. Without it, it begins with what comes from now on.",
        )
        .by_app_or_operator();
    filtered(operation)
        .query("after", false, "Where to begin: the seq of a line.", number())
        .parameter(
            "header",
            "Last-Event-ID",
            false,
            "The id of the last event that was received. It wins over after.",
            json!({ "type": "string", "pattern": "^[0-9]{0,18}$" }),
        )
        .answer(StatusCode::OK, Answer::of(says, STREAM_TYPE, json!({})))
        .problem(ProblemCode::AuditOff)
        .problem(ProblemCode::AuditUnreadable)
        .problem(ProblemCode::TooManyListeners)
}

pub(crate) fn jwks() -> Operation {
    let says = "A JWK set: the key that signs, then those of former root keys. They sign checkpoints of the audit trail and \
                nothing else.";
    Operation::new(TAG, "auditJwks", "The keys that the audit trail is verified with")
        .by(Caller::Anybody)
        .answer(StatusCode::OK, Answer::of(says, "application/jwk-set+json", refer("JwkSet")))
}

fn filtered(operation: Operation) -> Operation {
    let text = || json!({ "type": "string", "maxLength": 256 });
    let names: Vec<_> = event_names().collect();
    operation
        .query("user", false, "Of this user alone.", text())
        .query("session", false, "Of this session alone.", text())
        .query("event", false, "Of this name alone.", json!({ "type": "string", "enum": names }))
}

fn number() -> serde_json::Value {
    json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX })
}

const TAG: &str = "operations";
