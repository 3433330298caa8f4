//! `[telemetry]`: where traces go.

use std::num::NonZeroU32;

use super::reader::Reader;

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// The address of a collector that takes OTLP over HTTP; spans are written for nobody if there is none.
    pub otlp_endpoint: Option<String>,
    /// One request in so many is recorded, of those whose caller does not decide it.
    pub sample: NonZeroU32,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { otlp_endpoint: None, sample: NonZeroU32::MIN }
    }
}

pub(super) fn read_telemetry(mut section: Reader<'_>) -> TelemetryConfig {
    let default = TelemetryConfig::default();
    let otlp_endpoint = section.take::<String>("otlp_endpoint");
    if let Some(endpoint) = &otlp_endpoint {
        if !endpoint.parse::<http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
        }) {
            let right = "\"http://127.0.0.1:4318/v1/traces\"";
            section.problem("otlp_endpoint", format!("this is the address of a collector, such as {right}"));
        } else if !cfg!(feature = "otlp") {
            let says =
                "this holdfast was built without OTLP; build it with --features otlp, or remove the key";
            section.problem("otlp_endpoint", says);
        }
    }
    let sample = section.take::<u32>("sample").map_or(Some(default.sample), NonZeroU32::new);
    if sample.is_none() {
        section.problem("sample", "one request in so many is recorded; this is at least 1");
    }
    section.finish();
    TelemetryConfig { otlp_endpoint, sample: sample.unwrap_or(default.sample) }
}
