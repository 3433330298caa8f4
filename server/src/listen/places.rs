//! Places for connections: so many in all, and so many for one address.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{limits::Prefix, shares::Shares, telemetry::Metrics};

/// The places of one listener. What is remembered is one number for each address that holds a connection.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: Mutex<Taken>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    all: u32,
    by_prefix: Shares<Prefix>,
}

/// A connection's place, until it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    prefix: Option<Prefix>,
    meter: (Arc<Metrics>, bool),
}

impl Places {
    /// Whether fewer than `most` are taken.
    pub(super) fn has_room(&self, most: u32) -> bool {
        self.taken.lock().all < most
    }

    /// Waits until fewer than `most()` are taken.
    pub(super) async fn room(&self, most: impl Fn() -> u32) {
        loop {
            let left = self.left.notified();
            if self.has_room(most()) {
                return;
            }
            left.await;
        }
    }

    /// Takes a place. `None` if `prefix` has `most_of_prefix` already; without a prefix it is for nobody in particular.
    /// `meter` counts it among the connections of the public listener, or of the internal one.
    pub(super) fn take(
        this: &Arc<Self>,
        prefix: Option<Prefix>,
        most_of_prefix: u32,
        meter: (Arc<Metrics>, bool),
    ) -> Option<Place> {
        let mut taken = this.taken.lock();
        let most_of_prefix = usize::try_from(most_of_prefix).unwrap_or(usize::MAX);
        if prefix.is_some_and(|prefix| !taken.by_prefix.add_below(most_of_prefix, prefix)) {
            return None;
        }
        taken.all += 1;
        meter.0.connection(meter.1, true);
        Some(Place { places: Arc::clone(this), prefix, meter })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(prefix) = self.prefix {
            taken.by_prefix.take(&prefix);
        }
        drop(taken);
        self.meter.0.connection(self.meter.1, false);
        self.places.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Prefixes;

    #[tokio::test]
    async fn places_are_counted_in_all_and_for_each_address() {
        let places = Arc::new(Places::default());
        let prefixes = Prefixes { ipv4: 32, ipv6: 64 };
        let meter = || (Arc::new(Metrics::new()), true);
        let take = |text: &str| Places::take(&places, Some(prefixes.of(text.parse().unwrap())), 2, meter());
        let held = [take("2001:db8::1").unwrap(), take("2001:db8::2").unwrap()];
        assert!(take("2001:db8::3").is_none(), "the same network");
        let other = take("2001:db8:0:1::1").unwrap();
        assert!(Places::take(&places, None, 0, meter()).is_some(), "a gateway is not counted by its address");
        assert!(!places.has_room(3) && places.has_room(4));
        let waiting = places.room(|| 3);
        let mut waiting = std::pin::pin!(waiting);
        assert!(futures_util::FutureExt::now_or_never(waiting.as_mut()).is_none());
        drop(other);
        waiting.await;
        drop(held);
        let taken = places.taken.lock();
        assert_eq!((taken.all, taken.by_prefix.holders()), (0, 0), "nothing is left behind");
    }
}
