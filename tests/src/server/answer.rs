//! What came back.

use anyhow::{Context as _, Result, bail};
use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
    json: Value,
}

impl Answer {
    /// Reads an answer to its end.
    pub async fn read(response: reqwest::Response) -> Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or_default();
        Ok(Self { status, headers, text, json })
    }

    /// The answer, if it has this status.
    pub fn expect(self, status: u16) -> Result<Self> {
        if self.status == status {
            Ok(self)
        } else {
            bail!("{} instead of {status}: {}", self.status, self.text)
        }
    }

    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The value at a JSON pointer; null if there is none.
    #[must_use]
    pub fn at(&self, pointer: &str) -> &Value {
        self.json.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The text at a JSON pointer.
    pub fn text_at(&self, pointer: &str) -> Result<&str> {
        self.at(pointer).as_str().with_context(|| format!("no text at {pointer}: {}", self.text))
    }

    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Every value of a header.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// The value that a `Set-Cookie` gives to this cookie; an expired cookie has the empty value.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let values = self.all("set-cookie").into_iter().filter_map(|line| line.split_once('='));
        values.filter(|(key, _)| *key == name).map(|(_, rest)| until_semicolon(rest)).next_back()
    }

    /// Decision and reason of a check.
    #[must_use]
    pub fn verdict(&self) -> (&str, &str) {
        let text = |pointer| self.at(pointer).as_str().unwrap_or_default();
        (text("/decision"), text("/reason"))
    }

    /// The code of a problem document.
    #[must_use]
    pub fn code(&self) -> &str {
        self.at("/code").as_str().unwrap_or_default()
    }

    /// Whether this is a complete problem document, as the contract describes it.
    #[must_use]
    pub fn is_problem(&self) -> bool {
        let texts = ["/type", "/title", "/code", "/detail"].iter().all(|member| self.at(member).is_string());
        texts
            && self.at("/status").as_u64() == Some(u64::from(self.status))
            && self.header("content-type") == Some("application/problem+json")
    }

    /// The challenge of a DBSC answer: the text, if the header is exactly one string with this session's `id`.
    #[must_use]
    pub fn challenge(&self, session: &str) -> Option<String> {
        let [value] = self.all("secure-session-challenge").try_into().ok()?;
        let list: sfv::List = sfv::Parser::new(value).parse().ok()?;
        let [sfv::ListEntry::Item(item)] = list.as_slice() else { return None };
        let id = item.params.get("id")?.as_string()?;
        (id.as_str() == session).then(|| item.bare_item.as_string().map(|text| text.as_str().to_owned()))?
    }
}

fn until_semicolon(text: &str) -> String {
    text.split(';').next().unwrap_or_default().to_owned()
}
