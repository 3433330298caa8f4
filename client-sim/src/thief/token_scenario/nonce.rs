//! Going back to the time before there were nonces (RFC 9449 §11.3).

use http::Method;

use crate::Failure;
use crate::oauth::TOKEN_ENDPOINT;
use crate::thief::token_trial::TokenTrial;
use crate::wire::dpop::{Claims, DPOP};

/// The owner's client has used a nonce; a proof that the device made before, without one, is shown later.
pub(in crate::thief) async fn dropped(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.owner.fetch_nonce().await?;
    let decision = trial.owners_page().await?;
    trial.report.finding(decision.allows(), "the owner's client is allowed with a nonce");
    trial.report.had("the tokens, and unused proofs of the owner's without a nonce");

    let errors = &["use_dpop_nonce"];
    for (did, nonce) in [("used a proof without a nonce", None), ("used a made-up nonce", Some("bWFkZS11cA"))]
    {
        let claims = trial.owners_claims()?.with_nonce(nonce);
        let request = trial.stolen(Some(&trial.owner.prove(&claims).await?))?;
        trial.show_refused(did, &request, errors).await?;
    }
    let endpoint = trial.setup.origin.at(TOKEN_ENDPOINT)?;
    let proof = trial.owner.prove(&Claims::new(&Method::POST, &endpoint, trial.now())?).await?;
    let request = trial.owner.refresh_request(&trial.owner.grant()?.refresh_token)?.header(DPOP, &proof)?;
    trial.send_refused("refreshed with a proof without a nonce", &request, errors).await
}
