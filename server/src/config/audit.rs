//! `[audit]`: where the trail is written, and who else is told.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use holdfast_audit::{Checkpoints, Rotation, verify::MOST_UNSIGNED};

use super::reader::{ByteSize, Reader};

/// Where the trail is written, and who else is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// The file; no trail is kept if absent.
    pub file: Option<PathBuf>,
    /// When another file is begun; never if absent, unless somebody moves it away.
    pub rotation: Option<Rotation>,
    /// When the chain is signed.
    pub checkpoints: Checkpoints,
    /// Who else is told.
    pub sinks: Vec<SinkConfig>,
}

/// Somebody who is told every line of the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkConfig {
    /// Its name in the log and in metrics; how far it has been told is kept under it.
    pub name: String,
    /// Where it is.
    pub kind: SinkKind,
    /// What it is told in.
    pub format: SinkFormat,
    /// Where it begins when it is new.
    pub start: SinkStart,
    /// How many events it is told at once.
    pub batch: usize,
    /// How long it may take for them.
    pub timeout: Duration,
}

/// Where a sink is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// A file beside the trail, an event a line.
    File {
        /// The file.
        path: PathBuf,
        /// Another one is begun at so many bytes.
        rotate_size: Option<u64>,
        /// So many former ones are kept.
        keep: usize,
    },
    /// A collector of OpenTelemetry: OTLP logs over HTTP, in JSON.
    Otlp {
        /// Its address for logs.
        url: String,
        /// The certificates that it is believed by; those of the system if absent.
        ca_file: Option<PathBuf>,
    },
    /// Standard output, an event a line.
    Stdout,
    /// A syslog server: RFC 5424, framed by RFC 6587 §3.4.1, over TCP or TLS (RFC 5425).
    Syslog {
        /// Its name or address, also in its certificate.
        host: String,
        /// Its port.
        port: u16,
        /// The certificates that it is believed by; without TLS if absent.
        ca_file: Option<PathBuf>,
    },
    /// A server that takes batches by POST.
    Webhook {
        /// Its address.
        url: String,
        /// What batches are signed with.
        secret_file: PathBuf,
        /// The certificates that it is believed by; those of the system if absent.
        ca_file: Option<PathBuf>,
    },
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident: $($(#[$doc:meta])+ $variant:ident = $word:literal;)+) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])+ $variant,)+
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

words! {
    /// What a sink is told in.
    SinkFormat:
    /// ArcSight Common Event Format.
    Cef = "cef";
    /// Elastic Common Schema.
    Ecs = "ecs";
    /// The line of the trail as it is.
    Json = "json";
    /// Open Cybersecurity Schema Framework 1.8.
    Ocsf = "ocsf";
    /// Syslog with structured data.
    Rfc5424 = "rfc5424";
}

words! {
    /// Where a sink begins that has never been told anything.
    SinkStart:
    /// With the oldest line that is there.
    Beginning = "beginning";
    /// With what comes from now on.
    End = "end";
}

pub(super) fn read_audit(mut section: Reader<'_>) -> AuditConfig {
    let file = section.take("file");
    let checkpoints = Checkpoints {
        lines: u64::from(number(&mut section, "checkpoint_lines", CHECKPOINT_LINES, 1..=MOST_LINES)),
        span: section.take_or("checkpoint_interval", CHECKPOINT_INTERVAL),
    };
    if checkpoints.span < Duration::from_secs(1) {
        section.problem("checkpoint_interval", "this must be at least \"1s\"");
    }
    let size = section.take::<ByteSize>("rotate_size");
    let keep = section.take::<usize>("keep");
    let hold = section.take::<ByteSize>("hold");
    if size.is_some_and(|size| size.0 < LEAST_FILE) {
        section.problem("rotate_size", "this must be at least \"64KiB\"");
    }
    for (key, is_written) in [("keep", keep.is_some()), ("hold", hold.is_some())] {
        if is_written && size.is_none() {
            section.problem(key, "files are removed only where they are begun anew; set rotate_size too");
        }
    }
    let rotation =
        size.map(|size| Rotation { size: size.0, keep, hold: hold.map_or(HOLD, |ByteSize(bytes)| bytes) });
    let written_sinks = section.count("sinks");
    let sinks = section.sections("sinks", read_sink);
    if written_sinks > 0 && file.is_none() {
        section.problem("sinks", "sinks are told from the file, and catch up with it; set audit.file");
    }
    for (index, sink) in sinks.iter().enumerate() {
        if sinks.iter().take(index).any(|other| other.name == sink.name) {
            section.problem("sinks", format!("two sinks are named {:?}; give each its own name", sink.name));
        }
    }
    section.finish();
    AuditConfig { file, rotation, checkpoints, sinks }
}

fn read_sink(mut section: Reader<'_>) -> Option<SinkConfig> {
    let name: Option<String> = section.require("name", "\"siem\"");
    if name.as_ref().is_some_and(|name| !super::is_app_name(name)) {
        section.problem("name", "a sink's name is 1 to 64 letters, digits, \"-\", \"_\" or \".\"");
    }
    let format = word(&mut section, "format", SinkFormat::ALL, SinkFormat::as_str, Some(SinkFormat::Json));
    let start = word(&mut section, "start", SinkStart::ALL, SinkStart::as_str, Some(SinkStart::End));
    let batch = number(&mut section, "batch", BATCH, 1..=10_000);
    let timeout = section.take_or("timeout", TIMEOUT);
    if !(Duration::from_millis(100)..=Duration::from_secs(300)).contains(&timeout) {
        section.problem("timeout", "this must be \"1s\" to \"300s\"");
    }
    let kind = read_kind(&mut section);
    section.finish();
    Some(SinkConfig {
        name: name?,
        kind: kind?,
        format: format?,
        start: start?,
        batch: usize::try_from(batch).unwrap_or(1),
        timeout,
    })
}

fn read_kind(section: &mut Reader<'_>) -> Option<SinkKind> {
    let kind: Option<String> = section.require("kind", "\"syslog\"");
    match kind.as_deref()? {
        "stdout" => Some(SinkKind::Stdout),
        "file" => {
            let path = section.require("path", "\"events.ocsf.jsonl\"");
            let rotate_size = section.take::<ByteSize>("rotate_size").map(|size| size.0);
            if rotate_size.is_some_and(|size| size < LEAST_FILE) {
                section.problem("rotate_size", "this must be at least \"64KiB\"");
            }
            let keep = section.take_or("keep", KEEP);
            Some(SinkKind::File { path: path?, rotate_size, keep })
        }
        "syslog" => read_syslog(section),
        "webhook" => {
            let url = url(section, "\"https://siem.example/holdfast\"");
            let secret_file = section.require("secret_file", "\"webhook.secret\"");
            let ca_file = section.take("ca_file");
            Some(SinkKind::Webhook { url: url?, secret_file: secret_file?, ca_file })
        }
        "otlp" => {
            let url = url(section, "\"http://127.0.0.1:4318/v1/logs\"");
            let ca_file = section.take("ca_file");
            Some(SinkKind::Otlp { url: url?, ca_file })
        }
        _ => {
            section.problem("kind", "a sink is \"file\", \"otlp\", \"stdout\", \"syslog\" or \"webhook\"");
            for key in ["path", "url", "address", "secret_file", "ca_file"] {
                let _ = section.take::<String>(key);
            }
            None
        }
    }
}

fn read_syslog(section: &mut Reader<'_>) -> Option<SinkKind> {
    let example = "\"tls://siem.example:6514\"";
    let address: Option<String> = section.require("address", example);
    let ca_file: Option<PathBuf> = section.take("ca_file");
    let address = address?;
    let parsed = address.parse::<http::Uri>().ok().and_then(|uri| {
        let host = uri.host().filter(|host| !host.is_empty())?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_bare = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
        let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "tcp" | "tls"))?;
        Some((scheme == "tls", host, uri.port_u16().filter(|port| *port != 0 && is_bare)?))
    });
    let Some((is_tls, host, port)) = parsed else {
        section.problem("address", format!("this is tcp:// or tls://, a name and a port, such as {example}"));
        return None;
    };
    if is_tls != ca_file.is_some() {
        let says = "with tls:// this file has the certificates that the server is believed by; with tcp:// there are none";
        section.problem("ca_file", says);
    }
    Some(SinkKind::Syslog { host, port, ca_file })
}

