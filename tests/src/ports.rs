//! TCP ports nobody listens on.
//!
//! A port found free can be taken by somebody else before it is used. What binds port 0 itself is better; these are
//! for programs that must be told a number.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};

/// A free port on the loopback address.
pub fn free_port() -> Result<u16> {
    Ok(listen(0)?.local_addr()?.port())
}

/// Two free ports, the second one above the first.
pub fn free_port_pair() -> Result<(u16, u16)> {
    (0..ATTEMPTS).find_map(|_| neighbours()).context("no two neighbouring ports are free")
}

fn neighbours() -> Option<(u16, u16)> {
    let first = listen(0).ok()?;
    let port = first.local_addr().ok()?.port();
    let next = port.checked_add(1)?;
    listen(next).ok().map(|_second| (port, next))
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

const ATTEMPTS: usize = 50;
