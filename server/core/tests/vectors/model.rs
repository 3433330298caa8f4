//! What a vector file looks like.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A file of vectors.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File<V> {
    /// What the vectors have in common, for a reader.
    pub(crate) about: String,
    pub(crate) vectors: Vec<V>,
}

/// A proof, what it is judged against, and what must become of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vector {
    pub(crate) name: String,
    /// Why the vector is what it is.
    pub(crate) note: String,
    /// The conformance checks it belongs to, such as `R12`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checks: Vec<String>,
    /// The rule that says no; null if the proof is accepted.
    pub(crate) rule: Option<String>,
    pub(crate) endpoint: Endpoint,
    /// Now, in seconds since 1970.
    pub(crate) at: u64,
    pub(crate) origin: String,
    /// What the registration offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) offered: Vec<String>,
    pub(crate) session: SessionState,
    /// How the proof stands in its header field. Absent if it stands there bare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) header: Option<String>,
    /// The proof itself. Absent if there is a `header`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<String>,
    /// What an accepted proof does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<Accepted>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Endpoint {
    Register,
    Refresh,
}

/// A session before the request.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "state", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum SessionState {
    Unbound { id: String },
    Bound { id: String, jwk: BTreeMap<String, String>, generation: u32, last_proof_at: u64 },
    Ended { id: String, reason: String },
    Unknown { id: String },
}

/// What became of an accepted proof.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    /// RFC 7638 of the session's key, afterwards.
    pub(crate) thumbprint: String,
    /// The session's generation, afterwards.
    pub(crate) generation: u32,
}

/// The header fields of a request, for the rules that are decided before a proof is read.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpVector {
    pub(crate) name: String,
    pub(crate) note: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checks: Vec<String>,
    /// The rule that says no; null if none of the rules of this file does.
    pub(crate) rule: Option<String>,
    pub(crate) endpoint: Endpoint,
    pub(crate) at: u64,
    pub(crate) origin: String,
    pub(crate) session: SessionState,
    pub(crate) headers: Vec<(String, String)>,
}

/// A rejection by the name of its rule, or what was accepted.
pub(crate) type Outcome = Result<Accepted, String>;

impl Vector {
    pub(crate) fn expected(&self) -> Outcome {
        match (&self.rule, &self.accepted) {
            (Some(rule), None) => Err(rule.clone()),
            (None, Some(accepted)) => Ok(accepted.clone()),
            _ => panic!("{}: a vector has either a rule or an outcome", self.name),
        }
    }

    /// The field as it arrives.
    pub(crate) fn field(&self) -> &str {
        self.header.as_deref().or(self.proof.as_deref()).expect("a vector has a proof")
    }
}
