//! Problem documents (RFC 9457).

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::code::{Code, ProblemCode};
use crate::error::Trouble;

/// An answer that says what happened, whose turn it is and what would be right. Never a secret; what a client sent only
/// where JSON escapes it.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: Code,
    detail: Cow<'static, str>,
    headers: Vec<(HeaderName, HeaderValue)>,
    trouble: Option<Trouble>,
}

impl Problem {
    /// A problem whose code has one status.
    pub(crate) fn of(code: ProblemCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code.status(), code, detail)
    }

    /// A problem told by a reason or a rule, whose status is the endpoint's to choose.
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Code>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code: code.into(), detail: detail.into(), headers: Vec::new(), trouble: None }
    }

    /// A request that is not what the call takes.
    pub(crate) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::of(ProblemCode::BadRequest, detail)
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn with_all(mut self, headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Self {
        self.headers.extend(headers);
        self
    }
}

impl From<Trouble> for Problem {
    /// Our trouble is 503 with a time to come back, never a 4xx: browsers end sessions over those (`spec-notes/dbsc.md`).
    fn from(trouble: Trouble) -> Self {
        let problem = Self::of(trouble.code(), trouble.to_string())
            .with(header::RETRY_AFTER, HeaderValue::from_static("1"));
        // The listener tells log and audit of it, once.
        Self { trouble: Some(trouble), ..problem }
    }
}

impl From<holdfast_store::Unavailable> for Problem {
    fn from(unavailable: holdfast_store::Unavailable) -> Self {
        Trouble::from(unavailable).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: format!("urn:holdfast:problem:{}", self.code.as_str()),
            title: self.status.canonical_reason().unwrap_or("Problem"),
            status: self.status.as_u16(),
            code: self.code.as_str(),
            detail: &self.detail,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response.extensions_mut().insert(self.code);
        if let Some(trouble) = self.trouble {
            response.extensions_mut().insert(trouble);
        }
        response
    }
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
}
