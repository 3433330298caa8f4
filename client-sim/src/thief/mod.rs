//! The thief: named attacks, each with a promise that is checked against a running server.
//!
//! ```no_run
//! # async fn example(setup: client_sim::Setup) -> Result<(), client_sim::Failure> {
//! for attack in client_sim::thief::select(&setup, &["alg-none", "refresh-wrong-key"])? {
//!     let report = client_sim::thief::play(&setup, attack).await;
//!     assert!(report.held, "{report:?}");
//! }
//! # Ok(())
//! # }
//! ```

mod attacks;
mod burglar;
mod scenario;
#[cfg(test)]
mod tests;
mod token_attacks;
mod token_scenario;
mod token_trial;
mod trial;

use crate::report::Report;
use crate::{Failure, Setup};

use attacks::Play;
pub use attacks::{ATTACKS, Attack, OwnerAfterwards};
pub use token_attacks::DPOP_ATTACKS;
use token_trial::TokenTrial;
use trial::Trial;

/// The attacks with these names; `dbsc` and `dpop` mean all of a kind. `all` means every one that can be played here:
/// those on OAuth clients only if the setup names a client.
pub fn select(setup: &Setup, names: &[impl AsRef<str>]) -> Result<Vec<&'static Attack>, Failure> {
    let mut selected = Vec::new();
    if names.is_empty() {
        add_group(setup, "all", &mut selected)?;
    }
    for name in names.iter().map(AsRef::as_ref) {
        match name {
            "all" | "dbsc" | "dpop" => add_group(setup, name, &mut selected)?,
            _ => selected.push(named(setup, name)?),
        }
    }
    Ok(selected)
}

/// Plays one attack against a fresh victim.
///
/// The report holds only if the outcome was the promised one and the owner noticed nothing. An attack that needs what the
/// setup does not give is not run, and says so.
pub async fn play(setup: &Setup, attack: &'static Attack) -> Report {
    let started = setup.clock.now();
    let mut report = Report::new(attack.name, attack.promise);
    let outcome = play_to_its_end(setup, attack, &mut report).await;
    report.failure = outcome.err().map(|failure| failure.to_string());
    report.held = report.failure.is_none() && report.not_run.is_none() && report.all_hold();
    report.seconds = setup.clock.now().saturating_sub(started).as_secs_f64();
    report
}

async fn play_to_its_end(setup: &Setup, attack: &Attack, report: &mut Report) -> Result<(), Failure> {
    match attack.play {
        Play::Browser(play) => Trial::begin(setup.clone(), report).await?.play(play, attack.owner).await,
        Play::Client(play) => TokenTrial::begin(setup.clone(), report).await?.play(play, attack.owner).await,
    }
}

fn add_group(setup: &Setup, group: &str, selected: &mut Vec<&'static Attack>) -> Result<(), Failure> {
    if group != "dpop" {
        selected.extend(ATTACKS);
    }
    if group == "dpop" {
        setup.registration()?;
    }
    if group == "dpop" || (group == "all" && setup.client.is_some()) {
        selected.extend(DPOP_ATTACKS);
    }
    Ok(())
}

fn named(setup: &Setup, name: &str) -> Result<&'static Attack, Failure> {
    let mut known = ATTACKS.iter().chain(DPOP_ATTACKS);
    let attack = known.find(|attack| attack.name == name).ok_or_else(|| {
        let names: Vec<&str> = ATTACKS.iter().chain(DPOP_ATTACKS).map(|attack| attack.name).collect();
        Failure::Usage(format!(
            "there is no attack `{name}`; known are: all, dbsc, dpop, {}",
            names.join(", ")
        ))
    })?;
    if matches!(attack.play, Play::Client(_)) {
        setup.registration()?;
    }
    Ok(attack)
}
