//! `/_holdfast/ssf/stream`: a receiver makes, reads, changes and removes its stream (SSF 1.0 §8.1.1). Each has one at most.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::{FromRequestParts, Query, State},
    response::{IntoResponse, Response},
};
use holdfast_ssf::{
    StreamRequest,
    stream::{self, DeliveryRequest, POLL, PUSH},
};
use http::{StatusCode, request::Parts};
use serde::Deserialize;
use serde_json::{Value, json};

use super::permit::{MayManage, MayRead};
use crate::{
    extract::Json,
    house::Holdfast,
    random::random,
    respond::{Problem, ProblemCode, json as answer},
    signals::{Delivery, EVENTS, StreamConfig, StreamStatus, may_push_to},
    token::hex,
};

/// `POST`: 201, or 409 if there is one.
pub(crate) async fn create(
    State(house): State<Arc<Holdfast>>,
    MayManage(permit): MayManage,
    Json(request): Json<StreamRequest>,
) -> Result<Response, Problem> {
    let slot = &permit.receiver.slot;
    let _turn = slot.changing.lock().await;
    if slot.config().is_some() {
        let detail = "this receiver has a stream; read it, change it or delete it";
        return Err(Problem::of(ProblemCode::StreamExists, detail));
    }
    let config = StreamConfig {
        id: hex(&random::<16>()?).into(),
        delivery: match &request.delivery {
            Some(delivery) => accept_delivery(delivery, None, &permit)?,
            None => Delivery::Poll,
        },
        requested: accept_events(request.events_requested)?,
        description: accept_description(request.description)?,
        status: StreamStatus::Enabled,
        reason: None,
        users: BTreeSet::new(),
    };
    slot.put(&house.store, config.clone()).await?;
    Ok(answer(StatusCode::CREATED, &view(&permit, &config)))
}

/// The stream that a query names. Other parameters are passed over.
pub(crate) struct Named(Option<String>);

#[derive(Deserialize)]
struct Parameters {
    stream_id: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(parameters) = Query::<Parameters>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::bad_request("stream_id stands in the query once, as UTF-8"))?;
        Ok(Self(parameters.stream_id))
    }
}

