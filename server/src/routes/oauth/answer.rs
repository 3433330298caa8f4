//! Answers of OAuth endpoints (RFC 6749 §5).

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use holdfast_core::{Rejection, Rule, session::Session};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{
    context::Context,
    dpop::{self, ErrorCode, Refused},
    error::Trouble,
    house::Holdfast,
    respond::{Code, OAuthError, Problem, header_value, json},
    routes::refresh::report_rejection,
    telemetry::{Event, EventName},
};

/// Why an OAuth endpoint gave nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// A code of RFC 6749 §5.2, and what would be right.
    Error(OAuthError, &'static str),
    /// Nobody whom we know (RFC 6749 §5.2), and by which scheme it was said.
    UnknownClient(Option<&'static str>),
    /// The proof was not taken.
    Proof(Refused, Option<Arc<Session>>),
    /// The code or token was not taken.
    Grant(Rejection, Option<Arc<Session>>),
    /// Our own trouble.
    Trouble(Trouble),
}

impl Failure {
    /// Tells audit and metrics of it.
    fn report(&self, house: &Holdfast, endpoint: &str, context: &Context) {
        let (name, rule, session) = match self {
            Self::Proof(refused, session) => (EventName::ProofRejected, refused.rejection.rule, session),
            Self::Grant(rejection, session) => (event_of(rejection.rule), rejection.rule, session),
            Self::UnknownClient(_) => {
                let event = Event {
                    event: Some(EventName::ClientRejected),
                    reason: Some(OAuthError::InvalidClient.as_str()),
                    client_ip: Some(context.client_ip),
                    request_id: Some(context.request_id.as_str()),
                    trace_id: context.trace_id(),
                    detail: Some(endpoint),
                    ..Event::default()
                };
                return house.record(context.now, &event);
            }
            Self::Error(..) | Self::Trouble(_) => return,
        };
        report_rejection(house, name, rule, session.as_deref(), endpoint, context);
    }

    /// The answer.
    fn answer(self, house: &Holdfast, context: &Context) -> Response {
        match self {
            Self::Error(code, says) => error(StatusCode::BAD_REQUEST, code, says, []),
            Self::UnknownClient(scheme) => {
                let says = "the client is not known, or its secret is another one";
                let challenge = scheme.map(|scheme| {
                    (header::WWW_AUTHENTICATE, header_value(format!("{scheme} realm=\"holdfast\"")))
                });
                error(StatusCode::UNAUTHORIZED, OAuthError::InvalidClient, says, challenge)
            }
            Self::Proof(refused, _) => {
                let rule = refused.rejection.rule;
                let code = ErrorCode::of(rule);
                let nonce = (code == ErrorCode::UseDpopNonce)
                    .then(|| (dpop::NONCE, dpop::nonce(house, refused.key.as_ref(), context.now)));
                error(StatusCode::BAD_REQUEST, code.into(), &dpop::description_of(rule), nonce)
            }
            Self::Grant(rejection, _) => {
                // Nothing is left of a code that nobody came with in time, so that this is all that can be said of one.
                let says = if rejection.rule == Rule::G11 {
                    "the session has ended, or its code was not redeemed within a minute".to_owned()
                } else {
                    dpop::broken(rejection.rule)
                };
                error(StatusCode::BAD_REQUEST, OAuthError::InvalidGrant, &says, [])
            }
            Self::Trouble(trouble) => Problem::from(trouble).into_response(),
        }
    }
}

/// The answer of an endpoint, with what audit and metrics are to be told of a failure.
pub(super) fn settle(
    house: &Holdfast,
    endpoint: &str,
    outcome: Result<Response, Failure>,
    context: &Context,
) -> Response {
    outcome.unwrap_or_else(|failure| {
        failure.report(house, endpoint, context);
        failure.answer(house, context)
    })
}

/// A token that comes from somebody who should not have it is a theft, and said to be one.
const fn event_of(rule: Rule) -> EventName {
    if matches!(rule, Rule::G09) {
        EventName::TokenStolen
    } else if matches!(rule, Rule::G03 | Rule::G10) {
        EventName::TokenReused
    } else {
        EventName::ProofRejected
    }
}

/// An answer that nobody may keep (RFC 6749 §5.1).
pub(super) fn success(body: &impl Serialize) -> Response {
    let mut response = json(StatusCode::OK, body);
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

fn error(
    status: StatusCode,
    code: OAuthError,
    says: &str,
    headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
) -> Response {
    let mut response = json(status, &Error { error: code.as_str(), error_description: says });
    response.headers_mut().extend::<HeaderMap>(headers.into_iter().collect());
    response.extensions_mut().insert(Code::from(code));
    response
}

#[derive(Serialize)]
struct Error<'a> {
    error: &'a str,
    error_description: &'a str,
}

impl From<ErrorCode> for OAuthError {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::InvalidDpopProof => Self::InvalidDpopProof,
            ErrorCode::InvalidToken => Self::InvalidToken,
            ErrorCode::UseDpopNonce => Self::UseDpopNonce,
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<holdfast_store::Unavailable> for Failure {
    fn from(unavailable: holdfast_store::Unavailable) -> Self {
        Self::Trouble(unavailable.into())
    }
}
