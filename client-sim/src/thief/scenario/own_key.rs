//! The thief registers a key of his own, or somebody else's registration once more.

use http::HeaderMap;
use serde_json::Value;

use crate::Failure;
use crate::encoding::random_text;
use crate::http::Answer;
use crate::key::DeviceKey;
use crate::thief::trial::{THIEF_IP, Trial, log_in};
use crate::wire::proof::{self, Claims};
use crate::wire::registration::Offer;
use crate::wire::{RESPONSE, SESSION_ID};

/// The victim's cookie goes along with a made-up challenge, and with one that was issued for the thief's own login.
pub(in crate::thief) async fn with_victims_cookie(trial: &mut Trial<'_>) -> Result<(), Failure> {
    trial.bind().await?;
    let (cookie, before) = (trial.owners_cookie()?, trial.session_at_the_app().await?);
    trial.report.had("the victim's bound cookie, a key of his own, and a login of his own");
    let key = trial.thiefs_key()?;
    let made_up = random_text()?;
    let claims = Claims { jti: Some(&made_up), ..Claims::default() };
    let made_up = proof::registration(&key, &claims).await?;
    let answer = trial.thief.register(Some(&made_up), Some(&cookie)).await?;
    trial.registration_refused(
        "registered his key over a made-up challenge with the victim's cookie",
        &answer,
    );

    let mut mallory = trial.setup.browser(THIEF_IP)?.registering_later();
    log_in(&mut mallory, &trial.setup, "thief").await?;
    let offer = mallory.waiting_offers().next().cloned();
    let offer =
        offer.ok_or_else(|| Failure::Answer("the thief's login offered no registration".to_owned()))?;
    let own = registration_over(&offer, &key).await?;
    let answer = trial.thief.register(Some(&own), Some(&cookie)).await?;
    let did = "registered his key over his own challenge with the victim's cookie";
    trial.report.step(did, trial.describe(&answer));
    let touched = bound_session(&answer).is_some_and(|id| id == trial.session);
    trial.report.finding(!touched, "the answer is never about the victim's session");
    let after = trial.session_at_the_app().await?;
    let key_of = |session: Option<crate::app::Session>| session.and_then(|s| s.binding.key_thumbprint);
    trial.report.finding(key_of(before) == key_of(after), "the victim's session keeps the victim's key");
    Ok(())
}

/// The challenge was read from the login response; the owner was faster.
pub(in crate::thief) async fn second_registration(trial: &mut Trial<'_>) -> Result<(), Failure> {
    let offer = trial.owners_offer()?;
    trial.report.had("the registration challenge of the login response, and a key of his own");
    trial.bind().await?;
    let proof = registration_over(&offer, &trial.thiefs_key()?).await?;
    let answer = trial.thief.register(Some(&proof), None).await?;
    trial.registration_refused("registered his key over the owner's challenge", &answer);
    trial.logged(&["binding.conflict", "proof.rejected"]).await
}

/// The owner's own registration, word for word, once more.
pub(in crate::thief) async fn replayed_registration(trial: &mut Trial<'_>) -> Result<(), Failure> {
    trial.bind().await?;
    let registers = |headers: &HeaderMap| headers.contains_key(RESPONSE) && !headers.contains_key(SESSION_ID);
    let sent = trial.owner.exchanges().iter().find(|exchange| registers(&exchange.request.headers));
    let proof = sent.and_then(|exchange| exchange.request.headers.get(RESPONSE)?.to_str().ok());
    let proof =
        proof.ok_or_else(|| Failure::Answer("the owner's browser sent no proof".to_owned()))?.to_owned();
    trial.report.had("the registration request of the owner's browser");
    let answer = trial.thief.register(Some(&proof), None).await?;
    trial.registration_refused("sent the owner's registration again", &answer);
    trial.logged(&["binding.conflict", "proof.rejected"]).await
}

/// What Chromium itself sends when an offer has no challenge.
pub(in crate::thief) async fn without_proof(trial: &mut Trial<'_>) -> Result<(), Failure> {
    let cookie = trial.owners_cookie()?;
    trial.report.had("the login cookie of a session that is not bound yet");
    let answer = trial.thief.register(None, Some(&cookie)).await?;
    trial.registration_refused("registered without any proof", &answer);
    let binding = trial.session_at_the_app().await?.map(|session| session.binding.method);
    trial.report.finding(binding.as_deref() == Some("none"), "the session is still unbound");
    Ok(())
}

async fn registration_over(offer: &Offer, key: &DeviceKey) -> Result<String, Failure> {
    let (jti, authorization) = (offer.challenge.as_deref(), offer.authorization.as_deref());
    proof::registration(key, &Claims { aud: None, authorization, jti }).await
}

fn bound_session(answer: &Answer) -> Option<String> {
    let json: Value = serde_json::from_slice(&answer.body).ok()?;
    json.get("session_identifier").and_then(Value::as_str).map(str::to_owned)
}
