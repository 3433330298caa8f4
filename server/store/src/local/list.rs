//! Looking through all sessions, for people.

use std::{cmp::Reverse, collections::BTreeMap};

use holdfast_core::{SessionId, UnixTime};

use super::{shard, state::State};
use crate::{Found, Keep, ListQuery};

/// The newest so many that were let through. The first is the newest.
type Page = BTreeMap<Reverse<(UnixTime, SessionId)>, Found>;

impl State {
    pub(super) fn list(&self, query: &ListQuery, keep: &Keep) -> Vec<Found> {
        let mut page = Page::new();
        if query.limit == 0 {
            return Vec::new();
        }
        if let (Some(app), Some(user)) = (&query.app, &query.user) {
            for found in self.by_user(app, user) {
                offer(&mut page, query, found, keep);
            }
        } else {
            for index in 0..shard::COUNT {
                // The ids are copied, so that the lock is held for one session at a time.
                for id in self.ids(index) {
                    if self.created_at(id).is_some_and(|at| is_wanted(&page, query, (at, id)))
                        && let Some(found) = self.peek(id)
                    {
                        offer(&mut page, query, found, keep);
                    }
                }
            }
        }
        page.into_values().collect()
    }
}

fn offer(page: &mut Page, query: &ListQuery, found: Found, keep: &Keep) {
    let record = found.session.record();
    let place = (record.created_at, record.id);
    let fits = query.app.as_deref().is_none_or(|app| *record.app == *app)
        && query.user.as_deref().is_none_or(|user| *record.user == *user)
        && is_wanted(page, query, place)
        && keep(&found);
    if fits {
        page.insert(Reverse(place), found);
        if page.len() > query.limit {
            page.pop_last();
        }
    }
}

/// Whether this place is on the page so far.
fn is_wanted(page: &Page, query: &ListQuery, place: (UnixTime, SessionId)) -> bool {
    query.before.is_none_or(|before| place < before)
        && (page.len() < query.limit || page.last_key_value().is_some_and(|(Reverse(last), _)| place > *last))
}
