//! Writes down the ends that the clock brought, and forgets what ended long ago.

use std::{sync::Arc, time::Duration};

use holdfast_core::session::Standing;
use holdfast_store::{Backend, Found, Sweep};

use crate::{
    context::{Context, Peer, RequestIds},
    house::Holdfast,
    sessions::record_end,
};

/// Sweeps in small batches until the task is dropped.
pub(crate) async fn sweep_forever(house: Arc<Holdfast>, ids: Arc<RequestIds>) {
    let mut pause = tokio::time::interval(PAUSE);
    loop {
        pause.tick().await;
        sweep_once(&house, &ids).await;
    }
}

async fn sweep_once(house: &Arc<Holdfast>, ids: &RequestIds) {
    let now = house.clock.now();
    let for_judge = Arc::clone(house);
    let judge = move |found: &Found| match (
        found.session.record().ended,
        for_judge.standing(&found.session, found.activity, now),
    ) {
        (Some(ended), _) if now >= ended.at.after(READABLE) => Sweep::Forget,
        (None, Standing::Ended(ended)) => Sweep::End(ended),
        (Some(_) | None, _) => Sweep::Keep,
    };
    // Trouble with the store is told by the requests that meet it; the sweep comes round again.
    let Ok(swept) = house.store.sweep(now, BATCH, &judge).await else { return };
    for session in swept.ended {
        let unspecified = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        let context =
            Context { now, peer: Peer::Address(unspecified), client_ip: unspecified, request_id: ids.next() };
        record_end(house, &session, &context);
    }
}

/// How long an ended session can still be read.
pub(crate) const READABLE: Duration = Duration::from_secs(24 * 3600);

const PAUSE: Duration = Duration::from_millis(250);

/// A million sessions are looked at in two minutes.
const BATCH: usize = 2048;
