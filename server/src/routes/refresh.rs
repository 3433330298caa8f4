//! `POST /_holdfast/dbsc/refresh`: a browser proves that it still holds the key.
//!
//! A browser deletes its session over nearly any 4xx but 403 with a challenge, so each status here is chosen for what
//! Chromium 156 does with it (`spec-notes/dbsc.md`).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use holdfast_core::{
    Method, Rejection, Rule, UnixTime,
    cookie::AuthenticCookie,
    dbsc::{self as protocol, Challenge, Purpose, UnverifiedRefresh, headers},
    session::{Renewal, Session},
};
use holdfast_store::{Backend, Replacement};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::own_session::cookie_of;
use crate::{
    context::Context,
    error::Trouble,
    extract::dbsc,
    house::{App, Holdfast, of_session},
    limits::Use,
    random::random,
    respond::{Code, Problem, ProblemCode, expired_cookies, header_value},
    risk::proved,
    sessions::{MOST_RACES, find_alive},
    telemetry::{Event, EventName},
};

/// Takes the session from its header, then the proof; without one, asks for it; verifies; renews; saves; answers.
pub(crate) async fn refresh(
    State(house): State<Arc<Holdfast>>,
    context: Context,
    request: Request,
) -> Response {
    match renew(&house, request.headers(), &context).await {
        Ok(Refreshed { app, session, rotated }) => {
            if rotated {
                let about = Event { client_ip: Some(context.client_ip), ..Event::default() };
                house.record_of(EventName::SessionRefreshed, &session, &context, about);
                proved(&house, session.record(), dbsc::user_agent(request.headers()), &context).await;
            }
            bound_answer(&house, &app, &session, &context)
                .unwrap_or_else(|trouble| Problem::from(trouble).into_response())
        }
        Err(failure) => {
            report(&house, &failure, &context);
            failure.answer(&house, request.headers(), &context)
        }
    }
}

/// The answer to a proof that was taken: the instructions, the bound cookie and the next challenge.
pub(super) fn bound_answer(
    house: &Holdfast,
    app: &App,
    session: &Session,
    context: &Context,
) -> Result<Response, Trouble> {
    let cookie = session.cookie(&house.policy);
    let value = cookie.seal(&house.keyring);
    let body = protocol::instructions(session.record().id, &app.origin, &house.cookie_name);
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let life = cookie.remaining(context.now);
    headers.append(
        header::SET_COOKIE,
        header_value(protocol::set_cookie(&house.cookie_name, value.reveal(), life)),
    );
    headers.append(
        header::SET_COOKIE,
        header_value(protocol::set_cookie(&house.hint_name, "1", house.policy.absolute)),
    );
    let (name, challenge) = challenge_header(house, session, context.now)?;
    headers.insert(name, challenge);
    Ok(response)
}

struct Refreshed {
    app: Arc<App>,
    session: Arc<Session>,
    /// Whether the proof moved the session on, or was the repetition of one that had.
    rotated: bool,
}

/// Why a refresh was not answered with a cookie.
enum Failure {
    /// The request is none that a browser would send.
    Malformed(Rejection, Option<Arc<Session>>),
    /// No proof came, or none that could be taken: a fresh challenge is the answer.
    ProveIt(Option<Rejection>, Arc<Session>),
    /// Our own trouble.
    Trouble(Trouble),
    /// There is no such session, or it has ended.
    Unknown,
}

async fn renew(house: &Holdfast, headers: &HeaderMap, context: &Context) -> Result<Refreshed, Failure> {
    let id = dbsc::session_id(headers).map_err(|rejection| Failure::Malformed(rejection, None))?;
    let proof = dbsc::proof(headers).map_err(|rejection| Failure::Malformed(rejection, None))?;
    // A malformed id is an unknown one; the answer must not tell them apart.
    let id = id.parse().map_err(|_| Failure::Unknown)?;
    if proof.is_some() {
        house.admit_write(context)?;
    }
    for _ in 0..MOST_RACES {
        // D-REF-01 · DBSC §8.8: a session that has ended stays so, whatever proof comes.
        let found = find_alive(house, id, context.now).await?.ok_or(Failure::Unknown)?;
        let session = found.session;
        // D-REF-02 · DBSC §8.8: a session that no browser has bound is none that one could refresh. That of an OAuth client
        // least of all: it would leave its scope behind.
        if session.record().binding.as_ref().is_none_or(|binding| binding.method != Method::Dbsc) {
            return Err(Failure::Unknown);
        }
        // The session lives, and it is we who do not know its app at the moment: a browser must not drop it for that.
        let app = house.app_named(&session.record().app).ok_or(Failure::Trouble(Trouble::App))?;
        let malformed = |rejection| Failure::Malformed(rejection, Some(Arc::clone(&session)));
        dbsc::refuse_cross_site(headers, &app.origin).map_err(malformed)?;
        let Some(proof) = &proof else { return Err(Failure::ProveIt(None, session)) };
        let proof = UnverifiedRefresh::parse(proof)
            .map_err(malformed)?
            .verify(&session, &house.keyring, &app.origin, &house.policy, context.now)
            .map_err(|rejection| Failure::ProveIt(Some(rejection), Arc::clone(&session)))?;
        // The proof is the session's own: nobody else can use its limit up.
        house.limits.take_of_session(session.record().id, Use::Proof)?;
        let app = Arc::clone(app);
        match session.renew(proof, context.now).ok_or(Failure::Unknown)? {
            Renewal::Repeated => return Ok(Refreshed { app, session, rotated: false }),
            Renewal::Rotated(next) => match house.store.replace(next.clone()).await? {
                Replacement::Replaced => {
                    return Ok(Refreshed { app, session: Arc::new(next), rotated: true });
                }
                // Somebody was faster: look again at what the session has become.
                Replacement::Conflict => {}
                Replacement::Missing => return Err(Failure::Unknown),
            },
        }
    }
    Err(Trouble::Contention.into())
}

