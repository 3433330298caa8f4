//! Whose turn it is: a connection that has sent many requests at once is answered one of them a turn.
//!
//! Nothing obliges a client to wait for an answer before it asks again (RFC 9112 §9.3.2), and the HTTP library answers what
//! is there without a pause. Sixty connections that send twenty requests each would have all others wait for a thousand.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Whether something was read from a connection since its last request began. Shared by the stream and the service.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn(Arc<AtomicBool>);

impl Turn {
    /// The stream was asked for more.
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Takes the turn for a request. `false` if the one before it has had it: this one was sent without waiting.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_read_is_good_for_one_request() {
        let stream = Turn::default();
        let service = stream.clone();
        assert!(!service.take());
        stream.begin();
        stream.begin();
        assert!(service.take());
        assert!(!service.take());
        stream.begin();
        assert!(service.take());
    }
}
