//! What an OAuth client was granted, taken for a browser's session, which may do everything.

use crate::Failure;
use crate::thief::burglar::{Burglar, given_cookie};
use crate::thief::token_trial::TokenTrial;
use crate::wire::CHALLENGE;
use crate::wire::proof::{Claims, refresh};

/// A client of little scope has a key, and the id of a session that is bound to it. A refresh of device bound sessions
/// wants no more than that: it would answer with a cookie.
pub(in crate::thief) async fn as_browser(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.report.had("everything that the client has: its session's id, its tokens and its key");
    let browser = Burglar { network: trial.thief.clone() };
    let session = trial.code.session.clone();
    let asked = browser.refresh(&session, None).await?;
    trial.report.step("asked for a challenge to refresh the session as a browser", asked.status.to_string());
    let unknown = asked.status == 404 && !asked.headers.contains_key(CHALLENGE);
    trial.report.finding(unknown, "such a session is unknown to browsers, and there is no challenge for it");

    let nonce = trial.owner.nonces().for_url(&trial.page()?).map(str::to_owned);
    let refresh_token = trial.owner.grant()?.refresh_token.clone();
    for (what, challenge) in [
        ("no challenge", None),
        ("its DPoP nonce as the challenge", nonce.as_deref()),
        ("its refresh token as the challenge", Some(refresh_token.as_str())),
    ] {
        let proof = refresh(trial.owner.key(), &Claims { jti: challenge, ..Claims::default() }).await?;
        let answer = browser.refresh(&session, Some(&proof)).await?;
        trial.report.step(format!("refreshed with a proof of its key and {what}"), answer.status.to_string());
        let gives = given_cookie(&answer, &trial.setup.cookie_name).is_some();
        let refused = [400, 403, 404].contains(&answer.status) && !gives;
        trial.report.finding(refused, format!("no cookie for a proof with {what}"));
    }
    Ok(())
}
