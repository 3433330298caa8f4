//! The tasks behind signals: they follow the configuration that is in force.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{
    poller::poll_forever,
    push::push_forever,
    receive::Receiver,
    transmitter::{StreamReceiver, tell_forever},
};
use crate::{config::ReceiverDelivery, context::RequestIds, house::Holdfast, live::Live};

/// Keeps one task for each receiver that fetches its events, and one for each that we may push to, until the task is
/// dropped. What a reload has changed gets a new one; what the former was about to acknowledge comes again.
pub(crate) async fn run(live: Arc<Live>, ids: Arc<RequestIds>) {
    let lasting = live.now().house.signals.lasting();
    let _telling =
        lasting.outgoing.take().map(|noticed| Task(tokio::spawn(tell_forever(Arc::clone(&live), noticed))));
    let (mut pollers, mut pushers): (Tasks<Receiver>, Tasks<StreamReceiver>) = (Vec::new(), Vec::new());
    loop {
        let house = Arc::clone(&live.now().house);
        follow(&mut pollers, polled(&house), |receiver| {
            tokio::spawn(poll_forever(receiver, Arc::clone(&live), Arc::clone(&ids)))
        });
        follow(&mut pushers, told(&house), |receiver| {
            tokio::spawn(push_forever(receiver, Arc::clone(&live)))
        });
        drop(house);
        lasting.changed.notified().await;
    }
}

/// A task with what it is for.
type Tasks<T> = Vec<(Arc<T>, Task)>;

/// A task that ends when nobody wants it any more.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn polled(house: &Holdfast) -> Vec<Arc<Receiver>> {
    let is_polled =
        |receiver: &&Arc<Receiver>| matches!(receiver.config.delivery, ReceiverDelivery::Poll { .. });
    house.signals.receivers.iter().filter(is_polled).map(Arc::clone).collect()
}

fn told(house: &Holdfast) -> Vec<Arc<StreamReceiver>> {
    house.signals.transmitter.iter().flat_map(|transmitter| &transmitter.receivers).map(Arc::clone).collect()
}

/// Ends the tasks for what is gone and begins those for what is new. They are told apart by the object, since a file may
/// hold another token than before.
fn follow<T>(tasks: &mut Tasks<T>, wanted: Vec<Arc<T>>, start: impl Fn(Arc<T>) -> JoinHandle<()>) {
    tasks.retain(|(served, _)| wanted.iter().any(|one| Arc::ptr_eq(one, served)));
    for one in wanted {
        if !tasks.iter().any(|(served, _)| Arc::ptr_eq(&one, served)) {
            let task = Task(start(Arc::clone(&one)));
            tasks.push((one, task));
        }
    }
}
