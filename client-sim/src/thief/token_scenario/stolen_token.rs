//! The access token, copied from a log or a proxy. The key stays with its owner.

use http::Method;

use crate::Failure;
use crate::oauth::Client;
use crate::thief::token_trial::TokenTrial;
use crate::wire::dpop::Claims;

/// The token alone, and with something that only looks like a proof.
pub(in crate::thief) async fn without_proof(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.report.had("the access token");
    let request = trial.stolen(None)?;
    trial.show_refused("used the token without a proof", &request, &["invalid_dpop_proof"]).await?;
    let request = trial.stolen(Some("e30.e30.AAAA"))?;
    trial.show_refused("used the token with an empty proof", &request, &["invalid_dpop_proof"]).await
}

/// Everything about the proof is right but the key.
pub(in crate::thief) async fn with_own_proof(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.report.had("the access token, and a key of his own");
    let mut thief = trial.thiefs_client()?;
    let proof = own_proof(trial, &thief).await?;
    let request = trial.stolen(Some(&proof))?;
    // A server that wants a nonce from everybody may say so first.
    let errors = &["invalid_token", "use_dpop_nonce"];
    trial.show_refused("used the token with a proof by his own key", &request, errors).await?;

    thief.fetch_nonce().await?;
    let proof = own_proof(trial, &thief).await?;
    let request = trial.stolen(Some(&proof))?;
    let did = "used the token with a proof by his own key and a nonce of his own";
    trial.show_refused(did, &request, &["invalid_token", "invalid_dpop_proof"]).await
}

/// As if the token were of the older kind.
pub(in crate::thief) async fn as_bearer(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.report.had("the access token, a key of his own, and a proof of the owner's that was never used");
    let own = own_proof(trial, &trial.thiefs_client()?).await?;
    let owners = trial.owners_proof().await?;
    let proofs = [
        ("without a proof", None),
        ("with a proof of his own", Some(own)),
        ("with the owner's proof", Some(owners)),
    ];
    for (how, proof) in proofs {
        let request = trial.presented(&Method::GET, trial.page()?, "Bearer", proof.as_deref())?;
        trial.show_refused(&format!("used the token as Bearer, {how}"), &request, &["invalid_token"]).await?;
    }
    Ok(())
}

async fn own_proof(trial: &TokenTrial<'_>, thief: &Client) -> Result<String, Failure> {
    let url = trial.page()?;
    let claims = Claims::new(&Method::GET, &url, trial.now())?.for_token(&trial.access_token()?);
    thief.prove(&claims.with_nonce(thief.nonces().for_url(&url))).await
}
