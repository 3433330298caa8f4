//! Who asks for a stream.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::{HeaderValue, header, request::Parts};

use crate::{
    extract::authorization::Authorization,
    house::Holdfast,
    respond::{Problem, ProblemCode},
    signals::{StreamReceiver, Transmitter},
    token::TokenHash,
};

/// The caller is one of those who are told; it may read its stream and fetch from it (`ssf.read`).
pub(crate) struct MayRead {
    pub(crate) transmitter: Arc<Transmitter>,
    pub(crate) receiver: Arc<StreamReceiver>,
}

/// The caller may also make, change and delete its stream (`ssf.manage`).
pub(crate) struct MayManage(pub(crate) MayRead);

impl FromRequestParts<Arc<Holdfast>> for MayRead {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, house: &Arc<Holdfast>) -> Result<Self, Problem> {
        let transmitter = house.signals.transmitter.as_ref().ok_or_else(not_here)?;
        let values = parts.headers.get_all(header::AUTHORIZATION).iter();
        let values = values.map(|value| value.to_str().unwrap_or_default());
        let Authorization::Bearer(token) = Authorization::read(values) else { return Err(unauthorized()) };
        let (receiver, _matches) = transmitter.receiver_of(&TokenHash::of(token)).ok_or_else(unauthorized)?;
        Ok(Self { transmitter: Arc::clone(transmitter), receiver: Arc::clone(receiver) })
    }
}

impl FromRequestParts<Arc<Holdfast>> for MayManage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, house: &Arc<Holdfast>) -> Result<Self, Problem> {
        let permit = MayRead::from_request_parts(parts, house).await?;
        if permit.receiver.config.may_manage {
            Ok(Self(permit))
        } else {
            let detail = "this token has not the scope ssf.manage; the operator of the transmitter gives it";
            Err(Problem::of(ProblemCode::Forbidden, detail))
        }
    }
}

/// A server that tells nobody has none of this.
pub(super) fn not_here() -> Problem {
    Problem::of(
        ProblemCode::NotFound,
        "this server shares no signals; its operator writes [signals.transmitter]",
    )
}

fn unauthorized() -> Problem {
    let detail = "send Authorization: Bearer, once, with the token that the operator of the transmitter gave";
    Problem::of(ProblemCode::Unauthorized, detail)
        .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"holdfast\""))
}
