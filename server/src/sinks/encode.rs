//! Lines of the trail in the format of a sink.

use holdfast_audit::{
    Event,
    format::{Sender, cef, ecs, ocsf, rfc5424, with_message},
};

use crate::config::{SinkConfig, SinkFormat, SinkKind};

/// A line as a sink is told of it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) seq: u64,
    /// One line without a line feed.
    pub(super) text: String,
    /// What it says, for sinks that want more than a text.
    pub(super) event: Option<Event>,
}

/// What makes them.
#[derive(Clone, Debug)]
pub(super) struct Encoder {
    format: SinkFormat,
    is_syslog: bool,
    sender: Sender,
}

impl Encoder {
    pub(super) fn new(sink: &SinkConfig) -> Self {
        // A machine without this file, or a container without a name, is nobody in particular.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self {
            format: sink.format,
            is_syslog: matches!(sink.kind, SinkKind::Syslog { .. }),
            sender: Sender::new(host.trim(), std::process::id()),
        }
    }

    pub(super) fn encode(&self, seq: u64, line: &[u8]) -> Told {
        let raw = || String::from_utf8_lossy(line).into_owned();
        // What is no event is told as it stands; nothing is left out.
        let Ok(event) = Event::parse(line) else { return Told { seq, text: raw(), event: None } };
        let version = env!("CARGO_PKG_VERSION");
        let text = match self.format {
            SinkFormat::Cef => cef(&event, version),
            SinkFormat::Ecs => ecs(&event, version),
            SinkFormat::Json => raw(),
            SinkFormat::Ocsf => ocsf(&event, version),
            SinkFormat::Rfc5424 => rfc5424(&event, &self.sender),
        };
        let text = match self.format {
            SinkFormat::Cef | SinkFormat::Ecs | SinkFormat::Json | SinkFormat::Ocsf if self.is_syslog => {
                with_message(&event, &self.sender, &text)
            }
            SinkFormat::Cef | SinkFormat::Ecs | SinkFormat::Json | SinkFormat::Ocsf | SinkFormat::Rfc5424 => {
                text
            }
        };
        Told { seq, text, event: Some(event) }
    }
}
