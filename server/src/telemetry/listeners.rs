//! The places of those who listen to the audit trail: no app can take those of the others, or of the operators.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

/// How many listen.
#[derive(Clone, Default)]
pub(super) struct Listeners(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    operators: usize,
    /// By the names of apps.
    apps: HashMap<Box<str>, usize>,
}

/// A place of somebody who listens. Dropping it gives it back.
pub(crate) struct ListenerPlace {
    taken: Arc<Mutex<Taken>>,
    app: Option<Box<str>>,
}

impl Listeners {
    /// A place for this app; for an operator if there is none.
    pub(super) fn take(&self, app: Option<&str>) -> Option<ListenerPlace> {
        let mut taken = self.0.lock();
        let of_apps: usize = taken.apps.values().sum();
        let is_full = of_apps + taken.operators >= MOST;
        match app {
            _ if is_full => return None,
            None => taken.operators += 1,
            Some(app) => {
                let own = taken.apps.get(app).copied().unwrap_or(0);
                if own >= MOST_OF_AN_APP || of_apps >= MOST - KEPT_FOR_OPERATORS {
                    return None;
                }
                taken.apps.insert(app.into(), own + 1);
            }
        }
        drop(taken);
        Some(ListenerPlace { taken: Arc::clone(&self.0), app: app.map(Into::into) })
    }
}

impl Drop for ListenerPlace {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        match &self.app {
            None => taken.operators = taken.operators.saturating_sub(1),
            Some(app) => {
                let left = taken.apps.get(app).copied().unwrap_or(0).saturating_sub(1);
                if left == 0 {
                    taken.apps.remove(app);
                } else {
                    taken.apps.insert(app.clone(), left);
                }
            }
        }
    }
}

/// Each holds a connection for hours.
const MOST: usize = 64;

const MOST_OF_AN_APP: usize = MOST / 4;

const KEPT_FOR_OPERATORS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_the_places_of_all() {
        let listeners = Listeners::default();
        let take = |app: Option<&str>| std::iter::from_fn(|| listeners.take(app)).collect::<Vec<_>>();
        let shop = take(Some("shop"));
        assert_eq!(shop.len(), 16);
        let others: Vec<_> = ["a", "b", "c", "d"].into_iter().map(|app| take(Some(app))).collect();
        assert_eq!(others.iter().map(Vec::len).collect::<Vec<_>>(), [16, 16, 8, 0]);
        let operators = take(None);
        assert_eq!(operators.len(), 8, "some are kept for them");
        drop(shop);
        assert_eq!(take(Some("a")).len(), 0, "it has its quarter");
        assert_eq!(take(Some("d")).len(), 16);
        drop((others, operators));
        assert_eq!(take(None).len(), 64);
        assert!(listeners.0.lock().apps.is_empty());
    }
}