impl Named {
    pub(super) fn id(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// `GET`: the stream of that id, or a list of all of them, which is one at most.
pub(crate) async fn read(permit: MayRead, named: Named) -> Result<Response, Problem> {
    let config = permit.receiver.slot.config();
    match named.id() {
        Some(id) => Ok(answer(StatusCode::OK, &view(&permit, &of_id(config, Some(id))?))),
        None => {
            let all: Vec<Value> = config.iter().map(|config| view(&permit, config)).collect();
            Ok(answer(StatusCode::OK, &all))
        }
    }
}

/// `PATCH`: what is written changes, the rest stays.
pub(crate) async fn update(
    State(house): State<Arc<Holdfast>>,
    MayManage(permit): MayManage,
    Json(request): Json<StreamRequest>,
) -> Result<Response, Problem> {
    change(&house, &permit, request, false).await
}

/// `PUT`: what is not written goes back to its default.
pub(crate) async fn replace(
    State(house): State<Arc<Holdfast>>,
    MayManage(permit): MayManage,
    Json(request): Json<StreamRequest>,
) -> Result<Response, Problem> {
    change(&house, &permit, request, true).await
}

async fn change(
    house: &Holdfast,
    permit: &MayRead,
    request: StreamRequest,
    whole: bool,
) -> Result<Response, Problem> {
    let slot = &permit.receiver.slot;
    let _turn = slot.changing.lock().await;
    let mut config = of_id(slot.config(), request.stream_id.as_deref())?;
    match &request.delivery {
        Some(delivery) => config.delivery = accept_delivery(delivery, Some(&config.delivery), permit)?,
        None if whole => config.delivery = Delivery::Poll,
        None => {}
    }
    if whole || request.events_requested.is_some() {
        config.requested = accept_events(request.events_requested)?;
    }
    if whole || request.description.is_some() {
        config.description = accept_description(request.description)?;
    }
    slot.put(&house.store, config.clone()).await?;
    Ok(answer(StatusCode::OK, &view(permit, &config)))
}

/// `DELETE`: the stream, and all that waits.
pub(crate) async fn delete(
    State(house): State<Arc<Holdfast>>,
    MayManage(permit): MayManage,
    named: Named,
) -> Result<Response, Problem> {
    let slot = &permit.receiver.slot;
    let _turn = slot.changing.lock().await;
    of_id(slot.config(), named.id())?;
    slot.remove(&house.store).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The stream, if it is the one that was named.
pub(super) fn of_id(config: Option<StreamConfig>, id: Option<&str>) -> Result<StreamConfig, Problem> {
    let id = id.ok_or_else(|| Problem::bad_request("stream_id is missing"))?;
    config.filter(|config| *config.id == *id).ok_or_else(|| {
        let detail = "this receiver has no stream of this id; GET without stream_id lists what there is";
        Problem::of(ProblemCode::StreamUnknown, detail)
    })
}

fn accept_delivery(
    request: &DeliveryRequest,
    former: Option<&Delivery>,
    permit: &MayRead,
) -> Result<Delivery, Problem> {
    match &*request.method {
        POLL => Ok(Delivery::Poll),
        PUSH => {
            let wrong = Problem::bad_request;
            let endpoint =
                request.endpoint_url.as_deref().ok_or_else(|| wrong("delivery.endpoint_url is missing"))?;
            if endpoint.len() > MOST_BYTES || !may_push_to(endpoint, &permit.receiver.config.push_endpoints) {
                let detail =
                    "delivery.endpoint_url is none that the transmitter's operator allows in push_endpoints";
                return Err(wrong(detail));
            }
            let authorization = match (&request.authorization_header, former) {
                (Some(value), _) if !is_header(value) => {
                    return Err(wrong("delivery.authorization_header holds what no header can carry"));
                }
                (Some(value), _) => Some(value.as_str().into()),
                // It is not told to whoever reads the stream, who may send back what it has read.
                (None, Some(Delivery::Push { endpoint: known, authorization })) if **known == *endpoint => {
                    authorization.clone()
                }
                (None, _) => None,
            };
            Ok(Delivery::Push { endpoint: endpoint.into(), authorization })
        }
        _ => Err(Problem::bad_request(
            "delivery.method is urn:ietf:rfc:8935 (push) or urn:ietf:rfc:8936 (poll)",
        )),
    }
}

fn is_header(value: &str) -> bool {
    (1..=MOST_BYTES).contains(&value.len())
        && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn accept_events(requested: Option<Vec<String>>) -> Result<Vec<String>, Problem> {
    let requested = requested.unwrap_or_else(|| EVENTS.iter().map(|kind| kind.uri().to_owned()).collect());
    if requested.len() > MOST_EVENTS || requested.iter().any(|uri| uri.len() > MOST_BYTES) {
        return Err(Problem::bad_request(
            "events_requested has more than 64 types, or one of more than 1024 bytes",
        ));
    }
    Ok(requested)
}

fn accept_description(description: Option<String>) -> Result<Option<String>, Problem> {
    match description {
        Some(text) if text.len() > MOST_BYTES => {
            Err(Problem::bad_request("description has more than 1024 bytes"))
        }
        description => Ok(description),
    }
}

/// A stream as its receiver sees it. The secret that it gave for pushing is not among it.
fn view(permit: &MayRead, config: &StreamConfig) -> Value {
    let issuer = &permit.transmitter.config.issuer;
    let delivery = match &config.delivery {
        Delivery::Poll => {
            json!({ "method": POLL, "endpoint_url": format!("{issuer}/_holdfast/ssf/poll/{}", config.id) })
        }
        Delivery::Push { endpoint, .. } => json!({ "method": PUSH, "endpoint_url": &**endpoint }),
    };
    let delivered: Vec<_> = stream::delivered(&config.requested).into_iter().map(|kind| kind.uri()).collect();
    let mut view = json!({
        "stream_id": &*config.id,
        "iss": issuer,
        "aud": permit.receiver.config.audience,
        "events_supported": EVENTS.map(|kind| kind.uri()),
        "events_requested": config.requested,
        "events_delivered": delivered,
        "delivery": delivery,
    });
    if let (Value::Object(members), Some(description)) = (&mut view, &config.description) {
        members.insert("description".to_owned(), description.as_str().into());
    }
    view
}

const MOST_BYTES: usize = 1024;
const MOST_EVENTS: usize = 64;
