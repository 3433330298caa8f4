//! Which requests are recorded as spans.

use holdfast_core::trace::SpanId;

use crate::config::TelemetryConfig;

/// One request in so many, if there is anybody to tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampling {
    is_on: bool,
    /// Span ids up to here are recorded.
    up_to: u64,
}

impl Sampling {
    pub(crate) fn new(config: &TelemetryConfig) -> Self {
        Self { is_on: config.otlp_endpoint.is_some(), up_to: u64::MAX / u64::from(config.sample.get()) }
    }

    /// Whether anything is recorded at all.
    pub(crate) const fn is_on(self) -> bool {
        self.is_on
    }

    /// Whether the span of that id is. It follows from an id of our own: the trace's would be the client's choice.
    pub(crate) const fn takes(self, id: SpanId) -> bool {
        self.is_on && u64::from_be_bytes(*id.as_bytes()) <= self.up_to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::RequestIds;

    #[test]
    fn one_in_so_many_is_taken() {
        let sampling = |sample: u32, endpoint: Option<&str>| {
            Sampling::new(&TelemetryConfig {
                otlp_endpoint: endpoint.map(str::to_owned),
                sample: sample.try_into().unwrap(),
            })
        };
        let ids = RequestIds::new([1; 4]);
        let taken = |sampling: Sampling| (0..10_000).filter(|_| sampling.takes(ids.span_id())).count();
        assert_eq!(taken(sampling(1, Some("http://127.0.0.1"))), 10_000);
        assert_eq!(taken(sampling(1, None)), 0);
        let tenth = taken(sampling(10, Some("http://127.0.0.1")));
        assert!((800..1200).contains(&tenth), "{tenth}");
    }
}
