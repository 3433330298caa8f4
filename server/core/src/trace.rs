//! `traceparent`: which trace a request is part of (W3C Trace Context, Level 1 of 2021-11-23).
//!
//! Nothing is decided by it. It is read strictly because it is written on: into logs, and to others.

use std::fmt;

/// A trace's id: 16 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// A span's id: 8 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

/// What a request says about the trace that it is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace_id: TraceId,
    /// The span that the request was made in.
    pub parent_id: SpanId,
    /// Whether the caller records the trace.
    pub sampled: bool,
}

impl TraceParent {
    /// The longest value that is looked at.
    pub const MOST_BYTES: usize = 512;

    /// Reads the value of a `traceparent` field. `None` for whatever is not one: a trace then begins anew, as §3.2.2.3 says.
    ///
    /// A version to come may have more to say behind another dash (§3.2.2.4); what this version knows is taken from it.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > Self::MOST_BYTES {
            return None;
        }
        let mut parts = text.splitn(5, '-');
        let mut next = |digits: usize| parts.next().filter(|part| is_lower_hex(part, digits));
        let (version, trace_id, parent_id, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        let rest = parts.next();
        // §3.2.2.1: "ff" is no version. Version 00 has exactly four parts.
        if version == "ff" || (version == "00" && rest.is_some()) {
            return None;
        }
        let (trace_id, parent_id) = (TraceId(bytes_of(trace_id)?), SpanId(bytes_of(parent_id)?));
        if trace_id.0 == [0; 16] || parent_id.0 == [0; 8] {
            return None;
        }
        // §3.2.2.5: of the flags only the last one is known.
        let [flags] = bytes_of::<1>(flags)?;
        Some(Self { trace_id, parent_id, sampled: flags & 1 == 1 })
    }
}

impl TraceId {
    /// An id of these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl SpanId {
    /// An id of these bytes.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.parent_id, u8::from(self.sampled))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn is_lower_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The bytes of hex digits, of which there are twice as many.
fn bytes_of<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}
