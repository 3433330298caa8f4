//! Requests as spans, for a collector that speaks OTLP.

use std::time::Duration;

use holdfast_core::UnixTime;

use crate::context::Trace;

/// A request that was answered, as the collector is told of it. The same is told as in the log: never a header, a cookie or
/// a query.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "without OTLP there is nobody to tell"))]
pub(crate) struct Finished {
    pub(crate) trace: Trace,
    pub(crate) listener: &'static str,
    pub(crate) method: http::Method,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) code: Option<&'static str>,
    pub(crate) began: UnixTime,
    pub(crate) took: Duration,
    pub(crate) client: std::net::IpAddr,
    pub(crate) request_id: String,
}

#[cfg(feature = "otlp")]
pub(crate) use super::otlp::Spans;

/// Nobody to tell.
#[cfg(not(feature = "otlp"))]
pub(crate) struct Spans;

#[cfg(not(feature = "otlp"))]
impl Spans {
    pub(crate) fn record(&self, _finished: Finished) {}

    #[expect(clippy::unused_async, reason = "with OTLP there is something to wait for")]
    pub(crate) async fn close(&self) {}
}
