//! What operators do with the store.

use http::StatusCode;
use serde_json::json;

use super::{Operation, answer::Answer};
use crate::{respond::ProblemCode, routes::store::MEDIA_TYPE};

pub(crate) fn backup() -> Operation {
    let says = "The backup, as it comes into being. Keep it as it is; its end says whether it is whole.";
    Operation::new(TAG, "backup", "Every session, and what is known of users, devices and signals, as one file")
        .says(
            "What was acknowledged before the request is in it. It holds personal data and no secret that a session is used \
             with, but the authorization_header of each stream that pushes.",
        )
        .by_operator()
        .answer(StatusCode::OK, Answer::of(says, MEDIA_TYPE, json!({ "type": "string" })))
        .problem(ProblemCode::StoreUnavailable)
}

pub(crate) fn restore() -> Operation {
    Operation::new(TAG, "restore", "Merge a backup into what is there")
        .says(
            "What is there and newer stays, what is not known comes in, and an end wins, whichever side knows of it. What is \
             known here of a user, a device or a stream stays as it is. A file that is not whole, or not this server's own, is \
             refused before anything of it is taken.",
        )
        .by_operator()
        .body(MEDIA_TYPE, json!({ "type": "string" }))
        .answer(StatusCode::OK, Answer::json("It is merged, and durable.", "Restored"))
        .problem(ProblemCode::BadBackup)
        .problem(ProblemCode::StoreUnavailable)
}

const TAG: &str = "operations";
