//! `POST /v1/sessions/{id}/regenerate`: the same user goes on under a new id.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use holdfast_core::session::NotFollowed;
use serde::Deserialize;

use super::{AuthInput, begun_answer, own_alive, parse_id, unknown_session};
use crate::{
    context::Context,
    extract::{AppPermit, Json, Object, PathPart},
    house::Holdfast,
    respond::{Problem, ProblemCode},
    sessions::regenerate as follow,
};

/// The old session must be alive: from an ended one nothing follows, and from a locked one only with a new login.
pub(crate) async fn regenerate(
    State(house): State<Arc<Holdfast>>,
    AppPermit(app): AppPermit,
    context: Context,
    PathPart(id): PathPart,
    Json(input): Json<Input>,
) -> Result<Response, Problem> {
    let id = parse_id(&id).ok_or_else(unknown_session)?;
    let auth = input.auth.map(|Object(auth)| auth.accept()).transpose()?;
    let found = own_alive(&house, &app, id, &context).await?;
    house.admit_write(&context)?;
    let begun = follow(&house, &found, auth, &context).await?;
    let begun = begun.map_err(|why| match why {
        NotFollowed::Ended => unknown_session(),
        NotFollowed::Locked => Problem::of(ProblemCode::SessionLocked, LOCKED),
    })?;
    Ok(begun_answer(&house, &begun, context.now))
}

const LOCKED: &str = "the session is locked: authenticate its user, one factor is enough, and send auth with an \
                      auth_time after the last use of the session";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    auth: Option<Object<AuthInput>>,
}
