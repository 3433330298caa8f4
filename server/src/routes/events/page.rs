//! `GET /v1/events`: the trail, a page at a time.

use std::sync::Arc;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use holdfast_audit::Reader;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::{After, filter::Filter, listen, unreadable};
use crate::{extract::Permit, house::Holdfast, respond::Problem};

/// The number of a line is the cursor: it stays good while files come and go.
pub(crate) async fn events(
    State(house): State<Arc<Holdfast>>,
    permit: Permit,
    query: Result<Query<Input>, QueryRejection>,
) -> Result<Response, Problem> {
    let detail = "the query parameters here are user, session, event, after and limit (1 to 1000)";
    let Query(input) = query.map_err(|_| Problem::bad_request(detail))?;
    let limit = input.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad_request("limit must be 1 to 1000"));
    }
    let filter = Filter::new(&permit, input.user, input.session, input.event)?;
    let listening = listen(&house)?;
    let reader = Reader::after(listening.files, input.after.unwrap_or_default().0);
    let page = spawn_blocking(move || read(reader, &filter, limit)).await;
    let body = page.map_err(|_panic| unreadable())?.map_err(|_| unreadable())?;
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((StatusCode::OK, json, body).into_response())
}

/// What may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    user: Option<String>,
    session: Option<String>,
    event: Option<String>,
    after: Option<After>,
    limit: Option<usize>,
}

/// The lines as they stand in the file, so that whoever keeps them can verify them.
fn read(mut reader: Reader, filter: &Filter, limit: usize) -> std::io::Result<Vec<u8>> {
    let gap = reader.skip_gap();
    let mut body = b"{\"events\":[".to_vec();
    let mut count = 0;
    let progress = reader.read(MOST_BYTES, |_, line| {
        if filter.lets_through(line).is_some() {
            if count > 0 {
                body.push(b',');
            }
            body.extend_from_slice(line);
            count += 1;
        }
        count < limit && body.len() < MOST_ANSWER
    })?;
    let (next, more) = (reader.seq(), reader.behind().0 > 0 || !progress.is_at_end);
    let gone = gap.map_or(0, |gap| gap.last.saturating_sub(gap.first).saturating_add(1));
    body.extend_from_slice(format!("],\"next_after\":{next},\"more\":{more},\"gone\":{gone}}}").as_bytes());
    Ok(body)
}

const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 1000;

/// A page looks at no more of the trail; one with few events says where to go on.
const MOST_BYTES: usize = 8 << 20;

const MOST_ANSWER: usize = 4 << 20;
