//! What receivers find out about this transmitter (SSF 1.0 §7).

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::permit::not_here;
use crate::{
    house::Holdfast,
    respond::{Problem, json as answer},
};

/// `GET /.well-known/ssf-configuration`.
pub(crate) async fn configuration(State(house): State<Arc<Holdfast>>) -> Result<Response, Problem> {
    let transmitter = house.signals.transmitter.as_ref().ok_or_else(not_here)?;
    let issuer = &transmitter.config.issuer;
    let at = |path: &str| format!("{issuer}/_holdfast/ssf/{path}");
    let document = json!({
        "spec_version": "1_0",
        "issuer": issuer,
        "jwks_uri": at("jwks"),
        "delivery_methods_supported": [holdfast_ssf::stream::PUSH, holdfast_ssf::stream::POLL],
        "configuration_endpoint": at("stream"),
        "status_endpoint": at("status"),
        "add_subject_endpoint": at("subjects/add"),
        "remove_subject_endpoint": at("subjects/remove"),
        "verification_endpoint": at("verify"),
        "critical_subject_members": [],
        "authorization_schemes": [{ "spec_urn": "urn:ietf:rfc:6750" }],
    });
    Ok(answer(StatusCode::OK, &document))
}

/// `GET /_holdfast/ssf/jwks`: the key that signs.
pub(crate) async fn jwks(State(house): State<Arc<Holdfast>>) -> Result<Response, Problem> {
    let transmitter = house.signals.transmitter.as_ref().ok_or_else(not_here)?;
    let media = [(header::CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"))];
    Ok((media, transmitter.signer.jwks().to_string()).into_response())
}
