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
    loop {
        pause.tick().await;
        sweep_once(&live.now().house, &ids).await;
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

const PAUSE: Duration = Duration::from_millis(250);

/// A million sessions are looked at in two minutes.
const BATCH: usize = 2048;
