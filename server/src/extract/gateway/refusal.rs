//! Refusing a gateway: answered, counted, and told.

use std::borrow::Cow;

use holdfast_core::check::Reason;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::{
    context::Context,
    house::Holdfast,
    respond::Problem,
    telemetry::{Event, EventName, RefusalCode},
};

/// The header in which gateways, and whoever watches them, find the reason of a refusal.
pub(crate) const REASON_HEADER: HeaderName = HeaderName::from_static("holdfast-reason");

/// Why somebody is not taken for a gateway, or what it says not for a request.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: RefusalCode,
    detail: Cow<'static, str>,
}

impl Refusal {
    pub(crate) fn new(code: RefusalCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// What the gateway says of the request is not as it must be.
    pub(crate) fn request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RefusalCode::Request, detail)
    }

    /// Counts the refusal and tells of it. 403 is the only refusal besides 401 that nginx passes on, and the matter is the
    /// gateway's, not the user's.
    pub(crate) fn tell(self, house: &Holdfast, context: &Context) -> Problem {
        house.metrics.gateway_refused(self.code);
        let peer = context.peer.address();
        if let Some(_first) = house.gateway_refusals.take(self.code, peer, context.now) {
            let event = Event {
                event: Some(EventName::GatewayRefused),
                reason: Some(self.code.as_str()),
                client_ip: peer,
                request_id: Some(context.request_id.as_str()),
                detail: Some(&self.detail),
                ..Event::default()
            };
            house.record(context.now, &event);
        }
        let reason = HeaderValue::from_static(Reason::PolicyDenied.as_str());
        Problem::new(StatusCode::FORBIDDEN, self.code.as_str(), self.detail).with(REASON_HEADER, reason)
    }
}
