//! A compact JWS, before and after its signature was checked.

use super::{Algorithm, Limits, Object, PublicKey, base64url};
use crate::{Rejection, Rule};

/// A proof of a browser is 170 to 1000 bytes, an attested one under 4000; what is larger is not a proof.
pub const MAX_PROOF_BYTES: usize = 8192;

/// Headers of more than this do not come through any proxy.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A compact JWS that was read and not yet verified. Nothing it says is true yet.
#[derive(Debug)]
pub struct UnverifiedJws<'a> {
    header: Object,
    payload: Object,
    signing_input: &'a str,
    signature: Vec<u8>,
}

impl<'a> UnverifiedJws<'a> {
    /// Reads `header.payload.signature`.
    ///
    /// # Errors
    /// `J-01` to `J-06`. All of them are decided before any cryptography.
    pub fn parse(text: &'a str) -> Result<Self, Rejection> {
        Self::parse_within(text, MAX_PROOF_BYTES, Limits::PROOF)
    }

    /// Reads a token, which an issuer may fill with more than a client fills a proof with.
    ///
    /// # Errors
    /// As [`UnverifiedJws::parse`].
    pub fn parse_token(text: &'a str) -> Result<Self, Rejection> {
        Self::parse_within(text, MAX_TOKEN_BYTES, Limits::DOCUMENT)
    }

    fn parse_within(text: &'a str, most_bytes: usize, limits: Limits) -> Result<Self, Rejection> {
        // J-01 · RFC 8725 §3.11: the size is judged before anything is read.
        if text.len() > most_bytes {
            return Err(Rule::J01.into());
        }
        let (signing_input, header, payload, signature) = split(text)?;
        // J-03 · RFC 7515 §2, RFC 4648 §3.5: one value, one spelling.
        let decode = |part| base64url::decode(part).ok_or(Rejection::of(Rule::J03));
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
        let header = Object::parse_within(&header, limits)?;
        // J-06 · RFC 7515 §4.1.11: whoever does not understand an extension must refuse it.
        if header.member("crit").is_some() {
            return Err(Rule::J06.into());
        }
        Ok(Self { header, payload: Object::parse_within(&payload, limits)?, signing_input, signature })
    }

    /// The `typ` of the header.
    pub fn typ(&self) -> Option<&str> {
        self.header.text("typ")
    }

    /// The `alg` of the header, if it is one of ours.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.header.text("alg")?.parse().ok()
    }

    /// Whether the header has a `jwk`, of whatever shape.
    pub fn has_jwk(&self) -> bool {
        self.header.member("jwk").is_some()
    }

    /// The `jwk` of the header.
    pub fn jwk(&self) -> Option<&Object> {
        self.header.member("jwk")?.as_object()
    }

    /// What the payload says, unproven: for judging what costs less than a signature.
    pub const fn unverified_claims(&self) -> &Object {
        &self.payload
    }

    /// The `kid` of the header.
    pub fn key_id(&self) -> Option<&str> {
        self.header.text("kid")
    }

    /// The `jti` of the payload: the challenge, which carries a MAC of its own and may be judged first, since that is
    /// cheaper than a signature.
    pub fn unverified_jti(&self) -> Option<&str> {
        self.payload.text("jti").filter(|jti| !jti.is_empty())
    }

    /// Checks the signature with `key`, which the caller has found to fit the header's `alg`.
    ///
    /// # Errors
    /// `rule`, the caller's rule about signatures, if it does not fit.
    pub fn verify(self, key: &PublicKey, rule: Rule) -> Result<VerifiedJws, Rejection> {
        match key.verify(self.signing_input.as_bytes(), &self.signature) {
            Ok(_fits) if self.algorithm() == Some(key.algorithm()) => {
                Ok(VerifiedJws { payload: self.payload })
            }
            Ok(_) | Err(_) => Err(rule.into()),
        }
    }
}

/// What the holder of a key has signed.
#[derive(Debug)]
pub struct VerifiedJws {
    payload: Object,
}

impl VerifiedJws {
    /// The signed claims.
    pub fn claims(&self) -> &Object {
        &self.payload
    }
}

/// J-02 · RFC 7515 §7.1: three parts, none of them empty.
fn split(text: &str) -> Result<(&str, &str, &str, &str), Rejection> {
    let rule = Rejection::of(Rule::J02);
    let (signing_input, signature) = text.rsplit_once('.').ok_or(rule)?;
    let (header, payload) = signing_input.split_once('.').ok_or(rule)?;
    if header.is_empty() || payload.is_empty() || signature.is_empty() || payload.contains('.') {
        return Err(rule);
    }
    Ok((signing_input, header, payload, signature))
}
