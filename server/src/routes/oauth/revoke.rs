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
    answer::Failure,
    form::{Form, invalid},
    introspect::{Caller, session_of_token},
};
use crate::{context::Context, house::Holdfast, sessions::end};

/// Ends the session of a token. 200 also for a token that is none: the client wants it gone, and it is.
pub(crate) async fn revoke(
    State(house): State<Arc<Holdfast>>,
    context: Context,
    request: Request,
) -> Response {
    let origin = request.headers().clone();
    let mut response = match answer(&house, request, &context).await {
        Ok(()) => Response::default(),
        Err(failure) => failure.answer(&house, &context),
    };
    allow_origin(&house, &origin, &mut response);
    response
}

async fn answer(house: &Holdfast, request: Request<Body>, context: &Context) -> Result<(), Failure> {
    let (headers, form) = Form::read(request).await?;
    let caller = Caller::read(house, &headers, &form)?;
    let token = form.get("token").ok_or(invalid("token is missing"))?;
    let found = session_of_token(house, token, context).await?;
    if let Some(found) = found.filter(|found| caller.may_see(&found.session)) {
        end(house, found.session.record().id, EndReason::Revoked, context).await?;
    }
    Ok(())
}
