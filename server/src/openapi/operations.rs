//! What operators and their machines ask.

use http::StatusCode;
use serde_json::json;

use super::{Operation, answer::Answer, caller::Caller};
use crate::respond::ProblemCode;

pub(crate) fn healthz() -> Operation {
    Operation::new(TAG, "healthz", "The process answers")
        .by(Caller::Anybody)
        .answer(StatusCode::OK, text("ok"))
}

pub(crate) fn readyz() -> Operation {
    Operation::new(TAG, "readyz", "The store takes writes")
        .by(Caller::Anybody)
        .answer(StatusCode::OK, text("ready"))
        .problem(ProblemCode::StoreUnavailable)
}

pub(crate) fn metrics() -> Operation {
    Operation::new(TAG, "metrics", "Counters in the text format of OpenMetrics").by(Caller::Anybody).answer(
        StatusCode::OK,
        Answer::of("The counters.", "application/openmetrics-text", json!({ "type": "string" })),
    )
}

pub(crate) fn openapi() -> Operation {
    Operation::new(TAG, "openapi", "This document")
        .by(Caller::Anybody)
        .answer(StatusCode::OK, Answer::of("This document.", "application/json", json!({ "type": "object" })))
}

fn text(says: &str) -> Answer {
    Answer::of(says, "text/plain", json!({ "type": "string" }))
}

const TAG: &str = "operations";
