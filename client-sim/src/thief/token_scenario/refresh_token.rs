//! The refresh token, stolen together with everything that the owner's client ever sent.

use crate::Failure;
use crate::thief::token_trial::TokenTrial;
use crate::wire::dpop::DPOP;

/// Without a proof, with used proofs, and with the thief's own key.
pub(in crate::thief) async fn with_another_key(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.owner.refresh().await?;
    let stolen = trial.owner.grant()?.refresh_token.clone();
    trial.report.had("the refresh token, the owner's last refresh word for word, and a key of his own");

    let bare = trial.owner.refresh_request(&stolen)?;
    trial.send_refused("refreshed without a proof", &bare, &["invalid_dpop_proof"]).await?;
    let used = bare.header(DPOP, &trial.last_proof()?)?;
    trial
        .send_refused("refreshed with the proof of the last refresh", &used, &["invalid_dpop_proof"])
        .await?;
    let last = trial.owner.sent().last().cloned();
    let last = last.ok_or_else(|| Failure::Answer("the owner's client sent nothing".to_owned()))?;
    trial.send_refused("sent the last refresh again, word for word", &last, &["invalid_dpop_proof"]).await?;

    let outcome = trial.thiefs_client()?.refresh_with(&stolen).await?;
    trial.no_tokens("refreshed with a proof by his own key", &outcome, &["invalid_grant"]);
    trial.logged(&["token.stolen"]).await
}
