//! `[limits]`: how much anybody may ask, and how slowly.

use std::{num::NonZeroU32, ops::RangeInclusive, time::Duration};

use super::reader::Reader;

/// How much anybody may ask, and how slowly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// How many bits of an IPv4 address make one client, 8 to 32.
    pub ipv4_prefix: u8,
    /// How many bits of an IPv6 address make one client, 16 to 128.
    pub ipv6_prefix: u8,
    /// Requests a second of one client on the public listener.
    pub address_rate: NonZeroU32,
    /// Requests of one client at once, after it was quiet.
    pub address_burst: NonZeroU32,
    /// Requests a second of one session.
    pub session_rate: NonZeroU32,
    /// Requests of one session at once, after it was quiet.
    pub session_burst: NonZeroU32,
    /// Connections of each listener.
    pub connections: u32,
    /// Connections of one client to the public listener.
    pub connections_per_address: u32,
    /// Requests that each listener answers at the same time.
    pub requests: u32,
    /// Requests that one HTTP/2 connection may have open.
    pub streams: u32,
    /// How long work may wait for a processor before requests are turned away.
    pub queue_delay: Duration,
    /// How long the header fields of an HTTP/1.1 request may take, and the pause before them.
    pub header_timeout: Duration,
    /// How long a body may take, and one second more for each 16 KiB of it.
    pub body_timeout: Duration,
    /// How long a client may take nothing of an answer.
    pub write_timeout: Duration,
    /// How long an HTTP/2 connection may ask nothing.
    pub idle_timeout: Duration,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            ipv4_prefix: 32,
            ipv6_prefix: 64,
            address_rate: ADDRESS_RATE,
            address_burst: ADDRESS_BURST,
            session_rate: SESSION_RATE,
            session_burst: SESSION_BURST,
            connections: 16_384,
            connections_per_address: 1024,
            requests: 4096,
            streams: 128,
            queue_delay: Duration::from_millis(20),
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
        }
    }
}

pub(super) fn read_limits(mut section: Reader<'_>) -> LimitsConfig {
    let default = LimitsConfig::default();
    let limits = LimitsConfig {
        ipv4_prefix: prefix(&mut section, "ipv4_prefix", default.ipv4_prefix, 8..=32),
        ipv6_prefix: prefix(&mut section, "ipv6_prefix", default.ipv6_prefix, 16..=128),
        address_rate: count(&mut section, "address_rate", default.address_rate),
        address_burst: count(&mut section, "address_burst", default.address_burst),
        session_rate: count(&mut section, "session_rate", default.session_rate),
        session_burst: count(&mut section, "session_burst", default.session_burst),
        connections: number(&mut section, "connections", default.connections, 1..=MOST),
        connections_per_address: number(
            &mut section,
            "connections_per_address",
            default.connections_per_address,
            1..=MOST,
        ),
        requests: number(&mut section, "requests", default.requests, 1..=MOST),
        streams: number(&mut section, "streams", default.streams, 1..=10_000),
        queue_delay: Duration::from_millis(u64::from(number(
            &mut section,
            "queue_delay_ms",
            QUEUE_DELAY_MS,
            5..=10_000,
        ))),
        header_timeout: patience(&mut section, "header_timeout", default.header_timeout),
        body_timeout: patience(&mut section, "body_timeout", default.body_timeout),
        write_timeout: patience(&mut section, "write_timeout", default.write_timeout),
        idle_timeout: patience(&mut section, "idle_timeout", default.idle_timeout),
    };
    section.finish();
    limits
}

fn prefix(section: &mut Reader<'_>, key: &'static str, default: u8, allowed: RangeInclusive<u32>) -> u8 {
    u8::try_from(number(section, key, u32::from(default), allowed)).unwrap_or(default)
}

fn count(section: &mut Reader<'_>, key: &'static str, default: NonZeroU32) -> NonZeroU32 {
    NonZeroU32::new(number(section, key, default.get(), 1..=MOST)).unwrap_or(default)
}

fn number(section: &mut Reader<'_>, key: &'static str, default: u32, allowed: RangeInclusive<u32>) -> u32 {
    let Some(number) = section.take::<u32>(key) else { return default };
    if !allowed.contains(&number) {
        section.problem(key, format!("this is a number from {} to {}", allowed.start(), allowed.end()));
    }
    number
}

fn patience(section: &mut Reader<'_>, key: &'static str, default: Duration) -> Duration {
    let patience = section.take_or(key, default);
    if !(Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&patience) {
        section.problem(key, "this is a time from \"1s\" to \"1h\"");
    }
    patience
}

const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// A few thousand browsers behind one address, and what they ask when all of them come back from lunch.
const ADDRESS_RATE: NonZeroU32 = at_least_one(1000);
const ADDRESS_BURST: NonZeroU32 = at_least_one(10_000);

/// A page in each of ten tabs that polls its session twice a second.
const SESSION_RATE: NonZeroU32 = at_least_one(20);
const SESSION_BURST: NonZeroU32 = at_least_one(200);

const QUEUE_DELAY_MS: u32 = 20;

/// Nobody means more than this.
const MOST: u32 = 1_000_000;
