//! Random lives of a session: logins, bindings, renewals, races, endings, and what must hold after each step.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a step that cannot be made fails the test")]

#[path = "../support/device.rs"]
mod device;
mod life;

use std::time::Duration;

use holdfast_core::session::EndReason;
use proptest::prelude::*;

use crate::life::Life;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    /// The clock moves to the very moment at which something ends.
    PassTo(Edge, prop::sample::Index),
    /// A device answers the offer.
    Bind {
        device: u8,
    },
    /// Two devices answer the offer, each having seen the unbound session.
    RaceToBind,
    /// The session's device answers the challenge of so many generations ago.
    Renew {
        behind: u32,
    },
    /// Two proofs over one challenge, each judged against the same revision.
    RaceToRenew,
    /// A renewal races with an ending; the renewal is stored last, or would be.
    RenewWhileEnding,
    /// Another key answers the current challenge.
    Steal,
    /// Some cookie of the past is presented.
    Present {
        which: prop::sample::Index,
    },
    End(EndReason),
    Regenerate {
        login: Authenticated,
    },
}

/// What a new session is told of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Authenticated {
    Not,
    /// One that is older than the last use of the session.
    BeforeLastUse,
    Now,
}

const LOGINS: [Authenticated; 3] = [Authenticated::Not, Authenticated::BeforeLastUse, Authenticated::Now];

/// Something that ends.
#[derive(Clone, Copy, Debug)]
enum Edge {
    AbsoluteLimit,
    Cookie,
    IdleLimit,
    LoginCookieGrace,
    Overlap,
    RegistrationWindow,
}

const EDGES: [Edge; 6] = [
    Edge::AbsoluteLimit,
    Edge::Cookie,
    Edge::IdleLimit,
    Edge::LoginCookieGrace,
    Edge::Overlap,
    Edge::RegistrationWindow,
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop_oneof![0_u64..60_000, 0_u64..4_000_000].prop_map(Step::Pass),
        3 => (prop::sample::select(EDGES.to_vec()), any::<prop::sample::Index>())
            .prop_map(|(edge, which)| Step::PassTo(edge, which)),
        4 => (1_u8..4).prop_map(|device| Step::Bind { device }),
        1 => Just(Step::RaceToBind),
        8 => prop_oneof![6 => Just(0_u32), 3 => Just(1), 1 => Just(2)].prop_map(|behind| Step::Renew { behind }),
        2 => Just(Step::RaceToRenew),
        1 => Just(Step::RenewWhileEnding),
        2 => Just(Step::Steal),
        8 => any::<prop::sample::Index>().prop_map(|which| Step::Present { which }),
        1 => prop::sample::select(EndReason::ALL.to_vec()).prop_map(Step::End),
        2 => prop::sample::select(LOGINS.to_vec()).prop_map(|login| Step::Regenerate { login }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_life_keeps_its_promises(
        steps in prop::collection::vec(step(), 1..60),
        unbound in life::unbound(),
        soft_lock in any::<bool>(),
    ) {
        let mut life = Life::begin(unbound, soft_lock);
        for step in steps {
            match step {
                Step::Pass(millis) => life.pass(Duration::from_millis(millis)),
                Step::PassTo(edge, which) => life.pass_to(edge, which),
                Step::Bind { device } => life.bind(device),
                Step::RaceToBind => life.race_to_bind(),
                Step::Renew { behind } => life.renew(behind),
                Step::RaceToRenew => life.race_to_renew(),
                Step::RenewWhileEnding => life.renew_while_ending(),
                Step::Steal => life.steal(),
                Step::Present { which } => life.present(which),
                Step::End(reason) => life.end(reason),
                Step::Regenerate { login } => life.regenerate(login),
            }
            life.keeps_its_promises();
        }
    }
}
