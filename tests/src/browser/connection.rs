//! The DevTools protocol: JSON commands with ids, and a log of events, over one websocket.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A handle on the websocket. Clones share it; it closes with the last one.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    requests: mpsc::UnboundedSender<Request>,
    events: watch::Receiver<Vec<Event>>,
}

/// Who a command is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope<'a> {
    Browser,
    /// The page attached under this session id.
    Page(&'a str),
}

/// Something that happened in the browser.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) params: Value,
    session_id: Option<String>,
}

impl Connection {
    pub(crate) async fn open(endpoint: &str) -> Result<Self> {
        let (socket, _response) = connect_async(endpoint).await.context("no DevTools connection")?;
        let (requests, incoming) = mpsc::unbounded_channel();
        let (log, events) = watch::channel(Vec::new());
        tokio::spawn(pump(socket, incoming, log));
        Ok(Self { requests, events })
    }

    /// Sends a command and waits for its result.
    pub(crate) async fn command(&self, scope: Scope<'_>, method: &str, params: Value) -> Result<Value> {
        let mut message = json!({ "method": method, "params": params });
        if let Scope::Page(session) = scope {
            message["sessionId"] = session.into();
        }
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request { message, reply }).ok().with_context(|| gone(method))?;
        let answer = timeout(ANSWER_LIMIT, answer).await.with_context(|| format!("{method}: no answer"))?;
        let mut answer = answer.with_context(|| gone(method))?;
        if let Some(error) = answer.get("error") {
            bail!("{method}: {error}");
        }
        Ok(answer["result"].take())
    }

    /// How many events there have been so far: where a wait for later ones begins.
    pub(crate) fn now(&self) -> usize {
        self.events.borrow().len()
    }

    /// The first event at or after `from` that `select` finds something in, and the position behind it.
    pub(crate) async fn wait<T>(
        &self,
        from: usize,
        limit: Duration,
        mut select: impl FnMut(&Event) -> Option<T>,
    ) -> Result<(usize, T)> {
        let mut events = self.events.clone();
        let mut position = from;
        let search = async {
            loop {
                for event in events.borrow_and_update().iter().skip(position) {
                    position += 1;
                    if let Some(found) = select(event) {
                        return Ok((position, found));
                    }
                }
                events.changed().await.context("the browser is gone")?;
            }
        };
        timeout(limit, search).await.context("the event did not come")?
    }

    /// Everything that `select` finds in the events since `from`.
    pub(crate) fn since<T>(&self, from: usize, select: impl FnMut(&Event) -> Option<T>) -> Vec<T> {
        self.events.borrow().iter().skip(from).filter_map(select).collect()
    }
}

impl Event {
    pub(crate) fn is(&self, session: &str, method: &str) -> bool {
        self.method == method && self.session_id.as_deref() == Some(session)
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[derive(Debug)]
struct Request {
    message: Value,
    reply: oneshot::Sender<Value>,
}

/// Owns the socket until either side hangs up. Whoever still waits for an answer then learns it by the dropped sender.
async fn pump(
    mut socket: Socket,
    mut requests: mpsc::UnboundedReceiver<Request>,
    log: watch::Sender<Vec<Event>>,
) {
    let mut waiting = HashMap::new();
    let mut last_id = 0_u64;
    loop {
        tokio::select! {
            request = requests.recv() => {
                let Some(Request { mut message, reply }) = request else { return };
                last_id += 1;
                message["id"] = last_id.into();
                waiting.insert(last_id, reply);
                let Ok(()) = socket.send(Message::text(message.to_string())).await else { return };
            }
            frame = socket.next() => {
                let Some(Ok(frame)) = frame else { return };
                let Message::Text(text) = frame else { continue };
                let Ok(message) = serde_json::from_str::<Value>(&text) else { return };
                if let Some(id) = message["id"].as_u64() {
                    let _nobody_waits = waiting.remove(&id).map(|reply: oneshot::Sender<_>| reply.send(message));
                } else if let Ok(event) = Event::deserialize(message) {
                    log.send_modify(|events| events.push(event));
                }
            }
        }
    }
}

fn gone(method: &str) -> String {
    format!("{method}: the browser is gone")
}

/// Longer than the 20 seconds for which Chromium holds a page while a refresh does not answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(45);
