//! Compact JWS as anybody could write one, honest or not.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::keys::Device;

/// Base64url without padding.
pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A proof of this header and payload, signed by `device`.
pub(crate) fn sign(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>, device: &impl Device) -> String {
    sign_with(header, payload, |message| device.sign(message))
}

/// A proof of this header and payload, signed in some way.
pub(crate) fn sign_with(
    header: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
    signature: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    sign_parts(&b64(header), &b64(payload), signature)
}

/// A proof of parts that are already encoded, in some way.
pub(crate) fn sign_parts(header: &str, payload: &str, signature: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{header}.{payload}");
    let signature = b64(signature(message.as_bytes()));
    format!("{message}.{signature}")
}

/// The three parts of a proof.
pub(crate) fn parts(proof: &str) -> [&str; 3] {
    proof.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// The same proof with one bit of one decoded part flipped.
pub(crate) fn flip(proof: &str, part: usize, byte: usize, bit: u8) -> String {
    let mut all = parts(proof).map(str::to_owned);
    let mut bytes = URL_SAFE_NO_PAD.decode(&all[part]).unwrap();
    bytes[byte] ^= 1 << bit;
    all[part] = b64(bytes);
    all.join(".")
}
