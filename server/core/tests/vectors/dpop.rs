//! What a vector of a DPoP proof looks like, and what the core thinks of it.

use holdfast_core::{
    Rejection, UnixTime,
    dpop::{Boot, BoundToken, DpopPolicy, Expected, NonceDemand, TargetUri, UnverifiedProof},
    jose::Thumbprint,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::world::World;

/// A request with its proof, and what must become of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofVector {
    pub(crate) name: String,
    pub(crate) note: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checks: Vec<String>,
    /// The rule that says no; null if the proof is accepted.
    pub(crate) rule: Option<String>,
    /// Now, in seconds since 1970.
    pub(crate) at: u64,
    /// The run of the server that is asked.
    pub(crate) run: Run,
    pub(crate) method: String,
    pub(crate) url: String,
    /// The access token that comes with the proof. Absent at a token endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<Token>,
    /// What the proof may be signed with. Absent if that is the default: ES256, EdDSA and PS256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) algorithms: Option<Vec<String>>,
    pub(crate) nonce: Demand,
    /// The values of the request's DPoP fields.
    pub(crate) fields: Vec<String>,
    /// What is known of an accepted proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<AcceptedProof>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    /// Four bytes in hex.
    pub(crate) id: String,
    /// When it began, in seconds since 1970.
    pub(crate) since: u64,
}

/// An access token as far as a proof is concerned: its text is hashed and not read.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// The thumbprint of the key that it is bound to.
    pub(crate) jkt: String,
}

/// Whether the proof needs a nonce.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Demand {
    /// The policy wants one with every proof.
    Always,
    Optional,
    /// The client has shown one before.
    Sticky,
    /// What the proof goes with may be older than the run.
    UnlessYounger,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptedProof {
    /// RFC 7638 of the key.
    pub(crate) thumbprint: String,
    /// What is remembered of the proof, in hex. Two proofs with the same are one proof.
    pub(crate) replay_id: String,
    /// Until when, in seconds since 1970.
    pub(crate) remember_until: u64,
    /// Whether it is time for another nonce; null if the proof has none.
    pub(crate) nonce_is_worn: Option<bool>,
}

impl ProofVector {
    pub(crate) fn expected(&self) -> Result<AcceptedProof, String> {
        match (&self.rule, &self.accepted) {
            (Some(rule), None) => Err(rule.clone()),
            (None, Some(accepted)) => Ok(accepted.clone()),
            _ => panic!("{}: a vector has either a rule or an outcome", self.name),
        }
    }
}

/// What becomes of the vector's proof.
pub(crate) fn judge(world: &World, vector: &ProofVector) -> Result<AcceptedProof, String> {
    proven(world, vector).map_err(|rejection| rejection.rule.id().to_owned())
}

fn proven(world: &World, vector: &ProofVector) -> Result<AcceptedProof, Rejection> {
    let mut policy = DpopPolicy::default();
    if let Some(names) = &vector.algorithms {
        policy.algorithms = names.iter().map(|name| name.parse().unwrap()).collect();
    }
    policy.always_nonce = vector.nonce == Demand::Always;
    let unverified = UnverifiedProof::parse(vector.fields.iter().map(String::as_str), &policy.algorithms)?;
    let token = vector.token.as_ref().map(|token| {
        let hash: [u8; 32] = Sha256::digest(token.text.as_bytes()).into();
        (hash, Thumbprint::from_text(&token.jkt).unwrap())
    });
    let target = TargetUri::parse(&vector.url);
    let expected = Expected {
        method: &vector.method,
        target: target.as_ref(),
        token: token.as_ref().map(|(hash, key)| BoundToken { hash, key }),
        nonce: match vector.nonce {
            Demand::Always | Demand::Optional => NonceDemand::No,
            Demand::Sticky => NonceDemand::Yes,
            Demand::UnlessYounger => NonceDemand::UnlessYounger,
        },
    };
    let now = UnixTime::from_secs(vector.at);
    let proof = unverified.verify(&expected, &world.ring, &vector.run.boot(), &policy, now)?.into_inner();
    Ok(AcceptedProof {
        thumbprint: proof.thumbprint.to_string(),
        replay_id: hex(&proof.id),
        remember_until: proof.remember_until.as_secs(),
        nonce_is_worn: proof.nonce_is_worn,
    })
}

impl Run {
    pub(crate) fn boot(&self) -> Boot {
        let number = u32::from_str_radix(&self.id, 16).unwrap();
        Boot { id: number.to_be_bytes(), at: UnixTime::from_secs(self.since) }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
