//! After a logout.

use crate::Failure;
use crate::browser::Visit;
use crate::thief::trial::Trial;

/// The thief kept everything: cookie, session id, and the last proof.
pub(in crate::thief) async fn then_refresh(trial: &mut Trial<'_>) -> Result<(), Failure> {
    trial.bind().await?;
    trial.rotate().await?;
    let (cookie, proof) = (trial.owners_cookie()?, trial.last_proof()?);
    trial.report.had("the bound cookie, the session id and the last proof of somebody who then logged out");
    let page = trial.owner.visit(Visit::form(trial.setup.origin.at("/_holdfast/logout")?)).await?;
    trial.report.step("watched the owner log out", page.answer.status.to_string());

    trial.show_refused("the cookie of the ended session", &cookie, &["session_ended"]).await?;
    let answer = trial.thief.refresh(&trial.session, None).await?;
    trial.refresh_refused("asked for a challenge", &answer, &[404]);
    let answer = trial.thief.refresh(&trial.session, Some(&proof)).await?;
    trial.refresh_refused("sent the last proof", &answer, &[404]);
    Ok(())
}
