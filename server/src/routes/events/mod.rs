//! `/v1/events` and `/v1/audit`: the audit trail, read by apps and operators.

mod filter;
mod jwks;
mod page;
mod stream;

pub(crate) use filter::event_names;
pub(crate) use jwks::audit_jwks;
pub(crate) use page::events;
pub(crate) use stream::{STREAM_TYPE, stream};

use http::{HeaderValue, header};
use serde::Deserialize;

use crate::{
    house::Holdfast,
    respond::{Problem, ProblemCode},
    telemetry::Listening,
};

/// The number of the line that was read last, 0 if none was.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "u64")]
struct After(u64);

impl TryFrom<u64> for After {
    type Error = &'static str;

    /// What is beyond the numbers that readers of JSON know (64 bits, signed) is no line's.
    fn try_from(line: u64) -> Result<Self, Self::Error> {
        if i64::try_from(line).is_ok() { Ok(Self(line)) } else { Err("no line has such a number") }
    }
}

fn listen(house: &Holdfast) -> Result<Listening, Problem> {
    let off = "no audit trail is kept here; set audit.file";
    house.audit.listen().ok_or_else(|| Problem::of(ProblemCode::AuditOff, off))
}

fn unreadable() -> Problem {
    let detail = "a file of the audit trail cannot be read just now; try again, and have the operator look if it stays so";
    Problem::of(ProblemCode::AuditUnreadable, detail).with(header::RETRY_AFTER, HeaderValue::from_static("1"))
}
