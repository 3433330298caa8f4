//! What is told of devices.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Operation, answer::Answer, schemas::refer};
use crate::respond::ProblemCode;

pub(crate) fn put() -> Operation {
    Operation::new(TAG, "putPosture", "Tell whether a device is in order")
        .says(
            "Replaces what the same caller told before. An app's word counts for its own sessions, an operator's for those \
             of every app; the stricter one decides. Nothing that is still good is known of a device of which nobody tells.",
        )
        .by_app_or_operator()
        .path("device_id", ID)
        .json_body(true, "NewPosture")
        .answer(StatusCode::OK, Answer::json("It is known, and durable.", "Posture"))
        .problem(ProblemCode::DevicesFull)
        .problem(ProblemCode::StoreUnavailable)
}

pub(crate) fn read() -> Operation {
    Operation::new(TAG, "readPosture", "What this caller told of a device")
        .by_app_or_operator()
        .path("device_id", ID)
        .answer(StatusCode::OK, Answer::json("What was told, if it is still good.", "Posture"))
        .problem(ProblemCode::DeviceUnknown)
}

pub(crate) fn forget() -> Operation {
    Operation::new(TAG, "deletePosture", "Take back what was told of a device")
        .by_app_or_operator()
        .path("device_id", ID)
        .answer(StatusCode::NO_CONTENT, Answer::new("Nothing is known of it from this caller."))
        .problem(ProblemCode::StoreUnavailable)
}

pub(super) fn schemas() -> Value {
    let time_or_none = || json!({ "type": ["string", "null"], "format": "date-time" });
    let score = json!({
        "oneOf": [{ "type": "integer", "minimum": 0, "maximum": 100 }, { "type": "null" }],
        "description": "How healthy it is; 100 is best.",
    });
    let source = json!({ "type": ["string", "null"], "description": "What measured it, 1 to 128 bytes." });
    json!({
        "DeviceId": { "type": "string", "pattern": "^[!-~]{1,128}$" },
        "NewPosture": {
            "type": "object",
            "properties": {
                "compliant": { "type": "boolean" },
                "score": score.clone(),
                "source": source.clone(),
                "expires_at": time_or_none(),
            },
            "required": ["compliant"],
            "additionalProperties": false,
        },
        "Posture": {
            "type": "object",
            "properties": {
                "device_id": refer("DeviceId"),
                "compliant": { "type": "boolean" },
                "score": score,
                "source": source,
                "told_at": { "type": "string", "format": "date-time" },
                "expires_at": time_or_none(),
            },
            "required": ["device_id", "compliant", "score", "source", "told_at", "expires_at"],
            "additionalProperties": false,
        },
    })
}

const TAG: &str = "devices";

const ID: &str = "The device, as apps name it in client.device_id, or the thumbprint of its key (RFC 7638).";
