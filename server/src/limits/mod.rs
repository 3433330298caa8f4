//! How much anybody may ask, and what happens when there is more to do than can be done.

mod admission;
mod buckets;
mod prefix;
mod pulse;
mod queue;

pub(crate) use admission::{Admission, Admitted};
pub(crate) use prefix::{Prefix, Prefixes};
pub(crate) use pulse::Pulse;
pub(crate) use queue::{Joined, Queue, Waited};

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use governor::{Quota, RateLimiter, middleware::NoOpMiddleware, nanos::Nanos};
use holdfast_core::SessionId;
use http::{HeaderValue, StatusCode, header};

use self::buckets::Buckets;
use crate::{
    Clock,
    config::LimitsConfig,
    error::Trouble,
    respond::{Problem, ProblemCode},
    telemetry::Metrics,
};

/// The limits of the configuration, and how far everybody has used them.
pub(crate) struct Limits {
    pub(crate) config: LimitsConfig,
    pub(crate) prefixes: Prefixes,
    addresses: Keyed<Prefix>,
    sessions: Keyed<(SessionId, Use)>,
    metrics: Arc<Metrics>,
}

type Keyed<K> = RateLimiter<K, Buckets<K>, Ticks, NoOpMiddleware<Nanos>>;

/// How much there is to do at the moment: one for the whole process, whatever configuration is in force.
pub(crate) struct Load {
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) public: Arc<Admission>,
    pub(crate) internal: Arc<Admission>,
}

/// A limit that can be met, also as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Limit {
    /// Requests a second from one address.
    Address,
    /// A body that came too slowly.
    BodyTimeout,
    /// Connections of a listener.
    Connections,
    /// Connections from one address.
    ConnectionsPerAddress,
    /// Writes that wait for the disk.
    Disk,
    /// Header fields that came too slowly, or not at all.
    HeaderTimeout,
    /// An HTTP/2 connection that asked nothing.
    IdleTimeout,
    /// Work that waits for a processor.
    Load,
    /// Requests that are answered at the same time.
    Requests,
    /// Those of one address.
    RequestsPerAddress,
    /// Requests a second of one session.
    Session,
    /// An answer that was not taken.
    WriteTimeout,
}

/// What a session is used for. Each has its own limit: whoever holds a copy of a cookie must not use up what its owner
/// needs to prove the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Use {
    /// Asking by the cookie.
    Cookie,
    /// Proving the key.
    Proof,
    /// Bringing a key.
    Registration,
}

/// A request that is not answered, because there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limited {
    pub(crate) limit: Limit,
    retry_after: Duration,
}

impl Limits {
    pub(crate) fn new(config: LimitsConfig, clock: &Clock, metrics: &Arc<Metrics>) -> Self {
        let quota = |rate, burst| Quota::per_second(rate).allow_burst(burst);
        let ticks = || Ticks(clock.clone());
        Self {
            prefixes: Prefixes { ipv4: config.ipv4_prefix, ipv6: config.ipv6_prefix },
            addresses: RateLimiter::new(
                quota(config.address_rate, config.address_burst),
                Buckets::new(ADDRESSES),
                ticks(),
            ),
            sessions: RateLimiter::new(
                quota(config.session_rate, config.session_burst),
                Buckets::new(SESSIONS),
                ticks(),
            ),
            metrics: Arc::clone(metrics),
            config,
        }
    }

    /// Takes one request from what a client's address may ask.
    pub(crate) fn take_of_address(&self, address: IpAddr) -> Result<(), Limited> {
        self.addresses.check_key(&self.prefixes.of(address)).map_err(|until| {
            let now = governor::clock::Clock::now(self.addresses.clock());
            Limited { limit: Limit::Address, retry_after: until.wait_time_from(now) }
        })
    }

    /// Takes one request from what a session may ask.
    ///
    /// The caller has seen a credential of the session: its id alone, which is no secret, must not use anything up.
    pub(crate) fn take_of_session(&self, session: SessionId, used_for: Use) -> Result<(), Trouble> {
        self.sessions.check_key(&(session, used_for)).map_err(|_| {
            self.metrics.limited(Limit::Session);
            Trouble::Busy
        })
    }

