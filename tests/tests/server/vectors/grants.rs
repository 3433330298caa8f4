//! The vectors of DPoP and of grants, and the sessions that they are about.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use holdfast_core::jose::Thumbprint;
use holdfast_core::oauth::{Grant, GrantState, Offer, code_challenge_of};
use holdfast_core::session::{Binding, EndReason, Ended, Login, Session};
use holdfast_core::{Level, Method, UnixTime};
use serde::Deserialize;

use super::files::{BEGAN, public_key, read_file, root};

/// Requests to a server, one after the other.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Story {
    pub(crate) name: String,
    /// When the server begins.
    pub(crate) since: u64,
    /// The grants that exist by then.
    pub(crate) sessions: Vec<Granted>,
    pub(crate) requests: Vec<HttpRequest>,
}

/// A request, and the rule that must say no.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct HttpRequest {
    pub(crate) at: u64,
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Empty for a request to a resource.
    #[serde(default)]
    pub(crate) form: Vec<(String, String)>,
    pub(crate) rule: Option<String>,
    /// What a granted request leads to, where the vector says it.
    #[serde(skip)]
    pub(crate) granted: Option<Tokens>,
}

/// A proof with its request.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ProofVector {
    pub(crate) name: String,
    pub(crate) rule: Option<String>,
    pub(crate) at: u64,
    pub(crate) method: String,
    pub(crate) url: String,
    /// What the proof may be signed with, if it is not the default.
    #[serde(default)]
    pub(crate) algorithms: Vec<String>,
    pub(crate) fields: Vec<String>,
}

/// An access token of another issuer, and the issuer's key.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TokenVector {
    pub(crate) name: String,
    pub(crate) rule: Option<String>,
    pub(crate) at: u64,
    /// The names of the resource.
    pub(crate) audiences: Vec<String>,
    pub(crate) jwk: BTreeMap<String, String>,
    pub(crate) alg: String,
    pub(crate) token: String,
}

/// The session of a grant.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Granted {
    pub(crate) id: String,
    pub(crate) ended: Option<String>,
    client_id: Option<String>,
    state: State,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
enum State {
    Offered { redirect_uri: String, code_challenge: Option<String>, dpop_jkt: Option<String> },
    Running { jwk: BTreeMap<String, String>, generation: u32, last_proof_at: u64, token_hash: String },
}

/// What an accepted grant leads to.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) refresh_token: String,
    pub(crate) thumbprint: String,
}

/// One request to the token endpoint, as the core judges it.
#[derive(Debug, Deserialize)]
struct GrantVector {
    name: String,
    rule: Option<String>,
    at: u64,
    session: Granted,
    client_id: String,
    request: BTreeMap<String, Option<String>>,
    proof: String,
    accepted: Option<Tokens>,
}

/// Every story, and every vector of a grant as a story of one request.
pub(crate) fn stories() -> Result<Vec<Story>> {
    let mut stories: Vec<Story> = Vec::new();
    for file in ["dpop/http.json", "oauth/http.json"] {
        stories.extend(read_file::<Story>(&root().join(file))?);
    }
    for file in ["oauth/codes.json", "oauth/refresh_tokens.json"] {
        stories.extend(read_file::<GrantVector>(&root().join(file))?.into_iter().map(Story::from));
    }
    Ok(stories)
}

/// Every single proof.
pub(crate) fn proofs() -> Result<Vec<ProofVector>> {
    let mut proofs = Vec::new();
    for name in ["accepted", "claims", "form", "htu", "jwk", "nonces", "signatures", "times"] {
        proofs.extend(read_file::<ProofVector>(&root().join("dpop").join(format!("{name}.json")))?);
    }
    Ok(proofs)
}

/// Every access token.
pub(crate) fn tokens() -> Result<Vec<TokenVector>> {
    read_file(&root().join("oauth/tokens.json"))
}

impl From<GrantVector> for Story {
    fn from(vector: GrantVector) -> Self {
        let GrantVector { name, rule, at, session, client_id, mut request, proof, accepted } = vector;
        // The random bytes of a first refresh token are the server's own.
        request.remove("random");
        let mut form: Vec<_> = request.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        form.push(("client_id".to_owned(), client_id));
        let request = HttpRequest {
            at,
            method: "POST".to_owned(),
            url: holdfast_tests::server::TOKEN_URL.to_owned(),
            headers: vec![("DPoP".to_owned(), proof)],
            form,
            rule,
            granted: accepted,
        };
        Self { name, since: BEGAN, sessions: vec![session], requests: vec![request] }
    }
}

impl HttpRequest {
    /// Whether it asks for tokens, and not for a resource.
    pub(crate) fn is_for_tokens(&self) -> bool {
        !self.form.is_empty()
    }

    /// The value of a parameter of the form.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Granted {
    /// The session as a store has kept it.
    pub(crate) fn session(&self) -> Result<Session> {
        let began = UnixTime::from_secs(BEGAN);
        let (state, binding) = self.state.restore(began)?;
        let grant = self.client_id.as_deref().map(|client| {
            let (scope, audience) = ("read".into(), "https://api.test".into());
            Box::new(Grant { client_id: Arc::from(client), scope, audience, state })
        });
        let (app, user) = ("shop".into(), "alice".into());
        let login = Login { app, user, auth: None, client: None, attributes: None, grant };
        let id = self.id.parse().map_err(|error| anyhow!("{error}"))?;
        let mut record = Session::begin(id, login, 0, began).record().clone();
        record.binding = binding;
        if let Some(reason) = &self.ended {
            let reason: EndReason = reason.parse().map_err(|error| anyhow!("{error}"))?;
            record.ended = Some(Ended { at: began, reason });
        }
        Ok(Session::restore(record))
    }
}

impl State {
    fn restore(&self, began: UnixTime) -> Result<(GrantState, Option<Box<Binding>>)> {
        Ok(match self {
            Self::Offered { redirect_uri, code_challenge, dpop_jkt } => {
                let challenge = code_challenge.as_deref().map(|text| code_challenge_of(text).context("S256"));
                let key = dpop_jkt.as_deref().map(|text| Thumbprint::from_text(text).context("dpop_jkt"));
                let redirect_uri = redirect_uri.as_str().into();
                let offer =
                    Offer { redirect_uri, code_challenge: challenge.transpose()?, key: key.transpose()? };
                (GrantState::Offered(offer), None)
            }
            Self::Running { jwk, generation, last_proof_at, token_hash } => {
                let binding = Binding {
                    method: Method::Dpop,
                    level: Level::Software,
                    key: public_key(jwk)?,
                    bound_at: began,
                    last_proof_at: UnixTime::from_secs(*last_proof_at),
                    generation: *generation,
                };
                (GrantState::Running { token_hash: bytes(token_hash)? }, Some(Box::new(binding)))
            }
        })
    }
}

fn bytes(hex: &str) -> Result<[u8; 32]> {
    let digits = hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16));
    let bytes = digits.collect::<Result<Vec<_>, _>>()?;
    bytes.try_into().map_err(|_| anyhow!("{hex} is no hash"))
}
