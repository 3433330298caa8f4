//! A device of the doctor's own, with a key that exists for one examination.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use sha2::{Digest as _, Sha256};

use crate::random::random;

/// A P-256 key in memory.
pub(super) struct Device(SigningKey);

/// What a DPoP proof is about (RFC 9449 §4.2).
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// The address without query.
    pub(super) address: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) nonce: Option<&'a str>,
    /// Seconds since 1970.
    pub(super) now: u64,
}

impl Device {
    /// A new key; `None` if the system has no randomness.
    pub(super) fn new() -> Option<Self> {
        SigningKey::from_slice(&random::<32>().ok()?).ok().map(Self)
    }

    /// The proof that a browser sends for an offer (DBSC §8.8).
    pub(super) fn registration(&self, challenge: &str, authorization: &str) -> String {
        let header = format!(r#"{{"alg":"ES256","jwk":{},"typ":"dbsc+jwt"}}"#, self.jwk());
        let payload = serde_json::json!({ "authorization": authorization, "jti": challenge });
        self.sign(&header, &payload.to_string())
    }

    /// The proof that a browser sends for a challenge.
    pub(super) fn refresh(&self, challenge: &str) -> String {
        let payload = serde_json::json!({ "jti": challenge });
        self.sign(r#"{"alg":"ES256","typ":"dbsc+jwt"}"#, &payload.to_string())
    }

    /// A DPoP proof; `None` if the system has no randomness.
    pub(super) fn dpop(&self, request: &Request<'_>) -> Option<String> {
        let header = format!(r#"{{"alg":"ES256","jwk":{},"typ":"dpop+jwt"}}"#, self.jwk());
        let mut payload = serde_json::json!({
            "htm": request.method, "htu": request.address, "iat": request.now, "jti": canary("dpop")?,
        });
        if let Some(members) = payload.as_object_mut() {
            let hash = |token: &str| base64url(&Sha256::digest(token.as_bytes()));
            members.extend(request.token.map(|token| ("ath".to_owned(), hash(token).into())));
            members.extend(request.nonce.map(|nonce| ("nonce".to_owned(), nonce.into())));
        }
        Some(self.sign(&header, &payload.to_string()))
    }

    fn jwk(&self) -> String {
        let point = self.0.verifying_key().to_sec1_point(false);
        let coordinate = |bytes: Option<&[u8]>| base64url(bytes.unwrap_or_default());
        let (x, y) = (coordinate(point.x().map(|x| &x[..])), coordinate(point.y().map(|y| &y[..])));
        format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
    }

    fn sign(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
        let signature: Signature = self.0.sign(input.as_bytes());
        format!("{input}.{}", base64url(&signature.to_bytes()))
    }
}

/// A word that nobody else has written, to be found again; `None` if the system has no randomness.
pub(super) fn canary(name: &str) -> Option<String> {
    Some(format!("doctor-{name}-{}", crate::token::hex(&random::<16>().ok()?)))
}

/// The challenge of PKCE for a verifier (RFC 7636 §4.2).
pub(super) fn pkce(verifier: &str) -> String {
    base64url(&Sha256::digest(verifier.as_bytes()))
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pkce_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(pkce(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn canaries_differ() {
        assert_ne!(canary("a"), canary("a"));
    }
}
