//! What the server tells about itself: the audit trail, one log line a request, and metrics.

pub(crate) mod audit;
pub(crate) mod log;
pub(crate) mod metrics;
mod refusals;
mod sink;
mod stamp;

pub(crate) use audit::{Audit, Event, EventName};
pub(crate) use log::Log;
pub(crate) use metrics::Metrics;
pub(crate) use refusals::{RefusalCode, RefusalLines};
pub(crate) use stamp::{parse_rfc3339, rfc3339};
