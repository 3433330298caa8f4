//! The cookie of the login response, stolen.

use crate::Failure;
use crate::thief::trial::Trial;

/// Nothing can help before the key exists; afterwards the copy must be dead.
pub(in crate::thief) async fn before_binding(trial: &mut Trial<'_>) -> Result<(), Failure> {
    let stolen = trial.owners_cookie()?;
    trial.report.had("the cookie of the login response, before the browser had registered a key");
    let decision = trial.show("the login cookie, before the binding", &stolen).await?;
    trial.report.finding(decision.allows(), "before the binding it works: this is the limit, and it is told");
    trial.bind().await?;
    trial.show_refused("the login cookie, after the binding", &stolen, &["cookie_superseded"]).await
}

/// The owner is bound before the thief comes to use the copy.
pub(in crate::thief) async fn after_binding(trial: &mut Trial<'_>) -> Result<(), Failure> {
    let stolen = trial.owners_cookie()?;
    trial.report.had("the cookie of the login response, and the owner is bound by now");
    trial.bind().await?;
    trial.show_refused("the login cookie", &stolen, &["cookie_superseded"]).await
}
