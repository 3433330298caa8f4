//! `POST /_holdfast/oauth/introspect`: is this token good, and for whom (RFC 7662, RFC 9449 §6.2)?

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use holdfast_core::session::{Session, Standing};
use http::{HeaderMap, header};
use serde::Serialize;

use super::{
    answer::{Failure, settle, success},
    form::{Form, invalid},
    named::Named,
};
use crate::{
    context::Context,
    house::{App, Holdfast},
    oauth::Client,
    token::TokenHash,
};

/// Who asks about a token, or gives it back.
pub(super) enum Caller<'a> {
    /// The back end of an app, by its API token.
    App(&'a App),
    /// A client of one.
    Client(&'a Client),
}

impl<'a> Caller<'a> {
    /// An app by `Authorization: Bearer`, or a client in one of its ways.
    pub(super) fn read(house: &'a Holdfast, headers: &HeaderMap, form: &Form) -> Result<Self, Failure> {
        let field =
            headers.get(header::AUTHORIZATION).and_then(|field| field.to_str().ok()).unwrap_or_default();
        match field.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                let presented = TokenHash::of(token.trim_start_matches(' '));
                let app = house.app_of_token(&presented);
                app.map(|app| Self::App(app)).ok_or(Failure::UnknownClient(Some("Bearer")))
            }
            Some(_) | None => form.client(headers, &house.oauth.clients).map(Self::Client),
        }
    }

    /// Whether the caller has shown something that only it can know.
    pub(super) const fn is_somebody(&self) -> bool {
        match self {
            Self::App(_) => true,
            Self::Client(client) => client.is_confidential(),
        }
    }

    /// Whether a token of this session is any of the caller's business.
    pub(super) fn may_see(&self, session: &Session) -> bool {
        let record = session.record();
        match self {
            Self::App(app) => *record.app == *app.name,
            Self::Client(client) => record.grant.as_ref().is_some_and(|grant| *grant.client_id == *client.id),
        }
    }
}

pub(crate) async fn introspect(
    State(house): State<Arc<Holdfast>>,
    context: Context,
    request: Request,
) -> Response {
    let outcome = answer(&house, request, &context).await;
    settle(&house, "introspect", outcome, &context)
}

async fn answer(house: &Holdfast, request: Request<Body>, context: &Context) -> Result<Response, Failure> {
    let (headers, form) = Form::read(request).await?;
    let caller = Caller::read(house, &headers, &form)?;
    // RFC 7662 §2.1: a client without a secret is anybody, and anybody must not try tokens.
    if !caller.is_somebody() {
        return Err(Failure::UnknownClient(None));
    }
    let text = form.get("token").ok_or(invalid("token is missing"))?;
    let Some(token) = Named::read(house, text, context.now)? else { return Ok(inactive()) };
    let found = token.session(house).await?;
    let found = found.filter(|found| caller.may_see(&found.session));
    let alive = found.filter(|found| {
        matches!(house.standing(&found.session, found.activity, context.now), Standing::Active)
    });
    let active = alive.as_ref().and_then(|found| describe(house, &found.session, &token, context));
    Ok(active.map_or_else(inactive, |active| success(&active)))
}

fn inactive() -> Response {
    success(&Inactive { active: false })
}

fn describe<'a>(
    house: &Holdfast,
    session: &'a Session,
    token: &Named,
    context: &Context,
) -> Option<Active<'a>> {
    let record = session.record();
    let grant = record.grant.as_deref()?;
    let binding = record.binding.as_deref()?;
    let app = house.app_named(&record.app)?;
    let jkt = binding.key.thumbprint();
    let active = Active {
        active: true,
        token_type: "DPoP",
        cnf: Confirmation { jkt: jkt.to_string() },
        scope: Some(&*grant.scope).filter(|scope| !scope.is_empty()),
        client_id: &grant.client_id,
        sub: &record.user,
        aud: &grant.audience,
        iss: app.origin.to_string(),
        sid: record.id.to_string(),
        iat: None,
        exp: session.absolute_at(&house.policy, context.now).as_secs(),
        jti: None,
    };
    match token {
        Named::Refresh(token) => session.would_take(token, context.now).then_some(active),
        Named::Access(token) => (token.key == Some(jkt)).then(|| Active {
            iat: Some(token.issued_at.as_secs()),
            exp: token.expires_at.as_secs(),
            jti: token.id.as_deref().map(str::to_owned),
            ..active
        }),
    }
}

#[derive(Serialize)]
struct Inactive {
    active: bool,
}

#[derive(Serialize)]
struct Active<'a> {
    active: bool,
    token_type: &'static str,
    cnf: Confirmation,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    client_id: &'a str,
    sub: &'a str,
    aud: &'a str,
    iss: String,
    sid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<u64>,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

#[derive(Serialize)]
struct Confirmation {
    jkt: String,
}
