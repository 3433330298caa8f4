//! A browser's key, for tests and benches: it signs whatever challenge it is given.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};

pub(crate) struct Device(SigningKey);

impl Device {
    /// A device whose key is made of one byte that is neither 0 nor 255.
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKey::from_slice(&[seed; 32]).expect("the seed makes a scalar"))
    }

    /// The proof that answers an offer, the value of `Secure-Session-Registration`.
    pub(crate) fn registration(&self, offer: &str) -> String {
        let point = self.0.verifying_key().to_sec1_point(false);
        let coordinate = |from: usize| {
            URL_SAFE_NO_PAD
                .encode(point.as_bytes().get(from..from + 32).expect("a point has two coordinates"))
        };
        let jwk = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, coordinate(1), coordinate(33));
        let parameter = |name: &str| {
            let (_, rest) = offer.split_once(&format!(r#"{name}=""#)).expect("the offer has the parameter");
            rest.split_once('"').expect("the parameter is a string").0
        };
        self.sign(
            &format!(r#"{{"alg":"ES256","jwk":{jwk},"typ":"dbsc+jwt"}}"#),
            &format!(
                r#"{{"authorization":"{}","jti":"{}"}}"#,
                parameter("authorization"),
                parameter("challenge")
            ),
        )
    }

    /// The proof that answers a refresh challenge.
    pub(crate) fn refresh(&self, challenge: &str) -> String {
        self.sign(r#"{"alg":"ES256","typ":"dbsc+jwt"}"#, &format!(r#"{{"jti":"{challenge}"}}"#))
    }

    fn sign(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature: Signature = self.0.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}
