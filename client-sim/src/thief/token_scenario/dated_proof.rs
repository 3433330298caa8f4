//! Proofs that say they were made at another time. Somebody had the owner's device in his hands for a moment.

use crate::Failure;
use crate::thief::token_trial::TokenTrial;

/// Older than what the server accepts, by a little and by much.
pub(in crate::thief) async fn of_the_past(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.report.had("the access token, and unused proofs that the owner's key made long ago");
    let life = trial.setup.proof_age.saturating_add(trial.setup.proof_skew).as_secs();
    for age in [life.saturating_add(1), 3600, 86_400] {
        let iat = trial.now().as_secs().saturating_sub(age);
        dated(trial, &format!("used a proof that is {age} s old"), iat).await?;
    }
    dated(trial, "used a proof of the year 1970", 0).await
}

/// Made in store.
pub(in crate::thief) async fn of_the_future(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.report.had("the access token, and unused proofs that the owner's key made for later");
    for ahead in [trial.setup.proof_skew.as_secs().saturating_add(A_LITTLE), 3600, TEN_YEARS] {
        let iat = trial.now().as_secs().saturating_add(ahead);
        dated(trial, &format!("used a proof that is dated {ahead} s ahead"), iat).await?;
    }
    dated(trial, "used a proof that is dated at the end of all numbers", u64::MAX).await
}

/// Without a nonce, and with one that nobody issued: what is signed in advance can have no good one.
async fn dated(trial: &mut TokenTrial<'_>, did: &str, iat: u64) -> Result<(), Failure> {
    for (how, nonce) in [("without a nonce", None), ("with a made-up nonce", Some("bWFkZS11cA"))] {
        let mut claims = trial.owners_claims()?.with_nonce(nonce);
        claims.iat = iat;
        let proof = trial.owner.prove(&claims).await?;
        let request = trial.stolen(Some(&proof))?;
        let errors = &["use_dpop_nonce", "invalid_dpop_proof"];
        trial.show_refused(&format!("{did}, {how}"), &request, errors).await?;
    }
    Ok(())
}

/// More than a slow key needs to sign and a request to arrive.
const A_LITTLE: u64 = 10;

const TEN_YEARS: u64 = 10 * 365 * 86_400;
