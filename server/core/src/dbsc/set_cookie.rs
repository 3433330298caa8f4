//! Cookies as they go out. `Set-Cookie` and the credential of the session instructions are made of one value, since a
//! browser that sees a difference between them refreshes before every request (Chromium 156).

use std::{fmt, str::FromStr, time::Duration};

/// The name of a cookie that browsers keep to one host: it begins with `__Host-` (RFC 6265bis §4.1.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName(Box<str>);

impl CookieName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the cookie that says "this browser has a bound session", beside the session cookie of this name.
    pub fn hint(&self) -> Self {
        Self(format!("{}-hint", self.0).into())
    }
}

impl FromStr for CookieName {
    type Err = MalformedCookieName;

    fn from_str(text: &str) -> Result<Self, MalformedCookieName> {
        let rest = text.strip_prefix("__Host-").ok_or(MalformedCookieName)?;
        let clean = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !rest.is_empty() && text.len() <= 64 && clean {
            Ok(Self(text.into()))
        } else {
            Err(MalformedCookieName)
        }
    }
}

/// The text is no name for the session cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedCookieName;

impl fmt::Display for MalformedCookieName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cookie name begins with \"__Host-\" and goes on with letters, digits, \"-\" or \"_\", 64 in all")
    }
}

impl std::error::Error for MalformedCookieName {}

/// A `Set-Cookie` value of a cookie that lives so long. It is persistent, because a browser's bound session outlives a restart.
pub fn set_cookie(name: &CookieName, value: &str, life: Duration) -> String {
    format!("{}={value}; Max-Age={}; {ATTRIBUTES}", name.as_str(), life.as_secs())
}

/// A `Set-Cookie` value of a cookie that is gone when the browser is closed: for bearer secrets, which should not outlive
/// a restart (NIST SP 800-63B-4 §5.1).
pub fn set_transient_cookie(name: &CookieName, value: &str) -> String {
    format!("{}={value}; {ATTRIBUTES}", name.as_str())
}

/// A `Set-Cookie` value that makes a browser forget the cookie.
pub fn expire_cookie(name: &CookieName) -> String {
    set_cookie(name, "", Duration::ZERO)
}

/// What `Set-Cookie` and the credential say alike.
pub(super) const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_one_host() {
        assert_eq!("__Host-holdfast".parse::<CookieName>().unwrap().hint().as_str(), "__Host-holdfast-hint");
        for text in [
            "",
            "holdfast",
            "__Secure-holdfast",
            "__Host-",
            "__host-a",
            "__Host-a b",
            "__Host-a=b",
            "__Host-é",
            "__Host-a;b",
        ] {
            assert!(text.parse::<CookieName>().is_err(), "{text}");
        }
    }
}
