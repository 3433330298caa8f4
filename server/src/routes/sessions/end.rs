//! The three ways to end sessions: one, a user's, everybody's.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::Response,
};
use holdfast_core::session::EndReason;
use holdfast_store::Backend;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{json, parse_id};
use crate::{
    context::Context,
    extract::{OperatorPermit, PathPart, Permit},
    house::Holdfast,
    respond::Problem,
    sessions::{end, end_of_user},
    telemetry::{Event, EventName},
};

/// `DELETE /v1/sessions/{id}`: 204, whether there was one or not. Another app's session is as unknown as any.
pub(crate) async fn end_one(
    State(house): State<Arc<Holdfast>>,
    permit: Permit,
    context: Context,
    PathPart(id): PathPart,
) -> Result<StatusCode, Problem> {
    let Some(id) = parse_id(&id) else { return Ok(StatusCode::NO_CONTENT) };
    let found = house.store.load(id).await?;
    if found.is_some_and(|found| permit.covers(&found.session.record().app)) {
        end(&house, id, EndReason::Revoked, &context).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /v1/users/{user}/sessions?except=hs_…`: says how many ended.
pub(crate) async fn end_user(
    State(house): State<Arc<Holdfast>>,
    permit: Permit,
    context: Context,
    PathPart(user): PathPart,
    query: Result<Query<Except>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Except { except }) =
        query.map_err(|_| Problem::bad_request("bad_request", "the only query parameter here is except"))?;
    // A slip in `except` must not end the session that was to stay.
    let except = match except.as_deref() {
        None => None,
        Some(text) => Some(
            parse_id(text)
                .ok_or_else(|| Problem::bad_request("bad_request", "except must be a session id"))?,
        ),
    };
    let apps = house.apps.iter().map(|app| &*app.name).filter(|app| permit.covers(app));
    let mut ended = 0;
    for app in apps {
        ended += end_of_user(&house, app, &user, except, &context).await?;
    }
    Ok(json(StatusCode::OK, &Ended { ended }))
}

/// `DELETE /v1/sessions`: everybody out, in one step however many there are.
pub(crate) async fn end_everyone(
    State(house): State<Arc<Holdfast>>,
    _permit: OperatorPermit,
    context: Context,
) -> Result<StatusCode, Problem> {
    house.store.end_everyone(context.now).await?;
    let event = Event {
        event: Some(EventName::SessionsEnded),
        reason: Some(EndReason::Revoked.as_str()),
        client_ip: context.peer.address(),
        request_id: Some(context.request_id.as_str()),
        detail: Some("an operator ended every session of every app"),
        ..Event::default()
    };
    house.record(context.now, &event);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Except {
    except: Option<String>,
}

#[derive(Serialize)]
struct Ended {
    ended: usize,
}
