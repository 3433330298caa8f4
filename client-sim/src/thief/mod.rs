//! The thief: named attacks, each with a promise that is checked against a running server.
//!
//! ```no_run
//! # async fn example(setup: client_sim::Setup) -> Result<(), client_sim::Failure> {
//! for attack in client_sim::thief::select(&["alg-none", "refresh-wrong-key"])? {
//!     let report = client_sim::thief::play(&setup, attack).await;
//!     assert!(report.held, "{report:?}");
//! }
//! # Ok(())
//! # }
//! ```

mod attacks;
mod burglar;
mod scenario;
mod trial;

use crate::report::Report;
use crate::{Failure, Setup};

pub use attacks::{ATTACKS, Attack, OwnerAfterwards};
use trial::Trial;

/// The attacks with these names; `all` means every one.
pub fn select(names: &[impl AsRef<str>]) -> Result<Vec<&'static Attack>, Failure> {
    if names.is_empty() || names.iter().any(|name| name.as_ref() == "all") {
        return Ok(ATTACKS.iter().collect());
    }
    names.iter().map(|name| named(name.as_ref())).collect()
}

/// Plays one attack against a fresh victim.
///
/// The report holds only if the outcome was the promised one and the owner noticed nothing.
pub async fn play(setup: &Setup, attack: &'static Attack) -> Report {
    let started = setup.clock.now();
    let mut report = Report::new(attack.name, attack.promise);
    let outcome = match Trial::begin(setup.clone(), &mut report).await {
        Ok(mut trial) => trial.play(attack).await,
        Err(failure) => Err(failure),
    };
    report.failure = outcome.err().map(|failure| failure.to_string());
    report.held = report.failure.is_none() && report.all_hold();
    report.seconds = setup.clock.now().saturating_sub(started).as_secs_f64();
    report
}

fn named(name: &str) -> Result<&'static Attack, Failure> {
    ATTACKS.iter().find(|attack| attack.name == name).ok_or_else(|| {
        let known: Vec<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
        Failure::Usage(format!("there is no attack `{name}`; known are: all, {}", known.join(", ")))
    })
}
