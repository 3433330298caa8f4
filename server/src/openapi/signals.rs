//! Shared signals.

use holdfast_ssf::DeliveryError;
use http::StatusCode;
use serde_json::{Value, json};

use super::{Operation, answer::Answer, caller::Caller, schemas::refer};
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

pub(crate) fn configuration() -> Operation {
    Operation::new(TAG, "ssfConfiguration", "What receivers find out about this transmitter (SSF 1.0 §7)")
        .by(Caller::Anybody)
        .answer(StatusCode::OK, Answer::json("The document.", "SsfConfiguration"))
        .problem(ProblemCode::NotFound)
}

pub(crate) fn jwks() -> Operation {
    Operation::new(TAG, "ssfJwks", "The RSA key that shared signals are signed with")
        .by(Caller::Anybody)
        .answer(
            StatusCode::OK,
            Answer::of("A JWK set.", "application/jwk-set+json", json!({ "type": "object" })),
        )
        .problem(ProblemCode::NotFound)
}

pub(crate) fn create() -> Operation {
    managed("createStream", "Ask for a stream of events")
        .says("A receiver has one stream at most. Without delivery the events are fetched.")
        .json_body(true, "StreamRequest")
        .answer(StatusCode::CREATED, Answer::json("It is there.", "Stream"))
        .problem(ProblemCode::StreamExists)
        .problem(ProblemCode::RandomnessUnavailable)
}

pub(crate) fn read() -> Operation {
    let one_or_all = json!({ "oneOf": [refer("Stream"), { "type": "array", "items": refer("Stream") }] });
    of_receiver("readStream", "The stream, or a list of all")
        .query("stream_id", false, "This one alone.", json!({ "type": "string" }))
        .answer(StatusCode::OK, Answer::of("What there is.", "application/json", one_or_all))
        .problem(ProblemCode::StreamUnknown)
}

pub(crate) fn update() -> Operation {
    changed("updateStream", "Change a stream: what is not written stays")
}

pub(crate) fn replace() -> Operation {
    changed("replaceStream", "Change a stream: what is not written goes back to its default")
}

fn changed(id: &'static str, summary: &'static str) -> Operation {
    managed(id, summary)
        .json_body(true, "StreamRequest")
        .answer(StatusCode::OK, Answer::json("It is so now.", "Stream"))
        .problem(ProblemCode::StreamUnknown)
}

pub(crate) fn delete() -> Operation {
    managed("deleteStream", "Remove a stream, and all that waits")
        .query("stream_id", true, "Which one.", json!({ "type": "string" }))
        .answer(StatusCode::NO_CONTENT, Answer::new("It is gone."))
        .problem(ProblemCode::StreamUnknown)
}

pub(crate) fn status() -> Operation {
    of_receiver("streamStatus", "Whether events are sent")
        .query("stream_id", true, "Of which stream.", json!({ "type": "string" }))
        .answer(StatusCode::OK, Answer::json("The status.", "StreamStatus"))
        .problem(ProblemCode::StreamUnknown)
}

pub(crate) fn set_status() -> Operation {
    managed("setStreamStatus", "Have events sent, kept or dropped")
        .json_body(true, "StreamStatus")
        .answer(StatusCode::OK, Answer::json("The status now.", "StreamStatus"))
        .problem(ProblemCode::StreamUnknown)
}

pub(crate) fn add_subject() -> Operation {
    listed("addSubject", "Be told of a user")
        .answer(StatusCode::OK, Answer::new("The receiver is told of the user."))
}

pub(crate) fn remove_subject() -> Operation {
    listed("removeSubject", "Be told of a user no longer")
        .answer(StatusCode::NO_CONTENT, Answer::new("The receiver is not told of the user."))
}

fn listed(id: &'static str, summary: &'static str) -> Operation {
    managed(id, summary).json_body(true, "StreamSubject").problem(ProblemCode::StreamUnknown)
}

pub(crate) fn verify() -> Operation {
    of_receiver("verifyStream", "Have an event sent that shows that the stream works")
        .json_body(true, "StreamVerification")
        .answer(StatusCode::NO_CONTENT, Answer::new("The event is on its way."))
        .problem(ProblemCode::StreamUnknown)
}

