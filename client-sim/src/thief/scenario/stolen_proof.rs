//! Refreshing with another key, a used proof, or a challenge that was meant for somebody else.

use crate::Failure;
use crate::jar::SetCookie;
use crate::thief::burglar::given_cookie;
use crate::thief::trial::{THIEF_IP, Trial, log_in};
use crate::wire::proof::{self, Claims};
use crate::wire::{CHALLENGE, challenge};

/// A good signature over a good challenge, by the wrong key.
pub(in crate::thief) async fn wrong_key(trial: &mut Trial<'_>) -> Result<(), Failure> {
    trial.bind().await?;
    trial.report.had("the session id, and a key of his own");
    let challenge = trial.challenge().await?;
    let claims = Claims { jti: Some(&challenge), ..Claims::default() };
    let proof = proof::refresh(&trial.thiefs_key()?, &claims).await?;
    let answer = trial.thief.refresh(&trial.session, Some(&proof)).await?;
    trial.refresh_refused("signed the challenge with his own key", &answer, &[403]);
    trial.logged(&["proof.rejected"]).await
}

/// Two proofs, captured: one of the last refresh, one of the refresh before.
pub(in crate::thief) async fn replayed(trial: &mut Trial<'_>) -> Result<(), Failure> {
    trial.bind().await?;
    trial.rotate().await?;
    let older = trial.last_proof()?;
    trial.rotate().await?;
    let last = trial.last_proof()?;
    trial.report.had("the proofs of the owner's last two refreshes");
    let answer = trial.thief.refresh(&trial.session, Some(&older)).await?;
    trial.refresh_refused("sent the older proof again", &answer, &[403]);

    let answer = trial.thief.refresh(&trial.session, Some(&last)).await?;
    let did = "sent the last proof again";
    match given_cookie(&answer, &trial.setup.cookie_name) {
        None => trial.refresh_refused(did, &answer, &[403]),
        Some(cookie) => {
            trial.report.step(did, "200, the present cookie once more");
            let same = is_the_owners(trial, &cookie);
            trial.report.finding(same, "a lost answer is given again as it was: same cookie, no longer life");
        }
    }
    Ok(())
}

/// The owner's browser is brought to sign a challenge that the server issued for the thief's own session.
pub(in crate::thief) async fn other_sessions_challenge(trial: &mut Trial<'_>) -> Result<(), Failure> {
    trial.bind().await?;
    trial.report.had("a signature of the owner's key over a challenge issued for the thief's session");
    let mut mallory = trial.setup.browser(THIEF_IP)?;
    let own = log_in(&mut mallory, &trial.setup, "thief").await?;
    let answer = trial.thief.refresh(&own, None).await?;
    let foreign = challenge::challenge_for(&answer.list(CHALLENGE).unwrap_or_default(), &own);
    let foreign = foreign.ok_or_else(|| Failure::answer("a refresh without a proof", &answer))?;
    let claims = Claims { jti: Some(&foreign), ..Claims::default() };
    let proof = proof::refresh(&trial.owners_session()?.key, &claims).await?;
    let answer = trial.thief.refresh(&trial.session, Some(&proof)).await?;
    trial.refresh_refused("sent it for the owner's session", &answer, &[403]);
    trial.logged(&["proof.rejected"]).await
}

/// The same value as the owner has, and no more time than the owner's has left.
fn is_the_owners(trial: &Trial<'_>, cookie: &SetCookie) -> bool {
    let now = trial.setup.clock.now();
    let Some(owners) = trial.owner.jar().named(&cookie.name, now) else { return false };
    let left = owners.remaining(now).map_or(0, |left| left.as_secs().saturating_add(1));
    let age = cookie.attributes.max_age.and_then(|age| u64::try_from(age).ok());
    owners.value == cookie.value && age.is_none_or(|age| age <= left)
}
