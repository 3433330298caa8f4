//! A page of another site causes the request.

use crate::Failure;
use crate::thief::trial::Trial;
use crate::wire::proof::{self, Claims};

/// Everything about the refresh is good except for where it comes from.
pub(in crate::thief) async fn refresh(trial: &mut Trial<'_>) -> Result<(), Failure> {
    trial.bind().await?;
    trial.report.had("a page on another site, and a fresh proof by the owner's key");
    let challenge = trial.challenge().await?;
    let claims = Claims { jti: Some(&challenge), ..Claims::default() };
    let proof = proof::refresh(&trial.owners_session()?.key, &claims).await?;
    let own = trial.setup.origin.serialized();
    for (origin, site) in [("https://evil.example", "cross-site"), (&own, "cross-site"), ("null", "none")] {
        let answer = trial.thief.refresh_from(&trial.session, Some(&proof), origin, site).await?;
        let did = format!("refreshed with Origin {origin} and Sec-Fetch-Site {site}");
        trial.report.step(did.clone(), trial.describe(&answer));
        let refused = answer.status == 403 && !trial.gives_cookie(&answer);
        trial.report.finding(refused, format!("refused, without a cookie: {did}"));
    }
    Ok(())
}
