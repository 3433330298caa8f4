//! The proof JWT, byte for byte as Chromium writes it: minified, keys in alphabetical order.

use serde::Serialize;

use crate::Failure;
use crate::encoding::base64url;
use crate::key::{Algorithm, DeviceKey, Jwk};

/// What a proof says.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Claims<'a> {
    /// The endpoint's URL. Chromium 156 leaves it out unless a feature flag is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<&'a str>,
    /// The offer's `authorization`, copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<&'a str>,
    /// The challenge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<&'a str>,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: Algorithm,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<&'a Jwk>,
    typ: &'a str,
}

/// A registration proof: it carries its own public key.
pub async fn registration(key: &DeviceKey, claims: &Claims<'_>) -> Result<String, Failure> {
    signed(key, Some(key.jwk()), claims).await
}

/// A refresh proof: the server knows the key already.
pub async fn refresh(key: &DeviceKey, claims: &Claims<'_>) -> Result<String, Failure> {
    signed(key, None, claims).await
}

/// The part of a proof that is signed.
pub fn signing_input(alg: Algorithm, jwk: Option<&Jwk>, claims: &Claims<'_>) -> Result<String, Failure> {
    let header = Header { alg, jwk, typ: "dbsc+jwt" };
    Ok(unsigned(&json(&header)?, &json(claims)?))
}

/// Header and payload, any JSON, encoded and joined.
pub fn unsigned(header: &str, payload: &str) -> String {
    format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()))
}

async fn signed(key: &DeviceKey, jwk: Option<&Jwk>, claims: &Claims<'_>) -> Result<String, Failure> {
    let input = signing_input(key.algorithm(), jwk, claims)?;
    let signature = key.sign(input.as_bytes()).await?;
    Ok(format!("{input}.{}", base64url(&signature)))
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::key("writing a proof", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::from_base64url;

    fn parts(proof: &str) -> Vec<String> {
        let decoded = |part| String::from_utf8_lossy(&from_base64url(part).unwrap()).into_owned();
        proof.split('.').take(2).map(decoded).collect()
    }

    #[tokio::test]
    async fn a_registration_proof_is_written_as_chromium_writes_it() {
        let key = DeviceKey::software(Algorithm::Es256).unwrap();
        let Jwk::Ec { x, y, .. } = key.jwk().clone() else { panic!("ES256 keys are EC keys") };
        let claims = Claims { authorization: Some("a"), jti: Some("c"), aud: None };
        let proof = registration(&key, &claims).await.unwrap();
        let header = format!(
            r#"{{"alg":"ES256","jwk":{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}},"typ":"dbsc+jwt"}}"#
        );
        assert_eq!(parts(&proof), [header, r#"{"authorization":"a","jti":"c"}"#.to_owned()]);
    }

    #[tokio::test]
    async fn a_refresh_proof_names_no_key() {
        let key = DeviceKey::software(Algorithm::Rs256).unwrap();
        let claims = Claims { jti: Some("c"), ..Claims::default() };
        let proof = refresh(&key, &claims).await.unwrap();
        assert_eq!(parts(&proof), [r#"{"alg":"RS256","typ":"dbsc+jwt"}"#, r#"{"jti":"c"}"#]);
    }
}
