//! Which lines of the trail somebody asks for, and may see.

use holdfast_audit::ControlEvent;
use serde::Deserialize;

use crate::{extract::Permit, respond::Problem, telemetry::EventName};

/// What a line must be about.
#[derive(Debug)]
pub(super) struct Filter {
    /// The caller's own app; every app for an operator.
    app: Option<String>,
    user: Option<String>,
    session: Option<String>,
    event: Option<String>,
}

/// A line, as far as it is compared.
#[derive(Deserialize)]
struct Seen {
    event: String,
    app: Option<String>,
    user: Option<String>,
    session: Option<String>,
}

impl Filter {
    /// # Errors
    /// If what is asked for is longer than any name can be, or an event that no trail has: whoever mistypes one must not take
    /// an empty answer for good news.
    pub(super) fn new(
        permit: &Permit,
        user: Option<String>,
        session: Option<String>,
        event: Option<String>,
    ) -> Result<Self, Problem> {
        let is_long =
            |text: &Option<String>| text.as_ref().is_some_and(|text| text.chars().count() > LONGEST);
        if [&user, &session, &event].into_iter().any(is_long) {
            return Err(Problem::bad_request("user, session and event have at most 256 characters"));
        }
        if event.as_deref().is_some_and(|event| !event_names().any(|name| name == event)) {
            let mut names: Vec<_> = event_names().collect();
            names.sort_unstable();
            let names = names.join(", ");
            return Err(Problem::bad_request(format!("event is the whole name of an event, one of {names}")));
        }
        Ok(Self { app: permit.app().map(str::to_owned), user, session, event })
    }

    /// Whether the caller gets this line, and which event it is.
    pub(super) fn lets_through(&self, line: &[u8]) -> Option<String> {
        // What is not readable is nobody's.
        let seen: Seen = serde_json::from_slice(line).ok()?;
        let fits = |wanted: &Option<String>, is: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| is == Some(wanted))
        };
        let all = fits(&self.app, seen.app.as_deref())
            && fits(&self.user, seen.user.as_deref())
            && fits(&self.session, seen.session.as_deref())
            && fits(&self.event, Some(&seen.event));
        all.then_some(seen.event)
    }
}

/// Every event that a trail can have.
pub(crate) fn event_names() -> impl Iterator<Item = &'static str> {
    EventName::ALL.iter().map(|name| name.as_str()).chain(ControlEvent::ALL.map(ControlEvent::as_str))
}

/// A user's name has at most 256 characters.
const LONGEST: usize = 256;
