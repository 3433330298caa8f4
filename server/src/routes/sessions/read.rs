//! `GET /v1/sessions/{id}`: one session.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use holdfast_store::Backend;
use http::StatusCode;

use super::{json, parse_id, unknown_session};
use crate::{
    context::Context,
    extract::{PathPart, Permit},
    house::Holdfast,
    respond::{Problem, SessionView},
};

/// Another app's session is unknown to the caller.
pub(crate) async fn read(
    State(house): State<Arc<Holdfast>>,
    permit: Permit,
    context: Context,
    PathPart(id): PathPart,
) -> Result<Response, Problem> {
    let id = parse_id(&id).ok_or_else(unknown_session)?;
    let found = house.store.load(id).await?.filter(|found| permit.covers(&found.session.record().app));
    let found = found.ok_or_else(unknown_session)?;
    Ok(json(StatusCode::OK, &SessionView::of(&house, &found.session, found.activity, context.now)))
}
