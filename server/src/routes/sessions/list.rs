//! `GET /v1/sessions`: sessions, newest first, a page at a time.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::Response,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_core::{SessionId, UnixTime, session::Standing};
use holdfast_store::{Backend, Found, ListQuery};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::json;
use crate::{
    context::Context,
    extract::Permit,
    house::Holdfast,
    respond::{Problem, SessionView},
};

/// The cursor of one page is where the next begins; it stays good while sessions come and go.
pub(crate) async fn list(
    State(house): State<Arc<Holdfast>>,
    permit: Permit,
    context: Context,
    query: Result<Query<Input>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let detail = "the query parameters here are user, state, limit (1 to 1000) and cursor";
    let Query(input) = query.map_err(|_| Problem::bad_request(detail))?;
    let limit = input.limit.unwrap_or(DEFAULT_LIMIT);
    let state = match input.state.as_deref() {
        None => None,
        Some("active") => Some(true),
        Some("ended") => Some(false),
        Some(_) => return Err(Problem::bad_request("state must be active or ended")),
    };
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad_request("limit must be 1 to 1000"));
    }
    let before =
        match input.cursor.as_deref() {
            None => None,
            Some(text) => Some(read_cursor(text).ok_or_else(|| {
                Problem::bad_request("cursor must be the next_cursor of a page of this list")
            })?),
        };
    let query = ListQuery {
        app: permit.app().map(Into::into),
        user: input.user.map(Into::into),
        before,
        // One more than asked for tells whether there is a next page.
        limit: limit + 1,
    };
    let for_keep = Arc::clone(&house);
    let keep = move |found: &Found| {
        state.is_none_or(|active| {
            let ended =
                matches!(for_keep.standing(&found.session, found.activity, context.now), Standing::Ended(_));
            active != ended
        })
    };
    let mut page = house.store.list(&query, &keep).await?;
    let more = page.len() > limit;
    page.truncate(limit);
    let next_cursor = page.last().filter(|_| more).map(write_cursor);
    let sessions = page
        .iter()
        .map(|found| SessionView::of(&house, &found.session, found.activity, context.now))
        .collect();
    Ok(json(StatusCode::OK, &Page { sessions, next_cursor }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    user: Option<String>,
    state: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Serialize)]
struct Page<'a> {
    sessions: Vec<SessionView<'a>>,
    next_cursor: Option<String>,
}

fn write_cursor(found: &Found) -> String {
    let record = found.session.record();
    let mut bytes = record.created_at.as_millis().to_be_bytes().to_vec();
    bytes.extend_from_slice(record.id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_cursor(text: &str) -> Option<(UnixTime, SessionId)> {
    let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (millis, id) = bytes.split_first_chunk::<8>()?;
    Some((UnixTime::from_millis(u64::from_be_bytes(*millis)), SessionId::from_bytes(id.try_into().ok()?)))
}

const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 1000;
