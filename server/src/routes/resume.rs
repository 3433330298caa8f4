//! `GET /_holdfast/resume?to=/path`: one reload from our own site.
//!
//! A link from another site arrives without the bound cookie if that has expired, and the browser may not refresh for
//! it. This page asks for the same address again, now from the app's own origin, so that the browser refreshes first.
//! It does so once: the second request is no foreign navigation, and is answered as it stands.

use axum::{
    extract::Query,
    response::{IntoResponse, Response},
};
use holdfast_core::origin::LocalPath;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::respond::{Problem, escape_html};

/// A page without script that leads to `to`, which is on this origin whatever it looks like.
pub(crate) async fn resume(
    query: Result<Query<Input>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(input) = query.map_err(|_| Problem::bad_request("write /_holdfast/resume?to=/path"))?;
    let to = input.to.parse::<LocalPath>().map_err(|error| Problem::bad_request(format!("to: {error}")))?;
    if to.as_str().starts_with("/_holdfast/") {
        return Err(Problem::bad_request("to: this page leads back into the app, not to Holdfast itself"));
    }
    let to = escape_html(to.as_str());
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>One moment</title>\
         <link rel=\"icon\" href=\"data:,\"><meta http-equiv=\"refresh\" content=\"0;url={to}\">\
         <p><a href=\"{to}\">Continue</a></p></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; img-src data:; frame-ancestors 'none'"),
        ),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    Ok((StatusCode::OK, headers, page).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    to: String,
}
