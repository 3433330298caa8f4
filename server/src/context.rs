//! What is known of every request before anybody looks at it.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use holdfast_core::UnixTime;

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
}

impl RequestIds {
    pub(crate) const fn new(boot: [u8; 4]) -> Self {
        Self { boot: u32::from_be_bytes(boot), next: AtomicU64::new(0) }
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
