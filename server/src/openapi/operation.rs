//! One route, described: who may ask, what is sent, and everything that may come back.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, header_of},
    caller::{Caller, Listener},
    schemas::refer,
};
use crate::respond::{Code, ProblemCode};

/// A route's description in the making.
pub(crate) struct Operation {
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    says: Option<&'static str>,
    callers: Vec<Caller>,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Answer>,
    may_slow_down: bool,
}

impl Operation {
    pub(super) fn new(tag: &'static str, id: &'static str, summary: &'static str) -> Self {
        let operation = Self {
            id,
            tag,
            summary,
            says: None,
            callers: Vec::new(),
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            may_slow_down: true,
        };
        // A fault of ours and too much to do are no part of any route, and can happen in each.
        operation.problem(ProblemCode::InternalError).problem(ProblemCode::Overloaded)
    }

    /// 429 is never the answer: a browser would end its session over it.
    pub(super) fn never_429(self) -> Self {
        Self { may_slow_down: false, ..self }
    }

    pub(super) fn says(self, says: &'static str) -> Self {
        Self { says: Some(says), ..self }
    }

    /// One more of those who may ask.
    pub(super) fn by(mut self, caller: Caller) -> Self {
        self.callers.push(caller);
        self
    }

    /// An app may ask, by its API token.
    pub(super) fn by_app(self) -> Self {
        self.by(Caller::App).problem(ProblemCode::Unauthorized).problem(ProblemCode::Forbidden)
    }

    /// An operator may ask.
    pub(super) fn by_operator(self) -> Self {
        self.by(Caller::Operator).problem(ProblemCode::Unauthorized).problem(ProblemCode::Forbidden)
    }

    /// An app may ask about its own, and an operator about all.
    pub(super) fn by_app_or_operator(self) -> Self {
        self.by(Caller::App).by(Caller::Operator).problem(ProblemCode::Unauthorized)
    }

    pub(super) fn parameter(
        mut self,
        place: &str,
        name: &str,
        required: bool,
        says: &str,
        schema: Value,
    ) -> Self {
        self.parameters.push(
            json!({ "name": name, "in": place, "required": required, "description": says, "schema": schema }),
        );
        self
    }

    pub(super) fn header(self, name: &str, required: bool, says: &str) -> Self {
        self.parameter("header", name, required, says, json!({ "type": "string" }))
    }

    pub(super) fn query(self, name: &str, required: bool, says: &str, schema: Value) -> Self {
        self.parameter("query", name, required, says, schema).problem(ProblemCode::BadRequest)
    }

    /// A variable part of the path; bytes that are no UTF-8 are refused.
    pub(super) fn path(self, name: &str, says: &str) -> Self {
        self.parameter("path", name, true, says, json!({ "type": "string" })).problem(ProblemCode::BadRequest)
    }

    /// A JSON body, with all that may be wrong with one.
    pub(super) fn json_body(self, required: bool, schema: &str) -> Self {
        let body =
            json!({ "required": required, "content": { "application/json": { "schema": refer(schema) } } });
        Self { body: Some(body), ..self }
            .problem(ProblemCode::BadRequest)
            .problem(ProblemCode::BodyTooLarge)
            .problem(ProblemCode::NotJson)
    }

    pub(super) fn body(self, media: &str, schema: Value) -> Self {
        let body = json!({ "required": true, "content": { media: { "schema": schema } } });
        Self { body: Some(body), ..self }
    }

    pub(super) fn answer(mut self, status: StatusCode, answer: Answer) -> Self {
        self.answers.insert(status.as_u16(), answer);
        self
    }

    /// A problem that may come back, under its own status.
    pub(super) fn problem(self, code: ProblemCode) -> Self {
        let operation = self.refusal(code.status(), code, code.says());
        let status = code.status();
        if status == StatusCode::UNAUTHORIZED {
            operation.with_header(status, "WWW-Authenticate", "Bearer")
        } else if status == StatusCode::SERVICE_UNAVAILABLE {
            operation.with_header(status, "Retry-After", "Seconds.")
        } else {
            operation
        }
    }

    /// Our own trouble, wherever the store is asked.
    pub(super) fn trouble(self) -> Self {
        self.problem(ProblemCode::AppUnconfigured)
            .problem(ProblemCode::Contention)
            .problem(ProblemCode::RandomnessUnavailable)
            .problem(ProblemCode::RateLimited)
            .problem(ProblemCode::StoreUnavailable)
    }

    /// What whoever asks too much is told, wherever strangers ask.
    fn limited(self, listener: Listener) -> Self {
        if listener == Listener::Internal || !self.may_slow_down {
            return self;
        }
        let (status, code) = (StatusCode::TOO_MANY_REQUESTS, ProblemCode::RateLimited);
        self.refusal(status, code, code.says()).with_header(status, "Retry-After", "Seconds.")
    }

    /// A problem document of this status and code. Several of one status are told together.
    pub(super) fn refusal(mut self, status: StatusCode, code: impl Into<Code>, says: &str) -> Self {
        let answer = self.answers.entry(status.as_u16()).or_insert_with(|| Answer::new(""));
        if !answer.says.contains(says) {
            if !answer.says.is_empty() {
                answer.says.push(' ');
            }
            answer.says.push_str(says);
        }
        answer.codes.insert(code.into());
        self
    }

    /// A header of the answers of one status.
    pub(super) fn with_header(mut self, status: StatusCode, name: &str, says: &str) -> Self {
        if let Some(answer) = self.answers.get_mut(&status.as_u16()) {
            answer.headers.insert(name.to_owned(), header_of(says, true));
        }
        self
    }

    /// A header that only some answers of one status have.
    pub(super) fn with_optional_header(mut self, status: StatusCode, name: &str, says: &str) -> Self {
        if let Some(answer) = self.answers.get_mut(&status.as_u16()) {
            answer.headers.insert(name.to_owned(), header_of(says, false));
        }
        self
    }

    /// As OpenAPI writes it. `method` becomes part of the name where one route answers many.
    pub(super) fn describe(self, listener: Listener, method: Option<&str>) -> Value {
        let this = self.limited(listener);
        let id = method.map_or_else(|| this.id.to_owned(), |method| format!("{}_{method}", this.id));
        let has_body = !matches!(method, Some("head"));
        let answers: Map<String, Value> = this
            .answers
            .into_iter()
            .map(|(status, answer)| (status.to_string(), answer.describe(listener, status, has_body)))
            .collect();
        let security: Vec<Value> = this.callers.iter().map(|caller| caller.requirement()).collect();
        let mut described = json!({
            "operationId": id,
            "tags": [this.tag],
            "summary": this.summary,
            "servers": [listener.server()],
            "security": security,
            "responses": answers,
        });
        if let Value::Object(members) = &mut described {
            members.extend(this.says.map(|says| ("description".to_owned(), json!(says))));
            members.extend(this.body.map(|body| ("requestBody".to_owned(), body)));
            if !this.parameters.is_empty() {
                members.insert("parameters".to_owned(), this.parameters.into());
            }
        }
        described
    }
}
