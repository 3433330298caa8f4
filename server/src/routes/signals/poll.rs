//! `POST /_holdfast/ssf/poll/{stream_id}`: a receiver fetches events, and says which it has taken (RFC 8936).

use std::{sync::Arc, time::Duration};

use axum::{extract::State, response::Response};
use holdfast_ssf::poll::{PollAnswer, PollRequest};
use http::StatusCode;

use super::{permit::MayRead, stream::of_id};
use crate::{
    context::Context,
    extract::{Json, PathPart},
    house::Holdfast,
    respond::{Problem, ProblemCode, json},
    signals::{Delivery, SentOutcome},
};

/// What was taken goes; what waits comes. Without `returnImmediately` an answer without events is held back for a while.
pub(crate) async fn poll(
    State(house): State<Arc<Holdfast>>,
    permit: MayRead,
    context: Context,
    PathPart(id): PathPart,
    Json(request): Json<PollRequest>,
) -> Result<Response, Problem> {
    let slot = &permit.receiver.slot;
    let config = of_id(slot.config(), Some(&id))?;
    if config.delivery != Delivery::Poll {
        let detail = "the events of this stream are pushed; change its delivery to fetch them";
        return Err(Problem::of(ProblemCode::StreamUnknown, detail));
    }
    settle(&house, &permit, &request, &context).await?;
    let most = usize::try_from(request.max_events.unwrap_or(MOST_EVENTS).min(MOST_EVENTS)).unwrap_or(0);
    if most > 0 && !request.return_immediately {
        slot.wait(HELD_BACK).await;
    }
    let (waiting, more_available) = slot.first(most);
    let sets = waiting.iter().map(|waiting| (waiting.jti().to_owned(), waiting.token().to_owned())).collect();
    Ok(json(StatusCode::OK, &PollAnswer { sets, more_available }))
}

async fn settle(
    house: &Holdfast,
    permit: &MayRead,
    request: &PollRequest,
    context: &Context,
) -> Result<(), Problem> {
    let (slot, name) = (&permit.receiver.slot, &permit.receiver.config.name);
    let taken: Vec<&str> = request.ack.iter().map(String::as_str).collect();
    for _ in 0..slot.settle(&house.store, &taken).await? {
        house.metrics.signal_sent(SentOutcome::Delivered);
    }
    let refused: Vec<&str> = request.set_errs.keys().map(String::as_str).collect();
    let count = slot.settle(&house.store, &refused).await?;
    for _ in 0..count {
        house.metrics.signal_sent(SentOutcome::Rejected);
    }
    if let Some(error) = request.set_errs.values().next().filter(|_| count > 0) {
        let err: String = error.err.chars().take(64).collect();
        let says = format!(
            "signals: {name} refused {count} events for good, the first for {}",
            err.escape_default()
        );
        house.log.error(context.now, &says);
    }
    Ok(())
}

const MOST_EVENTS: u32 = 100;

/// Shorter than what proxies wait for an answer.
const HELD_BACK: Duration = Duration::from_secs(25);
