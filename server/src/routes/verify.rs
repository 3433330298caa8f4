//! `/verify/*`: gateways ask about each request, in the words of their kind.

use std::{borrow::Cow, sync::Arc};

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use holdfast_core::{SessionId, check::Reason};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::{
    checks::{Answer, Identity, Question, assertion, check},
    context::Context,
    dpop,
    extract::{
        dbsc::SKIPPED,
        gateway::{Gateway, GatewayRequest, REASON_HEADER, Refusal},
    },
    house::{App, Holdfast},
    respond::{Code, Problem, header_value},
    telemetry::RefusalCode,
};

/// `GET /verify/nginx`: `auth_request`, which passes on nothing but 401 and 403.
pub(crate) async fn nginx(
    State(house): State<Arc<Holdfast>>,
    gateway: Gateway,
    context: Context,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers();
    verify(&house, gateway.nginx(headers), headers, &context, Redirects::AsHeader).await
}

/// `GET /verify/caddy`, `/verify/haproxy`: `forward_auth` and `auth-request`.
pub(crate) async fn forwarded(
    State(house): State<Arc<Holdfast>>,
    gateway: Gateway,
    context: Context,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers();
    verify(&house, gateway.forwarded(headers), headers, &context, Redirects::AsStatus).await
}

/// `GET /verify/traefik`: `ForwardAuth`, which takes a path in `Location` for one of this server's own.
pub(crate) async fn traefik(
    State(house): State<Arc<Holdfast>>,
    gateway: Gateway,
    context: Context,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers();
    verify(&house, gateway.forwarded(headers), headers, &context, Redirects::InFull).await
}

/// Any method on `/verify/envoy/*`: `ext_authz` over HTTP.
pub(crate) async fn envoy(
    State(house): State<Arc<Holdfast>>,
    gateway: Gateway,
    context: Context,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers();
    let asked = gateway.envoy(request.method(), request.uri(), headers, "/verify/envoy");
    verify(&house, asked, headers, &context, Redirects::AsStatus).await
}

/// How a gateway can be told to redirect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// 401, with the address in `Holdfast-Redirect`: the gateway's `error_page` does the rest.
    AsHeader,
    /// The status that redirects, and `Location`.
    AsStatus,
    /// As a status, with an absolute address in `Location`.
    InFull,
}

/// Decides about a request for a gateway of any kind.
pub(crate) async fn verify(
    house: &Holdfast,
    asked: Result<GatewayRequest<'_>, Refusal>,
    headers: &HeaderMap,
    context: &Context,
    redirects: Redirects,
) -> Result<Response, Problem> {
    let request = asked.map_err(|refusal| refusal.tell(house, context))?;
    let Some((app, target)) = house.app_of_address(&request.address) else {
        let detail = "the address is below no configured app's origin; check the gateway's headers and [[apps]] origin";
        return Err(Refusal::new(RefusalCode::Policy, detail).tell(house, context));
    };
    let values = |name: HeaderName| headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let question = Question {
        client_ip: request.client_ip,
        ..Question::read(house, app, request.method, Some(target), values).heard()
    };
    house.count_skipped(values(SKIPPED));
    let answer = check(house, &question, context).await?;
    let Some(identity) = answer.identity() else { return Ok(refuse(answer, app, redirects)) };
    let wanted = house.gateways.as_ref().is_some_and(|gateways| gateways.assertion);
    let about = answer.found.as_ref().filter(|_| wanted);
    let assertion = about.and_then(|found| assertion(house, &question, found, context));
    Ok(allow(&identity, assertion, answer.nonce.clone(), answer.verdict.reason))
}

/// 200 with the identity headers, each of them always there: a gateway that copies a missing header would keep what the
/// client sent under that name.
fn allow(
    identity: &Identity<'_>,
    assertion: Option<HeaderValue>,
    nonce: Option<HeaderValue>,
    reason: Reason,
) -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    // Those below, and what the listener adds: the map is made once.
    headers.reserve(2 * IDENTITY.len());
    let empty = HeaderValue::from_static("");
    headers.insert(USER, HeaderValue::from_bytes(identity.user.as_bytes()).unwrap_or(empty.clone()));
    let session = identity.session.map(SessionId::text);
    let session = session.and_then(|text| HeaderValue::from_str(text.as_str()).ok());
    headers.insert(SESSION, session.unwrap_or(empty.clone()));
    headers.insert(ASSERTION, assertion.unwrap_or(empty.clone()));
    let texts = [
        (BINDING, identity.binding),
        (CLIENT, identity.client),
        (SCOPE, identity.scope),
        (ISSUER, identity.issuer),
    ];
    for (name, text) in texts {
        headers.insert(name, HeaderValue::from_bytes(text.as_bytes()).unwrap_or(empty.clone()));
    }
    headers.extend(nonce.map(|nonce| (dpop::NONCE, nonce)));
    response.extensions_mut().insert(Code::from(reason));
    response
}

fn refuse(answer: Answer, app: &App, redirects: Redirects) -> Response {
    let reason = answer.verdict.reason;
    let mut extra = vec![
        (REASON_HEADER, HeaderValue::from_static(reason.as_str())),
        (DECISION, HeaderValue::from_static(answer.verdict.decision.as_str())),
    ];
    let mut status = answer.status;
    if let Some(location) = answer.location {
        let is_local = location.starts_with('/');
        let (name, address) = match redirects {
            Redirects::AsHeader => {
                status = StatusCode::UNAUTHORIZED;
                (REDIRECT, location)
            }
            Redirects::InFull if is_local => (header::LOCATION, app.origin.address_of(&location)),
            Redirects::AsStatus | Redirects::InFull => (header::LOCATION, location),
        };
        extra.push((name, header_value(address)));
    }
    extra.extend(answer.challenge.map(|challenge| (header::WWW_AUTHENTICATE, challenge)));
    extra.extend(answer.nonce.map(|nonce| (dpop::NONCE, nonce)));
    extra.extend(answer.set_cookie.map(|cookie| (header::SET_COOKIE, header_value(cookie))));
    extra.extend(IDENTITY.map(|name| (name, HeaderValue::from_static(""))));
    let detail: Cow<'_, str> = match (answer.ambiguous, answer.says) {
        (Some(why), _) => format!("{}: {why}", reason.says().trim_end_matches('.')).into(),
        (None, Some(says)) => String::from(says).into(),
        (None, None) => reason.says().into(),
    };
    Problem::new(status, reason, detail).with_all(extra).into_response()
}

/// The identity headers, all of them.
pub(crate) const IDENTITY: [HeaderName; 7] = [USER, SESSION, BINDING, ASSERTION, CLIENT, SCOPE, ISSUER];

const USER: HeaderName = HeaderName::from_static("holdfast-user");
const SESSION: HeaderName = HeaderName::from_static("holdfast-session");
const BINDING: HeaderName = HeaderName::from_static("holdfast-binding");
const ASSERTION: HeaderName = HeaderName::from_static("holdfast-assertion");
const CLIENT: HeaderName = HeaderName::from_static("holdfast-client");
const SCOPE: HeaderName = HeaderName::from_static("holdfast-scope");
const ISSUER: HeaderName = HeaderName::from_static("holdfast-issuer");
const DECISION: HeaderName = HeaderName::from_static("holdfast-decision");
const REDIRECT: HeaderName = HeaderName::from_static("holdfast-redirect");
