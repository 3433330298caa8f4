//! Session instructions: the JSON that a registration or a refresh answers with, judged as Chromium 156 judges it.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::host_pattern::HostPattern;
use super::scope::{Rule, Scope};
use crate::browser::FetchError;
use crate::jar::{Attributes, Cookie, SetCookie};
use crate::origin::{same_site, site_of};

/// What a session is: its id, where it is refreshed, what it covers and which cookies it keeps alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instructions {
    /// The session's id.
    pub id: String,
    /// Where to refresh.
    pub refresh_url: Url,
    /// What is covered.
    pub scope: Scope,
    /// Cookies that must be there, with an empty value.
    pub credentials: Vec<Cookie>,
    /// Foreign hosts that may cause a refresh.
    pub initiators: Vec<HostPattern>,
}

impl Instructions {
    /// Parses a body that came from `from`.
    ///
    /// # Errors
    ///
    /// What Chromium calls the mistake. `continue: false` is among them: it ends the session.
    pub fn parse(body: &str, from: &Url, now: Duration) -> Result<Self, FetchError> {
        let body = body.strip_prefix('\u{feff}').unwrap_or(body);
        let json: Value = serde_json::from_str(body).map_err(|_| FetchError::InvalidConfigJson)?;
        if depth(&json) > MAX_DEPTH || !json.is_object() {
            return Err(FetchError::InvalidConfigJson);
        }
        let id = text(&json, "session_identifier").filter(|id| !id.is_empty());
        let id = id.ok_or(FetchError::InvalidSessionId)?.to_owned();
        if json.get("continue").and_then(Value::as_bool) == Some(false) {
            return Err(FetchError::ServerRequestedTermination);
        }
        let refresh_url = refresh_url(&json, from)?;
        let scope = scope(&json, from, &refresh_url)?;
        let credentials = credentials(&json, from, now)?;
        Ok(Self { id, refresh_url, scope, credentials, initiators: initiators(&json)? })
    }
}

fn text<'a>(json: &'a Value, name: &str) -> Option<&'a str> {
    json.get(name).and_then(Value::as_str)
}

