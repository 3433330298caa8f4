//! A client's key, for tests: it signs whatever claims it is given as a DPoP proof.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_core::jose::{PublicKey, Thumbprint};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};

pub(crate) struct Prover(SigningKey);

impl Prover {
    /// A client whose key is made of one byte that is neither 0 nor 255.
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKey::from_slice(&[seed; 32]).expect("the seed makes a scalar"))
    }

    pub(crate) fn thumbprint(&self) -> Thumbprint {
        PublicKey::p256(self.coordinates()).expect("a public key is a point").thumbprint()
    }

    /// A proof of these claims, which are the text of a JSON object.
    pub(crate) fn proof(&self, claims: &str) -> String {
        let coordinates = self.coordinates();
        let (x, y) = coordinates.split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let header = format!(
            r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}}}"#
        );
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature: Signature = self.0.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    fn coordinates(&self) -> [u8; 64] {
        let point = self.0.verifying_key().to_sec1_point(false);
        point.as_bytes().last_chunk().copied().expect("a point has two coordinates")
    }
}
