//! What a thief gets: he copies the cookie of this moment and keeps trying it.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::Response,
};
use holdfast_core::{
    check::{Decision, Reason},
    cookie::AuthenticCookie,
};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::{
    Demo,
    pages::{html, refuse_foreign},
};
use crate::{
    context::Context,
    extract::cookies::Credential,
    random::random,
    respond::{Problem, ProblemCode, json},
    token::hex,
};

/// The thief's page. It needs no session: he is somebody else, somewhere else.
pub(super) async fn page() -> Response {
    html(THIEF)
}

/// Copies the cookie that came with this request, as malware on the device would, and gives the thief its number.
pub(super) async fn copy(State(demo): State<Arc<Demo>>, headers: HeaderMap) -> Result<Response, Problem> {
    refuse_foreign(&demo, &headers)?;
    let Credential::One(cookie) = demo.credential(&headers) else {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            Reason::NoCredential,
            "there is no cookie to steal: log in first",
        ));
    };
    let number = hex(&random::<16>()?);
    let mut copies = demo.copies.lock();
    if copies.len() == MOST_COPIES {
        copies.pop_front();
    }
    copies.push_back((number.clone(), cookie.to_owned()));
    drop(copies);
    Ok(json(StatusCode::OK, &Copied { copy: number }))
}

/// Tries a copy: a request with that cookie and nothing else, from a client that has no key.
pub(super) async fn attempt(
    State(demo): State<Arc<Demo>>,
    context: Context,
    Query(input): Query<Input>,
) -> Result<Response, Problem> {
    let copy =
        demo.copies.lock().iter().find(|(number, _)| *number == input.copy).map(|(_, cookie)| cookie.clone());
    let copy = copy
        .ok_or_else(|| Problem::of(ProblemCode::NoCopy, "this copy is not known any more; steal another"))?;
    let answer = demo.check("GET", "/private", &HeaderMap::new(), Credential::One(&copy), &context).await?;
    let cookie = AuthenticCookie::open(&demo.house.keyring, &copy);
    Ok(json(
        StatusCode::OK,
        &Attempt {
            let_in: answer.verdict.decision == Decision::Allow,
            reason: answer.verdict.reason.as_str(),
            says: answer.verdict.reason.says(),
            noticed: answer.verdict.stale_copy,
            seconds_left: cookie.as_ref().map_or(0, |cookie| cookie.get().remaining(context.now).as_secs()),
            generation: cookie.as_ref().map(|cookie| cookie.get().generation),
            current_generation: answer.found.as_ref().map(|found| found.session.generation()),
        },
    ))
}

#[derive(Serialize)]
struct Copied {
    copy: String,
}

#[derive(Deserialize)]
pub(super) struct Input {
    copy: String,
}

#[derive(Serialize)]
struct Attempt {
    let_in: bool,
    reason: &'static str,
    says: &'static str,
    /// Whether the audit trail says `cookie.stale`.
    noticed: bool,
    seconds_left: u64,
    generation: Option<u32>,
    current_generation: Option<u32>,
}

const THIEF: &str = include_str!("thief.html");

/// A demo has few visitors; a longer memory would be a way to fill it.
const MOST_COPIES: usize = 64;
