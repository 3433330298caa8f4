//! Whether proofs that were demanded came from where the requests come from.
//!
//! A proof counts for the network and the browser that it came from. If a gateway tells two addresses of one client, one for
//! its requests and one for its proofs, no proof ever counts: the browser would be sent round until it gives up. So a
//! demand that was answered in vain becomes one that the user can meet.

use holdfast_core::{
    UnixTime,
    risk::{Agent, Location, Network},
};
use std::time::Duration;

use super::{Memory, Outcome, Question};

/// What is demanded of a session whose device has to prove its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// A proof.
    #[default]
    Proof,
    /// A login: proofs came, and from somewhere else each time. It grants no more than a proof does, and whoever has a copy
    /// of the cookie can give neither.
    Login,
}

impl Memory {
    /// Notes that the device has to prove its key before this request may go on, and says what is worth demanding.
    pub fn demand(&self, question: &Question<'_>, outcome: &Outcome) -> Demand {
        if outcome.assessment.proved_here {
            // The proof arrived as it must; what the policies still miss, another one may bring.
            return Demand::Proof;
        }
        let visit = question.visit(&|_| Location::Unknown);
        let demand = self.with_entry(question.record, |entry| {
            // The proof came while this request was on its way: its browser has the cookie that it is repeated with.
            if visit.is_replaced || question.is_replaced(entry.generation) {
                return Demand::Proof;
            }
            // The proof came while this request was weighed: the next one finds it.
            if entry.trail.is_proved_from(&visit) {
                return Demand::Proof;
            }
            entry.demands.note((visit.from.map(|from| from.network), visit.client.agent), question.now)
        });
        demand.unwrap_or_default()
    }
}

/// The demands that a session has not met.
#[derive(Debug, Default)]
pub(super) struct Demands {
    /// Proofs so far.
    proofs: u32,
    unmet: Vec<Unmet>,
}

type Whence = (Option<Network>, Agent);

#[derive(Debug)]
struct Unmet {
    of: Whence,
    /// How many proofs there were at the last demand.
    proofs: u32,
    /// How often a proof came soon after the demand, and did not count here.
    in_vain: u8,
    at: UnixTime,
}

impl Demands {
    /// Notes that a proof came, from wherever.
    pub(super) fn proved(&mut self) {
        self.proofs = self.proofs.wrapping_add(1);
    }

    fn note(&mut self, of: Whence, now: UnixTime) -> Demand {
        let proofs = self.proofs;
        let Some(unmet) = self.unmet.iter_mut().find(|unmet| unmet.of == of) else {
            if self.unmet.len() >= MOST_UNMET {
                self.unmet.remove(0);
            }
            self.unmet.push(Unmet { of, proofs, in_vain: 0, at: now });
            return Demand::Proof;
        };
        let is_soon = now.since(unmet.at) <= SOON;
        if !is_soon {
            unmet.in_vain = 0;
        } else if unmet.proofs != proofs {
            unmet.in_vain = unmet.in_vain.saturating_add(1);
        }
        (unmet.proofs, unmet.at) = (proofs, now);
        if unmet.in_vain >= MOST_IN_VAIN { Demand::Login } else { Demand::Proof }
    }
}

/// A browser answers a demand at once, and repeats its request then. Proofs that come later are those of every few minutes, of
/// an owner who knows nothing of a thief.
const SOON: Duration = Duration::from_secs(15);

/// Browsers refresh once for a request. If it is sent back a second time, Chromium repeats it without a cookie, and its user
/// would be told that nobody is logged in.
const MOST_IN_VAIN: u8 = 1;

/// Thieves may come from many places, and are asked as often as they like; the owner comes from few.
const MOST_UNMET: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(1_800_000_000 + seconds)
    }

    fn from(third: u8) -> Whence {
        (Some(Network::V4([9, 9, third])), Agent::parse(""))
    }

    #[test]
    fn demands_that_are_answered_in_vain_become_a_login() {
        let mut demands = Demands::default();
        assert_eq!(demands.note(from(1), at(0)), Demand::Proof);
        assert_eq!(demands.note(from(1), at(1)), Demand::Proof, "several requests at once");
        demands.proved();
        assert_eq!(demands.note(from(2), at(2)), Demand::Proof, "the network changed meanwhile");
        assert_eq!(demands.note(from(1), at(2)), Demand::Login);
        assert_eq!(demands.note(from(1), at(3)), Demand::Login, "until it rests");
        assert_eq!(demands.note(from(1), at(19)), Demand::Proof);
    }

    #[test]
    fn demands_without_a_proof_stay_what_they_are() {
        let mut demands = Demands::default();
        for second in 0..100 {
            assert_eq!(
                demands.note(from(1), at(second)),
                Demand::Proof,
                "a thief has nothing to answer with"
            );
        }
    }

    #[test]
    fn refreshes_of_the_ordinary_kind_are_no_answers() {
        let mut demands = Demands::default();
        for minute in 0..100 {
            demands.proved();
            assert_eq!(demands.note(from(1), at(minute * 16)), Demand::Proof);
        }
    }

    #[test]
    fn each_place_is_counted_by_itself_and_few_are() {
        let mut demands = Demands::default();
        for round in 0..10 {
            for third in 0..5 {
                demands.proved();
                assert_eq!(demands.note(from(third), at(round)), Demand::Proof);
            }
        }
        assert_eq!(demands.unmet.len(), MOST_UNMET);
    }
}
