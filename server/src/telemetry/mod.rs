//! What the server tells about itself: the audit trail, one log line a request, and metrics.

pub(crate) mod audit;
mod line;
mod listeners;
pub(crate) mod log;
pub(crate) mod metrics;
#[cfg(feature = "otlp")]
mod otlp;
mod refusals;
mod sampling;
mod sink;
mod spans;

pub(crate) use audit::{Audit, Event, EventName, Listening, Witness};
pub(crate) use holdfast_audit::{parse_rfc3339, rfc3339};
pub(crate) use listeners::ListenerPlace;
pub(crate) use log::Log;
pub(crate) use metrics::{Metrics, SinkMetrics};
pub(crate) use refusals::{RefusalCode, RefusalLines};
pub(crate) use sampling::Sampling;
pub(crate) use spans::{Finished, Spans};
