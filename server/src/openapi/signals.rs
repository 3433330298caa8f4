//! Shared signals.

use holdfast_ssf::DeliveryError;
use http::StatusCode;
use serde_json::{Value, json};

use super::{Operation, answer::Answer, caller::Caller};
use crate::{respond::ProblemCode, routes::signals::MEDIA_TYPE};

pub(crate) fn receive() -> Operation {
    Operation::new(TAG, "receiveEvent", "A transmitter pushes an event (RFC 8935)")
        .says(
            "For each of [[signals.receivers]] that has token_sha256. An event that was taken before, or that changes nothing \
             here, is 202 as well.",
        )
        .by(Caller::Transmitter)
        .path("receiver", "The receiver's name.")
        .body(MEDIA_TYPE, json!({ "type": "string", "description": "A compact JWS." }))
        .answer(StatusCode::ACCEPTED, Answer::new("It has had its effect, durably."))
        .answer(StatusCode::BAD_REQUEST, Answer::json("It was not taken, and will not be.", "SetError"))
        .answer(
            StatusCode::UNAUTHORIZED,
            Answer::json("There is no such receiver, or this is not its token.", "SetError")
                .header("WWW-Authenticate", "Bearer"),
        )
        .problem(ProblemCode::BodyTooLarge)
        .problem(ProblemCode::IssuerUnavailable)
        .trouble()
}

pub(super) fn schemas() -> Value {
    json!({
        "SetError": {
            "type": "object",
            "description": "RFC 8935 §2.3",
            "properties": {
                "err": { "type": "string", "enum": DeliveryError::ALL.map(DeliveryError::as_str) },
                "description": { "type": "string", "description": "A stable code, and a sentence for people." },
            },
            "required": ["err", "description"],
            "additionalProperties": false,
        },
    })
}

const TAG: &str = "signals";
