//! Writes down the ends that the clock brought, and forgets what ended long ago.

use std::{sync::Arc, time::Duration};

use holdfast_core::{UnixTime, session::Standing};
use holdfast_policy::decode_profile;
use holdfast_store::{Backend, Found, Keeping, NoteKind, Store, Sweep, Unavailable};

use crate::{
    context::{Context, Peer, RequestIds},
    house::Holdfast,
    live::Live,
    sessions::record_end,
};

/// Sweeps in small batches until the task is dropped.
pub(crate) async fn sweep_forever(live: Arc<Live>, ids: Arc<RequestIds>) {
    let mut pause = tokio::time::interval(PAUSE);
    let mut stale = StaleProfiles::default();
    for round in 0_u64.. {
        pause.tick().await;
        let house = &live.now().house;
        sweep_once(house, &ids).await;
        if round % ROUNDS_PER_TIDYING == 0 {
            tidy(house).await;
            let _trouble = stale.tidy(&house.store, house.clock.now()).await;
        }
    }
}

async fn sweep_once(house: &Arc<Holdfast>, ids: &RequestIds) {
    let now = house.clock.now();
    let judge = judge(house, now);
    // Trouble with the store is told by the requests that meet it; the sweep comes round again.
    let Ok(swept) = house.store.sweep(now, BATCH, &judge).await else { return };
    for session in swept.ended {
        let unspecified = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        let context = Context { peer: Peer::Address(unspecified), ..Context::of_our_own(now, ids) };
        record_end(house, &session, None, &context).await;
    }
}

/// Forgets what was told of devices and users so long ago that it concerns nobody any more. Trouble with the store is told
/// by the requests that meet it; what is left comes round again.
async fn tidy(house: &Holdfast) {
    let now = house.clock.now();
    house.risk.memory.sweep(now);
    let _trouble = house.devices.tidy(&house.store, now).await;
    // No session lives longer than this, so every demand has been met, or its session has ended.
    let lives = house.policy.absolute.max(LEAST_TOLD);
    let since = now.before(lives);
    let _trouble = house.told.tidy(&house.store, since).await;
    let _trouble = house.seen.tidy(&house.store, now).await;
}

/// What was usual for users who have not come for long. To find them, everything that is known of users has to be read, so it
/// is done once a day, and not while the server starts.
#[derive(Default)]
struct StaleProfiles {
    found: Vec<Box<[u8]>>,
    look_at: Option<UnixTime>,
}

impl StaleProfiles {
    /// Forgets a few.
    async fn tidy(&mut self, store: &Store, now: UnixTime) -> Result<(), Unavailable> {
        let look_at = *self.look_at.get_or_insert_with(|| now.after(AFTER_START));
        if self.found.is_empty() && now >= look_at {
            self.look_at = Some(now.after(A_DAY));
            let notes = store.notes(NoteKind::User).await?;
            let stale = notes.into_iter().filter(|(_, value)| is_stale(value, now));
            self.found = stale.map(|(key, _)| key.to_vec().into_boxed_slice()).collect();
        }
        let rest = self.found.len().saturating_sub(MOST_FORGOTTEN);
        for key in self.found.split_off(rest) {
            // Somebody may have come back since; and of a session that goes on for long nothing may have been learned.
            let value = store.note(NoteKind::User, &key).await?;
            if value.is_some_and(|value| is_stale(&value, now)) && !has_session(store, &key).await? {
                store.keep_note(NoteKind::User, &key, None, Keeping::Lazy).await?;
            }
        }
        Ok(())
    }
}

async fn has_session(store: &Store, key: &[u8]) -> Result<bool, Unavailable> {
    let names = std::str::from_utf8(key).ok().and_then(|key| key.split_once('\0'));
    let Some((app, user)) = names else { return Ok(false) };
    let sessions = store.by_user(app, user).await?;
    Ok(sessions.iter().any(|found| found.session.record().ended.is_none()))
}

fn is_stale(profile: &[u8], now: UnixTime) -> bool {
    let last_day = decode_profile(profile).last_day().map_or(0, u64::from);
    (now.as_secs() / A_DAY.as_secs()).saturating_sub(last_day) > STALE_DAYS
}

/// What time does to a session.
pub(crate) fn judge(house: &Arc<Holdfast>, now: UnixTime) -> impl Fn(&Found) -> Sweep + Send + Sync + use<> {
    let house = Arc::clone(house);
    move |found| {
        let standing = house.standing(&found.session, found.activity, now);
        match (found.session.record().ended, standing) {
            (Some(ended), _) if now >= ended.at.after(READABLE) => Sweep::Forget,
            (None, Standing::Ended(ended)) => Sweep::End(ended),
            (Some(_) | None, _) => Sweep::Keep,
        }
    }
}

