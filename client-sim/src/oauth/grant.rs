//! What a client is given: a code, then tokens, or a refusal.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::nonces::Nonces;
use super::registration::Registration;
use super::unverified::unverified_key_of;
use crate::Failure;
use crate::http::Answer;
use crate::key::SavedKey;

/// A code with the secret that belongs to it.
#[derive(Clone)]
pub struct Code {
    /// The code.
    pub code: String,
    /// What only the client that asked for it knows (RFC 7636).
    pub verifier: String,
    /// The session that the app began.
    pub session: String,
}

/// Tokens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What goes along with each request.
    pub access_token: String,
    /// What becomes the next tokens.
    pub refresh_token: String,
    /// What was granted.
    pub scope: Option<String>,
    /// When the access token ends, in seconds since the Unix epoch.
    pub expires_at: u64,
}

/// A client as the state file keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedClient {
    /// Who it is.
    pub registration: Registration,
    /// Its key.
    pub key: SavedKey,
    /// The nonces that it was given.
    pub nonces: Nonces,
    /// Its tokens.
    pub grant: Grant,
}

/// What the token endpoint said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Here are tokens; the client holds them now.
    Granted,
    /// No.
    Refused(Refusal),
}

/// A refusal of the token endpoint (RFC 6749 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The error's name; empty if the answer is none that the RFC knows.
    pub error: String,
    /// The server's own words.
    pub description: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: String,
    expires_in: u64,
    refresh_token: String,
    scope: Option<String>,
}

impl Grant {
    /// Reads the answer of the token endpoint.
    pub(crate) fn read(answer: &Answer, now: Duration) -> Result<Result<Self, Refusal>, Failure> {
        if answer.status != 200 {
            return Ok(Err(Refusal::read(answer)));
        }
        let tokens: TokenAnswer = serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::Answer(format!("the token endpoint: {error}")))?;
        // RFC 9449 §5: a client that asked for bound tokens takes no others.
        if !tokens.token_type.eq_ignore_ascii_case("DPoP") {
            return Err(Failure::Answer(format!("tokens of type {}, not DPoP", tokens.token_type)));
        }
        Ok(Ok(Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            scope: tokens.scope,
            expires_at: now.as_secs().saturating_add(tokens.expires_in),
        }))
    }

    /// The thumbprint of the key that the access token says it is bound to.
    pub fn unverified_key(&self) -> Option<String> {
        unverified_key_of(&self.access_token)
    }
}

impl Refusal {
    fn read(answer: &Answer) -> Self {
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            status: answer.status,
            error: text("error").unwrap_or_default(),
            description: text("error_description"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.error)?;
        self.description.as_ref().map_or(Ok(()), |description| write!(f, " ({description})"))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted => f.write_str("TOKENS"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").field("session", &self.session).finish_non_exhaustive()
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("scope", &self.scope).finish_non_exhaustive()
    }
}
