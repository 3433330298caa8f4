//! What is known of every request before anybody looks at it.

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use holdfast_core::{
    UnixTime,
    trace::{SpanId, TraceId, TraceParent},
};

/// A request's circumstances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    /// When the request came. One time for everything that is decided about it.
    pub(crate) now: UnixTime,
    /// Who is at the other end of the connection.
    pub(crate) peer: Peer,
    /// The address of the client: the peer's, or what a gateway of ours says it is.
    pub(crate) client_ip: IpAddr,
    /// Its name in log and audit.
    pub(crate) request_id: RequestId,
    /// The trace that it is part of, if it is.
    pub(crate) trace: Option<Trace>,
    /// How long it has waited for its turn.
    pub(crate) waited: Duration,
}

impl Context {
    /// The circumstances of what this server does by itself.
    pub(crate) fn of_our_own(now: UnixTime, ids: &RequestIds) -> Self {
        let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self {
            now,
            peer: Peer::Socket,
            client_ip: nobody,
            request_id: ids.next(),
            trace: None,
            waited: Duration::ZERO,
        }
    }

    pub(crate) fn trace_id(&self) -> Option<TraceId> {
        self.trace.map(|trace| trace.trace_id)
    }
}

/// Our part of a trace (W3C Trace Context).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) trace_id: TraceId,
    /// Of the span that this request is.
    pub(crate) span_id: SpanId,
    /// Of the span that it came from.
    pub(crate) parent: Option<SpanId>,
    /// Whether it is recorded.
    pub(crate) sampled: bool,
}

impl Trace {
    /// What whoever goes on with it is told.
    pub(crate) const fn parent_of_others(&self) -> TraceParent {
        TraceParent { trace_id: self.trace_id, parent_id: self.span_id, sampled: self.sampled }
    }
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Over a network.
    Address(IpAddr),
    /// Over the Unix socket: somebody whom its file lets in.
    Socket,
}

impl Peer {
    /// The address, if there is one.
    pub(crate) const fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address),
            Self::Socket => None,
        }
    }
}

/// A request's name: unique in this process and, by its random beginning, elsewhere too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestId([u8; 24]);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Where request ids come from.
#[derive(Debug)]
pub(crate) struct RequestIds {
    boot: u32,
    next: AtomicU64,
    traced: AtomicU64,
    hasher: RandomState,
}

impl RequestIds {
    pub(crate) fn new(boot: [u8; 4]) -> Self {
        Self {
            boot: u32::from_be_bytes(boot),
            next: AtomicU64::new(0),
            traced: AtomicU64::new(0),
            hasher: RandomState::new(),
        }
    }

    /// An id for a span. Nobody must guess it, and two must not be the same; more is not asked of it.
    pub(crate) fn span_id(&self) -> SpanId {
        let number = self.traced.fetch_add(1, Ordering::Relaxed);
        SpanId::from_bytes(self.hasher.hash_one((self.boot, number)).max(1).to_be_bytes())
    }

    /// An id for a trace that begins here.
    pub(crate) fn trace_id(&self) -> TraceId {
        let mut bytes = [0; 16];
        let (head, tail) = bytes.split_at_mut(8);
        head.copy_from_slice(self.span_id().as_bytes());
        tail.copy_from_slice(self.span_id().as_bytes());
        TraceId::from_bytes(bytes)
    }

    pub(crate) fn next(&self) -> RequestId {
        let number = (u128::from(self.boot) << 64) | u128::from(self.next.fetch_add(1, Ordering::Relaxed));
        let mut text = [b'0'; 24];
        let mut rest = number;
        for digit in text.iter_mut().rev() {
            let nibble = u8::try_from(rest & 15).unwrap_or(0);
            *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
            rest >>= 4;
        }
        RequestId(text)
    }
}
