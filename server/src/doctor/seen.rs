//! An answer that came through the gateway, and what can be told from it alone.

use http::{HeaderMap, header};
use serde::Deserialize;

/// An answer, whole.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Seen {
    /// The one value of a header, if it is there and is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The code of a problem document of Holdfast's.
    pub(super) fn code(&self) -> Option<String> {
        let is_problem = self.media_type() == "application/problem+json";
        let problem = is_problem.then(|| serde_json::from_str::<Problem>(&self.body).ok()).flatten()?;
        problem.r#type.starts_with("urn:holdfast:problem:").then(|| printable(&problem.code))
    }

    /// Whether this is a page for people.
    pub(super) fn is_html(&self) -> bool {
        self.media_type() == "text/html"
            || self.body.trim_start().get(..9).is_some_and(|head| head.eq_ignore_ascii_case("<!doctype"))
    }

    /// Whether somebody has told the client to authenticate, or sent it away to do so.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.status, 401 | 403) || (300..400).contains(&self.status)
    }

    /// Status, media type and code: what may be shown of any answer.
    pub(super) fn words(&self) -> String {
        let media_type = self.media_type();
        let media_type = if media_type.is_empty() { "no Content-Type" } else { &media_type };
        match self.code() {
            Some(code) => format!("{} {media_type}, code {code}", self.status),
            None => format!("{} {media_type}", self.status),
        }
    }

    fn media_type(&self) -> String {
        let value = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        printable(&value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }
}

/// At most 80 printable characters of a text that somebody else wrote.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|character| character.is_ascii_graphic() || *character == ' ').take(80).collect()
}

#[derive(Deserialize)]
struct Problem {
    r#type: String,
    code: String,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An answer for the tests of judges.
    pub(crate) fn seen(status: u16, headers: &[(&'static str, &str)], body: &str) -> Seen {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        Seen { status, headers, body: body.to_owned() }
    }

    /// A problem document of Holdfast's.
    pub(crate) fn problem(status: u16, code: &str) -> Seen {
        let body = format!(r#"{{"type":"urn:holdfast:problem:{code}","code":"{code}"}}"#);
        seen(status, &[("content-type", "application/problem+json")], &body)
    }

    #[test]
    fn only_a_problem_of_ours_has_a_code() {
        assert_eq!(problem(404, "not_found").code().as_deref(), Some("not_found"));
        let body = r#"{"type":"about:blank","code":"not_found"}"#;
        assert_eq!(seen(404, &[("content-type", "application/problem+json")], body).code(), None);
        let body = r#"{"type":"urn:holdfast:problem:x","code":"x"}"#;
        assert_eq!(seen(404, &[("content-type", "text/html")], body).code(), None);
    }

    #[test]
    fn nothing_that_somebody_else_wrote_moves_the_cursor() {
        assert_eq!(problem(404, "a\\u001b[2Jb").words(), "404 application/problem+json, code a[2Jb");
        assert_eq!(seen(200, &[], "").words(), "200 no Content-Type");
    }
}
