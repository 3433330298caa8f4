//! Keys in this process. ES256 keys come from another implementation than the one the server verifies with.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaSignatureEncoding,
};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::Generate;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey};

use super::Jwk;
use crate::Failure;
use crate::encoding::{base64url, from_base64url};

/// A P-256 key.
#[derive(Debug)]
pub(super) struct EcKey(SigningKey);

impl EcKey {
    pub(super) fn generate() -> Result<Self, Failure> {
        SigningKey::try_generate().map(Self).map_err(|error| Failure::key("making a P-256 key", error))
    }

    pub(super) fn restore(pkcs8: &str) -> Result<Self, Failure> {
        let der = from_base64url(pkcs8)?;
        SigningKey::from_pkcs8_der(&der).map(Self).map_err(|error| Failure::key("reading a P-256 key", error))
    }

    pub(super) fn pkcs8(&self) -> Result<String, Failure> {
        let der = self.0.to_pkcs8_der().map_err(|error| Failure::key("writing a P-256 key", error))?;
        Ok(base64url(der.as_bytes()))
    }

    pub(super) fn jwk(&self) -> Jwk {
        let point = self.0.verifying_key().to_sec1_point(false);
        Jwk::p256(point.x().map_or(&[][..], |x| x), point.y().map_or(&[][..], |y| y))
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_bytes().to_vec()
    }

    pub(super) fn public_der(&self) -> Result<Vec<u8>, Failure> {
        let der = self.0.verifying_key().to_public_key_der();
        der.map(|der| der.as_bytes().to_vec()).map_err(|error| Failure::key("writing a public key", error))
    }
}

/// An Ed25519 key.
#[derive(Debug)]
pub(super) struct EdKey(Ed25519KeyPair);

impl EdKey {
    pub(super) fn generate() -> Result<Self, Failure> {
        let key = Ed25519KeyPair::generate();
        key.map(Self).map_err(|error| Failure::key("making an Ed25519 key", error))
    }

    pub(super) fn restore(pkcs8: &str) -> Result<Self, Failure> {
        let der = from_base64url(pkcs8)?;
        let key = Ed25519KeyPair::from_pkcs8(&der);
        key.map(Self).map_err(|error| Failure::key("reading an Ed25519 key", error))
    }

    pub(super) fn pkcs8(&self) -> Result<String, Failure> {
        let der = self.0.to_pkcs8().map_err(|error| Failure::key("writing an Ed25519 key", error))?;
        Ok(base64url(der.as_ref()))
    }

    pub(super) fn jwk(&self) -> Jwk {
        Jwk::Okp { crv: "Ed25519", kty: "OKP", x: base64url(self.0.public_key().as_ref()) }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    pub(super) fn public_der(&self) -> Result<Vec<u8>, Failure> {
        let der: Result<PublicKeyX509Der<'_>, _> = self.0.public_key().as_der();
        der.map(|der| der.as_ref().to_vec()).map_err(|error| Failure::key("writing a public key", error))
    }
}

/// An RSA key of 2048 bits.
#[derive(Debug)]
pub(super) struct RsaKey(KeyPair);

impl RsaKey {
    pub(super) fn generate() -> Result<Self, Failure> {
        let key = KeyPair::generate(KeySize::Rsa2048);
        key.map(Self).map_err(|error| Failure::key("making an RSA key", error))
    }

    pub(super) fn restore(pkcs8: &str) -> Result<Self, Failure> {
        let der = from_base64url(pkcs8)?;
        KeyPair::from_pkcs8(&der).map(Self).map_err(|error| Failure::key("reading an RSA key", error))
    }

    pub(super) fn pkcs8(&self) -> Result<String, Failure> {
        let der: Pkcs8V1Der<'_> =
            self.0.as_der().map_err(|error| Failure::key("writing an RSA key", error))?;
        Ok(base64url(der.as_ref()))
    }

    pub(super) fn jwk(&self) -> Jwk {
        let PublicKeyComponents { n, e }: PublicKeyComponents<Vec<u8>> = self.0.public_key().into();
        Jwk::Rsa { e: base64url(&e), kty: "RSA", n: base64url(&n) }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        self.sign_as(&RSA_PKCS1_SHA256, message)
    }

    pub(super) fn sign_pss(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        self.sign_as(&RSA_PSS_SHA256, message)
    }

    fn sign_as(&self, encoding: &'static RsaSignatureEncoding, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(encoding, &SystemRandom::new(), message, &mut signature)
            .map_err(|error| Failure::key("signing with an RSA key", error))?;
        Ok(signature)
    }

    pub(super) fn public_der(&self) -> Result<Vec<u8>, Failure> {
        let der: Result<PublicKeyX509Der<'_>, _> = self.0.public_key().as_der();
        der.map(|der| der.as_ref().to_vec()).map_err(|error| Failure::key("writing a public key", error))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
        UnparsedPublicKey,
    };

    use super::*;

    #[test]
    fn an_ec_key_survives_storage_and_signs_for_others() {
        let key = EcKey::generate().unwrap();
        let again = EcKey::restore(&key.pkcs8().unwrap()).unwrap();
        assert_eq!(key.jwk(), again.jwk());
        let point = key.0.verifying_key().to_sec1_point(false);
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point.as_bytes());
        public.verify(b"message", &again.sign(b"message")).unwrap();
    }

    #[test]
    fn an_rsa_key_survives_storage_and_signs_for_others() {
        let key = RsaKey::generate().unwrap();
        let again = RsaKey::restore(&key.pkcs8().unwrap()).unwrap();
        assert_eq!(key.jwk(), again.jwk());
        let Jwk::Rsa { e, .. } = key.jwk() else { panic!("an RSA key") };
        assert_eq!(e, "AQAB");
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.0.public_key().as_ref());
        public.verify(b"message", &again.sign(b"message").unwrap()).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.0.public_key().as_ref());
        public.verify(b"message", &again.sign_pss(b"message").unwrap()).unwrap();
    }

    #[test]
    fn an_ed25519_key_survives_storage_and_signs_for_others() {
        let key = EdKey::generate().unwrap();
        let again = EdKey::restore(&key.pkcs8().unwrap()).unwrap();
        assert_eq!(key.jwk(), again.jwk());
        let public = UnparsedPublicKey::new(&ED25519, key.0.public_key().as_ref());
        public.verify(b"message", &again.sign(b"message")).unwrap();
    }
}
