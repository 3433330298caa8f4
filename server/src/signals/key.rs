//! The RSA key that signs what we tell others. The interoperability profile of CAEP wants RS256 and 2048 bits at least.

use std::sync::Arc;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use holdfast_core::jose::{PublicKey, RsaScheme};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use serde_json::json;
use zeroize::Zeroizing;

/// A private key, and its public half as others see it.
pub(crate) struct RsaSigner {
    pair: RsaKeyPair,
    random: SystemRandom,
    key_id: String,
    jwks: Arc<str>,
}

impl RsaSigner {
    /// A new key of 2048 bits, as PEM (PKCS#8).
    ///
    /// # Errors
    /// A clause, if the system gives no randomness.
    pub(crate) fn generate() -> Result<Zeroizing<String>, String> {
        let pair =
            RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| "no RSA key could be made".to_owned())?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| "the RSA key cannot be encoded".to_owned())?;
        let body = Zeroizing::new(STANDARD.encode(der.as_ref()));
        let mut pem = Zeroizing::new(String::with_capacity(2048));
        pem.push_str("-----BEGIN PRIVATE KEY-----\n");
        let mut rest = body.as_str();
        while !rest.is_empty() {
            let (line, more) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = more;
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Ok(pem)
    }

    /// Reads a key: PEM, PKCS#8 or PKCS#1.
    ///
    /// # Errors
    /// A clause that says what would be right.
    pub(crate) fn read(pem: &str) -> Result<Self, String> {
        let right = || {
            "must hold an RSA key of at least 2048 bits as PEM; make it with: openssl genrsa 2048".to_owned()
        };
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| right())?;
        // Keys of other kinds are encoded in the same way, and are told apart where the key itself is read.
        let pair = if let PrivateKeyDer::Pkcs1(der) = &der {
            RsaKeyPair::from_der(der.secret_pkcs1_der())
        } else {
            RsaKeyPair::from_pkcs8(der.secret_der())
        };
        let pair = pair.map_err(|_| right())?;
        let (n, e) = components(pair.public_key().as_ref()).ok_or_else(right)?;
        let encoded = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        let (n_text, e_text) = (encoded(n), encoded(e));
        let public = PublicKey::rsa(n.into(), e.into(), RsaScheme::Pkcs1).map_err(|_| right())?;
        let key_id = public.thumbprint().to_string();
        let jwk =
            json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": key_id, "n": n_text, "e": e_text });
        let jwks = json!({ "keys": [jwk] }).to_string().into();
        Ok(Self { pair, random: SystemRandom::new(), key_id, jwks })
    }

    /// The published key, as a document (RFC 7517 §5).
    pub(crate) fn jwks(&self) -> &Arc<str> {
        &self.jwks
    }

    /// A signed security event token (RFC 8417).
    pub(crate) fn sign(&self, payload: &str) -> Option<String> {
        let header = json!({ "alg": "RS256", "kid": self.key_id, "typ": "secevent+jwt" }).to_string();
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &self.random, token.as_bytes(), &mut signature).ok()?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Some(token)
    }
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017 §A.1.1), without leading zeros.
fn components(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, rest) = element(der, SEQUENCE)?;
    let (n, e) = element(sequence, INTEGER)?;
    let (e, end) = element(e, INTEGER)?;
    let positive = |number: &'_ [u8]| number.iter().take_while(|byte| **byte == 0).count();
    (rest.is_empty() && end.is_empty()).then_some(())?;
    Some((n.get(positive(n)..)?, e.get(positive(e)..)?))
}

/// The content of the first element, if it has this tag, and what follows it (X.690 §8.1.3).
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short if short < 0x80 => (short, rest),
        long => {
            let (digits, rest) =
                rest.split_at_checked(long & 0x7f).filter(|(digits, _)| digits.len() <= 4)?;
            (digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    (*found == tag).then(|| rest.split_at_checked(length))?
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

#[cfg(test)]
mod tests {
    use holdfast_core::jose::{Algorithm, Limits, Object, Value};
    use holdfast_ssf::UnverifiedSet;

    use super::*;

    #[test]
    fn signs_what_its_published_key_verifies() {
        let pem = RsaSigner::generate().unwrap();
        let signer = RsaSigner::read(&pem).unwrap();
        assert_eq!(RsaSigner::read(&pem).unwrap().key_id, signer.key_id);
        let set = Object::parse_within(signer.jwks().as_bytes(), Limits::DOCUMENT).unwrap();
        let Some(Value::Array(keys)) = set.member("keys") else { panic!("no keys") };
        let key = PublicKey::from_jwk(keys[0].as_object().unwrap(), Algorithm::Rs256).unwrap();
        let payload = r#"{"iss":"i","aud":"a","iat":7,"jti":"1","events":{"x":{}}}"#;
        let token = signer.sign(payload).unwrap();
        let expected = holdfast_ssf::Expectation {
            issuer: "i",
            audiences: &["a".to_owned()],
            now: holdfast_core::UnixTime::from_secs(7),
            tolerance: std::time::Duration::ZERO,
            max_age: std::time::Duration::ZERO,
        };
        let parsed = UnverifiedSet::parse(&token).unwrap();
        assert_eq!(parsed.key_id(), Some(&*signer.key_id));
        assert!(parsed.verify(&key, &expected).is_ok());
        let other = RsaSigner::read(&RsaSigner::generate().unwrap()).unwrap().sign(payload).unwrap();
        assert!(UnverifiedSet::parse(&other).unwrap().verify(&key, &expected).is_err());
    }

    #[test]
    fn what_is_no_rsa_key_is_told() {
        let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for pem in ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", &elliptic] {
            assert!(RsaSigner::read(pem).err().unwrap().contains("openssl genrsa"), "{pem}");
        }
    }

    #[test]
    fn der_is_read_within_its_bounds() {
        assert_eq!(components(&[0x30, 6, 2, 1, 5, 2, 1, 3]), Some((&[5][..], &[3][..])));
        for der in [
            &[][..],
            &[0x30],
            &[0x30, 6, 2, 1, 5, 2, 1],
            &[0x30, 6, 2, 9, 5, 2, 1, 3],
            &[0x30, 7, 2, 1, 5, 2, 1, 3],
            &[0x30, 6, 2, 1, 5, 2, 1, 3, 0],
            &[0x31, 6, 2, 1, 5, 2, 1, 3],
            &[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        ] {
            assert_eq!(components(der), None, "{der:?}");
        }
    }
}
