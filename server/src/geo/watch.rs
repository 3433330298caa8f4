//! Looks after the databases while the server runs, and tells what became of them.

use std::{sync::Arc, time::Duration};

use super::Change;
use crate::{
    house::Holdfast,
    live::Live,
    telemetry::{Event, EventName},
};

/// Looks at the files until the task is dropped.
pub(crate) async fn watch_forever(live: Arc<Live>) {
    let mut pause = tokio::time::interval(PAUSE);
    pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pause.tick().await;
        let house = Arc::clone(&live.now().house);
        let geo = Arc::clone(&house.geo);
        // Files are read and searched for damage: seconds of work, and perhaps a slow disk.
        if let Ok(changes) = tokio::task::spawn_blocking(move || geo.refresh()).await {
            tell_of_geo(&house, &changes);
        }
    }
}

/// Tells of databases in the log, in the trail and in the metrics.
pub(crate) fn tell_of_geo(house: &Holdfast, changes: &[Change]) {
    let now = house.clock.now();
    for change in changes {
        let (name, what) = match change {
            Change::Loaded(database) => {
                let (kind, path) = (database.kind().as_str(), database.path().display());
                let detail = format!("risk.{kind}: {path} is in force: {:?}", database.calls_itself());
                house.log.info(now, &detail);
                house.metrics.geo_loaded(database.kind(), database.built_at());
                (EventName::GeoLoaded, detail)
            }
            Change::Refused(kind, what) => {
                let detail = format!("{what}; the database before it is still in force");
                house.log.error(now, &detail);
                house.metrics.geo_refused(*kind);
                (EventName::GeoRejected, detail)
            }
        };
        house.record(now, &Event { event: Some(name), detail: Some(&what), ..Event::default() });
    }
}

/// Updates come twice a week; whoever has put one there does not want to wait for long.
const PAUSE: Duration = Duration::from_secs(5);
