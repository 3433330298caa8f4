//! The short-lived cookie of a bound session, stolen.

use std::time::Duration;

use crate::Failure;
use crate::thief::trial::Trial;

/// A fresh copy works; measured is for how long after the owner's next refresh.
pub(in crate::thief) async fn fresh(trial: &mut Trial<'_>) -> Result<(), Failure> {
    trial.bind().await?;
    let stolen = trial.owners_cookie()?;
    trial.report.had("the bound cookie, fresh");
    let decision = trial.show("the bound cookie", &stolen).await?;
    trial.report.finding(decision.allows(), "a fresh copy works: this is the limit, and it is told");
    trial.rotate().await?;
    let window = window_after_rotation(trial, &stolen).await?;
    let (overlap, seconds) = (trial.setup.overlap, window.as_secs_f64());
    trial
        .report
        .step("used the copy again and again after the owner's refresh", format!("good for {seconds:.1} s"));
    trial.report.finding(
        window <= overlap.saturating_add(SLACK),
        format!("it ends at most {} s after the owner's next refresh", overlap.as_secs()),
    );
    Ok(())
}

/// Past its time, by the server's clock.
pub(in crate::thief) async fn expired(trial: &mut Trial<'_>) -> Result<(), Failure> {
    trial.bind().await?;
    let stolen = trial.owners_cookie()?;
    let now = trial.setup.clock.now();
    let cookie = trial.owner.jar().named(&trial.setup.cookie_name, now);
    let life = cookie.and_then(|cookie| cookie.remaining(now));
    let life = life.ok_or_else(|| Failure::Answer("the bound cookie has no Max-Age".to_owned()))?;
    trial.report.had(format!("the bound cookie, which said it would live {} s", life.as_secs()));
    trial.wait(life.saturating_add(SLACK)).await?;
    trial.show_refused("the bound cookie after its time", &stolen, &["cookie_expired"]).await
}

/// Two generations old: neither the present cookie nor the one that crosses a refresh on the wire.
pub(in crate::thief) async fn older_copy(trial: &mut Trial<'_>) -> Result<(), Failure> {
    trial.bind().await?;
    let stolen = trial.owners_cookie()?;
    trial.report.had("a bound cookie, and the owner has refreshed twice since");
    trial.rotate().await?;
    trial.rotate().await?;
    trial.show_refused("the older bound cookie", &stolen, &[]).await?;
    trial.logged(&["cookie.stale"]).await
}

/// For how long a copy is still allowed, counted from now; probed in tenths of the overlap.
async fn window_after_rotation(trial: &Trial<'_>, stolen: &str) -> Result<Duration, Failure> {
    let started = trial.setup.clock.now();
    let pause = trial.setup.overlap.checked_div(10).unwrap_or_default().max(Duration::from_millis(200));
    let mut last_allowed = Duration::ZERO;
    for _ in 0..MAX_PROBES {
        if !trial.thief.page(stolen).await?.allows() {
            break;
        }
        last_allowed = trial.setup.clock.now().saturating_sub(started);
        trial.wait(pause).await?;
    }
    Ok(last_allowed)
}

/// Whole seconds on the server and the way of a request.
const SLACK: Duration = Duration::from_secs(1);

/// Half as many again as the overlap needs.
const MAX_PROBES: usize = 15;
