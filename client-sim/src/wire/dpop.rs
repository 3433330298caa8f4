//! The DPoP proof (RFC 9449 §4) and the headers around it.

use std::time::Duration;

use http::{HeaderMap, Method};
use serde::Serialize;
use url::Url;

use super::proof::unsigned;
use crate::Failure;
use crate::encoding::{base64url, random_text};
use crate::key::{Algorithm, DeviceKey, Jwk, sha256};

/// The proof on a request.
pub const DPOP: &str = "dpop";
/// A nonce on a response, for the next proofs.
pub const DPOP_NONCE: &str = "dpop-nonce";

/// What a proof says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The hash of the access token that comes along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ath: Option<String>,
    /// The method.
    pub htm: String,
    /// The URL without query and fragment.
    pub htu: String,
    /// When the proof says that it was made.
    pub iat: u64,
    /// What makes it unlike every other proof.
    pub jti: String,
    /// What the server gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: Algorithm,
    jwk: &'a Jwk,
    typ: &'a str,
}

impl Claims {
    /// The claims for one request, with a fresh `jti`.
    pub fn new(method: &Method, url: &Url, now: Duration) -> Result<Self, Failure> {
        let mut target = url.clone();
        target.set_query(None);
        target.set_fragment(None);
        Ok(Self {
            ath: None,
            htm: method.as_str().to_owned(),
            htu: target.into(),
            iat: now.as_secs(),
            jti: random_text()?,
            nonce: None,
        })
    }

    /// The same claims for a request that carries this access token.
    pub fn for_token(mut self, access_token: &str) -> Self {
        self.ath = Some(base64url(&sha256(access_token.as_bytes())));
        self
    }

    /// The same claims with this nonce, or with none.
    pub fn with_nonce(mut self, nonce: Option<&str>) -> Self {
        self.nonce = nonce.map(str::to_owned);
        self
    }
}

/// A proof: it carries its own public key.
pub async fn proof(key: &DeviceKey, claims: &Claims) -> Result<String, Failure> {
    let input = signing_input(key.algorithm(), key.jwk(), claims)?;
    let signature = key.sign(input.as_bytes()).await?;
    Ok(format!("{input}.{}", base64url(&signature)))
}

/// The part of a proof that is signed.
pub fn signing_input(alg: Algorithm, jwk: &Jwk, claims: &Claims) -> Result<String, Failure> {
    let header = Header { alg, jwk, typ: "dpop+jwt" };
    Ok(unsigned(&json(&header)?, &json(claims)?))
}

/// The nonce of a response. One that comes twice is none: nobody could say which one was meant.
pub fn nonce_of(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(DPOP_NONCE).iter();
    let (Some(nonce), None) = (values.next(), values.next()) else { return None };
    nonce.to_str().ok().filter(|nonce| !nonce.is_empty())
}

/// The `error` of a `WWW-Authenticate` of the DPoP scheme: nothing if this is no such challenge, and an empty text if it
/// names no error, as to somebody who brought nothing.
pub fn challenge_error(header: &str) -> Option<&str> {
    let (scheme, parameters) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("dpop") {
        return None;
    }
    // `error_description` may hold anything but a quote, so the parameter stands at the beginning or behind a comma.
    let parameters = parameters.split(',').map(str::trim);
    let error = parameters.filter_map(|parameter| parameter.strip_prefix("error=\"")).next();
    Some(error.map_or("", |error| error.trim_end_matches('"')))
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::key("writing a proof", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::from_base64url;

    #[tokio::test]
    async fn a_proof_names_method_url_token_and_nonce() {
        let key = DeviceKey::software(Algorithm::EdDsa).unwrap();
        let Jwk::Okp { x, .. } = key.jwk().clone() else { panic!("an Ed25519 key") };
        let url = Url::parse("https://shop.example/orders?x=1#top").unwrap();
        let claims = Claims::new(&Method::GET, &url, Duration::from_millis(1_800_000_000_999)).unwrap();
        // RFC 9449 §7.1 shows this token and this hash.
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        let claims = Claims { jti: "j".to_owned(), ..claims.for_token(token).with_nonce(Some("n")) };
        let proof = proof(&key, &claims).await.unwrap();
        let decoded = |part| String::from_utf8_lossy(&from_base64url(part).unwrap()).into_owned();
        let parts: Vec<String> = proof.split('.').take(2).map(decoded).collect();
        let header =
            format!(r#"{{"alg":"EdDSA","jwk":{{"crv":"Ed25519","kty":"OKP","x":"{x}"}},"typ":"dpop+jwt"}}"#);
        let payload = r#"{"ath":"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo","htm":"GET","htu":"https://shop.example/orders","iat":1800000000,"jti":"j","nonce":"n"}"#;
        assert_eq!(parts, [header, payload.to_owned()]);
    }

    #[test]
    fn a_challenge_is_read_by_its_scheme() {
        let read = challenge_error;
        assert_eq!(read(r#"DPoP error="use_dpop_nonce", algs="ES256""#), Some("use_dpop_nonce"));
        assert_eq!(read(r#"dpop algs="ES256", error="invalid_token""#), Some("invalid_token"));
        assert_eq!(read(r#"DPoP algs="ES256 EdDSA""#), Some(""));
        assert_eq!(read(r#"Bearer error="invalid_token""#), None);
        assert_eq!(read("DPoP"), None);
    }

    #[test]
    fn two_nonces_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(nonce_of(&headers), None);
        headers.append(DPOP_NONCE, "one".parse().unwrap());
        assert_eq!(nonce_of(&headers), Some("one"));
        headers.append(DPOP_NONCE, "two".parse().unwrap());
        assert_eq!(nonce_of(&headers), None);
    }
}
