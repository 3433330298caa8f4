//! Device keys: in software, or in a TPM that never lets them out.

mod software;
#[cfg(feature = "tpm")]
mod tpm;

use serde::{Deserialize, Serialize};

use crate::Failure;
use software::{EcKey, EdKey, RsaKey};
#[cfg(feature = "tpm")]
use tpm::TpmKey;

/// A signature algorithm that Chromium can register with, or that DPoP proofs are signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// Ed25519. For DPoP alone.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PSS with SHA-256, 2048 bits. For DPoP alone.
    #[serde(rename = "PS256")]
    Ps256,
    /// RSA PKCS#1 v1.5 with SHA-256, 2048 bits.
    #[serde(rename = "RS256")]
    Rs256,
}

impl Algorithm {
    /// Both that a browser without restrictions knows.
    pub const BROWSER: [Self; 2] = [Self::Es256, Self::Rs256];

    /// Reads a name as a browser does: what it cannot make a key for has no meaning. Names are case-sensitive.
    pub fn named(name: &str) -> Option<Self> {
        Self::BROWSER.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The name in headers and proofs.
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }
}

/// A public key as a JWK; the members stand in Chromium's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Jwk {
    /// A P-256 point.
    Ec {
        /// The curve's name.
        crv: &'static str,
        /// The key type.
        kty: &'static str,
        /// 32 bytes, base64url.
        x: String,
        /// 32 bytes, base64url.
        y: String,
    },
    /// A key on an Edwards curve.
    Okp {
        /// The curve's name.
        crv: &'static str,
        /// The key type.
        kty: &'static str,
        /// 32 bytes, base64url.
        x: String,
    },
    /// An RSA key.
    Rsa {
        /// The public exponent, base64url.
        e: String,
        /// The key type.
        kty: &'static str,
        /// The modulus, base64url.
        n: String,
    },
}

impl Jwk {
    /// A P-256 point from its coordinates.
    pub(crate) fn p256(x: &[u8], y: &[u8]) -> Self {
        Self::Ec {
            crv: "P-256",
            kty: "EC",
            x: crate::encoding::base64url(x),
            y: crate::encoding::base64url(y),
        }
    }

    /// RFC 7638: SHA-256 over the required members in alphabetical order, which is the order they stand in here.
    pub fn thumbprint(&self) -> Result<String, Failure> {
        let members = serde_json::to_vec(self).map_err(|error| Failure::key("writing a JWK", error))?;
        Ok(crate::encoding::base64url(&sha256(&members)))
    }
}

/// SHA-256.
pub(crate) fn sha256(message: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, message).as_ref().to_vec()
}

/// Where new keys are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this process, stored as PKCS#8.
    Software,
    /// In the TPM behind this TCTI.
    Tpm(String),
}

/// What kind of keys a browser makes.
#[derive(Clone, Debug)]
pub struct KeyMaker {
    /// Where.
    pub place: Place,
    /// For which algorithms; the server's order decides among them.
    pub algorithms: Vec<Algorithm>,
}

impl KeyMaker {
    /// A browser that keeps both kinds of keys in software.
    pub fn software() -> Self {
        Self { place: Place::Software, algorithms: Algorithm::BROWSER.to_vec() }
    }

    /// The first offered algorithm that this browser has.
    pub fn choose(&self, offered: &[Algorithm]) -> Option<Algorithm> {
        offered.iter().copied().find(|algorithm| self.algorithms.contains(algorithm))
    }

    /// Makes a key for an OAuth client, which chooses its algorithm itself.
    pub async fn make_preferred(&self) -> Result<DeviceKey, Failure> {
        self.make(self.algorithms.first().copied().unwrap_or(Algorithm::Es256)).await
    }

    /// Makes a key.
    pub async fn make(&self, algorithm: Algorithm) -> Result<DeviceKey, Failure> {
        match &self.place {
            Place::Software => DeviceKey::software(algorithm),
            Place::Tpm(tcti) => DeviceKey::in_tpm(tcti.clone(), algorithm).await,
        }
    }
}

/// A key pair that signs.
#[derive(Debug)]
pub struct DeviceKey {
    algorithm: Algorithm,
    jwk: Jwk,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Ec(EcKey),
    Ed(EdKey),
    Rsa(RsaKey),
    #[cfg(feature = "tpm")]
    Tpm(TpmKey),
}

/// A key as the state file keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "place", rename_all = "lowercase")]
pub enum SavedKey {
    /// PKCS#8, base64url.
    Software {
        /// The algorithm.
        algorithm: Algorithm,
        /// The private key.
        pkcs8: String,
    },
    /// The two blobs of a TPM key, base64url. Only the TPM that made them can load them.
    Tpm {
        /// How to reach the TPM.
        tcti: String,
        /// TPMT_PUBLIC.
        public: String,
        /// The encrypted private part.
        private: String,
    },
}

impl SavedKey {
    /// The same key, with its TPM reached as `place` says: a TPM may listen elsewhere after a restart.
    pub fn reached_at(self, place: &Place) -> Self {
        match (self, place) {
            (Self::Tpm { public, private, .. }, Place::Tpm(tcti)) => {
                Self::Tpm { tcti: tcti.clone(), public, private }
            }
            (saved, Place::Software | Place::Tpm(_)) => saved,
        }
    }
}

