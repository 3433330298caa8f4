//! `POST /v1/check`: an app asks about a request.

use std::{net::IpAddr, sync::Arc};

use axum::{extract::State, response::Response};
use holdfast_core::{
    Level,
    check::Decision,
    parse_duration,
    policy::{Demands, Requirements},
};
use http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};

use crate::{
    checks::{Question, assertion, check as decide},
    config::is_scope_token,
    context::Context,
    extract::{AppPermit, Json, Object, dbsc::SKIPPED},
    house::Holdfast,
    respond::{Code, Problem, SessionView, json},
};

/// 200 whenever the question could be answered; the answer says what to do.
pub(crate) async fn check(
    State(house): State<Arc<Holdfast>>,
    AppPermit(app): AppPermit,
    context: Context,
    Json(input): Json<Input>,
) -> Result<Response, Problem> {
    if input.method.is_empty() || !input.method.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
    {
        return Err(Problem::bad_request("method must be an HTTP method, such as \"GET\""));
    }
    let values = |name: HeaderName| {
        let is_it = move |key: &str| key.eq_ignore_ascii_case(name.as_str());
        input.headers.iter().filter(move |(key, _)| is_it(key)).map(|(_, value)| value.as_bytes())
    };
    if !input.url.contains("://") {
        return Err(Problem::bad_request("url must be the absolute address that the client asked for"));
    }
    let target = app.origin.path_of(&input.url);
    let question = Question {
        client_ip: input.client_ip,
        ..Question::read(&house, &app, &input.method, target, values).demanding(&input.require.0.accept()?)
    };
    house.count_skipped(values(SKIPPED));
    let answer = decide(&house, &question, &context).await?;
    let mut request_headers: Vec<(&str, String)> = Vec::new();
    if let Some(identity) = answer.identity() {
        let session = identity.session.map(|id| id.to_string()).unwrap_or_default();
        let found = answer.found.as_ref();
        let assertion = found.and_then(|found| assertion(&house, &question, found, &context));
        let assertion = assertion.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
        request_headers.push(("Holdfast-User", identity.user.to_owned()));
        request_headers.push(("Holdfast-Session", session));
        request_headers.push(("Holdfast-Binding", identity.binding.to_owned()));
        request_headers.push(("Holdfast-Assertion", assertion.to_owned()));
        request_headers.push(("Holdfast-Client", identity.client.to_owned()));
        request_headers.push(("Holdfast-Scope", identity.scope.to_owned()));
        request_headers.push(("Holdfast-Issuer", identity.issuer.to_owned()));
    }
    let allowed = answer.verdict.decision == Decision::Allow;
    let mut response_headers: Vec<(&str, String)> = Vec::new();
    if !allowed {
        response_headers.push(("Cache-Control", "no-store".to_owned()));
        let challenge = answer.challenge.as_ref().and_then(|value| value.to_str().ok());
        response_headers.extend(challenge.map(|value| ("WWW-Authenticate", value.to_owned())));
        response_headers.extend(answer.location.map(|location| ("Location", location)));
        response_headers.extend(answer.set_cookie.map(|cookie| ("Set-Cookie", cookie)));
    }
    let nonce = answer.nonce.as_ref().and_then(|value| value.to_str().ok());
    response_headers.extend(nonce.map(|value| ("DPoP-Nonce", value.to_owned())));
    let reason = answer.verdict.reason;
    let body = Output {
        decision: answer.verdict.decision.as_str(),
        reason: reason.as_str(),
        detail: answer.says.as_deref().unwrap_or_else(|| reason.says()),
        status: answer.status.as_u16(),
        session: answer
            .found
            .as_ref()
            // A token may be good here and its session another app's, whose data it is.
            .filter(|found| *found.session.record().app == *app.name)
            .map(|found| SessionView::of(&house, &found.session, found.activity, context.now)),
        request_headers,
        response_headers,
    };
    let mut response = json(StatusCode::OK, &body);
    response.extensions_mut().insert(Code::from(reason));
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    method: Box<str>,
    url: Box<str>,
    #[serde(default)]
    headers: Vec<(Box<str>, Box<str>)>,
    client_ip: Option<IpAddr>,
    #[serde(default)]
    require: Object<Require>,
}

/// What the caller demands beyond a live session.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Require {
    binding: Option<Box<str>>,
    scope: Option<Box<str>>,
    max_auth_age: Option<Box<str>>,
    max_proof_age: Option<Box<str>>,
}

impl Require {
    fn accept(&self) -> Result<Demands, Problem> {
        let wrong = |what: String| Problem::bad_request(what);
        let level =
            |text: &str| text.parse::<Level>().map_err(|error| wrong(format!("require.binding: {error}")));
        let age = |text: &str| parse_duration(text).map_err(|error| wrong(format!("require: {error}")));
        if self.scope.as_deref().is_some_and(|scope| !scope.split(' ').all(is_scope_token)) {
            let detail = "require.scope must be words with one space between them, such as \"read write\"";
            return Err(wrong(detail.to_owned()));
        }
        let requirements = Requirements {
            binding: self.binding.as_deref().map(level).transpose()?,
            max_auth_age: self.max_auth_age.as_deref().map(age).transpose()?,
            max_proof_age: self.max_proof_age.as_deref().map(age).transpose()?,
        };
        Ok(Demands { requirements, scope: self.scope.clone() })
    }
}

#[derive(Serialize)]
struct Output<'a> {
    decision: &'static str,
    reason: &'static str,
    detail: &'a str,
    status: u16,
    session: Option<SessionView<'a>>,
    request_headers: Vec<(&'static str, String)>,
    response_headers: Vec<(&'static str, String)>,
}
