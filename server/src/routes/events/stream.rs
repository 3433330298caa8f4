//! `GET /v1/events/stream`: the trail as it is written, as server-sent events (HTML §9.2).

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use holdfast_audit::Reader;
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::{After, filter::Filter, listen, unreadable};
use crate::{
    extract::Permit,
    house::Holdfast,
    respond::{Problem, ProblemCode},
    telemetry::{ListenerPlace, Listening},
};

/// Each listener reads the files by itself, as fast as it takes what it reads: nothing waits for it in memory. One that
/// has caught up and then stays far behind is let go with a note, and can resume where it was.
pub(crate) async fn stream(
    State(house): State<Arc<Holdfast>>,
    permit: Permit,
    headers: HeaderMap,
    query: Result<Query<Input>, QueryRejection>,
) -> Result<Response, Problem> {
    let detail = "the query parameters here are user, session, event and after";
    let Query(input) = query.map_err(|_| Problem::bad_request(detail))?;
    let filter = Filter::new(&permit, input.user, input.session, input.event)?;
    let listening = listen(&house)?;
    // An empty one is none (HTML §9.2.3).
    let after = match headers.get("last-event-id").filter(|id| !id.is_empty()) {
        None => input.after.map_or_else(|| listening.files.head(), |after| after.0),
        Some(id) => {
            let number = id.to_str().ok().and_then(|id| id.trim_ascii().parse::<u64>().ok());
            let after = number.and_then(|number| After::try_from(number).ok()).map(|after| after.0);
            after.ok_or_else(|| {
                Problem::bad_request("Last-Event-ID must be the id of an event of this stream")
            })?
        }
    };
    let place = house.audit.listener(permit.app()).ok_or_else(|| {
        let detail = "there are as many listeners as this server has places for, or as one app may have; try again later, or page through /v1/events";
        Problem::of(ProblemCode::TooManyListeners, detail)
            .with(header::RETRY_AFTER, HeaderValue::from_static("10"))
    })?;
    let reader = Reader::after(Arc::clone(&listening.files), after);
    let mut tried = Reader::after(Arc::clone(&listening.files), after);
    // Read once before the answer, so that a trail that cannot be read is a problem and no empty stream.
    let tried = spawn_blocking(move || tried.read(0, |_, _| false)).await;
    tried.map_err(|_panic| unreadable())?.map_err(|_| unreadable())?;
    let listener = Listener {
        reader: Some(reader),
        filter: Arc::new(filter),
        listening,
        is_level: false,
        _place: Some(place),
    };
    let parts = stream::unfold(Some(listener), |listener| async move {
        let (part, listener) = listener?.next_part().await?;
        Some((Ok::<_, Infallible>(Bytes::from(part)), listener))
    });
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(STREAM_TYPE))];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// What may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    user: Option<String>,
    session: Option<String>,
    event: Option<String>,
    after: Option<After>,
}

struct Listener {
    /// Away while it reads.
    reader: Option<Reader>,
    filter: Arc<Filter>,
    listening: Listening,
    /// Whether it has reached the end of the trail before.
    is_level: bool,
    _place: Option<ListenerPlace>,
}