impl DeviceKey {
    /// Makes a software key.
    pub fn software(algorithm: Algorithm) -> Result<Self, Failure> {
        match algorithm {
            Algorithm::EdDsa => EdKey::generate().map(Self::from),
            Algorithm::Es256 => EcKey::generate().map(Self::from),
            Algorithm::Ps256 | Algorithm::Rs256 => RsaKey::generate().map(|key| Self::rsa(key, algorithm)),
        }
    }

    /// Loads what [`DeviceKey::saved`] gave.
    pub async fn restore(saved: &SavedKey) -> Result<Self, Failure> {
        match saved {
            SavedKey::Software { algorithm, pkcs8 } => match algorithm {
                Algorithm::EdDsa => EdKey::restore(pkcs8).map(Self::from),
                Algorithm::Es256 => EcKey::restore(pkcs8).map(Self::from),
                Algorithm::Ps256 | Algorithm::Rs256 => {
                    RsaKey::restore(pkcs8).map(|key| Self::rsa(key, *algorithm))
                }
            },
            SavedKey::Tpm { tcti, public, private } => Self::restore_tpm(tcti, public, private),
        }
    }

    /// The form to store.
    pub fn saved(&self) -> Result<SavedKey, Failure> {
        match &self.material {
            Material::Ec(key) => Ok(SavedKey::Software { algorithm: self.algorithm, pkcs8: key.pkcs8()? }),
            Material::Ed(key) => Ok(SavedKey::Software { algorithm: self.algorithm, pkcs8: key.pkcs8()? }),
            Material::Rsa(key) => Ok(SavedKey::Software { algorithm: self.algorithm, pkcs8: key.pkcs8()? }),
            #[cfg(feature = "tpm")]
            Material::Tpm(key) => Ok(key.saved()),
        }
    }

    /// The algorithm it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its public half.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Signs, in the form that JWS wants.
    pub async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        match &self.material {
            Material::Ec(key) => Ok(key.sign(message)),
            Material::Ed(key) => Ok(key.sign(message)),
            Material::Rsa(key) if self.algorithm == Algorithm::Ps256 => key.sign_pss(message),
            Material::Rsa(key) => key.sign(message),
            #[cfg(feature = "tpm")]
            Material::Tpm(key) => key.sign(message).await,
        }
    }

    /// The public key as SubjectPublicKeyInfo, in DER: what a forger takes for a shared secret.
    pub fn public_der(&self) -> Result<Vec<u8>, Failure> {
        match &self.material {
            Material::Ec(key) => key.public_der(),
            Material::Ed(key) => key.public_der(),
            Material::Rsa(key) => key.public_der(),
            #[cfg(feature = "tpm")]
            Material::Tpm(key) => key.public_der(),
        }
    }

    fn rsa(key: RsaKey, algorithm: Algorithm) -> Self {
        Self { algorithm, jwk: key.jwk(), material: Material::Rsa(key) }
    }

    #[cfg(feature = "tpm")]
    async fn in_tpm(tcti: String, algorithm: Algorithm) -> Result<Self, Failure> {
        if algorithm != Algorithm::Es256 {
            return Err(Failure::Usage(
                "keys in a TPM are ES256 keys here: add `--algorithm ES256`".to_owned(),
            ));
        }
        TpmKey::generate(tcti).await.map(Self::from)
    }

    #[cfg(feature = "tpm")]
    fn restore_tpm(tcti: &str, public: &str, private: &str) -> Result<Self, Failure> {
        TpmKey::restore(tcti, public, private).map(Self::from)
    }

    #[cfg(not(feature = "tpm"))]
    async fn in_tpm(_tcti: String, _algorithm: Algorithm) -> Result<Self, Failure> {
        Err(Failure::Usage(BUILT_WITHOUT.to_owned()))
    }

    #[cfg(not(feature = "tpm"))]
    fn restore_tpm(_tcti: &str, _public: &str, _private: &str) -> Result<Self, Failure> {
        Err(Failure::Usage(BUILT_WITHOUT.to_owned()))
    }
}

impl From<EcKey> for DeviceKey {
    fn from(key: EcKey) -> Self {
        Self { algorithm: Algorithm::Es256, jwk: key.jwk(), material: Material::Ec(key) }
    }
}

impl From<EdKey> for DeviceKey {
    fn from(key: EdKey) -> Self {
        Self { algorithm: Algorithm::EdDsa, jwk: key.jwk(), material: Material::Ed(key) }
    }
}

#[cfg(feature = "tpm")]
impl From<TpmKey> for DeviceKey {
    fn from(key: TpmKey) -> Self {
        Self { algorithm: Algorithm::Es256, jwk: key.jwk(), material: Material::Tpm(key) }
    }
}

#[cfg(not(feature = "tpm"))]
const BUILT_WITHOUT: &str = "this holdfast-sim was built without TPM support (feature `tpm`)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_made_as_rfc_7638_makes_it() {
        // RFC 7638 §3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
                 FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb\
                 9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls\
                 1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk = Jwk::Rsa { e: "AQAB".to_owned(), kty: "RSA", n: n.to_owned() };
        assert_eq!(jwk.thumbprint().unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037 appendix A.3.
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned();
        let jwk = Jwk::Okp { crv: "Ed25519", kty: "OKP", x };
        assert_eq!(jwk.thumbprint().unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[tokio::test]
    async fn a_key_comes_back_with_its_algorithm() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Ps256, Algorithm::Rs256] {
            let key = DeviceKey::software(algorithm).unwrap();
            let again = DeviceKey::restore(&key.saved().unwrap()).await.unwrap();
            assert_eq!((again.algorithm(), again.jwk()), (algorithm, key.jwk()));
        }
    }
}
