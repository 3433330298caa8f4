//! Assertions that nobody should believe.

use anyhow::{Context as _, Result};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_core::RootKey;
use holdfast_tests::server::{Device, base64url};
use serde_json::{Value, json};

/// Header and payload of a JWT, and its signature as it stands.
pub(crate) struct Parts {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) signature: String,
}

impl Parts {
    pub(crate) fn of(jwt: &str) -> Result<Self> {
        let mut parts = jwt.split('.');
        let mut next = || parts.next().context("no JWT");
        let decode =
            |part: &str| -> Result<Value> { Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?) };
        Ok(Self { header: decode(next()?)?, claims: decode(next()?)?, signature: next()?.to_owned() })
    }

    /// With another claim, and the signature that was there.
    pub(crate) fn with_claim(mut self, name: &str, value: Value) -> String {
        self.claims[name] = value;
        self.encoded()
    }

    /// `alg: none` and no signature.
    pub(crate) fn unsigned(mut self) -> String {
        self.header["alg"] = json!("none");
        self.signature.clear();
        self.encoded()
    }

    /// Signed by a key of our own under the server's `kid`.
    pub(crate) fn signed_by(self, device: &Device) -> String {
        device.sign(&self.header.to_string(), &self.claims.to_string())
    }

    /// With other members in the header and other claims, `null` for none, as if the server itself had signed it.
    pub(crate) fn laid_over(mut self, server: &Device, header: Value, claims: Value) -> String {
        lay_over(&mut self.header, header);
        lay_over(&mut self.claims, claims);
        self.signed_by(server)
    }

    /// A MAC, with the server's public key as the secret.
    pub(crate) fn with_mac(mut self, public_key: &str) -> String {
        self.header["alg"] = json!("HS256");
        let input = self.input();
        let key = hmac::Key::new(hmac::HMAC_SHA256, public_key.as_bytes());
        format!("{input}.{}", base64url(hmac::sign(&key, input.as_bytes()).as_ref()))
    }

    fn encoded(&self) -> String {
        format!("{}.{}", self.input(), self.signature)
    }

    fn input(&self) -> String {
        let [header, claims] =
            [&self.header, &self.claims].map(|part| base64url(part.to_string().as_bytes()));
        format!("{header}.{claims}")
    }
}

/// The key that a server with this root key signs with at `now`, as decision 0008 derives it.
pub(crate) fn signing_key(root_key: &str, now: u64) -> Result<Device> {
    let root = RootKey::from_hex(root_key).context("no root key")?;
    Device::of(root.signing_root().seed(now / WEEK, 0).as_ref())
}

fn lay_over(members: &mut Value, others: Value) {
    if let (Value::Object(members), Value::Object(others)) = (members, others) {
        members.extend(others);
        members.retain(|_, value| !value.is_null());
    }
}

const WEEK: u64 = 7 * 24 * 3600;
