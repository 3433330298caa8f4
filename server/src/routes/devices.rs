//! `/v1/devices/{device_id}/posture`: whoever manages devices tells how they are.
//!
//! An app's word counts for its own sessions, the operators' for those of every app. Each has its own entry, and the
//! stricter one decides.

use std::{fmt::Write, sync::Arc};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use holdfast_core::{UnixTime, session::DeviceId};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{
    context::Context,
    devices::{Full, Teller, Told, Verdict},
    extract::{Json, PathPart, Permit},
    house::Holdfast,
    respond::{Problem, ProblemCode, json},
    telemetry::{Event, EventName, parse_rfc3339, rfc3339},
};

/// `PUT`: what is told replaces what the same caller told before.
pub(crate) async fn put(
    State(house): State<Arc<Holdfast>>,
    permit: Permit,
    context: Context,
    PathPart(id): PathPart,
    Json(input): Json<Input>,
) -> Result<Response, Problem> {
    let (device, teller) = (parse_id(&id)?, teller_of(&permit));
    let told = input.accept(context.now)?;
    let before = house.devices.tell(&house.store, &device, &teller, told.clone(), context.now).await?;
    let before = before.map_err(|Full| Problem::of(ProblemCode::DevicesFull, FULL))?;
    if differs(before.as_ref(), &told) {
        record_change(&house, &device, &teller, Some(&told), &context);
    }
    Ok(json(StatusCode::OK, &View::of(&device, &told)))
}

/// `GET`: what this caller told.
pub(crate) async fn read(
    State(house): State<Arc<Holdfast>>,
    permit: Permit,
    context: Context,
    PathPart(id): PathPart,
) -> Result<Response, Problem> {
    let told = parse_id(&id).ok().and_then(|device| {
        house.devices.told(&device, &teller_of(&permit), context.now).map(|told| (device, told))
    });
    let (device, told) = told.ok_or_else(|| {
        let detail = "this caller has told nothing of such a device, or nothing that is still good";
        Problem::of(ProblemCode::DeviceUnknown, detail)
    })?;
    Ok(json(StatusCode::OK, &View::of(&device, &told)))
}

/// `DELETE`: the caller has no opinion any more.
pub(crate) async fn forget(
    State(house): State<Arc<Holdfast>>,
    permit: Permit,
    context: Context,
    PathPart(id): PathPart,
) -> Result<Response, Problem> {
    if let Ok(device) = parse_id(&id) {
        let teller = teller_of(&permit);
        if house.devices.forget(&house.store, &device, &teller, context.now).await?.is_some() {
            record_change(&house, &device, &teller, None, &context);
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Tells the trail how a device is now.
pub(crate) fn record_change(
    house: &Holdfast,
    device: &DeviceId,
    teller: &Teller,
    told: Option<&Told>,
    context: &Context,
) {
    let mut detail = format!("device {device}");
    if let Some(score) = told.and_then(|told| told.score) {
        let _ = write!(detail, ", score {score}");
    }
    if let Some(source) = told.and_then(|told| told.source.as_deref()) {
        let _ = write!(detail, ", source {source}");
    }
    let app = match teller {
        Teller::App(app) => Some(&**app),
        Teller::Operators => {
            detail.push_str(", told by an operator");
            None
        }
        Teller::Receiver(name) => {
            let _ = write!(detail, ", told by {name}");
            None
        }
    };
    let event = Event {
        event: Some(EventName::DevicePostureChanged),
        app,
        reason: Some(told.map_or(Verdict::Unknown, Told::verdict).as_str()),
        request_id: Some(context.request_id.as_str()),
        trace_id: context.trace_id(),
        detail: Some(&detail),
        ..Event::default()
    };
    house.record(context.now, &event);
}

/// Whether a new word says something else than the one before. A longer life alone is no change.
pub(crate) fn differs(before: Option<&Told>, told: &Told) -> bool {
    before.is_none_or(|before| {
        (before.compliant, before.score, &before.source) != (told.compliant, told.score, &told.source)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    compliant: bool,
    score: Option<u8>,
    source: Option<Box<str>>,
    expires_at: Option<Box<str>>,
}

impl Input {
    fn accept(self, now: UnixTime) -> Result<Told, Problem> {
        if self.score.is_some_and(|score| score > 100) {
            return Err(Problem::bad_request("score is a number from 0 to 100, 100 being the healthiest"));
        }
        let is_source = |text: &str| (1..=128).contains(&text.len()) && !text.chars().any(char::is_control);
        if self.source.as_deref().is_some_and(|source| !is_source(source)) {
            return Err(Problem::bad_request("source is 1 to 128 bytes, without control characters"));
        }
        let expires_at = match self.expires_at.as_deref() {
            None => None,
            Some(text) => Some(parse_rfc3339(text).filter(|at| *at > now).ok_or_else(|| {
                Problem::bad_request(
                    "expires_at must be a time to come in RFC 3339, such as \"2026-11-22T10:00:00Z\"",
                )
            })?),
        };
        Ok(Told {
            compliant: self.compliant,
            score: self.score,
            source: self.source.map(Arc::from),
            expires_at,
            told_at: now,
            apps: Vec::new(),
        })
    }
}

#[derive(Serialize)]
struct View<'a> {
    device_id: &'a str,
    compliant: bool,
    score: Option<u8>,
    source: Option<&'a str>,
    told_at: String,
    expires_at: Option<String>,
}

impl<'a> View<'a> {
    fn of(device: &'a DeviceId, told: &'a Told) -> Self {
        Self {
            device_id: device.as_str(),
            compliant: told.compliant,
            score: told.score,
            source: told.source.as_deref(),
            told_at: rfc3339(told.told_at),
            expires_at: told.expires_at.map(rfc3339),
        }
    }
}

fn parse_id(text: &str) -> Result<DeviceId, Problem> {
    text.parse().map_err(|malformed: holdfast_core::session::MalformedDeviceId| {
        Problem::bad_request(malformed.to_string())
    })
}

fn teller_of(permit: &Permit) -> Teller {
    match permit {
        Permit::App(app) => Teller::App(Arc::clone(&app.name)),
        Permit::Operator => Teller::Operators,
    }
}

const FULL: &str = "this caller has told of 100,000 devices, and no more are remembered; delete those that are gone, or let \
                    them expire";
