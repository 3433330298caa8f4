//! Public keys of clients: how they are read, named and asked.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use sha2::{Digest, Sha256};

use super::{Algorithm, Object, Value, base64url};
use crate::{Rejection, Rule};

/// A public key that keeps every rule of this house.
#[derive(Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// A point of P-256: the coordinates x and y, 32 bytes each, big-endian.
    P256([u8; 64]),
    /// An RSA key: modulus and exponent, big-endian, without leading zeros.
    Rsa {
        /// The modulus, 2048 to 4096 bits.
        n: Box<[u8]>,
        /// The exponent, odd, 65537 to 2^32.
        e: Box<[u8]>,
    },
}

impl PublicKey {
    /// Reads the `jwk` of a proof's header for the algorithm that the same header names.
    ///
    /// # Errors
    /// `K-01` to `K-05`.
    pub fn from_jwk(jwk: &Object, algorithm: Algorithm) -> Result<Self, Rejection> {
        // K-04 · RFC 7517 §9.2: a private key on the wire is a lost key, whatever its type says.
        if PRIVATE_MEMBERS.iter().any(|name| jwk.member(name).is_some()) {
            return Err(Rule::K04.into());
        }
        refuse_contradictions(jwk, algorithm)?;
        // K-01 · RFC 7518 §3.1, RFC 8725 §3.1: one key, one algorithm.
        match (algorithm, jwk.text("kty")) {
            (Algorithm::Es256, Some("EC")) if jwk.text("crv") == Some("P-256") => Self::p256_from_jwk(jwk),
            (Algorithm::Rs256, Some("RSA")) => Self::rsa_from_jwk(jwk),
            (Algorithm::Es256 | Algorithm::Rs256, _) => Err(Rule::K01.into()),
        }
    }

    /// A P-256 key from its coordinates, as they were stored or as a client sent them.
    ///
    /// # Errors
    /// `K-02` if they are no point of the curve.
    pub fn p256(coordinates: [u8; 64]) -> Result<Self, Rejection> {
        // K-02 · RFC 7518 §6.2.1, RFC 8725 §3.4: a point off the curve gives keys away.
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, uncompressed(&coordinates))
            .map(|_| Self::P256(coordinates))
            .map_err(|_| Rule::K02.into())
    }

    /// An RSA key from modulus and exponent, big-endian.
    ///
    /// # Errors
    /// `K-03` if its size or exponent is out of bounds, or a number has leading zeros.
    pub fn rsa(n: Box<[u8]>, e: Box<[u8]>) -> Result<Self, Rejection> {
        // K-03 · RFC 7518 §6.3.1, RFC 8725 §3.5: small keys break, huge ones are an attack on our time.
        let bits =
            n.first().map_or(0, |first| n.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(8));
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        let exponent =
            e.iter().fold(0_u64, |value, byte| value.saturating_mul(256).saturating_add(u64::from(*byte)));
        let canonical = n.first() != Some(&0) && e.first() != Some(&0);
        if canonical
            && (2048..=4096).contains(&bits)
            && is_odd(&n)
            && is_odd(&e)
            && (65_537..=1 << 32).contains(&exponent)
        {
            Ok(Self::Rsa { n, e })
        } else {
            Err(Rule::K03.into())
        }
    }

    /// The only algorithm this key signs with.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::Es256,
            Self::Rsa { .. } => Algorithm::Rs256,
        }
    }

    /// The SHA-256 thumbprint of RFC 7638, made of the decoded bytes, so that one key has one thumbprint.
    pub fn thumbprint(&self) -> Thumbprint {
        let canonical = match self {
            Self::P256(coordinates) => {
                let (x, y) = coordinates.split_at(32);
                format!(
                    r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                    base64url::encode(x),
                    base64url::encode(y)
                )
            }
            Self::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, base64url::encode(e), base64url::encode(n))
            }
        };
        Thumbprint(Sha256::digest(canonical.as_bytes()).into())
    }

    /// The only signature check in the house.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<SignatureFits, DoesNotFit> {
        let answer = match self {
            Self::P256(coordinates) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, uncompressed(coordinates))
                    .verify(message, signature)
            }
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        };
        answer.map(|()| SignatureFits(())).map_err(|_| DoesNotFit)
    }

    fn p256_from_jwk(jwk: &Object) -> Result<Self, Rejection> {
        let coordinate = |name| -> Option<[u8; 32]> { base64url::decode(jwk.text(name)?)?.try_into().ok() };
        let (Some(x), Some(y)) = (coordinate("x"), coordinate("y")) else { return Err(Rule::K02.into()) };
        let mut coordinates = [0; 64];
        let (first, second) = coordinates.split_at_mut(32);
        first.copy_from_slice(&x);
        second.copy_from_slice(&y);
        Self::p256(coordinates)
    }

    fn rsa_from_jwk(jwk: &Object) -> Result<Self, Rejection> {
        let number = |name| Some(base64url::decode(jwk.text(name)?)?.into_boxed_slice());
        let (Some(n), Some(e)) = (number("n"), number("e")) else { return Err(Rule::K03.into()) };
        Self::rsa(n, e)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm().as_str(), self.thumbprint())
    }
}

/// The name of a public key: RFC 7638 with SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint([u8; 32]);

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Proof that a signature was checked and fits.
#[derive(Debug)]
pub(super) struct SignatureFits(());

#[derive(Debug)]
pub(super) struct DoesNotFit;

/// K-05 · RFC 7517 §4.2 to §4.4: a key that says it is for something else is not used for this.
fn refuse_contradictions(jwk: &Object, algorithm: Algorithm) -> Result<(), Rejection> {
    let fits = jwk.member("alg").is_none_or(|alg| alg.as_text() == Some(algorithm.as_str()))
        && jwk.member("use").is_none_or(|usage| usage.as_text() == Some("sig"))
        && jwk.member("key_ops").is_none_or(|operations| match operations {
            Value::Array(names) => names.iter().any(|name| name.as_text() == Some("verify")),
            Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) | Value::Text(_) => false,
        });
    if fits { Ok(()) } else { Err(Rule::K05.into()) }
}

/// The point in the form that verifiers read: 0x04 ‖ x ‖ y (SEC 1 §2.3.3).
fn uncompressed(coordinates: &[u8; 64]) -> [u8; 65] {
    let mut point = [4; 65];
    let (_, rest) = point.split_at_mut(1);
    rest.copy_from_slice(coordinates);
    point
}

/// The private members of every key type (RFC 7518 §6.2.2, §6.3.2, §6.4.1; RFC 8037 §2), and `priv` of the newer drafts.
const PRIVATE_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

#[cfg(test)]
mod tests;
