//! The internal API of Holdfast. Sessions and verdicts are JSON, as `server/README.md` describes them.

use http::{HeaderValue, Method, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// An app's way to Holdfast.
pub struct Api {
    http: reqwest::Client,
    base: String,
    /// Marked as sensitive: it prints as such.
    authorization: HeaderValue,
}

/// A session that has begun.
#[derive(Clone, Debug, Deserialize)]
pub struct Begun {
    /// The session.
    pub session: Value,
    /// What belongs onto the login response: append all of them, as they are.
    pub response_headers: Vec<(String, String)>,
}

/// Why a call has no answer.
#[derive(Debug)]
pub enum Error {
    /// Holdfast refused the call: its status and its problem document. A 5xx is trouble of its own, everything else a
    /// mistake in the call.
    Refused(u16, Value),
    /// Holdfast was not reached, or did not answer in time.
    Unreachable(reqwest::Error),
}

impl Api {
    /// Calls the internal listener at `base` (`http://127.0.0.1:8444`) with the app's API token. `None` if the token
    /// has characters that no header can carry.
    #[must_use]
    pub fn new(http: reqwest::Client, base: &str, token: &str) -> Option<Self> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        authorization.set_sensitive(true);
        Some(Self { http, base: base.to_owned(), authorization })
    }

    /// Begins a session for a user who has just been authenticated: `{"user": "alice", …}`.
    ///
    /// # Errors
    /// As [`Error`] says; so all others here.
    pub async fn begin(&self, login: &Value) -> Result<Begun, Error> {
        self.call(Method::POST, &["v1", "sessions"], Some(login)).await
    }

    /// Asks whether a request may go on: `{"method": …, "url": …, "headers": …}`.
    pub async fn check(&self, question: &Value) -> Result<Value, Error> {
        self.call(Method::POST, &["v1", "check"], Some(question)).await
    }

    /// A session.
    pub async fn session(&self, id: &str) -> Result<Value, Error> {
        self.call(Method::GET, &["v1", "sessions", id], None).await
    }

    /// A new session for the user of this one, who has just been authenticated again.
    pub async fn regenerate(&self, id: &str, auth: &Value) -> Result<Begun, Error> {
        self.call(Method::POST, &["v1", "sessions", id, "regenerate"], Some(&json!({ "auth": auth }))).await
    }

    /// Ends a session, also one that is not there. The next check says no.
    pub async fn end(&self, id: &str) -> Result<(), Error> {
        self.call::<Value>(Method::DELETE, &["v1", "sessions", id], None).await.map(|_| ())
    }

    /// Ends all sessions of a user; gives `{"ended": 3}`.
    pub async fn end_user(&self, user: &str) -> Result<Value, Error> {
        self.call(Method::DELETE, &["v1", "users", user, "sessions"], None).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<T, Error> {
        let path: String = path.iter().map(|part| format!("/{}", percent_encoded(part))).collect();
        let call = self.http.request(method, format!("{}{path}", self.base));
        let call = call.header(header::AUTHORIZATION, self.authorization.clone()).timeout(PATIENCE);
        let call = if let Some(body) = body { call.json(body) } else { call };
        let answer = call.send().await.map_err(Error::Unreachable)?;
        let status = answer.status();
        let text = answer.bytes().await.map_err(Error::Unreachable)?;
        // 204 has no body, and a gateway in between may answer with one that is no JSON.
        let value: Value = serde_json::from_slice(&text).unwrap_or(Value::Null);
        let refused = |value| Error::Refused(status.as_u16(), value);
        if !status.is_success() {
            return Err(refused(value));
        }
        T::deserialize(&value).map_err(|_| refused(value))
    }
}

/// One segment of a path (RFC 3986 §3.3): a user's name may hold anything.
fn percent_encoded(segment: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    segment
        .bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
