//! What both sides say when a receiver fetches tokens (RFC 8936).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::DeliveryError;

/// What the receiver asks (§2.2). Members that are not known are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PollRequest {
    /// How many tokens it wants at most; with 0 it only acknowledges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_events: Option<u32>,
    /// Whether an answer without tokens is to be given at once; otherwise it may wait for some.
    pub return_immediately: bool,
    /// The names of those that it has taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ack: Vec<String>,
    /// Those that it cannot take, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set_errs: BTreeMap<String, SetErr>,
}

/// Why a token cannot be taken (§2.6). Also the body of an answer to a push that failed (RFC 8935 §2.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetErr {
    /// One of the words of RFC 8935 §2.4.
    pub err: String,
    /// A sentence for people.
    #[serde(default)]
    pub description: String,
}

/// What the transmitter answers (§2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PollAnswer {
    /// Tokens by their names.
    pub sets: BTreeMap<String, String>,
    /// Whether there are more.
    #[serde(default)]
    pub more_available: bool,
}

impl SetErr {
    /// An error in the words of this house.
    pub fn of(error: DeliveryError, description: &str) -> Self {
        Self { err: error.as_str().to_owned(), description: description.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_the_rfc_writes_it() {
        let error = SetErr::of(DeliveryError::InvalidKey, "no such key");
        let request = PollRequest {
            max_events: Some(5),
            return_immediately: true,
            ack: vec!["a".into()],
            set_errs: BTreeMap::from([("b".into(), error)]),
        };
        let text = r#"{"maxEvents":5,"returnImmediately":true,"ack":["a"],"setErrs":{"b":{"err":"invalid_key","description":"no such key"}}}"#;
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
        assert_eq!(serde_json::from_str::<PollRequest>(text).unwrap(), request);
        assert_eq!(serde_json::from_str::<PollRequest>(r#"{"x":1}"#).unwrap(), PollRequest::default());
        let answer: PollAnswer = serde_json::from_str(r#"{"sets":{"a":"x.y.z"}}"#).unwrap();
        assert!(!answer.more_available && answer.sets["a"] == "x.y.z");
        for bad in ["{}", "[]", r#"{"sets":[]}"#, r#"{"sets":{"a":1}}"#] {
            assert!(serde_json::from_str::<PollAnswer>(bad).is_err(), "{bad}");
        }
        for bad in [r#"{"ack":"a"}"#, r#"{"maxEvents":-1}"#, r#"{"returnImmediately":"no"}"#] {
            assert!(serde_json::from_str::<PollRequest>(bad).is_err(), "{bad}");
        }
    }
}
