//! The `Set-Cookie` line, and the attribute string of a DBSC credential, which is its tail.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use url::Url;

use super::{Cookie, SameSite, below};
use crate::origin::site_of;

/// A parsed line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// Everything after the first semicolon.
    pub attributes: Attributes,
}

/// The attributes of a cookie, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `Domain`, without a leading dot.
    pub domain: Option<String>,
    /// `Path`, if it starts with a slash.
    pub path: Option<String>,
    /// `Secure`.
    pub secure: bool,
    /// `HttpOnly`.
    pub http_only: bool,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Max-Age` in seconds.
    pub max_age: Option<i64>,
    /// `Expires` in seconds since the epoch.
    pub expires: Option<i64>,
    /// The lower-case names of all attributes that are none of Domain, Path, Secure, HttpOnly and SameSite.
    pub others: Vec<String>,
}

impl SetCookie {
    /// Parses a line; nothing if it has no name.
    pub fn parse(line: &str) -> Option<Self> {
        let (pair, tail) = line.split_once(';').unwrap_or((line, ""));
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        (!name.is_empty()).then(|| Self { name, value, attributes: Attributes::parse(tail) })
    }

    /// The cookie to store when the response of `url` carried this line; nothing if a rule forbids it.
    pub fn cookie(self, url: &Url, now: Duration) -> Option<Cookie> {
        let attributes = self.attributes;
        let host = url.host_str()?.to_owned();
        let host_only = attributes.domain.is_none();
        let domain = attributes.domain.unwrap_or_else(|| host.clone());
        let too_broad = !host_only && site_of(&domain) == domain && !domain.contains('.');
        let path = attributes.path.unwrap_or_else(|| default_path(url));
        let name = self.name.to_ascii_lowercase();
        let allowed = below(&host, &domain)
            && !too_broad
            && (!attributes.secure || url.scheme() == "https")
            && (attributes.same_site != SameSite::None || attributes.secure)
            && (!name.starts_with("__secure-") || attributes.secure)
            && (!name.starts_with("__host-") || (attributes.secure && host_only && path == "/"));
        allowed.then(|| Cookie {
            name: self.name,
            value: self.value,
            domain,
            host_only,
            path,
            secure: attributes.secure,
            http_only: attributes.http_only,
            same_site: attributes.same_site,
            expires_at: expiry(attributes.max_age, attributes.expires, now),
            created_at: now,
        })
    }
}

impl Attributes {
    /// Parses `Path=/; Secure; …`. Names and `SameSite` values may be in any case.
    pub fn parse(tail: &str) -> Self {
        let mut attributes = Self::default();
        for part in tail.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            attributes.set(&name.trim().to_ascii_lowercase(), value.trim());
        }
        attributes
    }

    fn set(&mut self, name: &str, value: &str) {
        match name {
            "domain" => self.domain = domain(value),
            "path" => self.path = value.starts_with('/').then(|| value.to_owned()),
            "secure" => self.secure = true,
            "httponly" => self.http_only = true,
            "samesite" => self.same_site = same_site(value),
            other => self.others.push(other.to_owned()),
        }
        match name {
            "max-age" => self.max_age = value.parse().ok(),
            "expires" => self.expires = date(value),
            _ => {}
        }
    }
}

fn domain(value: &str) -> Option<String> {
    let value = value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase();
    (!value.is_empty()).then_some(value)
}

fn same_site(value: &str) -> SameSite {
    match value.to_ascii_lowercase().as_str() {
        "strict" => SameSite::Strict,
        "lax" => SameSite::Lax,
        "none" => SameSite::None,
        _ => SameSite::Unspecified,
    }
}

fn date(value: &str) -> Option<i64> {
    OffsetDateTime::parse(value, &Rfc2822).ok().map(OffsetDateTime::unix_timestamp)
}

/// `Max-Age` wins over `Expires`; both in the past mean "remove".
fn expiry(max_age: Option<i64>, expires: Option<i64>, now: Duration) -> Option<Duration> {
    let seconds = |count: i64| Duration::from_secs(u64::try_from(count).unwrap_or(0));
    match max_age {
        Some(age) if age <= 0 => Some(Duration::ZERO),
        Some(age) => Some(now.saturating_add(seconds(age))),
        None => expires.map(seconds),
    }
}

/// The directory of the URL's path.
fn default_path(url: &Url) -> String {
    match url.path().rsplit_once('/') {
        None | Some(("", _)) => "/".to_owned(),
        Some((directory, _)) => directory.to_owned(),
    }
}
