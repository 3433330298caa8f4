//! A small month of users and thieves before the guard. The whole one is `tests/bench/run --risk`; what is known of it, and
//! what is not met, stands in `spec-notes/risk.md`.

use std::time::Duration;

use anyhow::Result;
use holdfast_tests::risk::{Attack, Binding, Counts, Simulation};

fn live(binding: Binding) -> Result<Counts> {
    let small = Simulation {
        users: 12,
        days: 7,
        observed: 4,
        seed: 5,
        binding,
        tells_handshake: false,
        names_devices: true,
        strict: false,
        pause: 900,
        thieves: true,
    };
    small.run()
}

#[test]
fn who_is_bound_is_left_in_peace_and_thieves_are_not() -> Result<()> {
    let counts = live(Binding::All)?;
    assert!(counts.requests > 2000 && counts.all_reproves() > 20, "nobody travelled: {counts:?}");
    assert!(counts.all_step_ups() <= 3, "{:?}\n{:#?}", counts.step_ups, counts.examples);
    assert_eq!(counts.stuck, 0, "{:#?}", counts.examples);
    for attack in Attack::ALL.into_iter().filter(|attack| *attack != Attack::DeviceExports) {
        let (all, stopped) = counts.stopped(attack);
        assert!(all >= 10, "{attack:?}: {all}");
        assert_eq!(stopped, all, "{attack:?}: {:?}\n{:#?}", counts.thefts, counts.unstopped);
    }
    Ok(())
}

#[test]
fn without_a_key_the_same_rules_ask_the_user() -> Result<()> {
    let counts = live(Binding::None)?;
    assert_eq!(counts.all_reproves(), 0);
    assert!(counts.all_step_ups() > 20, "{:?}", counts.step_ups);
    let (all, stopped) = counts.stopped(Attack::CookieAbroad);
    assert!(all >= 10 && stopped == all, "{:?}\n{:#?}", counts.thefts, counts.unstopped);
    Ok(())
}

/// Chance hangs on the seed alone; otherwise no figure could be looked into.
#[test]
fn the_same_seed_makes_the_same_month() -> Result<()> {
    let run = || -> Result<Counts> {
        let few = Simulation {
            users: 2,
            days: 2,
            observed: 1,
            seed: 9,
            binding: Binding::Computers,
            tells_handshake: true,
            names_devices: true,
            strict: false,
            pause: 900,
            thieves: true,
        };
        Ok(Counts { checking: Duration::ZERO, ..few.run()? })
    };
    assert_eq!(format!("{:?}", run()?), format!("{:?}", run()?));
    Ok(())
}
