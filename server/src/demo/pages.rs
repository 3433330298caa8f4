//! The pages: log in, watch the binding, log out everywhere.

use std::sync::Arc;

use axum::{
    extract::{Form, State},
    response::{IntoResponse, Redirect, Response},
};
use holdfast_core::{
    check::Decision,
    cookie::AuthenticCookie,
    session::{Auth, Client, Login},
};
use holdfast_policy::Mode;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::{Demo, texts};
use crate::{
    checks::Answer,
    context::Context,
    extract::{
        cookies::Credential,
        fetch::{FetchMetadata, only},
    },
    respond::{Problem, ProblemCode, SessionView, header_value, json},
    sessions::{begin, end_of_user},
};

/// The one page there is: it shows what the session allows.
pub(super) async fn home(
    State(demo): State<Arc<Demo>>,
    context: Context,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    guarded(&demo, "/", &headers, &context, html(HOME), html(HOME)).await
}

/// A page that wants a session, for links from elsewhere.
pub(super) async fn private(
    State(demo): State<Arc<Demo>>,
    context: Context,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let refused = (StatusCode::UNAUTHORIZED, html(HOME)).into_response();
    guarded(&demo, "/private", &headers, &context, html(PRIVATE), refused).await
}

/// A login without a password: this app believes everybody. What it then does is what every app does: one call, and
/// the headers copied as they are.
pub(super) async fn login(
    State(demo): State<Arc<Demo>>,
    context: Context,
    headers: HeaderMap,
    form: Result<Form<LoginForm>, axum::extract::rejection::FormRejection>,
) -> Result<Response, Problem> {
    let Form(form) = form.map_err(|_| Problem::bad_request("the form has one field, user"))?;
    let user = form.user.trim();
    if user.is_empty() || user.len() > 64 || user.chars().any(char::is_control) {
        return Err(Problem::bad_request("a user has 1 to 64 characters"));
    }
    let login = Login {
        app: Arc::clone(&demo.app.name),
        user: user.into(),
        auth: Some(Box::new(Auth {
            amr: vec!["none".into()],
            auth_time: Some(context.now),
            ..Auth::default()
        })),
        client: Some(Box::new(Client {
            ip: Some(context.client_ip),
            user_agent: texts(&headers, header::USER_AGENT)
                .next()
                .map(|agent| Arc::from(agent.get(..512).unwrap_or(agent))),
            device_id: None,
        })),
        attributes: None,
        grant: None,
    };
    let previous = match demo.credential(&headers) {
        Credential::One(cookie) => Some(cookie),
        Credential::None | Credential::Several => None,
    };
    let begun = begin(&demo.house, login, previous, &context).await?;
    let mut response = Redirect::to("/").into_response();
    for (name, value) in begun.response_headers {
        if let Ok(name) = HeaderName::try_from(name) {
            response.headers_mut().append(name, header_value(value));
        }
    }
    Ok(response)
}

/// Ends every session of the user who asks, this one too.
pub(super) async fn everywhere(
    State(demo): State<Arc<Demo>>,
    context: Context,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    refuse_foreign(&demo, &headers)?;
    let answer = demo.check("POST", "/everywhere", &headers, demo.credential(&headers), &context).await?;
    if let (Decision::Allow, Some(found)) = (answer.verdict.decision, &answer.found) {
        let record = found.session.record();
        end_of_user(&demo.house, &record.app, &record.user, None, &context).await?;
    }
    Ok(Redirect::to("/").into_response())
}

/// What the page shows: the session, what is left of the cookie, and what the policies may do. Where the device has to prove
/// its key first, the browser is sent to do that, and asks again.
pub(super) async fn state(
    State(demo): State<Arc<Demo>>,
    context: Context,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let answer = demo.check("GET", "/state", &headers, demo.credential(&headers), &context).await?;
    let cookie = match demo.credential(&headers) {
        Credential::One(value) => AuthenticCookie::open(&demo.house.keyring, value),
        Credential::None | Credential::Several => None,
    };
    if answer.verdict.decision == Decision::Reprove {
        let reason = answer.verdict.reason;
        return obey(answer).ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, reason, reason.says()));
    }
    let allowed = answer.verdict.decision == Decision::Allow;
    let shown = Shown {
        reason: answer.verdict.reason.as_str(),
        says: answer.says.as_deref().unwrap_or(answer.verdict.reason.says()),
        mode: demo.house.risk.policies.rules().map(|rule| rule.mode).max().map(Mode::as_str),
        session: answer
            .found
            .as_ref()
            .filter(|_| allowed)
            .map(|found| SessionView::of(&demo.house, &found.session, found.activity, context.now)),
        cookie_seconds_left: cookie.as_ref().map(|cookie| cookie.get().remaining(context.now).as_secs()),
        cookie_generation: cookie.as_ref().map(|cookie| cookie.get().generation),
    };
    Ok(json(StatusCode::OK, &shown))
}

#[derive(Serialize)]
struct Shown<'a> {
    reason: &'static str,
    says: &'a str,
    /// The most that any policy may do: observe, additive or enforce.
    mode: Option<&'static str>,
    session: Option<SessionView<'a>>,
    cookie_seconds_left: Option<u64>,
    cookie_generation: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct LoginForm {
    user: String,
}

pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"))], STYLE).into_response()
}

pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"))], SCRIPT)
        .into_response()
}

/// Shows `allowed` to whoever may see it, and obeys where Holdfast sends a client elsewhere.
async fn guarded(
    demo: &Demo,
    target: &str,
    headers: &HeaderMap,
    context: &Context,
    allowed: Response,
    refused: Response,
) -> Result<Response, Problem> {
    let answer = demo.check("GET", target, headers, demo.credential(headers), context).await?;
    if answer.verdict.decision == Decision::Allow {
        return Ok(allowed);
    }
    Ok(obey(answer).unwrap_or(refused))
}

/// The redirect that Holdfast asks for, if it asks for one.
pub(super) fn obey(answer: Answer) -> Option<Response> {
    let mut response = answer.status.into_response();
    response.headers_mut().insert(header::LOCATION, header_value(answer.location?));
    if let Some(cookie) = answer.set_cookie {
        response.headers_mut().append(header::SET_COOKIE, header_value(cookie));
    }
    Some(response)
}

/// Refuses a form that another site has sent in the user's name.
pub(super) fn refuse_foreign(demo: &Demo, headers: &HeaderMap) -> Result<(), Problem> {
    if FetchMetadata::read(|name| only(texts(headers, name))).is_from(&demo.app.origin) {
        return Ok(());
    }
    Err(Problem::of(ProblemCode::CrossOrigin, "this form belongs to the demo app; post it from there"))
}

pub(super) fn html(page: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'",
            ),
        ),
    ];
    (headers, page).into_response()
}

const HOME: &str = include_str!("home.html");
const PRIVATE: &str = include_str!("private.html");
const STYLE: &str = include_str!("demo.css");
const SCRIPT: &str = include_str!("demo.js");