impl Listener {
    /// What is sent next, and who goes on; nobody does after a last word. `None` ends the stream.
    async fn next_part(mut self) -> Option<(Vec<u8>, Option<Self>)> {
        loop {
            if *self.listening.ending.borrow() {
                return None;
            }
            // Marked before reading, so that what is written meanwhile is no surprise.
            self.listening.head.mark_unchanged();
            let mut reader = self.reader.take()?;
            if self.is_level && reader.behind().1 > MOST_BEHIND {
                let seq = reader.seq();
                let note = format!("id: {seq}\nevent: audit.behind\ndata: {{\"after\":{seq}}}\n\n");
                return Some((note.into_bytes(), None));
            }
            let filter = Arc::clone(&self.filter);
            let read = spawn_blocking(move || {
                let mut part = Vec::new();
                if let Some(gap) = reader.skip_gap() {
                    let (first, last) = (gap.first, gap.last);
                    let note = format!(
                        "id: {last}\nevent: audit.gone\ndata: {{\"first\":{first},\"last\":{last}}}\n\n"
                    );
                    part.extend_from_slice(note.as_bytes());
                }
                let progress = reader.read(MOST_AT_ONCE, |seq, line| {
                    if let Some(event) = filter.lets_through(line) {
                        part.extend_from_slice(format!("id: {seq}\nevent: {event}\ndata: ").as_bytes());
                        part.extend_from_slice(line);
                        part.extend_from_slice(b"\n\n");
                    }
                    true
                });
                (reader, part, progress)
            });
            let (reader, part, progress) = read.await.ok()?;
            let seq = reader.seq();
            let is_at_end = progress.ok()?.is_at_end;
            self.is_level |= is_at_end;
            self.reader = Some(reader);
            if !part.is_empty() {
                return Some((part, Some(self)));
            }
            if is_at_end && !self.listening.more(HEARTBEAT).await {
                // An id alone is no event: it only says from where to resume.
                return Some((format!("id: {seq}\n\n").into_bytes(), Some(self)));
            }
        }
    }
}

/// The media type of server-sent events.
pub(crate) const STREAM_TYPE: &str = "text/event-stream";

/// Proxies close what is silent for a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);

const MOST_AT_ONCE: usize = 256 * 1024;

/// Some 20,000 events: a listener that was level and lets them pile up does not read.
const MOST_BEHIND: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use std::io;

    use holdfast_audit::{Checkpoints, Observer, Settings, Target, Trail};
    use holdfast_core::UnixTime;
    use tokio::sync::watch;

    use super::*;

    struct Head(watch::Sender<u64>);

    impl Observer for Head {
        fn written(&self, head: u64) {
            self.0.send_replace(head);
        }
        fn failing(&self, _: &io::Error) {}
        fn works_again(&self) {}
    }

    /// It is level once, then takes nothing while megabytes are written.
    #[tokio::test]
    async fn a_listener_that_falls_far_behind_is_let_go_with_a_note() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints { lines: 1000, span: Duration::from_secs(60) };
        let settings = Settings { checkpoints, rotation: None };
        let target = Target::open(&folder.path().join("audit.jsonl"), settings, None).unwrap();
        let (sender, head) = watch::channel(0);
        let trail =
            Trail::begin(target, Box::new(|| UnixTime::EPOCH), Box::new(Head(sender)), Arc::default())
                .unwrap();
        let tell = |event: &str, count: usize| {
            let pad = "x".repeat(100_000);
            for _ in 0..count {
                let line = format!("{{\"time\":\"t\",\"event\":\"{event}\",\"pad\":\"{pad}\"}}");
                trail.line(|out| out.extend_from_slice(line.as_bytes()));
            }
        };
        let (_ending, ending) = watch::channel(false);
        let listening = Listening { files: trail.files(), head: head.clone(), ending };
        let filter = Arc::new(Filter::new(&Permit::Operator, None, None, None).unwrap());
        let reader = Some(Reader::after(trail.files(), 0));
        let listener = Listener { reader, filter, listening, is_level: false, _place: None };

        tell("first", 1);
        let mut listener = Some(listener);
        let mut text = String::new();
        // Level only after a reading that finds no more.
        for _ in 0..2 {
            let (part, next) = listener.take().unwrap().next_part().await.unwrap();
            text.push_str(&String::from_utf8(part).unwrap());
            listener = next;
            if text.contains("event: first") {
                break;
            }
        }
        assert!(text.contains("event: first") && listener.as_ref().unwrap().is_level, "{}", text.len());
        tell("more", 200);
        let mut written = head;
        written.wait_for(|head| *head >= 202).await.unwrap();
        let (note, next) = listener.unwrap().next_part().await.unwrap();
        let note = String::from_utf8(note).unwrap();
        assert!(note.starts_with("id: 2\nevent: audit.behind\ndata: {\"after\":2}\n\n"), "{note}");
        assert!(next.is_none(), "it was the last word");
        trail.close();
    }
}
