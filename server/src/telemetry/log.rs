//! The server's own log: one JSON object a line on standard error.

use std::io;

use holdfast_core::UnixTime;
use serde::Serialize;

use super::{sink::Sink, stamp::rfc3339};

/// Where log lines go.
pub(crate) struct Log {
    sink: Sink,
    requests: bool,
}

impl Log {
    /// A log on standard error.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub(crate) fn to_stderr(requests: bool) -> io::Result<Self> {
        Ok(Self { sink: Sink::start("log", io::stderr())?, requests })
    }

    /// Writes one line for a request.
    pub(crate) fn request(&self, now: UnixTime, line: &RequestLine<'_>) {
        if self.requests {
            self.write(now, "info", "request served", line);
        }
    }

    /// Something that an operator likes to know.
    pub(crate) fn info(&self, now: UnixTime, message: &str) {
        self.write(now, "info", message, &Nothing {});
    }

    /// Something that an operator should mend.
    pub(crate) fn warn(&self, now: UnixTime, message: &str) {
        self.write(now, "warn", message, &Nothing {});
    }

    /// Something that an operator has to look at.
    pub(crate) fn error(&self, now: UnixTime, message: &str) {
        self.write(now, "error", message, &Nothing {});
    }

    /// Writes what is pending.
    pub(crate) fn close(&self) {
        self.sink.close();
    }

    fn write(&self, now: UnixTime, level: &str, message: &str, fields: &impl Serialize) {
        let line = Line { time: &rfc3339(now), level, message, fields };
        // Writing to memory cannot fail, and JSON escapes whatever a client may have put into a text.
        self.sink.line(|out| {
            let _ = serde_json::to_writer(out, &line);
        });
    }
}

/// What is told of a request: the same fields whether it was allowed or denied. Never a header, a cookie or a query.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct RequestLine<'a> {
    /// Which listener took it.
    pub listener: &'static str,
    /// Its method.
    pub method: &'a str,
    /// Its path, without the query.
    pub path: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// The code of the answer, if it has one: a reason or a rejection.
    pub code: Option<&'a str>,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// The address it came from; none for the Unix socket.
    pub peer: Option<std::net::IpAddr>,
    /// Its id, also in the audit trail.
    pub request_id: &'a str,
}

#[derive(Serialize)]
struct Line<'a, F: Serialize> {
    time: &'a str,
    level: &'a str,
    message: &'a str,
    #[serde(flatten)]
    fields: &'a F,
}

#[derive(Serialize)]
struct Nothing {}
