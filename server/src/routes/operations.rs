//! What operators and their machines ask: is it alive, is it ready, how much has it done, what can it do.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use holdfast_store::Backend;
use http::{HeaderValue, header};

use crate::{house::Holdfast, openapi::document, respond::Problem};

/// `GET /healthz`: the process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the store takes writes. 503 tells a load balancer to wait.
pub(crate) async fn readyz(State(house): State<Arc<Holdfast>>) -> Result<&'static str, Problem> {
    house.store.healthy().await?;
    Ok("ready\n")
}

/// `GET /metrics`, for Prometheus.
pub(crate) async fn metrics(State(house): State<Arc<Holdfast>>) -> Response {
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    let load = &house.load;
    let in_flight = [load.public.in_flight(), load.internal.in_flight()];
    house.metrics.busy(in_flight, load.pulse.delay(), house.store.backlog());
    house.metrics.signals_waiting(house.signals.waiting());
    house.sinks.measure();
    let text = house.metrics.render(house.store.count(), house.audit.lost());
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// `GET /openapi.json`: both listeners described.
pub(crate) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], document()).into_response()
}
