//! What operators do with the store.

use http::StatusCode;
use serde_json::json;

use super::{Operation, answer::Answer};
use crate::{respond::ProblemCode, routes::store::MEDIA_TYPE};

pub(crate) fn backup() -> Operation {
    let says = "The backup, as it comes into being. Keep it as it is; its end says whether it is whole.";
    Operation::new(TAG, "backup", "Every session, as one file")
        .says("What was acknowledged before the request is in it. It holds no bearer secret, and personal data.")
        .by_operator()
        .answer(StatusCode::OK, Answer::of(says, MEDIA_TYPE, json!({ "type": "string" })))
        .problem(ProblemCode::StoreUnavailable)
}

pub(crate) fn restore() -> Operation {
    Operation::new(TAG, "restore", "Merge a backup into what is there")
        .says(
            "What is there and newer stays, what is not known comes in, and an end wins, whichever side knows of it. A file \
             that is not whole, or not this server's own, is refused before anything of it is taken.",
        )
        .by_operator()
        .body(MEDIA_TYPE, json!({ "type": "string" }))
        .answer(StatusCode::OK, Answer::json("It is merged, and durable.", "Restored"))
        .problem(ProblemCode::BadBackup)
        .problem(ProblemCode::StoreUnavailable)
}

const TAG: &str = "operations";
