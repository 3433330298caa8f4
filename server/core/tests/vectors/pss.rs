//! RSASSA-PSS (RFC 8017 §8.1) with a salt that is chosen: libraries draw it at random, and vectors must be the same each
//! time; nor does a library sign with a salt of the wrong length.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::elliptic_curve::bigint::{
    Odd, U2048,
    modular::{FixedMontyForm, FixedMontyParams},
};
use sha2::{Digest, Sha256};

use crate::keys::Device;

/// An RSA key of 2048 bits that signs with PSS and SHA-256.
pub(crate) struct Ps256 {
    n: String,
    modulus: U2048,
    exponent: U2048,
}

impl Ps256 {
    /// The key of modulus and private exponent, in base64url.
    pub(crate) fn new(n: &str, d: &str) -> Self {
        let number = |text| U2048::from_be_slice(&URL_SAFE_NO_PAD.decode(text).unwrap());
        Self { n: n.to_owned(), modulus: number(n), exponent: number(d) }
    }

    /// A signature with this salt.
    pub(crate) fn sign_with_salt(&self, message: &[u8], salt: &[u8]) -> Vec<u8> {
        let modulus = FixedMontyParams::new_vartime(Odd::new(self.modulus).unwrap());
        let encoded = U2048::from_be_slice(&encode(message, salt));
        let signature = FixedMontyForm::new(&encoded, &modulus).pow_vartime(&self.exponent).retrieve();
        signature.to_be_bytes().as_ref().to_vec()
    }
}

impl Device for Ps256 {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_with_salt(message, &[0x5a; 32])
    }

    fn jwk(&self) -> String {
        format!(r#"{{"e":"AQAB","kty":"RSA","n":"{}"}}"#, self.n)
    }
}

/// EMSA-PSS (RFC 8017 §9.1.1) for a modulus of 2048 bits.
fn encode(message: &[u8], salt: &[u8]) -> Vec<u8> {
    let hash = Sha256::new().chain_update([0; 8]).chain_update(Sha256::digest(message)).chain_update(salt);
    let hash: [u8; 32] = hash.finalize().into();
    let mut block = vec![0; LENGTH - 32 - 1 - salt.len() - 1];
    block.push(1);
    block.extend_from_slice(salt);
    for (byte, mask) in block.iter_mut().zip(mask(&hash)) {
        *byte ^= mask;
    }
    // One bit less than the modulus has.
    block[0] &= 0x7f;
    [&block[..], &hash, &[0xbc]].concat()
}

/// MGF1 (RFC 8017 §B.2.1).
fn mask(seed: &[u8]) -> impl Iterator<Item = u8> {
    (0_u32..).flat_map(move |counter| {
        let block: [u8; 32] =
            Sha256::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize().into();
        block
    })
}

const LENGTH: usize = 256;
