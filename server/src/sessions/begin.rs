//! How sessions begin.

use std::{convert::Infallible, sync::Arc};

use holdfast_core::{
    SessionId, UnixTime, dbsc,
    session::{Auth, EndReason, Login, NotFollowed, Regeneration, Session, Standing},
};
use holdfast_policy::Succession;
use holdfast_store::{Backend, Creation, Found};

use super::end::{end, replace_presented};
use crate::{
    context::Context,
    error::Trouble,
    house::Holdfast,
    random::random,
    risk,
    telemetry::{Event, EventName},
};

/// A session that has just begun, and what its browser must be told.
pub(crate) struct Begun {
    pub(crate) session: Arc<Session>,
    pub(crate) response_headers: Vec<(&'static str, String)>,
}

/// Begins a session for a user whom the app has just authenticated, in a browser.
pub(crate) async fn begin(
    house: &Holdfast,
    login: Login,
    previous: Option<&str>,
    context: &Context,
) -> Result<Begun, Trouble> {
    let session = open(house, login, previous, context).await?;
    announce(house, session, context.now)
}

/// Begins a session. That of `previous`, the cookie that came with the login, ends once the new one is there, so that
/// trouble in between logs nobody out.
pub(crate) async fn open(
    house: &Holdfast,
    login: Login,
    previous: Option<&str>,
    context: &Context,
) -> Result<Arc<Session>, Trouble> {
    let first = |id, epoch| Ok::<_, Infallible>(Session::begin(id, login.clone(), epoch, context.now));
    let Ok(session) = create(house, first).await?;
    let weighed = risk::login(house, session.record()).await?;
    // In the words of device.posture_changed, so that whoever reads one finds the other.
    let client = session.record().client.as_deref();
    let device = client.and_then(|client| client.device_id.as_ref()).map(|device| format!("device {device}"));
    let about = Event { risk: Some(&weighed), detail: device.as_deref(), ..Event::default() };
    house.record_of(EventName::SessionCreated, &session, context, about);
    match make_room(house, &session, previous, context).await {
        Ok(()) => Ok(session),
        Err(trouble) => {
            // Nobody will hold this session's cookie. If the store cannot take its end either, the idle limit does.
            let _ = end(house, session.record().id, EndReason::Revoked, context).await;
            Err(trouble)
        }
    }
}

/// Ends what has to go for a new session.
async fn make_room(
    house: &Holdfast,
    session: &Session,
    previous: Option<&str>,
    context: &Context,
) -> Result<(), Trouble> {
    if let Some(cookie) = previous {
        replace_presented(house, &session.record().app, cookie, context).await?;
    }
    // An OAuth client's session counts once its code is redeemed.
    if session.record().grant.is_some() { Ok(()) } else { enforce_cap(house, session, context).await }
}

/// Goes on with a session under a new id; the old one ends.
///
/// The new one is there before the old one goes, so that trouble in between logs nobody out. If somebody else has ended
/// the old one meanwhile, the new one goes too: "log out everywhere" must not be outrun.
///
/// # Errors
/// Inside, why nothing follows the session; outside, our own trouble.
pub(crate) async fn regenerate(
    house: &Holdfast,
    found: &Found,
    auth: Option<Box<Auth>>,
    context: &Context,
) -> Result<Result<Begun, NotFollowed>, Trouble> {
    let old = &found.session;
    let standing = house.standing(old, found.activity, context.now);
    // "Log out everywhere" takes the same turn, and so finds either the old session or the new one.
    let _turn = house.turns.of(&old.record().app, &old.record().user).await;
    let follow =
        |id, epoch| old.regenerate(Regeneration { id, epoch, auth: auth.clone() }, standing, context.now);
    let session = match create(house, follow).await? {
        Ok(session) => session,
        Err(why) => return Ok(Err(why)),
    };
    let is_authenticated = auth.as_deref().is_some_and(|auth| old.is_newer_login(auth));
    let (former, next) = (old.record(), session.record());
    let succession = Succession { former, next, is_authenticated, now: context.now };
    // Before the old one ends, which forgets its trail.
    let ended = match risk::follow(house, &succession).await {
        Ok(()) => end(house, former.id, EndReason::Regenerated, context).await,
        Err(trouble) => Err(trouble),
    };
    if !matches!(ended, Ok(Some(_))) {
        // Nobody has heard of the new one.
        end(house, next.id, EndReason::Revoked, context).await?;
    }
    if ended?.is_none() {
        return Ok(Err(NotFollowed::Ended));
    }
    let detail = format!("follows {}", old.record().id);
    let about = Event { detail: Some(&detail), ..Event::default() };
    house.record_of(EventName::SessionRegenerated, &session, context, about);
    announce(house, session, context.now).map(Ok)
}

/// Makes a session under a fresh id, unless `make` says that there is none to make.
async fn create<E>(
    house: &Holdfast,
    make: impl Fn(SessionId, u64) -> Result<Session, E>,
) -> Result<Result<Arc<Session>, E>, Trouble> {
    for _ in 0..super::MOST_RACES {
        let epoch = house.store.epoch().await?;
        let session = match make(SessionId::from_bytes(random()?), epoch) {
            Ok(session) => session,
            Err(why) => return Ok(Err(why)),
        };
        match house.store.create(session.clone()).await? {
            Creation::Created => return Ok(Ok(Arc::new(session))),
            // 128 random bits do not meet twice; if they do, nobody must share a session.
            Creation::Exists => {}
        }
    }
    Err(Trouble::Randomness)
}

/// Ends the oldest sessions of a user who has more than allowed.
pub(crate) async fn enforce_cap(
    house: &Holdfast,
    newest: &Session,
    context: &Context,
) -> Result<(), Trouble> {
    let record = newest.record();
    let _turn = house.turns.of(&record.app, &record.user).await;
    let mut alive = house.store.by_user(&record.app, &record.user).await?;
    alive.retain(|found| {
        // A code that nobody has come with yet is no session that another would have to go for.
        let record = found.session.record();
        let is_offer = record.grant.is_some() && record.binding.is_none();
        let standing = house.standing(&found.session, found.activity, context.now);
        !is_offer && !matches!(standing, Standing::Ended(_))
    });
    let surplus = alive.len().saturating_sub(house.policy.max_per_user);
    alive.retain(|found| found.session.record().id != record.id);
    alive.sort_by_key(|found| (found.session.record().created_at, found.session.record().id));
    for found in alive.iter().take(surplus) {
        end(house, found.session.record().id, EndReason::UserCap, context).await?;
    }
    Ok(())
}

/// The headers that the app copies onto its login response.
fn announce(house: &Holdfast, session: Arc<Session>, now: UnixTime) -> Result<Begun, Trouble> {
    let cookie = session.cookie(&house.policy);
    let value = cookie.seal(&house.keyring);
    let offer =
        dbsc::offer(session.record().id, random()?, &house.algorithms, &house.keyring, &house.policy, now);
    // Until a device binds it, whoever holds the cookie is the user. Its own time is judged by the server in any case.
    let set_cookie = if house.policy.unbound_persistent {
        dbsc::set_cookie(&house.cookie_name, value.reveal(), cookie.remaining(now))
    } else {
        dbsc::set_transient_cookie(&house.cookie_name, value.reveal())
    };
    let mut response_headers = vec![
        ("Set-Cookie", set_cookie),
        ("Set-Cookie", dbsc::set_cookie(&house.hint_name, "1", house.policy.absolute)),
    ];
    response_headers.extend(offer.map(|offer| ("Secure-Session-Registration", offer)));
    response_headers.push(("Cache-Control", "no-store".to_owned()));
    Ok(Begun { session, response_headers })
}
