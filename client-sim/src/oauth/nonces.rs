//! The nonces that servers gave, one for each origin (RFC 9449 §8.2): the last one counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::http::Answer;
use crate::wire::dpop::nonce_of;

/// The last nonce of each origin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonces(BTreeMap<String, String>);

impl Nonces {
    /// The nonce for a request to `url`.
    pub fn for_url(&self, url: &Url) -> Option<&str> {
        self.0.get(&url.origin().ascii_serialization()).map(String::as_str)
    }

    /// Keeps the nonce of an answer from `url`, if it brought one, and says whether it did.
    pub fn remember(&mut self, url: &Url, answer: &Answer) -> bool {
        let Some(nonce) = nonce_of(&answer.headers) else { return false };
        self.0.insert(url.origin().ascii_serialization(), nonce.to_owned());
        true
    }
}
