//! Which trace a request is part of.

use holdfast_core::trace::TraceParent;
use http::{HeaderMap, HeaderName};

use crate::{
    context::{RequestIds, Trace},
    house::Holdfast,
};

/// The name of the field in requests, and in the answers of checks.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace that the caller says it is part of; or a new one, if it is one of those to record.
///
/// Whoever calls the internal listener decides whether the trace is recorded. On the public listener anybody could have
/// everything recorded, and so the server decides itself.
pub(crate) fn trace_of(
    headers: &HeaderMap,
    house: &Holdfast,
    ids: &RequestIds,
    is_public: bool,
) -> Option<Trace> {
    let parent = only(headers).and_then(TraceParent::parse);
    if parent.is_none() && !house.sampling.is_on() {
        return None;
    }
    let span_id = ids.span_id();
    let sampled = match parent {
        Some(parent) if !is_public => parent.sampled && house.sampling.is_on(),
        Some(_) | None => house.sampling.takes(span_id),
    };
    match parent {
        Some(parent) => {
            Some(Trace { trace_id: parent.trace_id, span_id, parent: Some(parent.parent_id), sampled })
        }
        None => sampled.then(|| Trace { trace_id: ids.trace_id(), span_id, parent: None, sampled }),
    }
}

/// Of two fields that differ nobody can say which is meant.
fn only(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()
}