/// An address that events may be sent to: nobody on the way shall read them.
fn url(section: &mut Reader<'_>, example: &str) -> Option<String> {
    let url: String = section.require("url", example)?;
    let fits = url.parse::<http::Uri>().is_ok_and(|uri| {
        let host = uri.host().unwrap_or_default();
        let is_own = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        match uri.scheme_str() {
            Some("https") => !host.is_empty(),
            Some("http") => is_own,
            Some(_) | None => false,
        }
    });
    if !fits {
        let says = "this is an https:// address; http:// is for 127.0.0.1, ::1 and localhost alone";
        section.problem("url", format!("{says}; write for example {example}"));
    }
    fits.then_some(url)
}

fn word<T: Copy>(
    section: &mut Reader<'_>,
    key: &'static str,
    all: &[T],
    word: fn(T) -> &'static str,
    default: Option<T>,
) -> Option<T> {
    let Some(text) = section.take::<String>(key) else { return default };
    let found = all.iter().copied().find(|value| word(*value) == text);
    if found.is_none() {
        let words: Vec<_> = all.iter().map(|value| format!("{:?}", word(*value))).collect();
        section.problem(key, format!("this is one of {}", words.join(", ")));
    }
    found
}

fn number(section: &mut Reader<'_>, key: &'static str, default: u32, allowed: RangeInclusive<u32>) -> u32 {
    let number = section.take_or(key, default);
    if !allowed.contains(&number) {
        section.problem(key, format!("this is {} to {}", allowed.start(), allowed.end()));
    }
    number
}

const CHECKPOINT_LINES: u32 = 1000;
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// More would be a fault to whoever verifies: [`MOST_UNSIGNED`].
const MOST_LINES: u32 = 10_000;
const _: () = assert!(MOST_UNSIGNED == 10_000, "the two are one limit");

/// Some 2,000,000 lines for a sink that is away.
const HOLD: u64 = 1 << 30;
const LEAST_FILE: u64 = 64 << 10;
const KEEP: usize = 10;
const BATCH: u32 = 500;
const TIMEOUT: Duration = Duration::from_secs(10);
