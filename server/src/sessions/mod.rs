//! What can be done with sessions: the same for the API, the demo and the sweeper.

mod begin;
mod end;
mod presented;
mod turns;

pub(crate) use begin::{Begun, begin, enforce_cap, open, regenerate};
pub(crate) use end::{end, end_because, end_of_user, record_end};
pub(crate) use presented::{presented, presented_to_end};
pub(crate) use turns::Turns;

use holdfast_core::{SessionId, session::Standing};
use holdfast_store::{Backend, Found};

use crate::{error::Trouble, house::Holdfast};

/// A session that may be used, or has at least not ended yet.
pub(crate) async fn find_alive(
    house: &Holdfast,
    id: SessionId,
    now: holdfast_core::UnixTime,
) -> Result<Option<Found>, Trouble> {
    let found = house.store.load(id).await?;
    Ok(found.filter(|found| match house.standing(&found.session, found.activity, now) {
        Standing::Active | Standing::BindingOverdue | Standing::Locked(_) => true,
        Standing::Ended(_) => false,
    }))
}

/// Whether a text can name a user. It travels in headers, where white space at its ends and control characters would be
/// lost or worse; two users must not become one on the way.
pub(crate) fn is_user(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control)
}

/// How often a lost race is run again before the client is asked to. Each loss means that somebody else won, so a
/// number this high is reached only if something is broken.
pub(crate) const MOST_RACES: usize = 64;
