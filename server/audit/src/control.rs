//! What the trail says of itself, in lines of the same shape as all others.

use holdfast_core::UnixTime;

use crate::{Hash, Link, stamp::rfc3339};

/// The events that the trail tells by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlEvent {
    /// The chain up to here is signed.
    Checkpoint,
    /// Lines were lost before they were written.
    Lost,
    /// A file begins.
    Opened,
    /// A file was found broken off.
    Recovered,
}

impl ControlEvent {
    /// Every such event.
    pub const ALL: [Self; 4] = [Self::Checkpoint, Self::Lost, Self::Opened, Self::Recovered];

    /// The word in the trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Checkpoint => "audit.checkpoint",
            Self::Lost => "audit.lost",
            Self::Opened => "audit.opened",
            Self::Recovered => "audit.recovered",
        }
    }
}

/// Bytes of a file that are in no chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unchained {
    pub(crate) bytes: u64,
    pub(crate) hash: Hash,
}

/// The line of a signed checkpoint. `jws` is a compact JWS, which needs no escape.
pub(crate) fn checkpoint(now: UnixTime, jws: &str) -> Vec<u8> {
    line(
        now,
        ControlEvent::Checkpoint,
        "the chain up to the line before is signed",
        &format!(",\"checkpoint\":\"{jws}\""),
    )
}

/// The line of so many losses.
pub(crate) fn lost(now: UnixTime, count: u64) -> Vec<u8> {
    let detail = format!("{count} events were not written: more came than the disk took");
    line(now, ControlEvent::Lost, &detail, &format!(",\"lost\":{count}"))
}

/// The first line of a file. `before` are bytes that the file has in front of it; `former` the end of another chain that
/// this process wrote until now, if the file goes on with its own.
pub(crate) fn opened(now: UnixTime, before: Option<Unchained>, former: Option<Link>) -> Vec<u8> {
    let detail = match (before, former) {
        (None, None) => "a file begins; prev is the end of the file before",
        (Some(_), _) => "the chain begins; what is in front of this line is in no chain",
        (None, Some(_)) => "the chain of this file goes on; the file before is another chain",
    };
    let former = former.map_or_else(String::new, |Link { seq, hash }| {
        format!(",\"former\":{{\"seq\":{seq},\"hash\":\"{hash}\"}}")
    });
    line(now, ControlEvent::Opened, detail, &(of_before(before) + &former))
}

/// The line that closes off what a crash has left.
pub(crate) fn recovered(now: UnixTime, before: Unchained) -> Vec<u8> {
    let detail = format!("the file broke off: the {} bytes before this line are in no chain", before.bytes);
    line(now, ControlEvent::Recovered, &detail, &of_before(Some(before)))
}

/// A file that broke off between a line and its line feed.
pub(crate) fn completed(now: UnixTime) -> Vec<u8> {
    line(
        now,
        ControlEvent::Recovered,
        "the file broke off after the line before this one, which is whole",
        "",
    )
}

fn of_before(before: Option<Unchained>) -> String {
    before.map_or_else(String::new, |Unchained { bytes, hash }| {
        format!(",\"before\":{{\"bytes\":{bytes},\"sha256\":\"{hash}\"}}")
    })
}

/// Texts here are of this program and need no escape.
fn line(now: UnixTime, event: ControlEvent, detail: &str, more: &str) -> Vec<u8> {
    let (time, event) = (rfc3339(now), event.as_str());
    format!(
        "{{\"time\":\"{time}\",\"event\":\"{event}\",\"app\":null,\"user\":null,\"session\":null,\"reason\":null,\
         \"client_ip\":null,\"user_agent\":null,\"binding\":null,\"rule\":null,\"request_id\":null,\"trace_id\":null,\
         \"detail\":\"{detail}\",\"tags\":null,\"decision\":null,\"risk\":null{more}}}"
    )
    .into_bytes()
}
