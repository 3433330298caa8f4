//! How sessions end.

use std::sync::Arc;

use holdfast_core::{
    SessionId,
    session::{EndReason, Session, Standing},
};
use holdfast_store::{Backend, Replacement};

use super::{MOST_RACES, presented_to_end};
use crate::{
    context::Context,
    error::Trouble,
    house::Holdfast,
    risk,
    telemetry::{Event, EventName},
};

/// Ends a session. `None` if there is none, or it has ended before. When this returns, the next check says no.
pub(crate) async fn end(
    house: &Holdfast,
    id: SessionId,
    reason: EndReason,
    context: &Context,
) -> Result<Option<Arc<Session>>, Trouble> {
    end_because(house, id, reason, None, context).await
}

/// The same, with a sentence that says why.
pub(crate) async fn end_because(
    house: &Holdfast,
    id: SessionId,
    reason: EndReason,
    why: Option<&str>,
    context: &Context,
) -> Result<Option<Arc<Session>>, Trouble> {
    for _ in 0..MOST_RACES {
        let Some(found) = house.store.load(id).await? else { return Ok(None) };
        // What the clock has ended keeps its reason; the sweeper writes it down.
        if let Standing::Ended(_) = house.standing(&found.session, found.activity, context.now) {
            return Ok(None);
        }
        let Some(ended) = found.session.end(reason, context.now) else { return Ok(None) };
        match house.store.replace(ended.clone()).await? {
            Replacement::Replaced => {
                record_end(house, &ended, why, context).await;
                return Ok(Some(Arc::new(ended)));
            }
            Replacement::Conflict => {}
            Replacement::Missing => return Ok(None),
        }
    }
    Err(Trouble::Contention)
}

/// Ends every session of a user but one, and says how many. It looks again until none is left: a session may have gone
/// on under a new id just before its end was asked for.
pub(crate) async fn end_of_user(
    house: &Holdfast,
    app: &str,
    user: &str,
    except: Option<SessionId>,
    context: &Context,
) -> Result<usize, Trouble> {
    let _turn = house.turns.of(app, user).await;
    let mut ended = 0;
    for _ in 0..MOST_RACES {
        let mut alive = house.store.by_user(app, user).await?;
        alive.retain(|found| {
            Some(found.session.record().id) != except
                && !matches!(house.standing(&found.session, found.activity, context.now), Standing::Ended(_))
        });
        if alive.is_empty() {
            return Ok(ended);
        }
        for found in alive {
            let id = found.session.record().id;
            ended += usize::from(end(house, id, EndReason::Revoked, context).await?.is_some());
        }
    }
    Err(Trouble::Contention)
}

/// Ends the session that a browser had before it logged in, so that a session planted by somebody else does not become
/// the user's own (session fixation). Only its current cookie speaks for it: an old copy must not log its owner out.
pub(crate) async fn replace_presented(
    house: &Holdfast,
    app: &str,
    cookie: &str,
    context: &Context,
) -> Result<(), Trouble> {
    let found = presented_to_end(house, cookie, context).await?;
    if let Some(found) = found.filter(|found| *found.session.record().app == *app) {
        end(house, found.session.record().id, EndReason::Replaced, context).await?;
    }
    Ok(())
}

pub(crate) async fn record_end(house: &Holdfast, session: &Session, why: Option<&str>, context: &Context) {
    risk::ended(house, session.record(), context.now).await;
    let reason = session.record().ended.map(|ended| ended.reason.as_str());
    let event = Event { reason, detail: why, ..Event::default() };
    house.record_of(EventName::SessionEnded, session, context, event);
}
