//! The session that a cookie speaks for.

use holdfast_core::{
    check::{Decision, Reason, judge_cookie, judge_session},
    cookie::AuthenticCookie,
    policy::Requirements,
};
use holdfast_store::{Backend, Found};

use crate::{context::Context, error::Trouble, house::Holdfast};

/// Finds the session of a cookie by the rules of a check, without counting as its use: a cookie that no check accepts
/// speaks for nobody, or an old copy would be a way to log its owner out.
///
/// # Errors
/// Inside, why the cookie speaks for nobody; outside, our own trouble.
pub(crate) async fn presented(
    house: &Holdfast,
    value: &str,
    context: &Context,
) -> Result<Result<Found, Reason>, Trouble> {
    let Some(cookie) = AuthenticCookie::open(&house.keyring, value) else {
        return Ok(Err(Reason::BadCookie));
    };
    if let Err(verdict) = judge_cookie(&cookie, context.now) {
        return Ok(Err(verdict.reason));
    }
    let Some(found) = house.store.load(cookie.get().session).await? else {
        return Ok(Err(Reason::SessionUnknown));
    };
    let nothing_more = Requirements::default();
    let verdict =
        judge_session(&cookie, &found.session, found.activity, &nothing_more, &house.policy, context.now);
    Ok(if verdict.decision == Decision::Allow { Ok(found) } else { Err(verdict.reason) })
}