/// How long an ended session can still be read.
pub(crate) const READABLE: Duration = Duration::from_secs(24 * 3600);

/// What was told of somebody is remembered for 30 days at least: a degree of danger holds until another one is told, and
/// whoever told it may be slow to do so.
const LEAST_TOLD: Duration = Duration::from_secs(30 * 24 * 3600);

/// As many days as a network or a browser is remembered that a user was not seen with.
const STALE_DAYS: u64 = 90;
const A_DAY: Duration = Duration::from_secs(24 * 3600);
const AFTER_START: Duration = Duration::from_secs(3600);

/// In a round: a million in less than three days.
const MOST_FORGOTTEN: usize = 256;

/// Once a minute.
const ROUNDS_PER_TIDYING: u64 = 240;

const PAUSE: Duration = Duration::from_millis(250);

/// A million sessions are looked at in two minutes.
const BATCH: usize = 2048;

#[cfg(test)]
mod tests {
    use holdfast_core::{
        SessionId,
        risk::Profile,
        session::{EndReason, Login, Session},
    };
    use holdfast_policy::encode_profile;

    use super::*;

    const DAY: u64 = 24 * 3600;

    fn at(day: u64) -> UnixTime {
        UnixTime::from_secs(1_800_000_000 + day * DAY)
    }

    fn session_of(user: &str, number: u8) -> Session {
        let login = Login {
            app: "shop".into(),
            user: user.into(),
            auth: None,
            client: None,
            attributes: None,
            grant: None,
        };
        Session::begin(SessionId::from_bytes([number; 16]), login, 0, at(0))
    }

    fn seen(day: u64) -> Vec<u8> {
        let mut profile = Profile::default();
        profile.learn_device("laptop", at(day));
        encode_profile(&profile)
    }

    #[tokio::test]
    async fn whoever_has_a_session_is_not_forgotten() {
        let (store, mut stale) = (Store::memory(), StaleProfiles::default());
        let users = ["stays", "left", "nobody"];
        for user in users {
            let key = format!("shop\0{user}").into_bytes();
            store.keep_note(NoteKind::User, &key, Some(seen(0)), Keeping::Lazy).await.unwrap();
        }
        let left = session_of("left", 2).end(EndReason::Logout, at(1)).unwrap();
        for session in [session_of("stays", 1), left] {
            let _created = store.create(session).await.unwrap();
        }
        for now in [at(99), at(100)] {
            stale.tidy(&store, now).await.unwrap();
        }
        let mut kept = Vec::new();
        for user in users {
            kept.push(
                store.note(NoteKind::User, format!("shop\0{user}").as_bytes()).await.unwrap().is_some(),
            );
        }
        assert_eq!(kept, [true, false, false]);
    }

    #[tokio::test]
    async fn users_who_have_not_come_for_long_are_forgotten() {
        let (store, mut stale) = (Store::memory(), StaleProfiles::default());
        let keep = async |key: &str, value: Vec<u8>| {
            store.keep_note(NoteKind::User, key.as_bytes(), Some(value), Keeping::Lazy).await.unwrap();
        };
        let count = async || store.notes(NoteKind::User).await.unwrap().len();
        for number in 0..300 {
            keep(&format!("shop\0old{number}"), seen(0)).await;
        }
        keep("shop\0recent", seen(10)).await;
        keep("shop\0unreadable", vec![255]).await;
        stale.tidy(&store, at(100)).await.unwrap();
        assert_eq!(count().await, 302, "not while the server starts");
        let later = at(100).after(AFTER_START);
        stale.tidy(&store, later).await.unwrap();
        assert_eq!(count().await, 302 - MOST_FORGOTTEN);
        // Some of those that were found have come back meanwhile.
        for number in 0..300 {
            if store.note(NoteKind::User, format!("shop\0old{number}").as_bytes()).await.unwrap().is_some() {
                keep(&format!("shop\0old{number}"), seen(100)).await;
            }
        }
        let before = count().await;
        stale.tidy(&store, later).await.unwrap();
        assert!(count().await >= before - 1, "nobody who came back is forgotten");
        assert!(store.note(NoteKind::User, b"shop\0unreadable").await.unwrap().is_none());
        // It is looked for once a day.
        keep("shop\0other", seen(0)).await;
        stale.tidy(&store, later).await.unwrap();
        assert!(store.note(NoteKind::User, b"shop\0other").await.unwrap().is_some());
        stale.tidy(&store, later.after(A_DAY)).await.unwrap();
        assert!(store.note(NoteKind::User, b"shop\0other").await.unwrap().is_none());
        assert!(store.note(NoteKind::User, b"shop\0recent").await.unwrap().is_none(), "91 days have passed");
    }
}
