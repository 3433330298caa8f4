//! Public keys of clients: how they are read, named and asked.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use sha2::{Digest, Sha256};

use super::{Algorithm, Object, Value, base64url};
use crate::{Rejection, Rule};

/// A public key that keeps every rule of this house.
#[derive(Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// A point of P-256: the coordinates x and y, 32 bytes each, big-endian.
    P256([u8; 64]),
    /// A point of edwards25519 as RFC 8032 §5.1.2 writes it.
    Ed25519([u8; 32]),
    /// An RSA key.
    Rsa {
        /// The modulus, big-endian, without leading zeros, 2048 to 4096 bits.
        n: Box<[u8]>,
        /// The exponent, likewise, odd, 65537 to 2^32.
        e: Box<[u8]>,
        /// What it signs with.
        scheme: RsaScheme,
    },
}

/// How an RSA key signs. A key is read for one of them and never used with the other (RFC 8725 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RsaScheme {
    /// RSASSA-PKCS1-v1_5 with SHA-256: `RS256`.
    Pkcs1,
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes: `PS256`.
    Pss,
}

impl PublicKey {
    /// Reads the `jwk` of a proof's header for the algorithm that the same header names.
    ///
    /// # Errors
    /// `K-01` to `K-06`.
    pub fn from_jwk(jwk: &Object, algorithm: Algorithm) -> Result<Self, Rejection> {
        // K-04 · RFC 7517 §9.2: a private key on the wire is a lost key, whatever its type says.
        if PRIVATE_MEMBERS.iter().any(|name| jwk.member(name).is_some()) {
            return Err(Rule::K04.into());
        }
        refuse_contradictions(jwk, algorithm)?;
        // K-01 · RFC 7518 §3.1, RFC 8725 §3.1: one key, one algorithm.
        match (algorithm, jwk.text("kty")) {
            (Algorithm::Es256, Some("EC")) if jwk.text("crv") == Some("P-256") => Self::p256_from_jwk(jwk),
            (Algorithm::EdDsa, Some("OKP")) if jwk.text("crv") == Some("Ed25519") => {
                Self::ed25519_from_jwk(jwk)
            }
            (Algorithm::Ps256, Some("RSA")) => Self::rsa_from_jwk(jwk, RsaScheme::Pss),
            (Algorithm::Rs256, Some("RSA")) => Self::rsa_from_jwk(jwk, RsaScheme::Pkcs1),
            (Algorithm::EdDsa | Algorithm::Es256 | Algorithm::Ps256 | Algorithm::Rs256, _) => {
                Err(Rule::K01.into())
            }
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

    /// An Ed25519 key from its 32 bytes.
    ///
    /// # Errors
    /// `K-06` if they are not the one spelling of a point, or the point is of small order.
    pub fn ed25519(bytes: [u8; 32]) -> Result<Self, Rejection> {
        // K-06 · RFC 8037 §2, RFC 8032 §5.1.3: with a key of small order a signature fits many messages, and a second
        // spelling would be a second thumbprint.
        let mut y = bytes;
        let [first, middle @ .., last] = &mut y;
        // The highest bit is the sign of x.
        *last &= 0x7f;
        let reaches_p = *last == 0x7f && *first >= 0xed && middle.iter().all(|byte| *byte == 0xff);
        if !reaches_p && !SMALL_ORDER.contains(&y) { Ok(Self::Ed25519(bytes)) } else { Err(Rule::K06.into()) }
    }

    /// An RSA key from modulus and exponent, big-endian.
    ///
    /// # Errors
    /// `K-03` if its size or exponent is out of bounds, or a number has leading zeros.
    pub fn rsa(n: Box<[u8]>, e: Box<[u8]>, scheme: RsaScheme) -> Result<Self, Rejection> {
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
            Ok(Self::Rsa { n, e, scheme })
        } else {
            Err(Rule::K03.into())
        }
    }

    /// The only algorithm this key signs with.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
            Self::Rsa { scheme: RsaScheme::Pkcs1, .. } => Algorithm::Rs256,
            Self::Rsa { scheme: RsaScheme::Pss, .. } => Algorithm::Ps256,
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
            Self::Ed25519(bytes) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url::encode(bytes))
            }
            Self::Rsa { n, e, .. } => {
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
            Self::Ed25519(bytes) => UnparsedPublicKey::new(&ED25519, bytes).verify(message, signature),
            Self::Rsa { n, e, scheme } => {
                let parameters = match scheme {
                    RsaScheme::Pkcs1 => &RSA_PKCS1_2048_8192_SHA256,
                    RsaScheme::Pss => &RSA_PSS_2048_8192_SHA256,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
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

    fn ed25519_from_jwk(jwk: &Object) -> Result<Self, Rejection> {
        let bytes = jwk.text("x").and_then(|x| base64url::decode(x)?.try_into().ok());
        Self::ed25519(bytes.ok_or(Rejection::of(Rule::K06))?)
    }

    fn rsa_from_jwk(jwk: &Object, scheme: RsaScheme) -> Result<Self, Rejection> {
        let number = |name| Some(base64url::decode(jwk.text(name)?)?.into_boxed_slice());
        let (Some(n), Some(e)) = (number("n"), number("e")) else { return Err(Rule::K03.into()) };
        Self::rsa(n, e, scheme)
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

impl Thumbprint {
    /// A thumbprint in base64url, 43 characters.
    pub fn from_text(text: &str) -> Option<Self> {
        base64url::decode(text)?.try_into().ok().map(Self)
    }

    /// The thumbprint of these bytes, as a store keeps it.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

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
    let says = |alg: &Value| alg.as_text().and_then(|name| name.parse().ok());
    let fits = jwk.member("alg").is_none_or(|alg| says(alg) == Some(algorithm))
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

/// The y of every point whose order divides 8, little-endian: what is left of L · P for any point P of the curve.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
];

/// The private members of every key type (RFC 7518 §6.2.2, §6.3.2, §6.4.1; RFC 8037 §2), and `priv` of the newer drafts.
const PRIVATE_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

#[cfg(test)]
mod tests;
