//! `POST /_holdfast/dbsc/register`: a browser brings the key of its session.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use holdfast_core::{
    Rejection, Rule,
    dbsc::UnverifiedRegistration,
    session::{NotBound, Session},
};
use holdfast_store::{Backend, Found, Replacement};
use http::{HeaderMap, StatusCode};

use super::refresh::bound_answer;
use crate::{
    context::Context,
    error::Trouble,
    extract::dbsc,
    house::{App, Holdfast},
    limits::Use,
    respond::Problem,
    risk::proved,
    sessions::{MOST_RACES, find_alive},
    telemetry::{Event, EventName},
};

/// Takes the proof from its header; then the session from the proof's challenge; verifies; binds; saves; answers.
pub(crate) async fn register(
    State(house): State<Arc<Holdfast>>,
    context: Context,
    request: Request,
) -> Result<Response, Failure> {
    let outcome = bind(&house, request.headers(), &context).await;
    match outcome {
        Ok((app, session)) => {
            let about = Event { client_ip: Some(context.client_ip), ..Event::default() };
            house.record_of(EventName::SessionBound, &session, &context, about);
            proved(&house, session.record(), dbsc::user_agent(request.headers()), &context).await;
            Ok(bound_answer(&house, &app, &session, &context)?)
        }
        Err(failure) => {
            report(&house, &failure, &context);
            Err(failure)
        }
    }
}

/// Why a registration was not taken.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A rule said no; the session it was about, if that was found.
    Rejected(Rejection, Option<Arc<Session>>),
    /// The session has a key, and this is another one.
    SecondKey(Arc<Session>),
    /// Our own trouble.
    Trouble(Trouble),
}

async fn bind(
    house: &Holdfast,
    headers: &HeaderMap,
    context: &Context,
) -> Result<(Arc<App>, Arc<Session>), Failure> {
    // D-REG-01 · DBSC §8.8: without a proof there is no key, and a session without a key is not bound.
    let proof = dbsc::proof(headers)?.ok_or(Rejection::of(Rule::DReg01))?;
    // The challenge is ours and of this session: who only knows the session's id has none.
    let session = UnverifiedRegistration::parse(&proof, &house.keyring, context.now)?.session();
    house.admit_write(context)?;
    house.limits.take_of_session(session, Use::Registration)?;
    for _ in 0..MOST_RACES {
        let unverified = UnverifiedRegistration::parse(&proof, &house.keyring, context.now)?;
        let (app, found) = session_of(house, &unverified, context).await?;
        let with_session = |rejection| Failure::Rejected(rejection, Some(Arc::clone(&found.session)));
        dbsc::refuse_cross_site(headers, &app.origin).map_err(with_session)?;
        let verified = unverified.verify(&house.algorithms, &app.origin).map_err(with_session)?;
        let next = match found.session.bind(verified, context.now) {
            Ok(next) => next,
            Err(NotBound::AnotherSession) => return Err(with_session(Rule::DReg12.into())),
            Err(NotBound::SameKey) => return Err(with_session(Rule::DReg13.into())),
            Err(NotBound::SecondKey) => return Err(Failure::SecondKey(found.session)),
        };
        match house.store.replace(next.clone()).await? {
            Replacement::Replaced => return Ok((app, Arc::new(next))),
            // Somebody was faster: look again at what the session has become.
            Replacement::Conflict => {}
            Replacement::Missing => return Err(Rejection::of(Rule::DReg12).into()),
        }
    }
    Err(Trouble::Contention.into())
}

/// The living session that the challenge was issued for, and its app.
async fn session_of(
    house: &Holdfast,
    unverified: &UnverifiedRegistration<'_>,
    context: &Context,
) -> Result<(Arc<App>, Found), Failure> {
    // D-REG-12 · DBSC §8.8: a login that was undone in the meantime must not come back through its challenge.
    let dead = Rejection::of(Rule::DReg12);
    let found = find_alive(house, unverified.session(), context.now).await?.ok_or(dead)?;
    let app = house.app_named(&found.session.record().app).ok_or(dead)?;
    Ok((Arc::clone(app), found))
}

fn report(house: &Holdfast, failure: &Failure, context: &Context) {
    let (name, rule, session) = match failure {
        Failure::Rejected(rejection, session) => (EventName::ProofRejected, rejection.rule, session.as_ref()),
        Failure::SecondKey(session) => (EventName::BindingConflict, Rule::DReg13, Some(session)),
        Failure::Trouble(_) => return,
    };
    super::refresh::report_rejection(
        house,
        name,
        rule,
        session.map(|session| &**session),
        "register",
        context,
    );
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection, None)
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

impl IntoResponse for Failure {
    /// Any 4xx is the same to a browser: it stays as it was. The status is for people.
    fn into_response(self) -> Response {
        let (rule, status) = match self {
            Self::Trouble(trouble) => return Problem::from(trouble).into_response(),
            Self::SecondKey(_) => (Rule::DReg13, StatusCode::CONFLICT),
            Self::Rejected(rejection, _) => (rejection.rule, status_of(rejection.rule)),
        };
        Problem::new(status, rule, Rejection::of(rule).to_string()).into_response()
    }
}

/// What breaking a rule means here.
pub(crate) const fn status_of(rule: Rule) -> StatusCode {
    if matches!(rule, Rule::DReg13) {
        StatusCode::CONFLICT
    } else if matches!(rule, Rule::DReg12) {
        StatusCode::NOT_FOUND
    } else if matches!(
        rule,
        Rule::DHdr03
            | Rule::DReg06
            | Rule::DReg07
            | Rule::DReg08
            | Rule::DReg09
            | Rule::DReg10
            | Rule::DReg11
    ) {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::BAD_REQUEST
    }
}
