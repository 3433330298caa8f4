//! Random lives of a grant: the client that owns it, a thief who has seen every text but holds another key, lost answers,
//! races, endings, and what must hold after each step.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a step that cannot be made fails the test")]

mod life;
#[path = "../support/prover.rs"]
mod prover;

use std::time::Duration;

use proptest::{prelude::*, sample::Index};

use crate::life::Life;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    /// The clock moves to the moment at which the code, or the time to repeat an answer, ends.
    PassToEdge,
    /// The client redeems the code.
    Redeem,
    /// Two requests of the client redeem the code, each having seen it unredeemed.
    RaceToRedeem,
    /// The client comes with the token of so many generations ago.
    Refresh {
        behind: usize,
    },
    /// The client comes with the current token, and the answer is lost.
    RefreshInVain,
    /// Two requests of the client come with the current token, each having seen the same record.
    RaceToRefresh,
    /// The thief comes with the code.
    StealCode {
        knows_verifier: bool,
    },
    /// The thief comes with some refresh token that ever was.
    StealToken {
        which: Index,
    },
    /// Another client comes with the code and the current token.
    Confuse,
    /// The user logs out.
    End,
    /// A refresh races with the user's logout; the refresh is stored last, or would be.
    RefreshWhileEnding,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop_oneof![0_u64..20_000, 0_u64..100_000].prop_map(Step::Pass),
        2 => Just(Step::PassToEdge),
        4 => Just(Step::Redeem),
        1 => Just(Step::RaceToRedeem),
        9 => prop_oneof![8 => Just(0_usize), 3 => Just(1), 1 => Just(2)].prop_map(|behind| Step::Refresh { behind }),
        3 => Just(Step::RefreshInVain),
        2 => Just(Step::RaceToRefresh),
        2 => any::<bool>().prop_map(|knows_verifier| Step::StealCode { knows_verifier }),
        4 => any::<Index>().prop_map(|which| Step::StealToken { which }),
        1 => Just(Step::Confuse),
        1 => Just(Step::End),
        1 => Just(Step::RefreshWhileEnding),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_grant_keeps_its_promises(
        steps in prop::collection::vec(step(), 1..40),
        names_key in any::<bool>(),
    ) {
        let mut life = Life::begin(names_key);
        for step in steps {
            match step {
                Step::Pass(millis) => life.pass(Duration::from_millis(millis)),
                Step::PassToEdge => life.pass_to_edge(),
                Step::Redeem => life.redeem(),
                Step::RaceToRedeem => life.race_to_redeem(),
                Step::Refresh { behind } => life.refresh(behind),
                Step::RefreshInVain => life.refresh_in_vain(),
                Step::RaceToRefresh => life.race_to_refresh(),
                Step::StealCode { knows_verifier } => life.steal_code(knows_verifier),
                Step::StealToken { which } => life.steal_token(which),
                Step::Confuse => life.confuse(),
                Step::End => life.end(),
                Step::RefreshWhileEnding => life.refresh_while_ending(),
            }
            life.keeps_its_promises();
        }
    }
}
