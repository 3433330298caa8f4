//! What `POST /v1/sessions` takes and answers for OAuth clients: the app has authenticated the user, and hands a code to
//! its client.

use std::sync::Arc;

use axum::response::Response;
use holdfast_core::{
    UnixTime,
    jose::Thumbprint,
    oauth::{CODE_LIFE, Grant, GrantState, Offer, code, code_challenge_of},
    session::{Activity, Session},
};
use http::StatusCode;
use serde::Serialize;

use crate::{
    config::is_scope_token,
    house::{App, Holdfast},
    oauth::Client,
    respond::{Problem, SessionView, json},
};

/// The members of a body that are for OAuth clients alone.
pub(super) struct GrantInput {
    pub(super) client_id: Option<Box<str>>,
    pub(super) redirect_uri: Option<Box<str>>,
    pub(super) scope: Option<Box<str>>,
    pub(super) audience: Option<Box<str>>,
    pub(super) code_challenge: Option<Box<str>>,
    pub(super) code_challenge_method: Option<Box<str>>,
    pub(super) dpop_jkt: Option<Box<str>>,
}

impl GrantInput {
    /// For a browser none of them may be there.
    pub(super) fn refuse(&self) -> Result<(), Problem> {
        let members = [
            &self.client_id,
            &self.redirect_uri,
            &self.scope,
            &self.audience,
            &self.code_challenge,
            &self.code_challenge_method,
            &self.dpop_jkt,
        ];
        if members.iter().all(|member| member.is_none()) {
            return Ok(());
        }
        let detail = "client_id and what belongs to it are for OAuth clients; write \"kind\": \"oauth\"";
        Err(Problem::bad_request(detail))
    }

    /// What is granted, if the client may have it.
    pub(super) fn accept(self, house: &Holdfast, app: &App) -> Result<Box<Grant>, Problem> {
        let id = self.client_id.as_deref().ok_or(wrong("client_id is missing"))?;
        let client = house.oauth.clients.named(id).filter(|client| *client.app.name == *app.name);
        let client = client.ok_or(wrong("client_id is none of this app's [[clients]]"))?;
        let redirect_uri = self.redirect_uri.ok_or(wrong("redirect_uri is missing"))?;
        // RFC 9700 §4.1.3: compared as they stand, so that no part of one can be made up.
        if !client.redirect_uris.iter().any(|uri| **uri == *redirect_uri) {
            return Err(wrong(
                "redirect_uri is none of the client's redirect_uris, which are compared as they stand",
            ));
        }
        let code_challenge =
            accept_challenge(client, self.code_challenge, self.code_challenge_method.as_deref())?;
        let key = self.dpop_jkt.map(|jkt| {
            Thumbprint::from_text(&jkt).ok_or(wrong("dpop_jkt is no RFC 7638 thumbprint with SHA-256"))
        });
        Ok(Box::new(Grant {
            client_id: Arc::clone(&client.id),
            scope: accept_scope(client, self.scope)?,
            audience: accept_audience(client, self.audience)?,
            state: GrantState::Offered(Offer { redirect_uri, code_challenge, key: key.transpose()? }),
        }))
    }
}

fn accept_challenge(
    client: &Client,
    challenge: Option<Box<str>>,
    method: Option<&str>,
) -> Result<Option<[u8; 32]>, Problem> {
    if !matches!(method, None | Some("S256")) {
        return Err(wrong("code_challenge_method must be S256; plain protects nothing"));
    }
    match challenge {
        Some(challenge) => {
            let read = code_challenge_of(&challenge);
            read.map(Some).ok_or(wrong("code_challenge is no SHA-256 in base64url without padding"))
        }
        None if client.is_confidential() => Ok(None),
        // RFC 9700 §2.1.1: whoever has no secret shows at least that it asked for the code itself.
        None => Err(wrong("code_challenge is missing; a client without a secret needs PKCE")),
    }
}

/// Only what the configuration allows, each word once and in the order that was asked for.
fn accept_scope(client: &Client, scope: Option<Box<str>>) -> Result<Box<str>, Problem> {
    let scope = scope.unwrap_or_default();
    let mut words: Vec<&str> = Vec::new();
    for word in scope.split(' ').filter(|word| !word.is_empty()) {
        if !is_scope_token(word) || !client.scopes.iter().any(|allowed| *allowed == *word) {
            return Err(wrong("scope has a word that is none of the client's scopes"));
        }
        if !words.contains(&word) {
            words.push(word);
        }
    }
    Ok(words.join(" ").into())
}

fn accept_audience(client: &Client, audience: Option<Box<str>>) -> Result<Box<str>, Problem> {
    let Some(audience) = audience else {
        return client.audiences().next().map(Into::into).ok_or(wrong("audience is missing"));
    };
    if client.audiences().any(|allowed| *allowed == *audience) {
        Ok(audience)
    } else {
        Err(wrong("audience is none of the client's audiences"))
    }
}

fn wrong(detail: &'static str) -> Problem {
    Problem::bad_request(detail)
}

/// 201 with the code: for the app, to be sent to its client and to nobody else.
pub(super) fn code_answer(house: &Holdfast, session: &Session, now: UnixTime) -> Response {
    let code = code(&house.keyring, session.record().id, now);
    let activity = Activity { last_seen: session.record().created_at, confirmed_at: None };
    let view = CodeView {
        code: code.reveal(),
        expires_in: CODE_LIFE.as_secs(),
        session: SessionView::of(house, session, activity, now),
    };
    json(StatusCode::CREATED, &view)
}

#[derive(Serialize)]
struct CodeView<'a> {
    code: &'a str,
    expires_in: u64,
    session: SessionView<'a>,
}
