//! The code, read on its way to the client.

use crate::Failure;
use crate::encoding::random_text;
use crate::oauth::{Code, Outcome};
use crate::thief::token_trial::TokenTrial;

/// The thief is faster than the owner, and may even know the verifier.
pub(in crate::thief) async fn with_another_key(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.report.had("the code before the owner redeems it, the verifier too, and a key of his own");
    let code = trial.code.clone();
    let guessed = Code { verifier: random_text()? + &random_text()?, ..code.clone() };
    let outcome = trial.thiefs_client()?.redeem(&guessed).await?;
    trial.no_tokens(
        "redeemed the code with a made-up verifier and his own key",
        &outcome,
        &["invalid_grant"],
    );
    let outcome = trial.thiefs_client()?.redeem(&code).await?;
    trial.no_tokens("redeemed the code with the verifier and his own key", &outcome, &["invalid_grant"]);
    Ok(())
}

/// The owner was faster. Nobody can know which of the two is the thief.
pub(in crate::thief) async fn used_twice(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.report.had("the code after the owner has redeemed it, the verifier, and a key of his own");
    let code = trial.code.clone();
    let outcome = trial.thiefs_client()?.redeem(&code).await?;
    trial.no_tokens("redeemed the code once more with his own key", &outcome, &["invalid_grant"]);
    let again: Outcome = trial.owner.redeem(&code).await?;
    trial.no_tokens("had the owner's client redeem it once more", &again, &["invalid_grant"]);
    Ok(())
}
