//! `/v1/sessions` and `/v1/users`: what apps and operators do with sessions.

mod create;
mod end;
mod grant;
mod list;
mod read;
mod regenerate;
mod usage;

pub(crate) use create::create;
pub(crate) use end::{end_everyone, end_one, end_user};
pub(crate) use list::list;
pub(crate) use read::read;
pub(crate) use regenerate::regenerate;
pub(crate) use usage::usage;

use axum::response::Response;
use holdfast_core::{
    SessionId, UnixTime,
    session::{Activity, Auth},
};
use holdfast_store::Found;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{
    context::Context,
    house::{App, Holdfast},
    respond::{Problem, ProblemCode, SessionView, json},
    sessions::{Begun, find_alive},
    telemetry::parse_rfc3339,
};

/// `auth` of a request body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthInput {
    acr: Option<Box<str>>,
    #[serde(default)]
    amr: Vec<Box<str>>,
    auth_time: Option<Box<str>>,
}

impl AuthInput {
    fn accept(self) -> Result<Box<Auth>, Problem> {
        let auth_time = match self.auth_time {
            None => None,
            Some(text) => Some(parse_rfc3339(&text).ok_or_else(|| {
                Problem::bad_request("auth.auth_time must be RFC 3339, such as \"2026-11-22T10:00:00Z\"")
            })?),
        };
        if self.amr.len() > MAX_AMR {
            return Err(Problem::bad_request("auth.amr has more than 16 entries"));
        }
        let is_long = |text: &str, most: usize| text.chars().nth(most).is_some();
        if self.amr.iter().any(|method| is_long(method, MAX_AMR_CHARACTERS)) {
            return Err(Problem::bad_request("auth.amr has an entry of more than 128 characters"));
        }
        if self.acr.as_deref().is_some_and(|acr| is_long(acr, MAX_ACR_CHARACTERS)) {
            return Err(Problem::bad_request("auth.acr has more than 256 characters"));
        }
        Ok(Box::new(Auth { acr: self.acr, amr: self.amr, auth_time }))
    }
}

/// The answer of create and regenerate.
#[derive(Serialize)]
struct BegunView<'a> {
    session: SessionView<'a>,
    response_headers: &'a [(&'static str, String)],
}

fn begun_answer(house: &Holdfast, begun: &Begun, now: UnixTime) -> Response {
    let record = begun.session.record();
    let activity = Activity { last_seen: record.created_at, confirmed_at: None };
    let session = SessionView::of(house, &begun.session, activity, now);
    json(StatusCode::CREATED, &BegunView { session, response_headers: &begun.response_headers })
}

/// An id that may be anything a client typed; what is no id is no session.
fn parse_id(text: &str) -> Option<SessionId> {
    text.parse().ok()
}

/// The living session of this id, if it is one of the app that asks.
async fn own_alive(house: &Holdfast, app: &App, id: SessionId, context: &Context) -> Result<Found, Problem> {
    let found = find_alive(house, id, context.now).await?;
    found.filter(|found| *found.session.record().app == *app.name).ok_or_else(unknown_session)
}

fn unknown_session() -> Problem {
    Problem::of(ProblemCode::SessionUnknown, "there is no session of this id that the caller may see")
}

const MAX_AMR: usize = 16;
/// Both are in each record and each assertion.
const MAX_AMR_CHARACTERS: usize = 128;
const MAX_ACR_CHARACTERS: usize = 256;
