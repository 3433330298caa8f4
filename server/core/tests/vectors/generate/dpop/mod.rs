//! Vectors of DPoP proofs (RFC 9449 §4).

mod accepted;
mod claims;
mod form;
mod http;
mod htu;
mod jwk;
mod nonces;
mod signatures;
mod times;

use holdfast_core::Rule;
use sha2::{Digest, Sha256};

use super::file;
use crate::{
    compact::{b64, sign},
    dpop::{AcceptedProof, Demand, ProofVector, Run, Token, hex},
    keys::Device,
    world::{BEGAN, World},
};

/// Every file with its text.
pub(super) fn files(world: &World) -> Vec<(String, String)> {
    vec![
        file("dpop/accepted.json", "Proofs that keep every rule.", accepted::vectors(world)),
        file("dpop/claims.json", "The claims of a proof, one by one.", claims::vectors(world)),
        file("dpop/form.json", "The field, the compact form, typ, alg and jwk.", form::vectors(world)),
        file("dpop/htu.json", "The method and the address of the request.", htu::vectors(world)),
        file("dpop/http.json", "What only a server decides about proofs.", http::stories(world)),
        file("dpop/jwk.json", "Keys that are none, or not for this.", jwk::vectors(world)),
        file("dpop/nonces.json", "Nonces, asked for and not.", nonces::vectors(world)),
        file("dpop/signatures.json", "Signatures, and tokens of another key.", signatures::vectors(world)),
        file("dpop/times.json", "iat, exp and nbf.", times::vectors(world)),
    ]
}

/// When the run of the server began that is asked.
const RUN_SINCE: u64 = BEGAN;
/// When an ordinary proof comes.
pub(super) const AT: u64 = RUN_SINCE + 3600;
/// How long a proof without a nonce is good: `max_age` and `skew` of the default policy.
const LATEST: u64 = 60 + 15;
/// What stands in the Authorization field of an ordinary request.
const TOKEN: &str = "token-1.of-alice.not-read-here";
const URL: &str = "https://api.test/v1/r";

fn run() -> Run {
    Run { id: hex(b"boot"), since: RUN_SINCE }
}

/// Header and claims of a proof as lists of members, so that an attack may leave out, repeat or misspell each of them.
/// The values are JSON.
#[derive(Clone)]
pub(super) struct Draft {
    header: Members,
    claims: Members,
}

impl Draft {
    /// A proof by `device` for `GET https://api.test/v1/r` with the ordinary token.
    pub(super) fn of(device: &impl Device, alg: &str) -> Self {
        Self {
            header: Members::default()
                .and("typ", r#""dpop+jwt""#)
                .and("alg", &text(alg))
                .and("jwk", &device.jwk()),
            claims: Members::default()
                .and("jti", r#""proof-1""#)
                .and("htm", r#""GET""#)
                .and("htu", &text(URL))
                .and("iat", &AT.to_string())
                .and("ath", &text(&ath(TOKEN))),
        }
    }

    /// A proof for the token endpoint: no `ath`.
    pub(super) fn for_tokens(self, url: &str) -> Self {
        self.claim("htm", r#""POST""#).claim("htu", &text(url)).without("ath")
    }

    /// The same proof with this claim, in its old place if it was there.
    pub(super) fn claim(self, name: &str, value: &str) -> Self {
        Self { claims: self.claims.set(name, value), ..self }
    }

    pub(super) fn without(self, name: &str) -> Self {
        Self { claims: self.claims.without(name), ..self }
    }

    fn header(self, name: &str, value: &str) -> Self {
        Self { header: self.header.set(name, value), ..self }
    }

    fn without_header(self, name: &str) -> Self {
        Self { header: self.header.without(name), ..self }
    }

    pub(super) fn sign(&self, device: &impl Device) -> String {
        sign(self.header.to_json(), self.claims.to_json(), device)
    }
}

#[derive(Clone, Default)]
struct Members(Vec<(String, String)>);

impl Members {
    /// One more member, whether there is one of that name or not.
    fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => value.clone_into(old),
            None => return self.and(name, value),
        }
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.0.retain(|(key, _)| key != name);
        self
    }

    fn to_json(&self) -> String {
        let members: Vec<_> = self.0.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// The ordinary proof.
fn base(world: &World) -> Draft {
    Draft::of(&world.device, "ES256")
}

/// An ordinary request with this proof.
fn proof(world: &World, name: &str, note: &str, proof: String) -> ProofVector {
    ProofVector {
        name: format!("dpop-{name}"),
        note: note.to_owned(),
        checks: Vec::new(),
        rule: None,
        at: AT,
        run: run(),
        method: "GET".to_owned(),
        url: URL.to_owned(),
        token: Some(Token { text: TOKEN.to_owned(), jkt: jkt(&world.device) }),
        algorithms: None,
        nonce: Demand::Optional,
        fields: vec![proof],
        accepted: None,
    }
}

impl ProofVector {
    fn breaks(self, rule: Rule) -> Self {
        Self { rule: Some(rule.id().to_owned()), ..self }
    }

    fn checks(self, checks: &[&str]) -> Self {
        Self { checks: checks.iter().map(|check| (*check).to_owned()).collect(), ..self }
    }

    fn for_request(self, method: &str, url: &str) -> Self {
        Self { method: method.to_owned(), url: url.to_owned(), ..self }
    }

    /// At the token endpoint there is no token yet.
    fn without_token(self) -> Self {
        Self { token: None, ..self }
    }

    /// With the ordinary token, bound to the key of `device`.
    fn bound_to(self, device: &impl Device) -> Self {
        Self { token: Some(Token { text: TOKEN.to_owned(), jkt: jkt(device) }), ..self }
    }

    fn allowing(self, algorithms: &[&str]) -> Self {
        Self { algorithms: Some(algorithms.iter().map(|name| (*name).to_owned()).collect()), ..self }
    }

    fn demanding(self, nonce: Demand) -> Self {
        Self { nonce, ..self }
    }

    fn in_fields(self, fields: &[&str]) -> Self {
        Self { fields: fields.iter().map(|field| (*field).to_owned()).collect(), ..self }
    }

    /// The proof is taken: an ordinary one, of that key and `jti` and with that `iat`.
    fn passes(self, device: &impl Device, jti: &str, iat: u64) -> Self {
        let remember_until = iat + LATEST + 1;
        self.leaves(device, jti, remember_until, None)
    }

    fn leaves(
        self,
        device: &impl Device,
        jti: &str,
        remember_until: u64,
        nonce_is_worn: Option<bool>,
    ) -> Self {
        let thumbprint: [u8; 32] = Sha256::digest(device.jwk()).into();
        let id = Sha256::new().chain_update(thumbprint).chain_update([0]).chain_update(jti).finalize();
        let replay_id = hex(&id[..16]);
        let accepted =
            AcceptedProof { thumbprint: b64(thumbprint), replay_id, remember_until, nonce_is_worn };
        Self { accepted: Some(accepted), ..self }
    }
}

/// RFC 7638: a test key writes its members in just the way that is hashed.
pub(super) fn jkt(device: &impl Device) -> String {
    b64(Sha256::digest(device.jwk()))
}

/// What a proof says of an access token.
pub(super) fn ath(token: &str) -> String {
    b64(Sha256::digest(token))
}

/// A JSON text.
pub(super) fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}
