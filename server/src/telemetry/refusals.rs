//! Refused gateways: what is said of them, and how often.

use std::{collections::HashSet, hash::Hash, net::IpAddr};

use holdfast_core::UnixTime;
use parking_lot::Mutex;

/// Why somebody is not taken for a gateway, or what it says not for a request. The words are stable: they stand in
/// answers, metrics and audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RefusalCode {
    /// No gateway is configured.
    Off,
    /// A request of a client that no app shall see, or one to the address of no app.
    Policy,
    /// What the gateway says of the request is missing, doubled or unreadable.
    Request,
    /// The secret is another one.
    Secret,
    /// The address is not one of a gateway.
    Untrusted,
}

impl RefusalCode {
    /// Every code.
    pub(crate) const ALL: [Self; 5] = [Self::Off, Self::Policy, Self::Request, Self::Secret, Self::Untrusted];

    /// The word on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "gateways_off",
            Self::Policy => "policy_denied",
            Self::Request => "gateway_request",
            Self::Secret => "gateway_secret",
            Self::Untrusted => "gateway_untrusted",
        }
    }
}

/// Which refusals the audit trail has a line of: one a minute for each code and address, so that nobody can fill a disk by
/// being refused. All of them are counted.
#[derive(Debug)]
pub(crate) struct RefusalLines<C = RefusalCode>(Mutex<Told<C>>);

#[derive(Debug)]
struct Told<C> {
    minute: u64,
    whom: HashSet<(C, Option<IpAddr>)>,
}

impl<C> Default for RefusalLines<C> {
    fn default() -> Self {
        Self(Mutex::new(Told { minute: 0, whom: HashSet::new() }))
    }
}

/// A refusal that is to be told.
#[derive(Debug)]
pub(crate) struct FirstOfItsMinute(());

impl<C: Copy + Eq + Hash> RefusalLines<C> {
    /// Takes the place of a line, if there is one left.
    pub(crate) fn take(&self, code: C, peer: Option<IpAddr>, now: UnixTime) -> Option<FirstOfItsMinute> {
        let minute = now.as_secs() / 60;
        let mut told = self.0.lock();
        if told.minute != minute {
            *told = Told { minute, whom: HashSet::new() };
        }
        let is_first = told.whom.len() < MOST_LINES && told.whom.insert((code, peer));
        is_first.then_some(FirstOfItsMinute(()))
    }
}

/// So many lines a minute, however many addresses somebody has.
const MOST_LINES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_reason_address_and_minute() {
        let lines = RefusalLines::default();
        let at = UnixTime::from_secs;
        let one = Some(IpAddr::from([203, 0, 113, 7]));
        let two = Some(IpAddr::from([203, 0, 113, 8]));
        assert!(lines.take(RefusalCode::Secret, one, at(60)).is_some());
        assert!(lines.take(RefusalCode::Secret, one, at(119)).is_none());
        assert!(lines.take(RefusalCode::Secret, two, at(119)).is_some());
        assert!(lines.take(RefusalCode::Request, one, at(119)).is_some());
        assert!(lines.take(RefusalCode::Request, None, at(119)).is_some(), "the Unix socket");
        assert!(lines.take(RefusalCode::Secret, one, at(120)).is_some());
    }

    #[test]
    fn many_addresses_write_no_more_than_a_bound() {
        let lines = RefusalLines::default();
        let taken = (0..100_000_u32).filter(|number| {
            let peer = Some(IpAddr::from(number.to_be_bytes()));
            lines.take(RefusalCode::Untrusted, peer, UnixTime::from_secs(60)).is_some()
        });
        assert_eq!(taken.count(), MOST_LINES);
    }
}
