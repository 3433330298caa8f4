//! What may come back with one status.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{caller::Listener, schemas::refer};
use crate::respond::Code;

/// An answer in the making.
pub(super) struct Answer {
    pub(super) says: String,
    pub(super) headers: Map<String, Value>,
    content: Option<(&'static str, Value)>,
    /// What `code` may be, where the answer is a problem document.
    pub(super) codes: BTreeSet<Code>,
}

impl Answer {
    pub(super) fn new(says: &str) -> Self {
        Self { says: says.to_owned(), headers: Map::new(), content: None, codes: BTreeSet::new() }
    }

    /// An answer in JSON.
    pub(super) fn json(says: &str, schema: &str) -> Self {
        Self::of(says, "application/json", refer(schema))
    }

    pub(super) fn of(says: &str, media: &'static str, schema: Value) -> Self {
        Self { content: Some((media, schema)), ..Self::new(says) }
    }

    pub(super) fn header(mut self, name: &str, says: &str) -> Self {
        self.headers.insert(name.to_owned(), header_of(says, true));
        self
    }

    pub(super) fn optional_header(mut self, name: &str, says: &str) -> Self {
        self.headers.insert(name.to_owned(), header_of(says, false));
        self
    }

    pub(super) fn describe(mut self, listener: Listener, status: u16, has_body: bool) -> Value {
        for (name, says) in listener.common_headers() {
            self.headers.entry(*name).or_insert_with(|| header_of(says, true));
        }
        if listener == Listener::Internal {
            self.headers.insert("traceparent".to_owned(), header_of(TRACE, false));
        }
        let mut described = json!({ "description": self.says, "headers": self.headers });
        let content = if self.codes.is_empty() {
            self.content
        } else {
            let codes: Vec<_> = self.codes.iter().map(|code| code.as_str()).collect();
            let narrow =
                json!({ "properties": { "code": { "enum": codes }, "status": { "const": status } } });
            Some(("application/problem+json", json!({ "allOf": [refer("Problem"), narrow] })))
        };
        if let (Value::Object(members), Some((media, schema))) =
            (&mut described, content.filter(|_| has_body))
        {
            members.insert("content".to_owned(), json!({ media: { "schema": schema } }));
        }
        described
    }
}

/// Of a route that both listeners answer: what only one of them adds to every answer need not be there.
pub(super) fn hold_for_both(path: &mut Value, method: &str) {
    let answers = path.pointer_mut(&format!("/{method}/responses")).and_then(Value::as_object_mut);
    for answer in answers.into_iter().flat_map(Map::values_mut) {
        for (name, _) in Listener::Public.common_headers() {
            let shared = Listener::Internal.common_headers().iter().any(|(other, _)| other == name);
            let header = answer.pointer_mut(&format!("/headers/{name}")).and_then(Value::as_object_mut);
            if let Some(header) = header.filter(|_| !shared) {
                header.insert("required".to_owned(), false.into());
            }
        }
    }
}

pub(super) fn header_of(says: &str, required: bool) -> Value {
    json!({ "description": says, "required": required, "schema": { "type": "string" } })
}

const TRACE: &str = "Our part of the request's trace (W3C Trace Context), if it has one.";
