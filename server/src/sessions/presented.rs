//! The session that a cookie speaks for.

use holdfast_core::{
    check::{Reason, judge_cookie, judge_session},
    cookie::AuthenticCookie,
    policy::Requirements,
};
use holdfast_store::{Backend, Found};

use crate::{context::Context, error::Trouble, house::Holdfast, limits::Use};

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
    // Leaving has no limit: whoever has a copy of the cookie must not be able to keep its owner logged in.
    house.limits.take_of_session(cookie.get().session, Use::Cookie)?;
    let judged = judge(house, &cookie, context).await?;
    Ok(judged.and_then(|(found, reason)| if reason == Reason::Ok { Ok(found) } else { Err(reason) }))
}

/// As [`presented`], for whoever wants to leave. A session that no device bound in time is good for nothing else, and its
/// own cookie may still end it; so may that of a locked session, and the current cookie after its last minute, or a user who leaves a page that stood
/// open for a while would stay logged in.
pub(crate) async fn presented_to_end(
    house: &Holdfast,
    value: &str,
    context: &Context,
) -> Result<Option<Found>, Trouble> {
    // What the clock has ended as idle is not ended once more.
    let may_end = |reason| matches!(reason, Reason::Ok | Reason::BindingOverdue | Reason::IdleExpired);
    let Some(cookie) = AuthenticCookie::open(&house.keyring, value) else { return Ok(None) };
    let judged = judge(house, &cookie, context).await?;
    Ok(judged.ok().filter(|(_, reason)| may_end(*reason)).map(|(found, _)| found))
}

/// The session and the reason that a check would give, [`Reason::Ok`] among them.
async fn judge(
    house: &Holdfast,
    cookie: &AuthenticCookie,
    context: &Context,
) -> Result<Result<(Found, Reason), Reason>, Trouble> {
    let Some(found) = house.store.load(cookie.get().session).await? else {
        return Ok(Err(Reason::SessionUnknown));
    };
    // Of an app that the configuration does not name any more, nothing is told.
    if house.app_named(&found.session.record().app).is_none() {
        return Ok(Err(Reason::SessionUnknown));
    }
    let nothing_more = Requirements::default();
    let verdict =
        judge_session(cookie, &found.session, found.activity, &nothing_more, &house.policy, context.now);
    Ok(Ok((found, verdict.reason)))
}
