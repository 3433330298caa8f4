//! `POST /_holdfast/oauth/revoke`: a client gives back what it was granted (RFC 7009).

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use holdfast_core::session::EndReason;

use super::{
    allow_origin,
    answer::{Failure, settle},
    form::{Form, invalid},
    introspect::Caller,
    named::Named,
};
use crate::{context::Context, house::Holdfast, respond::OAuthError, sessions::end};

/// Ends the session of a token. 200 also for a token that is none: the client wants it gone, and it is.
pub(crate) async fn revoke(
    State(house): State<Arc<Holdfast>>,
    context: Context,
    request: Request,
) -> Response {
    let origin = request.headers().clone();
    let outcome = answer(&house, request, &context).await.map(|()| Response::default());
    let mut response = settle(&house, "revoke", outcome, &context);
    allow_origin(&house, &origin, &mut response);
    response
}

async fn answer(house: &Holdfast, request: Request<Body>, context: &Context) -> Result<(), Failure> {
    let (headers, form) = Form::read(request).await?;
    let caller = Caller::read(house, &headers, &form)?;
    let text = form.get("token").ok_or(invalid("token is missing"))?;
    let Some(token) = Named::read(house, text, context.now)? else { return Ok(()) };
    let Some(found) = token.session(house).await? else { return Ok(()) };
    if !caller.may_see(&found.session) {
        return Ok(());
    }
    let is_current = match token {
        Named::Refresh(token) => found.session.would_take(&token, context.now),
        // An access token travels with every request. Whoever has copied one, and has no secret to show, must not be able to
        // log its user out with it.
        Named::Access(_) if !caller.is_somebody() => {
            let says = "a client without a secret gives back its refresh token; access tokens end with it";
            return Err(Failure::Error(OAuthError::UnsupportedTokenType, says));
        }
        Named::Access(_) => true,
    };
    if is_current {
        end(house, found.session.record().id, EndReason::Revoked, context).await?;
    }
    Ok(())
}
