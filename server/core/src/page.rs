//! Pages to which a browser is sent: to log in, or to log in again.

use std::{fmt, str::FromStr};

use crate::origin::LocalPath;

/// Where a login page is: a path on the app's own origin, or an absolute `https` address. It comes from the configuration
/// and never from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageAddress(Box<str>);

impl PageAddress {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of the page, if it is on the app's own origin, without its query.
    pub fn local_path(&self) -> Option<&str> {
        self.0.split('?').next().filter(|path| path.starts_with('/'))
    }

    /// The address, with the path to come back to in a parameter of its query. `back` is a path on the app's origin, so
    /// that the page cannot be made to send anybody elsewhere.
    pub fn returning_to(&self, parameter: &ParameterName, back: Option<&LocalPath>) -> String {
        let Some(back) = back else { return self.0.to_string() };
        let divider = if self.0.contains('?') { '&' } else { '?' };
        format!("{}{divider}{}={}", self.0, parameter.0, percent_encode(back.as_str()))
    }
}

impl FromStr for PageAddress {
    type Err = MalformedPage;

    fn from_str(text: &str) -> Result<Self, MalformedPage> {
        let is_local = text.parse::<LocalPath>().is_ok();
        let host = text.strip_prefix("https://").and_then(|rest| rest.split(['/', '?']).next());
        let is_absolute = host.is_some_and(|host| !host.is_empty() && !host.contains(['@', '\\']));
        let is_clean = text.len() <= 2048 && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if (is_local || is_absolute) && is_clean { Ok(Self(text.into())) } else { Err(MalformedPage) }
    }
}

/// The text is no address of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedPage;

impl fmt::Display for MalformedPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a page is a path on the app's origin, such as \"/login\", or an absolute https address; no fragment",
        )
    }
}

impl std::error::Error for MalformedPage {}

/// The name of a query parameter that needs no encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterName(Box<str>);

impl ParameterName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ParameterName {
    fn default() -> Self {
        Self("return_to".into())
    }
}

impl FromStr for ParameterName {
    type Err = MalformedParameter;

    fn from_str(text: &str) -> Result<Self, MalformedParameter> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(MalformedParameter)
        }
    }
}

/// The text is no name of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedParameter;

impl fmt::Display for MalformedParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a parameter's name is 1 to 64 letters, digits, \"-\", \".\", \"_\" or \"~\"")
    }
}

impl std::error::Error for MalformedParameter {}

/// Percent-encodes a target so that it stands in a query as one value (RFC 3986 §3.4).
pub fn percent_encode(text: &str) -> String {
    use fmt::Write;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_one_value() {
        let back: LocalPath = "/orders?x=1&y=2".parse().unwrap();
        let parameter = ParameterName::default();
        for (page, expected) in [
            ("/login", "/login?return_to=/orders%3Fx%3D1%26y%3D2"),
            ("/login?lang=en", "/login?lang=en&return_to=/orders%3Fx%3D1%26y%3D2"),
            ("https://id.example/in", "https://id.example/in?return_to=/orders%3Fx%3D1%26y%3D2"),
        ] {
            let page: PageAddress = page.parse().unwrap();
            assert_eq!(page.returning_to(&parameter, Some(&back)), expected);
            assert_eq!(page.returning_to(&parameter, None), page.as_str());
        }
        assert_eq!(percent_encode("/a?x=1&y=é"), "/a%3Fx%3D1%26y%3D%C3%A9");
        assert_eq!("/in?x=1".parse::<PageAddress>().unwrap().local_path(), Some("/in"));
        assert_eq!("https://id.example/in".parse::<PageAddress>().unwrap().local_path(), None);
    }

    #[test]
    fn pages_are_named_in_full() {
        for text in [
            "",
            "login",
            "//evil.example/",
            "/\\evil",
            "http://id.example/",
            "https://",
            "https:///x",
            "https://a@b/",
            "https://a\\b/",
            "/login#top",
            "/a b",
            "javascript:alert(1)",
        ] {
            assert_eq!(text.parse::<PageAddress>(), Err(MalformedPage), "{text:?}");
        }
        for text in ["", "a b", "a=b", "a&b", "é"] {
            assert_eq!(text.parse::<ParameterName>(), Err(MalformedParameter), "{text:?}");
        }
    }
}
