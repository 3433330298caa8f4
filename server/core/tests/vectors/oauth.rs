//! What vectors of grants and of access tokens look like, and what the core thinks of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use holdfast_core::{
    Level, Method, Rejection, Rule, UnixTime, Verified,
    dpop::{Boot, DpopPolicy, Expected, NonceDemand, Proof, TargetUri, UnverifiedProof},
    jose::{Algorithm, Object, PublicKey, Thumbprint},
    oauth::{
        AuthenticCode, AuthenticRefreshToken, Exchange, Grant, GrantState, Offer, Redemption, RefreshToken,
        TokenExpectation, UnverifiedAccessToken, code_challenge_of,
    },
    session::{Binding, EndReason, Login, Session},
};
use serde::{Deserialize, Serialize};

use crate::{
    dpop::hex,
    world::{BEGAN, World},
};

/// A request to the token endpoint, the session that it is about, and what must become of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantVector {
    pub(crate) name: String,
    pub(crate) note: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checks: Vec<String>,
    /// The rule that says no; null if the request is granted.
    pub(crate) rule: Option<String>,
    pub(crate) at: u64,
    pub(crate) session: Granted,
    /// The client that asks; it has proven who it is.
    pub(crate) client_id: String,
    pub(crate) request: Request,
    /// The proof, which is a good one for this request.
    pub(crate) proof: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<Tokens>,
}

/// The session of a grant, before the request. Began at 1800000000.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Granted {
    pub(crate) id: String,
    /// Why it has ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<String>,
    /// Null for the session of a browser.
    pub(crate) client_id: Option<String>,
    pub(crate) state: State,
}

/// How far a grant has come.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "is", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum State {
    Offered {
        redirect_uri: String,
        code_challenge: Option<String>,
        dpop_jkt: Option<String>,
    },
    Running {
        jwk: BTreeMap<String, String>,
        generation: u32,
        last_proof_at: u64,
        /// SHA-256 of the current refresh token's secret, in hex.
        token_hash: String,
    },
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "grant_type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    AuthorizationCode {
        code: String,
        redirect_uri: Option<String>,
        code_verifier: Option<String>,
        /// The 32 random bytes of the first refresh token, in hex.
        random: String,
    },
    RefreshToken {
        refresh_token: String,
    },
}

/// What a granted request leads to.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tokens {
    pub(crate) refresh_token: String,
    /// The session afterwards.
    pub(crate) thumbprint: String,
    pub(crate) generation: u32,
    pub(crate) token_hash: String,
}

impl GrantVector {
    pub(crate) fn expected(&self) -> Result<Tokens, String> {
        match (&self.rule, &self.accepted) {
            (Some(rule), None) => Err(rule.clone()),
            (None, Some(accepted)) => Ok(accepted.clone()),
            _ => panic!("{}: a vector has either a rule or an outcome", self.name),
        }
    }
}

/// What becomes of the vector's request.
pub(crate) fn judge_grant(world: &World, vector: &GrantVector) -> Result<Tokens, String> {
    let session = vector.session.restore();
    let before = session.clone();
    let now = UnixTime::from_secs(vector.at);
    let answer = match &vector.request {
        Request::AuthorizationCode { code, redirect_uri, code_verifier, random } => redeem(
            world,
            vector,
            &session,
            code,
            redirect_uri.as_deref(),
            code_verifier.as_deref(),
            random,
            now,
        ),
        Request::RefreshToken { refresh_token } => exchange(world, vector, &session, refresh_token, now),
    };
    assert_eq!(session, before, "{}: a judgement changes nothing by itself", vector.name);
    answer.map_err(|rejection| rejection.rule.id().to_owned())
}