    /// Lets a request begin that will have to wait for the disk, if that does not become too long with what it has `waited` for
    /// already: `backlog` is what [`Backend::backlog`](holdfast_store::Backend::backlog) says. It is asked before the work of a
    /// signature is done.
    ///
    /// Whoever ends a session does not ask: that is carried out however long it takes.
    pub(crate) fn admit_write(
        &self,
        queue: &Queue,
        waited: Duration,
        backlog: Duration,
    ) -> Result<(), Trouble> {
        // Behind few writes nobody waits.
        if backlog.is_zero() || waited.saturating_add(backlog) <= queue.patience(Instant::now()) {
            return Ok(());
        }
        self.metrics.limited(Limit::Disk);
        Err(Trouble::Overloaded)
    }
}

impl Load {
    pub(crate) fn new() -> Self {
        // Each has a queue of its own: strangers do not count as those whom a check waits behind.
        let admission = |is_public| Arc::new(Admission::new(Arc::default(), is_public));
        Self { public: admission(true), internal: admission(false), pulse: Arc::default() }
    }

    /// Sets how long a request may wait.
    pub(crate) fn set_patience(&self, patience: Duration) {
        self.public.queue().set_patience(patience);
        self.internal.queue().set_patience(patience);
    }
}

impl Limit {
    /// Every limit.
    pub(crate) const ALL: [Self; 12] = [
        Self::Address,
        Self::BodyTimeout,
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::Disk,
        Self::HeaderTimeout,
        Self::IdleTimeout,
        Self::Load,
        Self::Requests,
        Self::RequestsPerAddress,
        Self::Session,
        Self::WriteTimeout,
    ];

    /// The label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::BodyTimeout => "body_timeout",
            Self::Connections => "connections",
            Self::ConnectionsPerAddress => "connections_per_address",
            Self::Disk => "disk",
            Self::HeaderTimeout => "header_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::Load => "load",
            Self::Requests => "requests",
            Self::RequestsPerAddress => "requests_per_address",
            Self::Session => "session",
            Self::WriteTimeout => "write_timeout",
        }
    }
}

impl Limited {
    pub(crate) const fn by(limit: Limit) -> Self {
        Self { limit, retry_after: Duration::from_secs(1) }
    }

    /// The answer to a request for `path`. The two DBSC endpoints never answer 429: a browser ends its session over it.
    pub(crate) fn answer(self, path: &str) -> Problem {
        let (code, detail) = match self.limit {
            Limit::Address => (ProblemCode::RateLimited, TOO_MANY),
            Limit::BodyTimeout
            | Limit::Connections
            | Limit::ConnectionsPerAddress
            | Limit::Disk
            | Limit::HeaderTimeout
            | Limit::IdleTimeout
            | Limit::Load
            | Limit::Requests
            | Limit::RequestsPerAddress
            | Limit::Session
            | Limit::WriteTimeout => (ProblemCode::Overloaded, OVERLOADED),
        };
        let is_own_fault = self.limit == Limit::Address && !path.starts_with("/_holdfast/dbsc/");
        let status =
            if is_own_fault { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::SERVICE_UNAVAILABLE };
        // Whole seconds, and not less than one (RFC 9110 §10.2.3).
        let seconds = self.retry_after.as_secs() + u64::from(self.retry_after.subsec_nanos() > 0);
        Problem::new(status, code, detail).with(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }
}

/// Our clock, as the rate limiter wants it.
pub(crate) struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.0.elapsed())
    }
}

const TOO_MANY: &str = "there were more requests from this address than limits.address_rate lets through; slow down, and try again";
const OVERLOADED: &str = "there is more to do than can be done in time; nothing was changed, try again";

/// Twice as many prefixes at most, about 60 bytes each: 8 MB, however many strangers come.
const ADDRESSES: usize = 65_536;

