//! Proofs that say they were made at another time. Somebody had the owner's device in his hands for a moment.

use std::time::Duration;

use crate::Failure;
use crate::http::Request;
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

/// Made in store: too early now, good at its time, and worth nothing once the owner has used a nonce (RFC 9449 §11.2).
pub(in crate::thief) async fn of_the_future(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.report.had("the access token, and unused proofs that the owner's key made for later");
    let early = trial.setup.proof_skew.saturating_add(A_LITTLE);
    for ahead in [early.as_secs(), 3600, TEN_YEARS] {
        let iat = trial.now().as_secs().saturating_add(ahead);
        dated(trial, &format!("used a proof that is dated {ahead} s ahead"), iat).await?;
    }
    dated(trial, "used a proof that is dated at the end of all numbers", u64::MAX).await?;

    if A_LITTLE <= trial.setup.max_wait {
        let stored = signed(trial, None, trial.now().saturating_add(early).as_secs()).await?;
        trial.setup.clock.wait(A_LITTLE).await;
        // No finding: a server that wants nonces from everybody refuses it, any other lets it pass, and this is told.
        let did = format!("kept a proof for {} s, until its time had come", A_LITTLE.as_secs());
        trial.show(&did, &stored).await?;
    }
    trial.owner.fetch_nonce().await?;
    let decision = trial.owners_page().await?;
    trial.report.finding(decision.allows(), "the owner's client is allowed with a nonce");
    let stored = signed(trial, None, trial.now().as_secs()).await?;
    let did = "used a proof whose time has come, after the owner has used a nonce";
    trial.show_refused(did, &stored, &["use_dpop_nonce"]).await
}

/// Without a nonce, and with one that nobody issued: what is signed in advance can have no good one.
async fn dated(trial: &mut TokenTrial<'_>, did: &str, iat: u64) -> Result<(), Failure> {
    for (how, nonce) in [("without a nonce", None), ("with a made-up nonce", Some("bWFkZS11cA"))] {
        let request = signed(trial, nonce, iat).await?;
        let errors = &["use_dpop_nonce", "invalid_dpop_proof"];
        trial.show_refused(&format!("{did}, {how}"), &request, errors).await?;
    }
    Ok(())
}

/// The page, with a proof of the owner's that has this nonce and this date.
async fn signed(trial: &TokenTrial<'_>, nonce: Option<&str>, iat: u64) -> Result<Request, Failure> {
    let mut claims = trial.owners_claims()?.with_nonce(nonce);
    claims.iat = iat;
    trial.stolen(Some(&trial.owner.prove(&claims).await?))
}

/// More than a slow key needs to sign and a request to arrive.
const A_LITTLE: Duration = Duration::from_secs(10);

const TEN_YEARS: u64 = 10 * 365 * 86_400;