#[expect(clippy::too_many_arguments, reason = "a request has that many parts")]
fn redeem(
    world: &World,
    vector: &GrantVector,
    session: &Session,
    code: &str,
    redirect_uri: Option<&str>,
    code_verifier: Option<&str>,
    random: &str,
    now: UnixTime,
) -> Result<Tokens, Rejection> {
    // The server cannot load a session of a code that does not open.
    let code = AuthenticCode::open(&world.ring, code).ok_or(Rejection::of(Rule::G01))?;
    assert_eq!(code.session(), session.record().id, "{}: another session is meant", vector.name);
    let request = Redemption { client_id: &vector.client_id, redirect_uri, code_verifier };
    let first = RefreshToken::first(code.session(), from_hex(random));
    let after = session.redeem(&code, &request, &verified(world, vector, now), &first, now)?;
    Ok(tokens(&after, first.seal(&world.ring).reveal()))
}

fn exchange(
    world: &World,
    vector: &GrantVector,
    session: &Session,
    token: &str,
    now: UnixTime,
) -> Result<Tokens, Rejection> {
    let token = AuthenticRefreshToken::open(&world.ring, token).ok_or(Rejection::of(Rule::G08))?;
    assert_eq!(token.session(), session.record().id, "{}: another session is meant", vector.name);
    let (after, next) =
        match session.exchange(&token, &vector.client_id, &verified(world, vector, now), now)? {
            Exchange::Rotated(after, next) => (after, next),
            Exchange::Repeated(next) => (session.clone(), next),
        };
    Ok(tokens(&after, next.seal(&world.ring).reveal()))
}

fn verified(world: &World, vector: &GrantVector, now: UnixTime) -> Verified<Proof> {
    let target = TargetUri::parse(TOKEN_ENDPOINT).unwrap();
    let expected = Expected { method: "POST", target: Some(&target), token: None, nonce: NonceDemand::No };
    let policy = DpopPolicy::default();
    let boot = Boot { id: *b"boot", at: UnixTime::from_secs(BEGAN) };
    UnverifiedProof::parse([vector.proof.as_str()].into_iter(), &policy.algorithms)
        .and_then(|proof| proof.verify(&expected, &world.ring, &boot, &policy, now))
        .unwrap_or_else(|rejection| panic!("{}: the proof is good, but {rejection}", vector.name))
}

fn tokens(session: &Session, refresh_token: &str) -> Tokens {
    let record = session.record();
    let state = record.grant.as_ref().map(|grant| &grant.state);
    let Some(GrantState::Running { token_hash }) = state else { panic!("a granted request leaves a token") };
    Tokens {
        refresh_token: refresh_token.to_owned(),
        thumbprint: record.binding.as_ref().unwrap().key.thumbprint().to_string(),
        generation: session.generation(),
        token_hash: hex(token_hash),
    }
}

impl Granted {
    /// The session as a store kept it.
    pub(crate) fn restore(&self) -> Session {
        let began = UnixTime::from_secs(BEGAN);
        let (state, binding) = match &self.state {
            State::Offered { redirect_uri, code_challenge, dpop_jkt } => {
                let offer = Offer {
                    redirect_uri: redirect_uri.as_str().into(),
                    code_challenge: code_challenge.as_deref().map(|text| code_challenge_of(text).unwrap()),
                    key: dpop_jkt.as_deref().map(|text| Thumbprint::from_text(text).unwrap()),
                };
                (GrantState::Offered(offer), None)
            }
            State::Running { jwk, generation, last_proof_at, token_hash } => {
                let object = Object::parse(&serde_json::to_vec(jwk).unwrap()).unwrap();
                let binding = Binding {
                    method: Method::Dpop,
                    level: Level::Software,
                    key: PublicKey::from_jwk(&object, Algorithm::Es256).unwrap(),
                    bound_at: began,
                    last_proof_at: UnixTime::from_secs(*last_proof_at),
                    generation: *generation,
                };
                (GrantState::Running { token_hash: from_hex(token_hash) }, Some(Box::new(binding)))
            }
        };
        let grant = self.client_id.as_deref().map(|client| {
            let client_id = Arc::from(client);
            Box::new(Grant { client_id, scope: "read".into(), audience: "https://api.test".into(), state })
        });
        let (app, user) = (Arc::from("shop"), "alice".into());
        let login = Login { app, user, auth: None, client: None, attributes: None, grant };
        let session = Session::begin(self.id.parse().unwrap(), login, 0, began);
        let mut record = session.record().clone();
        record.binding = binding;
        let session = Session::restore(record);
        match &self.ended {
            Some(reason) => {
                let reason: EndReason = reason.parse().unwrap();
                session.end(reason, began).unwrap()
            }
            None => session,
        }
    }
}

