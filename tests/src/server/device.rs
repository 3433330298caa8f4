//! A device that makes its proofs without a line of the server's code.

use anyhow::{Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::Generate as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Offer;

/// A P-256 key, made with the `p256` crate; the server verifies with another implementation.
#[derive(Debug)]
pub struct Device {
    key: SigningKey,
}

impl Device {
    /// A new key.
    pub fn new() -> Result<Self> {
        let key = SigningKey::try_generate().map_err(|error| anyhow!("no key: {error}"))?;
        Ok(Self { key })
    }

    /// The key of this secret.
    pub fn of(secret: &[u8]) -> Result<Self> {
        let key = SigningKey::from_slice(secret).map_err(|error| anyhow!("no key: {error}"))?;
        Ok(Self { key })
    }

    /// The public half, members in Chromium's order.
    #[must_use]
    pub fn jwk(&self) -> String {
        let point = self.key.verifying_key().to_sec1_point(false);
        let (x, y) = (base64url(point.x().map_or(&[], |x| x)), base64url(point.y().map_or(&[], |y| y)));
        format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
    }

    /// RFC 7638 of the public half.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        base64url(&Sha256::digest(self.jwk().as_bytes()))
    }

    /// The proof that Chromium sends for this offer.
    #[must_use]
    pub fn registration(&self, offer: &Offer) -> String {
        let Offer { challenge, authorization, .. } = offer;
        let header = format!(r#"{{"alg":"ES256","jwk":{},"typ":"dbsc+jwt"}}"#, self.jwk());
        self.sign(&header, &format!(r#"{{"authorization":"{authorization}","jti":"{challenge}"}}"#))
    }

    /// The proof that Chromium sends for this challenge.
    #[must_use]
    pub fn refresh(&self, challenge: &str) -> String {
        self.sign(r#"{"alg":"ES256","typ":"dbsc+jwt"}"#, &format!(r#"{{"jti":"{challenge}"}}"#))
    }

    /// Signs any header and any payload.
    #[must_use]
    pub fn sign(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
        let signature: Signature = self.key.sign(input.as_bytes());
        format!("{input}.{}", base64url(&signature.to_bytes()))
    }
}

/// RFC 7638 of an EC key in a JWK set.
#[must_use]
pub fn thumbprint_of(jwk: &Value) -> String {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
    let (crv, kty, x, y) = (text("crv"), text("kty"), text("x"), text("y"));
    base64url(&Sha256::digest(format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}"#)))
}

/// The same text with one other character in its middle. Not at its end, where base64url may have room to spare.
#[must_use]
pub fn tampered(text: &str) -> String {
    let middle = text.len() / 2;
    let turn = |(index, character)| match (index == middle, character) {
        (true, 'A') => 'B',
        (true, _) => 'A',
        (false, character) => character,
    };
    text.chars().enumerate().map(turn).collect()
}

/// Base64url without padding.
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