/// Twice as many sessions at most.
const SESSIONS: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(clock: &Clock) -> Limits {
        let config = LimitsConfig {
            address_rate: 1.try_into().unwrap(),
            address_burst: 3.try_into().unwrap(),
            session_rate: 1.try_into().unwrap(),
            session_burst: 2.try_into().unwrap(),
            ..LimitsConfig::default()
        };
        Limits::new(config, clock, &Arc::new(Metrics::new()))
    }

    fn clock() -> Clock {
        Clock::manual(holdfast_core::UnixTime::from_secs(1_800_000_000))
    }

    #[test]
    fn an_address_has_its_burst_and_then_its_rate() {
        let (clock, stranger) = (clock(), IpAddr::from([203, 0, 113, 7]));
        let limits = limits(&clock);
        assert!((0..3).all(|_| limits.take_of_address(stranger).is_ok()));
        let limited = limits.take_of_address(stranger).unwrap_err();
        assert_eq!((limited.limit, limited.retry_after), (Limit::Address, Duration::from_secs(1)));
        assert!(
            limits.take_of_address(IpAddr::from([203, 0, 113, 8])).is_ok(),
            "a neighbour is not concerned"
        );
        clock.advance(Duration::from_secs(1));
        assert!(limits.take_of_address(stranger).is_ok());
        assert!(limits.take_of_address(stranger).is_err());
        clock.advance(Duration::from_secs(3600));
        assert!((0..3).all(|_| limits.take_of_address(stranger).is_ok()));
        assert!(limits.take_of_address(stranger).is_err(), "an hour of rest is worth one burst, not more");
    }

    #[test]
    fn a_million_strangers_take_a_bounded_place_and_nobodys_limit() {
        let clock = clock();
        let limits = limits(&clock);
        let busy = IpAddr::from([203, 0, 113, 7]);
        while limits.take_of_address(busy).is_ok() {}
        for number in 0..1_000_000_u32 {
            assert!(
                limits.take_of_address(IpAddr::from(number.to_be_bytes())).is_ok() || number == 0xCB00_7107
            );
            if number % 10_000 == 0 {
                assert!(limits.take_of_address(busy).is_err(), "who goes on asking is not forgotten");
            }
        }
        assert!(limits.addresses.into_state_store().len() <= 2 * ADDRESSES + 128);
    }

    #[test]
    fn what_a_cookie_uses_up_is_not_missing_for_the_proof() {
        let clock = clock();
        let limits = limits(&clock);
        let session = SessionId::from_bytes([7; 16]);
        while limits.take_of_session(session, Use::Cookie).is_ok() {}
        assert!(limits.take_of_session(session, Use::Proof).is_ok());
        assert!(limits.take_of_session(SessionId::from_bytes([8; 16]), Use::Cookie).is_ok());
    }

    #[test]
    fn a_write_is_let_in_if_it_need_not_wait_too_long() {
        let (limits, queue, most) = (limits(&clock()), Queue::default(), Duration::from_millis(20));
        queue.set_patience(most);
        let admit = |waited, backlog| limits.admit_write(&queue, waited, backlog);
        for backlog in [Duration::ZERO, Duration::from_millis(1), most] {
            assert_eq!(admit(Duration::ZERO, backlog), Ok(()), "{backlog:?}");
            assert_eq!(admit(most - backlog, backlog), Ok(()), "{backlog:?}");
        }
        assert_eq!(admit(2 * most, Duration::ZERO), Ok(()), "nobody waits for the disk");
        let nano = Duration::from_nanos(1);
        assert_eq!(admit(most, nano), Err(Trouble::Overloaded), "both together");
        for backlog in [most + nano, Duration::from_secs(60), Duration::MAX] {
            assert_eq!(admit(Duration::ZERO, backlog), Err(Trouble::Overloaded), "{backlog:?}");
        }
        queue.note_late(Instant::now());
        assert_eq!(
            admit(Duration::ZERO, most / 2 + nano),
            Err(Trouble::Overloaded),
            "there is too much to do"
        );
        let answer = axum::response::IntoResponse::into_response(Problem::from(Trouble::Overloaded));
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn a_browser_never_sees_429_where_it_would_end_its_session() {
        for limit in Limit::ALL {
            for path in ["/_holdfast/dbsc/refresh", "/_holdfast/dbsc/register"] {
                let answer = axum::response::IntoResponse::into_response(Limited::by(limit).answer(path));
                assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{limit:?}");
                assert!(answer.headers().contains_key(header::RETRY_AFTER));
            }
        }
    }
}
