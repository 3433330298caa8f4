//! The fields of a DBSC request.

use std::borrow::Cow;

use holdfast_core::{
    Origin, Rejection, Rule,
    dbsc::headers::{self, RESPONSE, SESSION_ID, read_raw_or_quoted},
};
use http::{HeaderMap, HeaderName};

use super::fetch::FetchMetadata;

/// Why a browser did not refresh, in a request that it sent all the same.
pub(crate) const SKIPPED: HeaderName = HeaderName::from_static(headers::SKIPPED);

/// The proof, if one was sent.
///
/// # Errors
/// `D-HDR-01` if more than one field was sent, or one that is no text.
pub(crate) fn proof(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>, Rejection> {
    let mut values = headers.get_all(RESPONSE).iter();
    let Some(value) = values.next() else { return Ok(None) };
    // D-HDR-01 · DBSC §9.3: of two proofs, a check and a later reader might see different ones.
    if values.next().is_some() {
        return Err(Rule::DHdr01.into());
    }
    let text = value.to_str().map_err(|_| Rejection::of(Rule::DHdr01))?;
    read_raw_or_quoted(text).map(Some).ok_or(Rule::DHdr01.into())
}

/// What the browser calls itself, if it says so once.
pub(crate) fn user_agent(headers: &HeaderMap) -> Option<&str> {
    headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok())
}

/// The id of the session to refresh, as it was sent.
///
/// # Errors
/// `D-HDR-02` if there is no such field, more than one, or one that is no text.
pub(crate) fn session_id(headers: &HeaderMap) -> Result<Cow<'_, str>, Rejection> {
    let mut values = headers.get_all(SESSION_ID).iter();
    // D-HDR-02 · DBSC §9.4: a refresh works from this field alone, for no cookie may have come along.
    let (Some(value), None) = (values.next(), values.next()) else { return Err(Rule::DHdr02.into()) };
    let text = value.to_str().map_err(|_| Rejection::of(Rule::DHdr02))?;
    read_raw_or_quoted(text).ok_or(Rule::DHdr02.into())
}

/// Refuses a request that another site made.
///
/// # Errors
/// `D-HDR-03`.
pub(crate) fn refuse_cross_site(headers: &HeaderMap, origin: &Origin) -> Result<(), Rejection> {
    // D-HDR-03 · DBSC §5, Fetch Metadata §2: browsers send proofs from the app's own site, wherever the user came from.
    if FetchMetadata::of(headers).is_same_site(origin) { Ok(()) } else { Err(Rule::DHdr03.into()) }
}