fn depth(json: &Value) -> usize {
    match json {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

fn refresh_url(json: &Value, from: &Url) -> Result<Url, FetchError> {
    let path = text(json, "refresh_url").unwrap_or_default();
    let url = from.join(path).map_err(|_| FetchError::InvalidRefreshUrl)?;
    if url.scheme() != "https" {
        return Err(FetchError::InvalidRefreshUrl);
    }
    if !same_site(&url, from) {
        return Err(FetchError::RefreshUrlSameSiteMismatch);
    }
    Ok(url)
}

fn scope(json: &Value, from: &Url, refresh_url: &Url) -> Result<Scope, FetchError> {
    let json = json.get("scope").filter(|scope| scope.is_object()).ok_or(FetchError::MissingScope)?;
    let include_site = json.get("include_site").and_then(Value::as_bool);
    let include_site = include_site.ok_or(FetchError::MissingScopeIncludeSite)?;
    let origin = scope_origin(text(json, "origin").unwrap_or_default(), from)?;
    let host = origin.host_str().unwrap_or_default().to_owned();
    if include_site && site_of(&host) != host {
        return Err(FetchError::InvalidScopeIncludeSite);
    }
    if !include_site && origin.origin() != from.origin() {
        return Err(FetchError::CrossOriginRegistrationSiteNotIncluded);
    }
    let mut rules = match json.get("scope_specification") {
        None | Some(Value::Null) => Vec::new(),
        Some(list) => list
            .as_array()
            .ok_or(FetchError::InvalidScopeSpecification)?
            .iter()
            .map(rule)
            .collect::<Result<Vec<Rule>, FetchError>>()?,
    };
    // The refresh endpoint is never covered itself: a refresh would wait for itself.
    let refresh_host = refresh_url.host_str().unwrap_or_default().to_owned();
    rules.push(Rule {
        include: false,
        host: HostPattern::Exact(refresh_host),
        path: refresh_url.path().to_owned(),
    });
    Ok(Scope { origin, include_site, rules })
}

/// An origin as browsers serialize it: a scheme, no path, not even a slash.
fn scope_origin(origin: &str, from: &Url) -> Result<Url, FetchError> {
    if origin.is_empty() {
        return Url::parse(&from.origin().ascii_serialization()).map_err(|_| FetchError::InvalidScopeOrigin);
    }
    let url = Url::parse(origin).map_err(|_| FetchError::InvalidScopeOrigin)?;
    if url.origin().ascii_serialization() != origin.to_ascii_lowercase() {
        return Err(FetchError::ScopeOriginContainsPath);
    }
    same_site(&url, from).then_some(url).ok_or(FetchError::ScopeOriginSameSiteMismatch)
}

fn rule(json: &Value) -> Result<Rule, FetchError> {
    let include = match text(json, "type").ok_or(FetchError::MissingScopeSpecificationType)? {
        "include" => true,
        "exclude" => false,
        _ => return Err(FetchError::InvalidScopeSpecificationType),
    };
    let host = match text(json, "domain") {
        None => HostPattern::Any,
        Some("") => return Err(FetchError::EmptyScopeSpecificationDomain),
        Some(pattern) => HostPattern::parse(pattern).ok_or(FetchError::InvalidScopeRuleHostPattern)?,
    };
    match text(json, "path").unwrap_or("/") {
        "" => Err(FetchError::EmptyScopeSpecificationPath),
        path if path.starts_with('/') => Ok(Rule { include, host, path: path.to_owned() }),
        _ => Err(FetchError::InvalidScopeRulePath),
    }
}

fn credentials(json: &Value, from: &Url, now: Duration) -> Result<Vec<Cookie>, FetchError> {
    let list = json.get("credentials").and_then(Value::as_array).ok_or(FetchError::NoCredentials)?;
    if list.is_empty() {
        return Err(FetchError::NoCredentials);
    }
    list.iter().map(|json| credential(json, from, now)).collect()
}

/// A credential is the tail of a `Set-Cookie` line, with five attributes allowed.
fn credential(json: &Value, from: &Url, now: Duration) -> Result<Cookie, FetchError> {
    if text(json, "type") != Some("cookie") {
        return Err(FetchError::InvalidCredentialsType);
    }
    let name = text(json, "name").filter(|name| !name.is_empty());
    let name = name.ok_or(FetchError::InvalidCredentialsEmptyName)?.to_owned();
    let attributes = Attributes::parse(text(json, "attributes").unwrap_or_default());
    if !attributes.others.is_empty() {
        return Err(FetchError::InvalidCredentialsCookieUnpermittedAttribute);
    }
    let set = SetCookie { name, value: String::new(), attributes };
    set.cookie(from, now).ok_or(FetchError::BoundCookieSetForbidden)
}

fn initiators(json: &Value) -> Result<Vec<HostPattern>, FetchError> {
    let Some(list) = json.get("allowed_refresh_initiators").and_then(Value::as_array) else {
        return Ok(Vec::new());
    };
    let pattern = |item: &Value| {
        let text = item.as_str().ok_or(FetchError::RefreshInitiatorNotString)?;
        HostPattern::parse(text).ok_or(FetchError::RefreshInitiatorInvalidHostPattern)
    };
    list.iter().map(pattern).collect()
}

/// Chromium refuses configurations that are nested deeper.
const MAX_DEPTH: usize = 5;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(json: &Value) -> Result<Instructions, FetchError> {
        let from = Url::parse("https://shop.example/_holdfast/dbsc/register").unwrap();
        Instructions::parse(&json.to_string(), &from, Duration::from_secs(1))
    }

    fn good() -> Value {
        json!({
            "session_identifier": "s", "refresh_url": "/_holdfast/dbsc/refresh", "scope": {"include_site": false},
            "credentials": [{"type": "cookie", "name": "__Host-h", "attributes": "Path=/; Secure; HttpOnly; SameSite=lax"}]
        })
    }

    #[test]
    fn the_minimal_answer_makes_a_session() {
        let instructions = parse(&good()).unwrap();
        assert_eq!(instructions.refresh_url.as_str(), "https://shop.example/_holdfast/dbsc/refresh");
        assert!(instructions.scope.covers(&Url::parse("https://shop.example/").unwrap()));
        assert!(!instructions.scope.covers(&instructions.refresh_url));
    }

    #[test]
    fn mistakes_have_chromiums_names() {
        let cases: [(&str, Value, FetchError); 12] = [
            ("/session_identifier", json!(7), FetchError::InvalidSessionId),
            ("/continue", json!(false), FetchError::ServerRequestedTermination),
            ("/refresh_url", json!("http://shop.example/r"), FetchError::InvalidRefreshUrl),
            ("/refresh_url", json!("https://other.test/r"), FetchError::RefreshUrlSameSiteMismatch),
            ("/scope", json!(null), FetchError::MissingScope),
            ("/scope", json!({"include_site": "no"}), FetchError::MissingScopeIncludeSite),
            (
                "/scope",
                json!({"include_site": false, "origin": "https://shop.example/"}),
                FetchError::ScopeOriginContainsPath,
            ),
            (
                "/scope",
                json!({"include_site": false, "origin": "https://www.shop.example"}),
                FetchError::CrossOriginRegistrationSiteNotIncluded,
            ),
            ("/credentials", json!([]), FetchError::NoCredentials),
            (
                "/credentials",
                json!([{"type": "cookie", "name": "a", "attributes": "Max-Age=5"}]),
                FetchError::InvalidCredentialsCookieUnpermittedAttribute,
            ),
            (
                "/credentials",
                json!([{"type": "cookie", "name": "__Host-a", "attributes": "Path=/"}]),
                FetchError::BoundCookieSetForbidden,
            ),
            (
                "/allowed_refresh_initiators",
                json!(["a.*.com"]),
                FetchError::RefreshInitiatorInvalidHostPattern,
            ),
        ];
        for (place, value, expected) in cases {
            let mut json = good();
            json[place.trim_start_matches('/')] = value;
            assert_eq!(parse(&json).unwrap_err(), expected, "{json}");
        }
    }

    #[test]
    fn what_is_not_strict_json_is_refused() {
        let from = Url::parse("https://shop.example/r").unwrap();
        for body in ["", "OK", "<html>", ")]}'{}", "[]", r#"{"a":[[[[[1]]]]]}"#] {
            let result = Instructions::parse(body, &from, Duration::ZERO);
            assert_eq!(result.unwrap_err(), FetchError::InvalidConfigJson, "{body}");
        }
    }
}