/// An access token, the key of its issuer, and what must become of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenVector {
    pub(crate) name: String,
    pub(crate) note: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checks: Vec<String>,
    /// The rule that says no; null if the token is accepted.
    pub(crate) rule: Option<String>,
    pub(crate) at: u64,
    /// How far the issuer's clock may be off, in seconds.
    pub(crate) skew: u64,
    /// The names of this resource.
    pub(crate) audiences: Vec<String>,
    /// The issuer's key, and what it signs with.
    pub(crate) jwk: BTreeMap<String, String>,
    pub(crate) alg: String,
    pub(crate) token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<Said>,
}

/// What an accepted token says.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) client_id: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) aud: Vec<String>,
    pub(crate) sid: Option<String>,
    pub(crate) jkt: Option<String>,
    pub(crate) exp: u64,
}

impl TokenVector {
    pub(crate) fn expected(&self) -> Result<Said, String> {
        match (&self.rule, &self.accepted) {
            (Some(rule), None) => Err(rule.clone()),
            (None, Some(accepted)) => Ok(accepted.clone()),
            _ => panic!("{}: a vector has either a rule or an outcome", self.name),
        }
    }
}

/// What becomes of the vector's token.
pub(crate) fn judge_token(vector: &TokenVector) -> Result<Said, String> {
    said(vector).map_err(|rejection| rejection.rule.id().to_owned())
}

fn said(vector: &TokenVector) -> Result<Said, Rejection> {
    let jwk = Object::parse(&serde_json::to_vec(&vector.jwk).unwrap()).unwrap();
    let key = PublicKey::from_jwk(&jwk, vector.alg.parse().unwrap()).unwrap();
    let audiences: Vec<_> = vector.audiences.iter().map(String::as_str).collect();
    let now = UnixTime::from_secs(vector.at);
    let expected =
        TokenExpectation { audiences: Some(&audiences), now, skew: Duration::from_secs(vector.skew) };
    let token = UnverifiedAccessToken::parse(&vector.token)?.verify(&key, &expected)?.into_inner();
    let text = |text: Option<Box<str>>| text.map(String::from);
    Ok(Said {
        iss: token.issuer.into(),
        sub: token.subject.into(),
        client_id: text(token.client_id),
        scope: text(token.scope),
        aud: token.audience.into_iter().map(String::from).collect(),
        sid: token.session.map(|session| session.to_string()),
        jkt: token.key.map(|key| key.to_string()),
        exp: token.expires_at.as_secs(),
    })
}

/// Requests to a server, one after the other, for the rules that are decided outside of the core. The app is at
/// `https://shop.example`, and `app-1` and `app-2` are its public clients.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Story {
    pub(crate) name: String,
    pub(crate) note: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checks: Vec<String>,
    /// The rule that says no to the last request; null if it is granted.
    pub(crate) rule: Option<String>,
    /// When the server begins.
    pub(crate) since: u64,
    /// The grants that exist by then.
    pub(crate) sessions: Vec<Granted>,
    pub(crate) requests: Vec<HttpRequest>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpRequest {
    pub(crate) at: u64,
    pub(crate) method: String,
    /// The address that the client asks: the token endpoint, or one of the app, behind a gateway.
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    /// The form in its body, if there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) form: Vec<(String, String)>,
    /// The rule that says no to this request; null if it is granted.
    pub(crate) rule: Option<String>,
}

fn from_hex(text: &str) -> [u8; 32] {
    crate::keys::from_hex(text).try_into().unwrap()
}

/// Where codes and refresh tokens are sent.
pub(crate) const TOKEN_ENDPOINT: &str = "https://shop.example/_holdfast/oauth/token";
