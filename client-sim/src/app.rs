//! The protected site's back end: it logs users in with `POST /v1/sessions` and asks `POST /v1/check` about each page.

use http::{HeaderMap, HeaderName, Method};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::Failure;
use crate::http::{Answer, Request, Transport, header_value, joined};
use crate::oauth::Registration;

/// The app, with its API token.
#[derive(Clone)]
pub struct App {
    /// Holdfast's internal listener.
    pub api: Transport,
    /// The token that says which app this is.
    pub token: String,
    /// The session cookie's name.
    pub cookie_name: String,
    /// The address its visitor comes from.
    pub client_ip: String,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("client_ip", &self.client_ip).finish_non_exhaustive()
    }
}

/// Holdfast's answer to "may this request go on?".
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// `allow`, `deny`, `step_up` or `reprove`.
    pub decision: String,
    /// One of the contract's stable reasons.
    pub reason: String,
    /// What to send to the client when it is not `allow`.
    #[serde(default)]
    pub status: u16,
    /// The session, when one was found.
    pub session: Option<Session>,
    /// Headers for the client when it is not `allow`.
    #[serde(default)]
    pub response_headers: Vec<(String, String)>,
}

/// What an app sees of a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The public handle.
    pub id: String,
    /// The user.
    pub user: String,
    /// `active` or `ended`.
    #[serde(default)]
    pub state: String,
    /// Why it ended.
    #[serde(default)]
    pub end_reason: Option<String>,
    /// The key that it is bound to.
    #[serde(default)]
    pub binding: Binding,
}

/// The binding of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// `none`, `dbsc`, `dpop` or `tpm`.
    pub method: String,
    /// `none`, `software`, `hardware` or `attested`.
    #[serde(default)]
    pub level: String,
    /// RFC 7638.
    #[serde(default)]
    pub key_thumbprint: Option<String>,
}

/// The answer to a login.
#[derive(Clone, Debug, Deserialize)]
pub struct Login {
    /// The new session.
    pub session: Session,
    /// What to copy onto the login response.
    pub response_headers: Vec<(String, String)>,
}

/// The answer to a login for an OAuth client.
#[derive(Clone, Deserialize)]
pub struct Authorized {
    /// What the app hands to the client.
    pub code: String,
    /// The new session.
    pub session: Session,
}

impl std::fmt::Debug for Authorized {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authorized").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Session {
    /// Whether it is over, and for this reason if one is named.
    pub fn is_ended(&self, reason: Option<&str>) -> bool {
        self.state == "ended" && reason.is_none_or(|reason| self.end_reason.as_deref() == Some(reason))
    }
}

impl Decision {
    /// Whether the request may go on.
    pub fn allows(&self) -> bool {
        self.decision == "allow"
    }

    /// All values of a header for the client.
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        let named = self.response_headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The decision in a few words.
    pub fn summary(&self) -> String {
        format!("{} ({})", self.decision, self.reason)
    }
}

impl App {
    /// Answers a browser's request: `POST /login?user=…` logs in, everything else is a protected page.
    pub async fn answer(&self, request: &Request) -> Result<Answer, Failure> {
        if request.method == Method::POST && request.url.path() == LOGIN_PATH {
            return self.login_page(request).await;
        }
        let decision = self.check(request).await?;
        let status = if decision.allows() { 200 } else { decision.status };
        page(status, &decision.response_headers, &decision)
    }

    /// Starts a session for a user that the app has just authenticated.
    pub async fn login(&self, user: &str, previous_cookie: Option<&str>) -> Result<Login, Failure> {
        let body = json!({
            "user": user,
            "auth": { "amr": ["pwd"] },
            "client": { "ip": self.client_ip, "user_agent": crate::browser::USER_AGENT },
            "previous_cookie": previous_cookie,
        });
        let answer = self.call(Method::POST, "/v1/sessions", Some(without_nulls(body))).await?;
        expect(&answer, 201, "POST /v1/sessions")
    }

    /// Starts a session for an OAuth client, whose user the app has just authenticated: a code instead of cookies.
    pub async fn authorize(
        &self,
        user: &str,
        client: &Registration,
        code_challenge: &str,
        dpop_jkt: &str,
    ) -> Result<Authorized, Failure> {
        let body = login_for(client, user, &self.client_ip, code_challenge, dpop_jkt);
        let answer = self.call(Method::POST, "/v1/sessions", Some(body)).await?;
        expect(&answer, 201, "POST /v1/sessions of kind oauth")
    }