impl Failure {
    fn answer(self, house: &Holdfast, headers: &HeaderMap, context: &Context) -> Response {
        match self {
            Self::Trouble(trouble) => Problem::from(trouble).into_response(),
            Self::Unknown => {
                let detail = "there is no such session, or it has ended; the user must log in again";
                let problem = Problem::new(StatusCode::NOT_FOUND, Rule::DRef01, detail);
                let keeps_its_cookies = holds_another_session(house, headers);
                if keeps_its_cookies { problem } else { problem.with_all(expired_cookies(house)) }
                    .into_response()
            }
            // Also where no browser can be meant: a 4xx without a challenge would take its session from one.
            Self::Malformed(rejection, Some(session)) => prove_it(house, Some(rejection), &session, context),
            Self::Malformed(rejection, None) => {
                Problem::new(StatusCode::BAD_REQUEST, rejection.rule, rejection.to_string()).into_response()
            }
            Self::ProveIt(rejection, session) => prove_it(house, rejection, &session, context),
        }
    }
}

/// Whether the request's cookie is of another session than the one it asks for: a browser that has logged in anew, and
/// asks for an old one too, must not lose the new one over it.
fn holds_another_session(house: &Holdfast, headers: &HeaderMap) -> bool {
    let asked = dbsc::session_id(headers).ok().and_then(|id| id.parse().ok());
    let cookie =
        cookie_of(house, headers).ok().and_then(|value| AuthenticCookie::open(&house.keyring, value));
    cookie.is_some_and(|cookie| Some(cookie.get().session) != asked)
}

/// 403 with a challenge: the only way to ask a browser for a proof.
fn prove_it(
    house: &Holdfast,
    rejection: Option<Rejection>,
    session: &Session,
    context: &Context,
) -> Response {
    let challenge = match challenge_header(house, session, context.now) {
        Ok(challenge) => challenge,
        Err(trouble) => return Problem::from(trouble).into_response(),
    };
    let (code, detail) = match rejection {
        Some(rejection) => (Code::from(rejection.rule), rejection.to_string()),
        None => (
            ProblemCode::ProofRequired.into(),
            "sign the challenge in Secure-Session-Challenge and post it here".to_owned(),
        ),
    };
    Problem::new(StatusCode::FORBIDDEN, code, detail).with_all([challenge]).into_response()
}

/// A fresh challenge for the next refresh of this session.
fn challenge_header(
    house: &Holdfast,
    session: &Session,
    now: UnixTime,
) -> Result<(HeaderName, HeaderValue), Trouble> {
    let challenge = Challenge {
        purpose: Purpose::Refresh,
        session: session.record().id,
        generation: session.generation(),
        expires_at: now.after(house.policy.refresh_challenge()),
        random: random()?,
    };
    let value =
        headers::write_challenge(&challenge.seal(&house.keyring), session.record().id).unwrap_or_default();
    Ok((HeaderName::from_static(headers::CHALLENGE), header_value(value)))
}

fn report(house: &Holdfast, failure: &Failure, context: &Context) {
    match failure {
        Failure::Malformed(rejection, session) => {
            report_rejection(
                house,
                EventName::ProofRejected,
                rejection.rule,
                session.as_deref(),
                "refresh",
                context,
            );
        }
        Failure::ProveIt(Some(rejection), session) => {
            report_rejection(
                house,
                EventName::ProofRejected,
                rejection.rule,
                Some(session),
                "refresh",
                context,
            );
        }
        Failure::ProveIt(None, _) | Failure::Trouble(_) | Failure::Unknown => {}
    }
}

/// Tells of a proof that was refused. The session is told only where the request has reached one.
pub(super) fn report_rejection(
    house: &Holdfast,
    name: EventName,
    rule: Rule,
    session: Option<&Session>,
    endpoint: &str,
    context: &Context,
) {
    house.metrics.rejection(rule);
    let event = Event {
        event: Some(name),
        reason: Some(rule.code()),
        rule: Some(rule),
        client_ip: Some(context.client_ip),
        request_id: Some(context.request_id.as_str()),
        trace_id: context.trace_id(),
        detail: Some(endpoint),
        ..Event::default()
    };
    match session {
        Some(session) => house.record(context.now, &of_session(session, context, event)),
        None => house.record(context.now, &event),
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<holdfast_store::Unavailable> for Failure {
    fn from(unavailable: holdfast_store::Unavailable) -> Self {
        Self::Trouble(unavailable.into())
    }
}
