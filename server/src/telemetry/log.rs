//! The server's own log: one JSON object a line on standard error.

use std::{io, sync::Arc};

use holdfast_audit::rfc3339;
use holdfast_core::UnixTime;

use super::{line::Line, sink::Sink};

/// Where log lines go.
pub(crate) struct Log {
    sink: Arc<Sink>,
    requests: bool,
}

impl Log {
    /// A log on standard error.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub(crate) fn to_stderr(requests: bool) -> io::Result<Self> {
        Ok(Self { sink: Arc::new(Sink::start("log", io::stderr())?), requests })
    }

    /// The same log, with or without lines for requests.
    pub(crate) fn with_requests(&self, requests: bool) -> Self {
        Self { sink: Arc::clone(&self.sink), requests }
    }

    /// Writes one line for a request.
    pub(crate) fn request(&self, now: UnixTime, line: &RequestLine<'_>) {
        if !self.requests {
            return;
        }
        self.sink.line(|out| {
            let mut told = begin(out, now, "info");
            told.own("message", "request served");
            told.own("listener", line.listener);
            told.text("method", Some(line.method));
            told.text("path", Some(line.path));
            told.number("status", line.status.into());
            told.own_or_null("code", line.code);
            told.number("micros", line.micros);
            told.address("peer", line.peer);
            told.own("request_id", line.request_id);
            if let Some(trace_id) = line.trace_id {
                told.own("trace_id", trace_id);
            }
            told.end();
        });
    }

    /// Something that an operator likes to know.
    pub(crate) fn info(&self, now: UnixTime, message: &str) {
        self.write(now, "info", message);
    }

    /// Something that an operator should mend.
    pub(crate) fn warn(&self, now: UnixTime, message: &str) {
        self.write(now, "warn", message);
    }

    /// Something that an operator has to look at.
    pub(crate) fn error(&self, now: UnixTime, message: &str) {
        self.write(now, "error", message);
    }

    /// Writes what is pending.
    pub(crate) fn close(&self) {
        self.sink.close();
    }

    fn write(&self, now: UnixTime, level: &'static str, message: &str) {
        self.sink.line(|out| {
            let mut line = begin(out, now, level);
            line.text("message", Some(message));
            line.end();
        });
    }
}

fn begin<'a>(out: &'a mut Vec<u8>, now: UnixTime, level: &'static str) -> Line<'a> {
    let mut line = Line::begin(out, ("time", &rfc3339(now)));
    line.own("level", level);
    line
}

/// What is told of a request: the same fields whether it was allowed or denied. Never a header, a cookie or a query.
#[derive(Clone, Copy, Debug)]
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
    pub code: Option<&'static str>,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// The address it came from; none for the Unix socket.
    pub peer: Option<std::net::IpAddr>,
    /// Its id, also in the audit trail.
    pub request_id: &'a str,
    /// The trace that it is part of, if it is.
    pub trace_id: Option<&'a str>,
}
