//! `POST /_holdfast/ssf/events/{receiver}`: a transmitter pushes an event (RFC 8935).

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use holdfast_ssf::{DeliveryError, poll::SetErr};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    context::Context,
    extract::{PathPart, authorization::Authorization, body},
    house::Holdfast,
    respond::{Code, Problem, ProblemCode, json},
    signals::{Receiver, SignalOutcome, take},
    token::TokenHash,
};

/// What is pushed.
pub(crate) const MEDIA_TYPE: &str = "application/secevent+jwt";

/// 202 once the event has had its effect, durably; also for one that was taken before, or changes nothing here. Our own
/// trouble is 503: the transmitter sends it again.
pub(crate) async fn receive(
    State(house): State<Arc<Holdfast>>,
    context: Context,
    PathPart(name): PathPart,
    request: Request,
) -> Result<Response, Problem> {
    let Some(receiver) = permitted(&house, &name, request.headers()) else {
        house.metrics.signal(SignalOutcome::Unauthenticated);
        return Ok(unauthenticated());
    };
    if !is_event(request.headers()) {
        return Ok(refusal(DeliveryError::InvalidRequest, "set_media_type", WRONG_MEDIA));
    }
    let text = read(request.into_body()).await?;
    let Ok(text) = std::str::from_utf8(&text) else {
        return Ok(refusal(
            DeliveryError::InvalidRequest,
            "set_malformed",
            "the body must be one compact JWS",
        ));
    };
    match take(&house, &receiver, text.trim_ascii(), &context).await? {
        Ok(_taken) => Ok(StatusCode::ACCEPTED.into_response()),
        Err(rejection) => Ok(refusal(rejection.error(), rejection.code(), rejection.says())),
    }
}

/// The receiver of that name, if the request has its token. A name that is not there and a wrong token look the same.
fn permitted(house: &Holdfast, name: &str, headers: &HeaderMap) -> Option<Arc<Receiver>> {
    let values =
        headers.get_all(header::AUTHORIZATION).iter().map(|value| value.to_str().unwrap_or_default());
    let Authorization::Bearer(token) = Authorization::read(values) else { return None };
    let (receiver, _matches) = house.signals.receivers.of_push(name, &TokenHash::of(token))?;
    Some(Arc::clone(receiver))
}

fn is_event(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(MEDIA_TYPE)
}

async fn read(body: Body) -> Result<bytes::Bytes, Problem> {
    body::read(body, MOST_BYTES).await.ok_or_else(|| {
        let detail = "the event is larger than 32 KiB, or it broke off, or it did not come in time";
        Problem::of(ProblemCode::BodyTooLarge, detail)
    })
}

fn unauthenticated() -> Response {
    let says = "send the receiver's token as Authorization: Bearer, once";
    let error = SetErr::of(DeliveryError::AuthenticationFailed, says);
    let mut response = json(StatusCode::UNAUTHORIZED, &error);
    let challenge = HeaderValue::from_static("Bearer realm=\"holdfast\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response.extensions_mut().insert(Code::from(DeliveryError::AuthenticationFailed));
    response
}

/// RFC 8935 §2.3. The word of the RFC goes to the transmitter, our own finer code to the log.
fn refusal(error: DeliveryError, code: &'static str, says: &str) -> Response {
    let mut response = json(StatusCode::BAD_REQUEST, &SetErr::of(error, &format!("{code}: {says}")));
    response.extensions_mut().insert(Code::from(error));
    response
}

const WRONG_MEDIA: &str = "send Content-Type: application/secevent+jwt";

/// Twice what a token may be; what is larger than that is told so by the token's own rule.
const MOST_BYTES: usize = 32 * 1024;
