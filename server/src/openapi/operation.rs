//! One route, described: who may ask, what is sent, and everything that may come back.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::respond::{Code, ProblemCode};

/// Where a route is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    Internal,
    Public,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Whoever reaches the listener.
    Anybody,
    App,
    Browser,
    ConfidentialClient,
    Gateway,
    Operator,
}

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

/// What may come back with one status.
pub(super) struct Answer {
    says: String,
    headers: Map<String, Value>,
    content: Option<(&'static str, Value)>,
    /// What `code` may be, where the answer is a problem document.
    codes: BTreeSet<Code>,
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
        match code {
            ProblemCode::Unauthorized => operation.with_header(code.status(), "WWW-Authenticate", "Bearer"),
            _ if code.status() == StatusCode::SERVICE_UNAVAILABLE => {
                operation.with_header(code.status(), "Retry-After", "Seconds.")
            }
            _ => operation,
        }
    }

    /// Our own trouble, wherever the store is asked.
    pub(super) fn trouble(self) -> Self {
        self.problem(ProblemCode::Contention)
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

    fn describe(mut self, listener: Listener, status: u16, has_body: bool) -> Value {
        for (name, says) in listener.common_headers() {
            self.headers.entry(*name).or_insert_with(|| header_of(says, true));
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

impl Caller {
    fn requirement(self) -> Value {
        match self {
            Self::Anybody => json!({}),
            Self::App => json!({ "appToken": [] }),
            Self::Browser => json!({ "sessionCookie": [] }),
            Self::ConfidentialClient => json!({ "clientSecret": [] }),
            Self::Gateway => json!({ "gatewaySecret": [] }),
            Self::Operator => json!({ "operatorToken": [] }),
        }
    }
}

impl Listener {
    pub(super) fn server(self) -> Value {
        match self {
            Self::Internal => {
                json!({ "url": "http://127.0.0.1:8444", "description": "The internal listener" })
            }
            Self::Public => {
                json!({ "url": "https://shop.example", "description": "The public listener, on the app's own origin" })
            }
        }
    }

    /// What every answer of the listener has.
    const fn common_headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Internal => &[("Cache-Control", "no-store")],
            Self::Public => &[
                ("Cache-Control", "no-store"),
                (
                    "Cross-Origin-Resource-Policy",
                    "same-origin; cross-origin where pages of other origins may read it.",
                ),
                ("X-Content-Type-Options", "nosniff"),
                ("X-Frame-Options", "DENY"),
            ],
        }
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

/// A reference to one of the schemas.
pub(super) fn refer(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn header_of(says: &str, required: bool) -> Value {
    json!({ "description": says, "required": required, "schema": { "type": "string" } })
}

pub(super) fn security_schemes() -> Value {
    json!({
        "appToken": { "type": "http", "scheme": "bearer", "description": "An app's API token." },
        "operatorToken": {
            "type": "http", "scheme": "bearer",
            "description": "The operators' token: sees and ends every app's sessions, and makes backups.",
        },
        "gatewaySecret": {
            "type": "apiKey", "in": "header", "name": "Holdfast-Gateway-Secret",
            "description": "From an address in [gateways] trusted.",
        },
        "sessionCookie": {
            "type": "apiKey", "in": "cookie", "name": "__Host-holdfast",
            "description": "The name is session.cookie_name.",
        },
        "clientSecret": {
            "type": "http", "scheme": "basic",
            "description": "A confidential client: client_id and secret, each form-encoded (RFC 6749 §2.3.1). client_id \
                            and client_secret in the form do the same; a public client sends client_id alone.",
        },
    })
}

/// The groups of operations.
pub(super) const TAGS: [(&str, &str); 6] = [
    ("browsers", "The public listener, below /_holdfast/ on the app's origin"),
    (
        "oauth",
        "The public listener, on the app's origin: OAuth clients whose tokens are bound to a key (RFC 9449)",
    ),
    ("sessions", "What apps and operators do with sessions"),
    ("checks", "Apps ask about requests"),
    ("gateways", "Gateways ask about requests"),
    ("operations", "Operators and their machines"),
];
