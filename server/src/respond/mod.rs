//! How outcomes look on the wire.

mod problem;
mod view;

pub(crate) use problem::{Code, Problem};
pub(crate) use view::SessionView;

use holdfast_core::dbsc::expire_cookie;
use http::{HeaderValue, header};

use crate::house::Holdfast;

/// A header value of a text that this server made. Such a text always fits; if one ever did not, the header would be
/// empty and the answer useless, but not harmful.
pub(crate) fn header_value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// The two `Set-Cookie` headers that make a browser forget its session.
pub(crate) fn expired_cookies(house: &Holdfast) -> [(http::HeaderName, HeaderValue); 2] {
    [&house.cookie_name, &house.hint_name].map(|name| (header::SET_COOKIE, header_value(expire_cookie(name))))
}
