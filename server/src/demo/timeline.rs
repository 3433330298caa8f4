//! `GET /demo/events`: what happens to one's own session while it happens, as server-sent events (HTML §9.2).

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use holdfast_audit::Reader;
use holdfast_core::{UnixTime, check::Decision, cookie::AuthenticCookie};
use holdfast_policy::Policies;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::task::spawn_blocking;

use super::{
    Demo,
    pages::obey,
    story::{Entry, Line, add},
};
use crate::{
    context::Context,
    extract::cookies::Credential,
    respond::{Problem, ProblemCode},
    routes::events::STREAM_TYPE,
    telemetry::{ListenerPlace, Listening},
};

/// Tells the session of the cookie, and no other. What it opens lasts no longer than that cookie: the browser comes again
/// with the next one, and says what it has seen last.
pub(super) async fn events(
    State(demo): State<Arc<Demo>>,
    context: Context,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let answer = demo.check("GET", "/demo/events", &headers, demo.credential(&headers), &context).await?;
    let cookie = match demo.credential(&headers) {
        Credential::One(value) => AuthenticCookie::open(&demo.house.keyring, value),
        Credential::None | Credential::Several => None,
    };
    let own = (answer.verdict.decision == Decision::Allow).then_some(cookie).flatten();
    let Some(cookie) = own else {
        let reason = answer.verdict.reason;
        let refused = || Problem::new(StatusCode::UNAUTHORIZED, reason, reason.says());
        return obey(answer).ok_or_else(refused);
    };
    let cookie = cookie.get();
    let off = || Problem::of(ProblemCode::AuditOff, "no audit trail is kept here; set audit.file");
    let listening = demo.house.audit.listen().ok_or_else(off)?;
    let place = demo.house.audit.listener(Some(&demo.app.name)).ok_or_else(|| {
        let detail = "as many pages watch as this server has places for; close one, and reload this one";
        Problem::of(ProblemCode::TooManyListeners, detail)
            .with(header::RETRY_AFTER, HeaderValue::from_static("10"))
    })?;
    let head = listening.files.head();
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
    // Whoever has seen nothing, or nothing for long, is told the last of it.
    let after = seen.unwrap_or(0).max(head.saturating_sub(MOST_HISTORY));
    let follower = Follower {
        reader: Some(Reader::after(Arc::clone(&listening.files), after)),
        told: Arc::new(Told {
            app: demo.app.name.to_string(),
            session: cookie.session.text().as_str().to_owned(),
            policies: Arc::clone(&demo.house.risk.policies),
        }),
        listening,
        until: context.now.after(cookie.remaining(context.now)),
        demo,
        _place: place,
    };
    let parts = stream::unfold(Some(follower), |follower| async move {
        let (part, follower) = follower?.next_part().await?;
        Some((Ok::<_, Infallible>(Bytes::from(part)), follower))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(STREAM_TYPE)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}

struct Follower {
    /// Away while it reads.
    reader: Option<Reader>,
    told: Arc<Told>,
    listening: Listening,
    /// When the cookie that opened this runs out.
    until: UnixTime,
    demo: Arc<Demo>,
    _place: ListenerPlace,
}

/// Whose lines are told.
struct Told {
    app: String,
    session: String,
    policies: Arc<Policies>,
}

impl Follower {
    /// What is sent next, and who goes on; nobody does after the end of the session. `None` ends the stream.
    async fn next_part(mut self) -> Option<(Vec<u8>, Option<Self>)> {
        loop {
            if *self.listening.ending.borrow() || self.demo.house.clock.now() >= self.until {
                return None;
            }
            // Marked before reading, so that what is written meanwhile is no surprise.
            self.listening.head.mark_unchanged();
            let (mut reader, told) = (self.reader.take()?, Arc::clone(&self.told));
            let read = spawn_blocking(move || {
                reader.follow_new_chain();
                reader.skip_gap();
                let mut entries = Vec::new();
                let progress = reader.read(MOST_AT_ONCE, |_, line| {
                    if let Some(entry) = told.entry(line) {
                        add(&mut entries, entry);
                    }
                    true
                });
                (reader, entries, progress)
            });
            let (reader, entries, progress) = read.await.ok()?;
            let (seq, is_at_end) = (reader.seq(), progress.ok()?.is_at_end);
            self.reader = Some(reader);
            if !entries.is_empty() {
                let is_over = entries.iter().any(Entry::is_last);
                return Some((part(seq, &entries), (!is_over).then_some(self)));
            }
            if is_at_end && !self.listening.more(HEARTBEAT).await {
                // An id alone is no event: it shows that somebody is there, and from where to go on.
                return Some((format!("id: {seq}\n\n").into_bytes(), Some(self)));
            }
        }
    }
}

impl Told {
    /// The line as an entry, if it is about this session.
    fn entry(&self, line: &[u8]) -> Option<Entry> {
        // What is not readable is nobody's.
        let line: Line = serde_json::from_slice(line).ok()?;
        let is_own = line.session.as_ref() == Some(&self.session) && line.app.as_ref() == Some(&self.app);
        is_own.then(|| Entry::of(line, &self.policies))
    }
}

/// All that was read at once is one event: who comes again never gets half of it twice.
fn part(seq: u64, entries: &[Entry]) -> Vec<u8> {
    let shown = entries.get(entries.len().saturating_sub(MOST_ENTRIES)..).unwrap_or_default();
    let json = serde_json::to_string(shown).unwrap_or_default();
    format!("id: {seq}\nevent: entries\nretry: 1000\ndata: {json}\n\n").into_bytes()
}

/// So many lines of the trail a page looks back. A session that is watched makes about one a second.
const MOST_HISTORY: u64 = 3000;

/// More than a page shows.
const MOST_ENTRIES: usize = 100;

const MOST_AT_ONCE: usize = 8 << 20;

/// Also how late the end of a cookie may be noticed.
const HEARTBEAT: Duration = Duration::from_secs(5);
