//! The test keys of `tests/vectors/keys.json`.

use std::collections::BTreeMap;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use holdfast_core::RootKey;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde::Deserialize;

use crate::{files::Files, pss::Ps256};

/// The file of test keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keys {
    #[serde(rename = "warning")]
    _warning: String,
    root_key: String,
    previous_root_key: String,
    foreign_root_key: String,
    p256: BTreeMap<String, String>,
    ed25519: BTreeMap<String, String>,
    rsa: BTreeMap<String, RsaEntry>,
    pub(crate) rsa_1024_n: String,
    pub(crate) p384: Point,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RsaEntry {
    bits: usize,
    pkcs8: String,
    n: String,
    /// The private exponent, of the keys that sign with PSS.
    #[serde(default)]
    d: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Point {
    pub(crate) x: String,
    pub(crate) y: String,
}

impl Keys {
    pub(crate) fn read() -> Self {
        serde_json::from_str(&Files::read("keys.json")).expect("keys.json has the right shape")
    }

    pub(crate) fn root(&self) -> RootKey {
        RootKey::from_hex(&self.root_key).unwrap()
    }

    pub(crate) fn previous_root(&self) -> RootKey {
        RootKey::from_hex(&self.previous_root_key).unwrap()
    }

    pub(crate) fn foreign_root(&self) -> RootKey {
        RootKey::from_hex(&self.foreign_root_key).unwrap()
    }

    pub(crate) fn es256(&self, name: &str) -> Es256 {
        // 64 hex digits are what a root key is read from, too; here they are a scalar.
        Es256(SigningKey::from_slice(&from_hex(&self.p256[name])).unwrap())
    }

    pub(crate) fn eddsa(&self, name: &str) -> EdDsa {
        EdDsa(Ed25519KeyPair::from_seed_unchecked(&from_hex(&self.ed25519[name])).unwrap())
    }

    pub(crate) fn ps256(&self, name: &str) -> Ps256 {
        let entry = &self.rsa[name];
        Ps256::new(&entry.n, entry.d.as_deref().expect("the key signs with PSS"))
    }

    pub(crate) fn rs256(&self, name: &str) -> Rs256 {
        let entry = &self.rsa[name];
        let pair = RsaKeyPair::from_pkcs8(&STANDARD.decode(&entry.pkcs8).unwrap()).unwrap();
        assert_eq!(pair.public_modulus_len() * 8, entry.bits);
        Rs256 { pair, n: entry.n.clone() }
    }
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap())
        .collect()
}

/// A key that signs proofs.
pub(crate) trait Device {
    /// The signature over `message`; the same each time.
    fn sign(&self, message: &[u8]) -> Vec<u8>;
    /// The public key, its members in their order.
    fn jwk(&self) -> String;
}

impl Device for &dyn Device {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        (**self).sign(message)
    }

    fn jwk(&self) -> String {
        (**self).jwk()
    }
}

pub(crate) struct Es256(pub(crate) SigningKey);

impl Es256 {
    /// The coordinates x and y.
    pub(crate) fn coordinates(&self) -> [u8; 64] {
        self.0.verifying_key().to_sec1_point(false).as_bytes()[1..].try_into().unwrap()
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Signature {
        self.0.sign(message)
    }
}

impl Device for Es256 {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signature(message).to_bytes().to_vec()
    }

    fn jwk(&self) -> String {
        let coordinates = self.coordinates();
        let (x, y) = coordinates.split_at(32);
        ec_jwk(x, y)
    }
}

pub(crate) fn ec_jwk(x: &[u8], y: &[u8]) -> String {
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
}

pub(crate) struct Rs256 {
    pair: RsaKeyPair,
    pub(crate) n: String,
}

impl Rs256 {
    pub(crate) fn modulus(&self) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(&self.n).unwrap()
    }
}

impl Device for Rs256 {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    fn jwk(&self) -> String {
        format!(r#"{{"e":"AQAB","kty":"RSA","n":"{}"}}"#, self.n)
    }
}

pub(crate) struct EdDsa(Ed25519KeyPair);

impl EdDsa {
    /// The point as RFC 8032 writes it.
    pub(crate) fn point(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().unwrap()
    }
}

impl Device for EdDsa {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    fn jwk(&self) -> String {
        okp_jwk(&self.point())
    }
}

pub(crate) fn okp_jwk(x: &[u8]) -> String {
    format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(x))
}