    /// Asks whether a browser's request may go on.
    pub async fn check(&self, request: &Request) -> Result<Decision, Failure> {
        let readable = |(name, value): (&HeaderName, &http::HeaderValue)| {
            value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))
        };
        let headers: Vec<(String, String)> = request.headers.iter().filter_map(readable).collect();
        let body = json!({
            "method": request.method.as_str(),
            "url": request.url.as_str(),
            "headers": headers,
            "client_ip": self.client_ip,
        });
        expect(&self.call(Method::POST, "/v1/check", Some(body)).await?, 200, "POST /v1/check")
    }

    /// A session by its id; nothing if the app has no such session.
    pub async fn session(&self, id: &str) -> Result<Option<Session>, Failure> {
        let answer = self.call(Method::GET, &format!("/v1/sessions/{id}"), None).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        expect(&answer, 200, "GET /v1/sessions/{id}").map(Some)
    }

    /// Whether Holdfast says that it can answer.
    pub async fn is_ready(&self) -> bool {
        self.call(Method::GET, "/readyz", None).await.is_ok_and(|answer| answer.status == 200)
    }

    async fn login_page(&self, request: &Request) -> Result<Answer, Failure> {
        let user = request.url.query_pairs().find(|(name, _)| name == "user").map(|(_, user)| user);
        let Some(user) = user else {
            return Err(Failure::Usage("the login page needs ?user=NAME".to_owned()));
        };
        let cookies = joined(&request.headers, "cookie").unwrap_or_default();
        let prefix = format!("{}=", self.cookie_name);
        let previous = cookies.split("; ").find_map(|pair| pair.strip_prefix(prefix.as_str()));
        let login = self.login(&user, previous).await?;
        page(200, &login.response_headers, &login.session)
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Answer, Failure> {
        let url = self.api.base().join(path).map_err(|error| Failure::Usage(error.to_string()))?;
        let mut request =
            Request::new(method, url).header("authorization", &format!("Bearer {}", self.token))?;
        if let Some(body) = body {
            request = request.header("content-type", "application/json")?;
            request.body = body.to_string().into_bytes();
        }
        self.api.send(&request).await
    }
}

/// The URL on which a browser logs in as `user`.
pub fn login_url(origin: &crate::origin::Origin, user: &str) -> Result<Url, Failure> {
    let mut url = origin.at(LOGIN_PATH)?;
    url.query_pairs_mut().append_pair("user", user);
    Ok(url)
}

/// The body of `POST /v1/sessions` for an OAuth client.
pub(crate) fn login_for(
    client: &Registration,
    user: &str,
    client_ip: &str,
    code_challenge: &str,
    dpop_jkt: &str,
) -> Value {
    without_nulls(json!({
        "kind": "oauth",
        "user": user,
        "auth": { "amr": ["pwd"] },
        "client": { "ip": client_ip, "user_agent": crate::oauth::USER_AGENT },
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": client.scope,
        "audience": client.audience,
        "code_challenge": code_challenge,
        "code_challenge_method": "S256",
        "dpop_jkt": dpop_jkt,
    }))
}

fn expect<T: DeserializeOwned>(answer: &Answer, status: u16, asked: &str) -> Result<T, Failure> {
    if answer.status != status {
        return Err(Failure::answer(asked, answer));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::Answer(format!("{asked}: {error}: {}", answer.text())))
}

fn page(status: u16, headers: &[(String, String)], body: &impl Serialize) -> Result<Answer, Failure> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Failure::Answer(format!("`{name}` is not a header name")))?;
        map.append(name, header_value(value)?);
    }
    let body = serde_json::to_vec(body).map_err(|error| Failure::Answer(error.to_string()))?;
    Ok(Answer { status, headers: map, body })
}

fn without_nulls(mut json: Value) -> Value {
    if let Value::Object(members) = &mut json {
        members.retain(|_, value| !value.is_null());
    }
    json
}

/// Where the simulated site logs users in.
const LOGIN_PATH: &str = "/login";
