//! TCP ports nobody listens on.
//!
//! A port found free can be taken by somebody else before it is used. What binds port 0 itself is better; these are
//! for programs that must be told a number. They are below those that the system gives to connections, of which tests make
//! thousands a second.

use std::{
    net::{Ipv4Addr, TcpListener},
    ops::RangeInclusive,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, Result};

/// A free port on the loopback address. No other call in this process gets the same one.
pub fn free_port() -> Result<u16> {
    candidates().find(|port| is_free(*port)).context("no port is free")
}

/// Two free ports, the second one above the first.
pub fn free_port_pair() -> Result<(u16, u16)> {
    let pairs = candidates().zip(candidates());
    let mut free =
        pairs.filter(|(first, second)| first + 1 == *second && is_free(*first) && is_free(*second));
    free.next().context("no two neighbouring ports are free")
}

/// One port after the other, from where the process has come to.
fn candidates() -> impl Iterator<Item = u16> {
    let (first, count) = (u32::from(*RANGE.start()), u32::try_from(RANGE.count()).unwrap_or(1));
    // Test programs that run at the same time begin at different places.
    let begin = std::process::id().wrapping_mul(97);
    let next = move |_| begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % count;
    (0..count).map(next).filter_map(move |number| u16::try_from(first + number).ok())
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Above those of well-known services, and below those of connections (`net.ipv4.ip_local_port_range`, from 32768 on).
const RANGE: RangeInclusive<u16> = 20_000..=32_000;
