//! Proofs that nobody's private key has signed.

use aws_lc_rs::hmac;
use base64::Engine as _;

use crate::Failure;
use crate::encoding::base64url;
use crate::key::DeviceKey;
use crate::thief::trial::Trial;
use crate::wire::proof::unsigned;

/// `alg: none`, at both endpoints.
pub(in crate::thief) async fn alg_none(trial: &mut Trial<'_>) -> Result<(), Failure> {
    let offer = trial.owners_offer()?;
    trial.report.had("the registration challenge, later the session id; no key at all");
    let jwk = jwk_of(&trial.thiefs_key()?)?;
    let header = format!(r#"{{"alg":"none","jwk":{jwk},"typ":"dbsc+jwt"}}"#);
    let claims = claims(offer.challenge.as_deref(), offer.authorization.as_deref());
    let forged = format!("{}.", unsigned(&header, &claims));
    let answer = trial.thief.register(Some(&forged), None).await?;
    trial.registration_refused("registered with alg none", &answer);

    trial.bind().await?;
    let claims = claims_of(&trial.challenge().await?);
    let input = unsigned(r#"{"alg":"none","typ":"dbsc+jwt"}"#, &claims);
    for (what, signature) in [("no signature", ""), ("some signature", "AAAA")] {
        let answer = trial.thief.refresh(&trial.session, Some(&format!("{input}.{signature}"))).await?;
        trial.refresh_refused(&format!("refreshed with alg none and {what}"), &answer, &[400, 403]);
    }
    Ok(())
}

/// HS256 with everything that a careless library takes for the shared secret.
pub(in crate::thief) async fn hs256(trial: &mut Trial<'_>) -> Result<(), Failure> {
    let offer = trial.owners_offer()?;
    trial.report.had("the owner's public key, which is no secret");
    let own = trial.thiefs_key()?;
    let header = format!(r#"{{"alg":"HS256","jwk":{},"typ":"dbsc+jwt"}}"#, jwk_of(&own)?);
    let claims = claims(offer.challenge.as_deref(), offer.authorization.as_deref());
    let forged = mac(&unsigned(&header, &claims), &own.public_der()?);
    let answer = trial.thief.register(Some(&forged), None).await?;
    trial.registration_refused("registered with an HS256 MAC over his own public key", &answer);

    trial.bind().await?;
    let input = unsigned(r#"{"alg":"HS256","typ":"dbsc+jwt"}"#, &claims_of(&trial.challenge().await?));
    let key = &trial.owners_session()?.key;
    let der = key.public_der()?;
    let secrets = [("PEM", pem(&der).into_bytes()), ("JWK", jwk_of(key)?.into_bytes()), ("DER", der)];
    for (form, secret) in secrets {
        let answer = trial.thief.refresh(&trial.session, Some(&mac(&input, &secret))).await?;
        let did = format!("refreshed with an HS256 MAC over the public key as {form}");
        trial.refresh_refused(&did, &answer, &[400, 403]);
    }
    Ok(())
}

/// A real signature of the owner's, below another challenge.
pub(in crate::thief) async fn tampered_payload(trial: &mut Trial<'_>) -> Result<(), Failure> {
    trial.bind().await?;
    trial.rotate().await?;
    let captured = trial.last_proof()?;
    trial.report.had("a proof of the owner's, and a fresh challenge to put into it");
    let fresh = claims_of(&trial.challenge().await?);
    let mut parts = captured.split('.');
    let (header, signature) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
    let tampered = format!("{header}.{}.{signature}", base64url(fresh.as_bytes()));
    let answer = trial.thief.refresh(&trial.session, Some(&tampered)).await?;
    trial.refresh_refused("put the fresh challenge into the owner's old proof", &answer, &[403]);
    trial.logged(&["proof.rejected"]).await
}

fn mac(input: &str, secret: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", base64url(tag.as_ref()))
}

fn claims_of(challenge: &str) -> String {
    claims(Some(challenge), None)
}

fn claims(challenge: Option<&str>, authorization: Option<&str>) -> String {
    let claims = crate::wire::proof::Claims { aud: None, authorization, jti: challenge };
    serde_json::to_string(&claims).unwrap_or_default()
}

fn jwk_of(key: &DeviceKey) -> Result<String, Failure> {
    serde_json::to_string(key.jwk()).map_err(|error| Failure::key("writing a JWK", error))
}

fn pem(der: &[u8]) -> String {
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<String> =
        body.as_bytes().chunks(64).map(|l| String::from_utf8_lossy(l).into_owned()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}
