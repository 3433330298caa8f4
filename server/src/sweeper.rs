//! Writes down the ends that the clock brought, and forgets what ended long ago.

use std::{sync::Arc, time::Duration};

use holdfast_core::{UnixTime, session::Standing};
use holdfast_store::{Backend, Found, Sweep};

use crate::{
    context::{Context, Peer, RequestIds},
    house::Holdfast,
    live::Live,
    sessions::record_end,
};

/// Sweeps in small batches until the task is dropped.
pub(crate) async fn sweep_forever(live: Arc<Live>, ids: Arc<RequestIds>) {
    let mut pause = tokio::time::interval(PAUSE);
    for round in 0_u64.. {
        pause.tick().await;
        let house = &live.now().house;
        sweep_once(house, &ids).await;
        if round % ROUNDS_PER_TIDYING == 0 {
            tidy(house).await;
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
        let context = Context {
            now,
            peer: Peer::Address(unspecified),
            client_ip: unspecified,
            request_id: ids.next(),
            trace: None,
        };
        record_end(house, &session, &context);
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

/// Once a minute.
const ROUNDS_PER_TIDYING: u64 = 240;

const PAUSE: Duration = Duration::from_millis(250);

/// A million sessions are looked at in two minutes.
const BATCH: usize = 2048;
