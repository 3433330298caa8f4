//! The end of the line of tasks that wait for a processor.

use std::{future::poll_fn, task::Poll};

/// Waits until every task that this thread of the runtime had ready is done with its turn.
///
/// What a timer has woken, the runtime runs next, before all that waits (`tokio` keeps a slot for what was woken last); and
/// `yield_now` waits for the driver and not for the tasks. A task that wakes itself while it runs is put behind the others.
pub(crate) async fn end_of_the_line() {
    let mut is_behind = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut is_behind, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    /// If this fails with a new version of the runtime, requests that are sent without waiting get ahead of others.
    #[test]
    fn all_who_came_before_have_their_turn() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        // In a task: the thread of the test itself is none of the runtime's.
        let seen = runtime.spawn(async {
            let done = Arc::new(AtomicUsize::new(0));
            for _ in 0..TASKS {
                let done = Arc::clone(&done);
                tokio::spawn(async move { done.fetch_add(1, Ordering::Relaxed) });
            }
            let before = done.load(Ordering::Relaxed);
            end_of_the_line().await;
            (before, done.load(Ordering::Relaxed))
        });
        assert_eq!(runtime.block_on(seen).unwrap(), (0, TASKS));
    }

    const TASKS: usize = 200;
}
