//! `/_holdfast/ssf/status`, `verify` and `subjects`: what else a receiver does with its stream (SSF 1.0 §8.1.2 to §8.1.4).

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use holdfast_core::jose::{Limits, Object};
use holdfast_ssf::{Claims, Identifier, Subject};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    permit::{MayManage, MayRead},
    stream::{Named, of_id},
};
use crate::{
    extract::Json,
    house::Holdfast,
    respond::{Problem, json as answer},
    sessions::is_user,
    signals::{StreamConfig, StreamStatus, enqueue},
};

/// `GET /_holdfast/ssf/status?stream_id=…`.
pub(crate) async fn status(permit: MayRead, named: Named) -> Result<Response, Problem> {
    let config = of_id(permit.receiver.slot.config(), named.id())?;
    Ok(answer(StatusCode::OK, &view(&config)))
}

#[derive(Deserialize)]
pub(crate) struct StatusInput {
    stream_id: Option<String>,
    status: StreamStatus,
    reason: Option<String>,
}

/// `POST /_holdfast/ssf/status`: what waits when a stream is disabled is gone.
pub(crate) async fn set_status(
    State(house): State<Arc<Holdfast>>,
    MayManage(permit): MayManage,
    Json(input): Json<StatusInput>,
) -> Result<Response, Problem> {
    if input.reason.as_ref().is_some_and(|reason| reason.len() > MOST_REASON_BYTES) {
        return Err(Problem::bad_request("reason has more than 1024 bytes"));
    }
    let slot = &permit.receiver.slot;
    let _turn = slot.changing.lock().await;
    let config = of_id(slot.config(), input.stream_id.as_deref())?;
    let config = StreamConfig { status: input.status, reason: input.reason, ..config };
    slot.put(&house.store, config.clone()).await?;
    Ok(answer(StatusCode::OK, &view(&config)))
}

fn view(config: &StreamConfig) -> Value {
    let mut view = json!({ "stream_id": &*config.id, "status": config.status.as_str() });
    if let (Value::Object(members), Some(reason)) = (&mut view, &config.reason) {
        members.insert("reason".to_owned(), reason.as_str().into());
    }
    view
}

#[derive(Deserialize)]
pub(crate) struct VerifyInput {
    stream_id: Option<String>,
    state: Option<String>,
}

/// `POST /_holdfast/ssf/verify`: an event comes through the stream that repeats `state`.
pub(crate) async fn verify(
    State(house): State<Arc<Holdfast>>,
    permit: MayRead,
    Json(input): Json<VerifyInput>,
) -> Result<Response, Problem> {
    if input.state.as_ref().is_some_and(|state| state.len() > MOST_STATE_BYTES) {
        return Err(Problem::bad_request("state has more than 256 bytes"));
    }
    let config = of_id(permit.receiver.slot.config(), input.stream_id.as_deref())?;
    let claims = Claims::verification(&config.id, input.state.as_deref());
    enqueue(&house, &permit.transmitter, &permit.receiver, claims).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
pub(crate) struct SubjectInput {
    stream_id: Option<String>,
    subject: Box<RawValue>,
}

/// `POST /_holdfast/ssf/subjects/add`: the receiver is told of this user.
pub(crate) async fn add_subject(
    State(house): State<Arc<Holdfast>>,
    MayManage(permit): MayManage,
    Json(input): Json<SubjectInput>,
) -> Result<Response, Problem> {
    let is_listed = !permit.receiver.config.all_subjects;
    list(&house, &permit, &input, is_listed).await.map(|()| StatusCode::OK.into_response())
}

/// `POST /_holdfast/ssf/subjects/remove`: no longer.
pub(crate) async fn remove_subject(
    State(house): State<Arc<Holdfast>>,
    MayManage(permit): MayManage,
    Json(input): Json<SubjectInput>,
) -> Result<Response, Problem> {
    let is_listed = permit.receiver.config.all_subjects;
    list(&house, &permit, &input, is_listed).await.map(|()| StatusCode::NO_CONTENT.into_response())
}

/// Puts a user on the list of the stream, or takes it off. What the list means depends on who is told of by default.
async fn list(
    house: &Holdfast,
    permit: &MayRead,
    input: &SubjectInput,
    is_listed: bool,
) -> Result<(), Problem> {
    let user = user_of(input.subject.get(), &permit.transmitter.config.issuer).ok_or_else(|| {
        Problem::bad_request(
            "subject must name a user of this transmitter: iss_sub with its issuer, email, account or opaque, or complex \
             with such a user alone",
        )
    })?;
    let slot = &permit.receiver.slot;
    let _turn = slot.changing.lock().await;
    let mut config = of_id(slot.config(), input.stream_id.as_deref())?;
    let changed = if is_listed { config.users.insert(user) } else { config.users.remove(&user) };
    if config.users.len() > MOST_USERS {
        return Err(Problem::bad_request(
            "10,000 users are listed; ask the operator to change default_subjects",
        ));
    }
    if changed {
        slot.put(&house.store, config).await?;
    }
    Ok(())
}

fn user_of(subject: &str, issuer: &str) -> Option<Box<str>> {
    let object = Object::parse_within(subject.as_bytes(), Limits::DOCUMENT).ok()?;
    let identifier = match Subject::read(&object)? {
        Subject::Simple(identifier) => identifier,
        Subject::Complex { user, session: None, device: None } => user?,
        Subject::Complex { .. } => return None,
    };
    let user = match identifier {
        Identifier::Account(name) | Identifier::Email(name) | Identifier::Opaque(name) => name,
        Identifier::IssSub { iss, sub } if iss == issuer => sub,
        Identifier::Aliases(_) | Identifier::IssSub { .. } | Identifier::Other(_) => return None,
    };
    is_user(&user).then(|| user.into())
}

const MOST_REASON_BYTES: usize = 1024;
const MOST_STATE_BYTES: usize = 256;
const MOST_USERS: usize = 10_000;
