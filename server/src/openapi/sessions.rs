//! What apps and operators do with sessions.

use http::StatusCode;
use serde_json::json;

use super::{Operation, answer::Answer, schemas::refer};
use crate::respond::ProblemCode;

pub(crate) fn create() -> Operation {
    let says = "The session has begun. Begun for a browser: copy response_headers onto the login response. Code for an \
                OAuth client.";
    let begun = json!({ "oneOf": [refer("Begun"), refer("Code")] });
    Operation::new(TAG, "createSession", "The app has just authenticated a user")
        .says(
            "For a browser the answer has headers to copy; for an OAuth client it has a code, which the app sends to the \
             client.",
        )
        .by_app()
        .json_body(true, "NewSession")
        .answer(StatusCode::CREATED, Answer::of(says, "application/json", begun))
        .trouble()
}

pub(crate) fn list() -> Operation {
    Operation::new(TAG, "listSessions", "Sessions, newest first")
        .by_app_or_operator()
        .query("user", false, "Of this user alone.", json!({ "type": "string" }))
        .query(
            "state",
            false,
            "In this state alone.",
            json!({ "type": "string", "enum": ["active", "ended"] }),
        )
        .query(
            "limit",
            false,
            "How many at most.",
            json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 }),
        )
        .query("cursor", false, "next_cursor of the page before.", json!({ "type": "string" }))
        .answer(StatusCode::OK, Answer::json("A page.", "SessionPage"))
        .trouble()
}

pub(crate) fn end_everyone() -> Operation {
    Operation::new(TAG, "endEverySession", "Everybody out, in one step")
        .by_operator()
        .answer(StatusCode::NO_CONTENT, Answer::new("Every session of every app has ended as revoked."))
        .trouble()
}

pub(crate) fn read() -> Operation {
    let says = "The session. An ended one stays readable for 24 hours.";
    Operation::new(TAG, "readSession", "One session")
        .by_app_or_operator()
        .path("id", ID)
        .answer(StatusCode::OK, Answer::json(says, "Session"))
        .problem(ProblemCode::SessionUnknown)
        .trouble()
}

pub(crate) fn end_one() -> Operation {
    Operation::new(TAG, "endSession", "End one session")
        .by_app_or_operator()
        .path("id", ID)
        .answer(
            StatusCode::NO_CONTENT,
            Answer::new("It has ended, or there was none that the caller may see."),
        )
        .trouble()
}

pub(crate) fn usage() -> Operation {
    Operation::new(TAG, "reportUsage", "What was sent in a session")
        .says(
            "Gateways do not see how much an app answers. An app that exports data says it here, and a burst is noticed \
             (export.burst) at the next check.",
        )
        .by_app()
        .path("id", ID)
        .json_body(true, "Usage")
        .answer(StatusCode::NO_CONTENT, Answer::new("It is counted."))
        .problem(ProblemCode::SessionUnknown)
        .trouble()
}

pub(crate) fn regenerate() -> Operation {
    Operation::new(TAG, "regenerateSession", "The same user goes on under a new id")
        .by_app()
        .path("id", ID)
        .json_body(false, "Regenerate")
        .answer(
            StatusCode::CREATED,
            Answer::json("The new session. The old one has ended as regenerated.", "Begun"),
        )
        .problem(ProblemCode::SessionUnknown)
        .problem(ProblemCode::SessionLocked)
        .trouble()
}

pub(crate) fn end_user() -> Operation {
    Operation::new(TAG, "endUserSessions", "End every session of a user")
        .by_app_or_operator()
        .path("user", "The user's name, percent-encoded.")
        .query("except", false, "The one that stays.", refer("SessionId"))
        .answer(StatusCode::OK, Answer::json("How many ended.", "EndedCount"))
        .trouble()
}

const TAG: &str = "sessions";

const ID: &str = "The session's id. What is none is an unknown one.";
