//! Cookies as the browser stores them.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

/// One cookie of the browser's jar.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cookie {
    /// The cookie's name.
    pub name: String,
    /// The cookie's value.
    pub value: String,
    /// The host; with a dot in front when subdomains get the cookie too.
    pub domain: String,
    /// The path prefix.
    pub path: String,
    /// When it expires, in seconds since 1970; negative for a cookie that ends with the browser.
    pub expires: f64,
    /// Hidden from scripts.
    pub http_only: bool,
    /// Only over TLS.
    pub secure: bool,
    /// `Strict`, `Lax` or `None`, if the server said so.
    pub same_site: Option<String>,
}

pub(crate) fn parse_all(mut answer: Value) -> Result<Vec<Cookie>> {
    serde_json::from_value(answer["cookies"].take()).context("cookies of an unknown shape")
}
