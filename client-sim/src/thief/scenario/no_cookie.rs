//! Things that look like credentials and are none.

use crate::Failure;
use crate::thief::trial::Trial;
use crate::wire::SKIPPED;
use crate::wire::skipped::{Reason, skipped};

/// The long-lived hint, under its own name and under the session cookie's.
pub(in crate::thief) async fn hint(trial: &mut Trial<'_>) -> Result<(), Failure> {
    trial.bind().await?;
    let hint = trial.cookie_named(&hint_name(trial))?;
    trial.report.had("the hint cookie");
    trial.show_refused("the hint cookie", &hint, &["no_credential"]).await?;
    let value = hint.split_once('=').map_or("", |(_, value)| value);
    let dressed_up = format!("{}={value}", trial.setup.cookie_name);
    trial.show_refused("the hint under the session cookie's name", &dressed_up, &["bad_cookie"]).await
}

/// A thief with the login cookie claims that the refresh could not be done.
pub(in crate::thief) async fn forged_skipped(trial: &mut Trial<'_>) -> Result<(), Failure> {
    let login = trial.owners_cookie()?;
    trial.bind().await?;
    let cookies = format!("{login}; {}", trial.cookie_named(&hint_name(trial))?);
    trial.report.had("the login cookie and the hint of a session that is bound by now");
    for reason in [Reason::Unreachable, Reason::ServerError, Reason::QuotaExceeded] {
        let header = skipped(&[(reason, &trial.session)]).unwrap_or_default();
        let decision = trial.thief.page_with(&cookies, Some((SKIPPED, &header))).await?;
        let claim = format!("claimed that the refresh was skipped: {}", reason.token());
        trial.report.step(claim.clone(), decision.summary());
        trial.report.finding(!decision.allows(), format!("refused: {claim}"));
    }
    Ok(())
}

fn hint_name(trial: &Trial<'_>) -> String {
    format!("{}-hint", trial.setup.cookie_name)
}
