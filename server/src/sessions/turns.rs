//! One at a time, for whoever counts a user's sessions.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};

/// Turns of users. Two logins that count at once would each find the other one surplus, and end it.
#[derive(Debug)]
pub(crate) struct Turns {
    hasher: RandomState,
    stripes: Vec<Mutex<()>>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), stripes: (0..STRIPES).map(|_| Mutex::new(())).collect() }
    }

    /// The turn of a user of an app; it ends when the guard is dropped. Users may share a stripe, and then wait for
    /// each other without harm.
    pub(crate) async fn of(&self, app: &str, user: &str) -> Option<MutexGuard<'_, ()>> {
        let hash = usize::try_from(self.hasher.hash_one((app, user)) % STRIPES_U64).unwrap_or(0);
        Some(self.stripes.get(hash)?.lock().await)
    }
}

const STRIPES: usize = 256;
const STRIPES_U64: u64 = 256;
