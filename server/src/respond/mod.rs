//! How outcomes look on the wire.

mod code;
mod problem;
mod view;

pub(crate) use code::{Code, OAuthError, ProblemCode};
pub(crate) use problem::Problem;
pub(crate) use view::SessionView;

use axum::response::{IntoResponse, Response};
use holdfast_core::dbsc::expire_cookie;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::house::Holdfast;

/// A value as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// A header value of a text that this server made. Such a text always fits; if one ever did not, the header would be
/// empty and the answer useless, but not harmful.
pub(crate) fn header_value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// The two `Set-Cookie` headers that make a browser forget its session.
pub(crate) fn expired_cookies(house: &Holdfast) -> [(http::HeaderName, HeaderValue); 2] {
    [&house.cookie_name, &house.hint_name].map(|name| (header::SET_COOKIE, header_value(expire_cookie(name))))
}

/// A text as it is written in a page, in an element or between quotes.
pub(crate) fn escape_html(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match character {
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
        out
    })
}
