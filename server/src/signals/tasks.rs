//! The tasks behind signals: they follow the configuration that is in force.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{poller::poll_forever, receive::Receiver};
use crate::{config::ReceiverDelivery, context::RequestIds, live::Live};

/// Keeps one poller for each receiver that fetches its events, until the task is dropped. A receiver that a reload has
/// changed gets a new one; what the former was about to acknowledge comes again.
pub(crate) async fn run(live: Arc<Live>, ids: Arc<RequestIds>) {
    let mut pollers: Vec<Poller> = Vec::new();
    let changed = Arc::clone(&live.now().house.signals.changed);
    loop {
        let house = Arc::clone(&live.now().house);
        pollers.retain(|poller| house.signals.receivers.iter().any(|receiver| poller.serves(receiver)));
        for receiver in house.signals.receivers.iter() {
            let is_polled = matches!(receiver.config.delivery, ReceiverDelivery::Poll { .. });
            if is_polled && !pollers.iter().any(|poller| poller.serves(receiver)) {
                pollers.push(Poller::start(receiver, &live, &ids));
            }
        }
        drop(house);
        changed.notified().await;
    }
}

struct Poller {
    receiver: Arc<Receiver>,
    task: JoinHandle<()>,
}

impl Poller {
    fn start(receiver: &Arc<Receiver>, live: &Arc<Live>, ids: &Arc<RequestIds>) -> Self {
        let task = tokio::spawn(poll_forever(Arc::clone(receiver), Arc::clone(live), Arc::clone(ids)));
        Self { receiver: Arc::clone(receiver), task }
    }

    /// Whether it is the one for this receiver: by the object, since a file may hold another token than before.
    fn serves(&self, receiver: &Arc<Receiver>) -> bool {
        Arc::ptr_eq(&self.receiver, receiver)
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.task.abort();
    }
}
