//! `POST /v1/sessions/{id}/usage`: how much the app has sent in a session.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Number;

use super::{own_alive, parse_id, unknown_session};
use crate::{
    context::Context,
    extract::{AppPermit, Json, PathPart},
    house::Holdfast,
    respond::Problem,
    risk::used,
};

/// Counts. What is too much, the next check says.
pub(crate) async fn usage(
    State(house): State<Arc<Holdfast>>,
    AppPermit(app): AppPermit,
    context: Context,
    PathPart(id): PathPart,
    Json(input): Json<Input>,
) -> Result<StatusCode, Problem> {
    if input.bytes > MOST_BYTES {
        return Err(Problem::bad_request(
            "bytes is more than 9007199254740991, which no app sends in a session",
        ));
    }
    let id = parse_id(&id).ok_or_else(unknown_session)?;
    let found = own_alive(&house, &app, id, &context).await?;
    used(&house, found.session.record(), input.bytes, context.now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What every reader of JSON can hold without losing a digit (RFC 8259 §6).
const MOST_BYTES: u64 = (1 << 53) - 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    #[serde(deserialize_with = "whole")]
    bytes: u64,
}

/// A whole number however it is written: to JSON, `1.0` and `1` are one number (JSON Schema §4.2.3), and some languages
/// write the first.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = Number::deserialize(deserializer)?;
    let exact = number.as_f64().filter(|float| float.fract() == 0.0 && *float >= 0.0);
    let written_out = || exact.and_then(|float| format!("{float:.0}").parse().ok());
    let none = || D::Error::custom("bytes must be a whole number, and not below 0");
    number.as_u64().or_else(written_out).ok_or_else(none)
}
