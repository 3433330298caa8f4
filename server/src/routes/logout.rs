//! `POST /_holdfast/logout`: the user leaves.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use holdfast_core::{origin::LocalPath, session::EndReason};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::own_session::cookie_of;
use crate::{
    context::Context,
    extract::fetch::FetchMetadata,
    house::Holdfast,
    respond::{Problem, ProblemCode, expired_cookies, header_value},
    sessions::{end, presented_to_end},
};

/// Ends the session of the current cookie and takes both cookies from the browser. A cookie that is not in order ends
/// nothing: an old copy must not be a way to log its owner out.
pub(crate) async fn logout(
    State(house): State<Arc<Holdfast>>,
    context: Context,
    query: Result<Query<Input>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(input) = query.map_err(|_| Problem::bad_request("the only query parameter here is to"))?;
    let fetch = FetchMetadata::of(&headers);
    let found = match cookie_of(&house, &headers) {
        Ok(cookie) => presented_to_end(&house, cookie, &context).await?,
        Err(_) => None,
    };
    let own = found.as_ref().and_then(|found| house.app_named(&found.session.record().app));
    let is_own = match own {
        Some(app) => fetch.is_from(&app.origin),
        None => house.apps.iter().any(|app| fetch.is_from(&app.origin)),
    };
    if !is_own {
        let detail = "another origin may not log a user out; post from a page of the app itself";
        return Err(Problem::of(ProblemCode::CrossOrigin, detail));
    }
    let to = input.to.map(|to| to.parse::<LocalPath>()).transpose();
    let to = to.map_err(|error| Problem::bad_request(format!("to: {error}")))?;
    if let Some(found) = found {
        end(&house, found.session.record().id, EndReason::Logout, &context).await?;
    }
    let mut response = match to {
        Some(to) => (StatusCode::SEE_OTHER, [(header::LOCATION, header_value(to.as_str().to_owned()))])
            .into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    };
    for (name, value) in expired_cookies(&house) {
        response.headers_mut().append(name, value);
    }
    if house.clear_site_data {
        response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"storage\""));
    }
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    to: Option<String>,
}