pub(crate) fn poll() -> Operation {
    of_receiver("pollStream", "Fetch events, and acknowledge others (RFC 8936)")
        .says("Without returnImmediately an answer without events is held back for 25 seconds.")
        .path("stream_id", "The stream's id.")
        .json_body(false, "Poll")
        .answer(StatusCode::OK, Answer::json("What waits.", "PollAnswer"))
        .problem(ProblemCode::StreamUnknown)
}

/// A receiver asks, who may read.
fn of_receiver(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(TAG, id, summary)
        .by(Caller::StreamReceiver)
        .problem(ProblemCode::NotFound)
        .problem(ProblemCode::Unauthorized)
        .problem(ProblemCode::StoreUnavailable)
}

/// A receiver asks, who may also change its stream.
fn managed(id: &'static str, summary: &'static str) -> Operation {
    of_receiver(id, summary).problem(ProblemCode::Forbidden)
}

pub(super) fn schemas() -> Value {
    let text = || json!({ "type": "string" });
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let text_or_none = || json!({ "type": ["string", "null"] });
    let status = || json!({ "type": "string", "enum": ["enabled", "paused", "disabled"] });
    let subject = json!({ "type": "object", "description": "RFC 9493, or complex as in SSF 1.0 §3." });
    json!({
        "SsfConfiguration": {
            "type": "object",
            "properties": {
                "spec_version": text(), "issuer": text(), "jwks_uri": text(),
                "delivery_methods_supported": texts(), "configuration_endpoint": text(), "status_endpoint": text(),
                "add_subject_endpoint": text(), "remove_subject_endpoint": text(), "verification_endpoint": text(),
                "critical_subject_members": texts(),
                "authorization_schemes": { "type": "array", "items": { "type": "object" } },
            },
            "required": ["spec_version", "issuer", "jwks_uri", "delivery_methods_supported"],
        },
        "StreamRequest": {
            "type": "object",
            "properties": {
                "stream_id": text_or_none(),
                "delivery": {
                    "type": ["object", "null"],
                    "properties": {
                        "method": { "type": "string", "enum": ["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"] },
                        "endpoint_url": text_or_none(), "authorization_header": text_or_none(),
                    },
                    "required": ["method"],
                },
                "events_requested": { "type": ["array", "null"], "items": { "type": "string" }, "maxItems": 64 },
                "description": text_or_none(),
            },
        },
        "Stream": {
            "type": "object",
            "properties": {
                "stream_id": text(), "iss": text(), "aud": text(), "events_supported": texts(),
                "events_requested": texts(), "events_delivered": texts(),
                "delivery": {
                    "type": "object",
                    "properties": { "method": text(), "endpoint_url": text() },
                    "required": ["method", "endpoint_url"],
                    "additionalProperties": false,
                },
                "description": text(),
            },
            "required": [
                "stream_id", "iss", "aud", "events_supported", "events_requested", "events_delivered", "delivery",
            ],
            "additionalProperties": false,
        },
        "StreamStatus": {
            "type": "object",
            "properties": { "stream_id": text(), "status": status(), "reason": text_or_none() },
            "required": ["stream_id", "status"],
        },
        "StreamSubject": {
            "type": "object",
            "properties": { "stream_id": text(), "subject": subject },
            "required": ["stream_id", "subject"],
        },
        "StreamVerification": {
            "type": "object",
            "properties": { "stream_id": text(), "state": text_or_none() },
            "required": ["stream_id"],
        },
        "Poll": {
            "type": "object",
            "properties": {
                "maxEvents": { "type": ["integer", "null"], "minimum": 0 },
                "returnImmediately": { "type": "boolean" },
                "ack": texts(),
                "setErrs": { "type": "object", "description": "Errors by jti, each with err and description." },
            },
        },
        "PollAnswer": {
            "type": "object",
            "properties": {
                "sets": { "type": "object", "description": "Compact JWSs by jti." },
                "moreAvailable": { "type": "boolean" },
            },
            "required": ["sets", "moreAvailable"],
            "additionalProperties": false,
        },
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
