//! The streams of those who are told, and what waits for them. Both are notes in the store
//! ([`holdfast_store::NoteKind::Signals`]), and go on after a restart where they were.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use holdfast_ssf::EventType;
use holdfast_store::{Backend, Keeping, NoteKind, Store, Unavailable};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// Every stream, by the name of its receiver, who has one.
#[derive(Default)]
pub(crate) struct Streams(RwLock<HashMap<Arc<str>, Arc<Slot>>>);

/// The place of one receiver's stream.
#[derive(Default)]
pub(crate) struct Slot {
    name: Arc<str>,
    stream: Mutex<Option<Stream>>,
    /// Held by whoever makes, changes or removes the stream.
    pub(crate) changing: tokio::sync::Mutex<()>,
    /// Wakes the task that pushes.
    pub(super) to_push: Notify,
    /// Wakes those who poll and wait.
    pub(super) to_poll: Notify,
    /// The server is about to stop: nobody waits any more.
    is_closing: AtomicBool,
}

struct Stream {
    config: StreamConfig,
    waiting: VecDeque<Waiting>,
    next: u64,
    /// What yields was lost, and it was told.
    is_crowded: bool,
}

/// One token that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    number: u64,
    pub(super) jti: Arc<str>,
    pub(super) token: Arc<str>,
}

/// What a receiver has asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamConfig {
    pub(crate) id: Arc<str>,
    pub(crate) delivery: Delivery,
    pub(crate) requested: Vec<String>,
    pub(crate) description: Option<String>,
    pub(crate) status: StreamStatus,
    pub(crate) reason: Option<String>,
    /// The users that are added to, or removed from, those that the receiver is told of by default.
    #[serde(default)]
    pub(crate) users: BTreeSet<Box<str>>,
}

/// How tokens get to a receiver.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Delivery {
    /// It fetches them (RFC 8936).
    Poll,
    /// They are posted to it (RFC 8935).
    Push {
        endpoint: Arc<str>,
        /// What is sent as `Authorization`: a secret of the receiver's.
        authorization: Option<Arc<str>>,
    },
}

/// Whether tokens are sent (SSF 1.0 §8.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StreamStatus {
    /// Nothing is sent, and what happens is not kept.
    Disabled,
    /// They are.
    Enabled,
    /// Nothing is sent; what happens is kept as long as there is room.
    Paused,
}

impl StreamStatus {
    /// The word on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::Paused => "paused",
        }
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Poll => f.write_str("Poll"),
            Self::Push { endpoint, .. } => {
                f.debug_struct("Push").field("endpoint", endpoint).finish_non_exhaustive()
            }
        }
    }
}

/// What became of a token that was to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enqueued {
    /// There was only room that is kept for ends of sessions, and it is lost: the first one since there was more.
    Crowded,
    /// It waits.
    Waits,
    /// There is no stream, or one that keeps nothing.
    Unwanted,
    /// There was no room for it, and it is lost. The stream is paused now.
    Overflown,
    /// There was no room for it, and it is lost, as others before it.
    Lost,
}

/// How much room there is for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// How many tokens may wait.
    pub(super) most: usize,
    /// It leaves the last fifth to others: anybody who uses a session can cause events of its type.
    pub(super) yields: bool,
}

impl Room {
    /// From how many on a token that yields is lost. Room for one is room for any.
    fn of_all(self) -> usize {
        self.most.saturating_sub(self.most.div_ceil(FIFTHS)).max(1)
    }
}

/// Whether events of a type leave the last of the room to those that end sessions, and to answers to the receiver.
pub(super) const fn yields(kind: EventType) -> bool {
    !matches!(kind, EventType::SessionRevoked | EventType::Verification | EventType::StreamUpdated)
}

impl Waiting {
    /// The name of the token.
    pub(crate) fn jti(&self) -> &str {
        &self.jti
    }

    /// The token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }
}

impl Streams {
    /// What the store remembers.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known what it remembers.
    pub(crate) async fn load(store: &Store) -> Result<(Self, usize), Unavailable> {
        let streams = Self::default();
        let unreadable = streams.take_in(store).await?;
        Ok((streams, unreadable))
    }

    /// Takes in the streams that the store remembers and this does not, such as those that a backup has brought. Gives how
    /// many could not be read.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known what it remembers.
    pub(crate) async fn take_in(&self, store: &Store) -> Result<usize, Unavailable> {
        let (mut unreadable, mut brought) = (0, HashMap::new());
        let notes = store.notes(NoteKind::Signals).await?;
        for (key, value) in &notes {
            let Some(name) = key.strip_prefix(STREAM).and_then(|name| std::str::from_utf8(name).ok()) else {
                continue;
            };
            let slot = self.slot(name);
            let _turn = slot.changing.lock().await;
            // Whoever removed it meanwhile has removed the note as well.
            if slot.stream.lock().is_some() || store.note(NoteKind::Signals, key).await?.is_none() {
                continue;
            }
            match serde_json::from_slice(value) {
                Ok(config) => drop(brought.insert(name, Stream::new(config))),
                Err(_) => unreadable += 1,
            }
        }
        for (key, value) in &notes {
            if let Some(rest) = key.strip_prefix(WAITING)
                && take_back(&mut brought, rest, value).is_none()
                && !self.has_waiting(rest)
            {
                // Of a stream that is gone, as its removal was interrupted; or a backup has brought what was taken since.
                store.keep_note(NoteKind::Signals, key, None, Keeping::Lazy).await?;
            }
        }
        for (name, mut stream) in brought {
            stream.waiting.make_contiguous().sort_by_key(|waiting| waiting.number);
            stream.next = stream.waiting.back().map_or(0, |last| last.number.saturating_add(1));
            let slot = self.slot(name);
            slot.stream.lock().get_or_insert(stream);
            slot.wake();
        }
        Ok(unreadable)
    }

    /// The place of a receiver of this name.
    pub(crate) fn slot(&self, name: &str) -> Arc<Slot> {
        if let Some(slot) = self.0.read().get(name) {
            return Arc::clone(slot);
        }
        let name: Arc<str> = name.into();
        let slot = || Arc::new(Slot { name: Arc::clone(&name), ..Slot::default() });
        Arc::clone(self.0.write().entry(Arc::clone(&name)).or_insert_with(slot))
    }

    /// Answers whoever waits: the server is about to stop.
    pub(super) fn close(&self) {
        for slot in self.0.read().values() {
            slot.is_closing.store(true, Ordering::SeqCst);
            slot.to_poll.notify_waiters();
        }
    }

    /// How many tokens wait, for whomever.
    pub(crate) fn waiting(&self) -> usize {
        self.0.read().values().map(|slot| slot.waiting()).sum()
    }

    /// Whether the token of this key waits.
    fn has_waiting(&self, rest: &[u8]) -> bool {
        let has = || {
            let (name, id, number) = place_of(rest)?;
            let slot = Arc::clone(self.0.read().get(name)?);
            let guard = slot.stream.lock();
            let stream = guard.as_ref().filter(|stream| *stream.config.id == *id)?;
            Some(stream.waiting.iter().any(|waiting| waiting.number == number))
        };
        has().unwrap_or_default()
    }
}

/// Puts a token of the store back where it waited.
fn take_back(brought: &mut HashMap<&str, Stream>, rest: &[u8], value: &[u8]) -> Option<()> {
    let (name, id, number) = place_of(rest)?;
    let (jti, token) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    let stream = brought.get_mut(name).filter(|stream| *stream.config.id == *id)?;
    stream.waiting.push_back(Waiting { number, jti: jti.into(), token: token.into() });
    Some(())
}

/// The receiver, the id of its stream, and a token's number, of a key without its prefix.
fn place_of(rest: &[u8]) -> Option<(&str, &str, u64)> {
    let (names, number) = rest.split_last_chunk::<8>()?;
    let (name, id) = std::str::from_utf8(names).ok()?.split_once('\0')?;
    Some((name, id, u64::from_be_bytes(*number)))
}

impl Stream {
    const fn new(config: StreamConfig) -> Self {
        Self { config, waiting: VecDeque::new(), next: 0, is_crowded: false }
    }
}

impl Slot {
    /// What the receiver has asked for, if it has a stream.
    pub(crate) fn config(&self) -> Option<StreamConfig> {
        self.stream.lock().as_ref().map(|stream| stream.config.clone())
    }

    /// How many tokens wait.
    pub(super) fn waiting(&self) -> usize {
        self.stream.lock().as_ref().map_or(0, |stream| stream.waiting.len())
    }

    /// Whether this event of this user is for the receiver.
    pub(super) fn wants(&self, kind: EventType, user: &str, all_subjects: bool) -> bool {
        let guard = self.stream.lock();
        guard.as_ref().is_some_and(|stream| {
            let config = &stream.config;
            config.status != StreamStatus::Disabled
                && config.users.contains(user) != all_subjects
                && config.requested.iter().any(|uri| uri == kind.uri())
        })
    }

    /// Whether the receiver wants to be told of this at all.
    pub(super) fn wants_any(&self, kind: EventType) -> bool {
        let guard = self.stream.lock();
        guard.as_ref().is_some_and(|stream| {
            stream.config.status != StreamStatus::Disabled
                && stream.config.requested.iter().any(|uri| uri == kind.uri())
        })
    }

    /// Makes a stream, or changes it. Durable when it returns. Whoever calls this holds `changing`.
    ///
    /// # Errors
    /// The store's trouble; nothing has changed.
    pub(crate) async fn put(&self, store: &Store, config: StreamConfig) -> Result<(), Unavailable> {
        let note = serde_json::to_vec(&config).unwrap_or_default();
        store.keep_note(NoteKind::Signals, &self.note_key(), Some(note), Keeping::Durable).await?;
        let mut dropped = Vec::new();
        {
            let mut guard = self.stream.lock();
            let stream = guard.get_or_insert_with(|| Stream::new(config.clone()));
            if config.status == StreamStatus::Disabled {
                dropped.extend(stream.waiting.drain(..));
            }
            stream.config = config;
        }
        self.erase(store, &dropped).await?;
        self.wake();
        Ok(())
    }

    /// Removes the stream with all that waits.
    ///
    /// # Errors
    /// The store's trouble; a restart may bring it back.
    pub(crate) async fn remove(&self, store: &Store) -> Result<(), Unavailable> {
        let Some(stream) = self.stream.lock().take() else { return Ok(()) };
        store.keep_note(NoteKind::Signals, &self.note_key(), None, Keeping::Durable).await?;
        for waiting in &stream.waiting {
            let key = self.waiting_key(&stream.config.id, waiting.number);
            store.keep_note(NoteKind::Signals, &key, None, Keeping::Lazy).await?;
        }
        self.wake();
        Ok(())
    }

    /// Has a token wait, durably. A stream of which nothing is taken is paused: what waits stays, what comes is lost. What
    /// yields is lost before that, while there is room for the rest.
    ///
    /// # Errors
    /// The store's trouble: a restart may forget that it waits.
    pub(super) async fn enqueue(
        &self,
        store: &Store,
        jti: &str,
        token: &str,
        room: Room,
    ) -> Result<Enqueued, Unavailable> {
        let (key, value) = {
            let mut guard = self.stream.lock();
            let Some(stream) = guard.as_mut().filter(|stream| stream.config.status != StreamStatus::Disabled)
            else {
                return Ok(Enqueued::Unwanted);
            };
            let count = stream.waiting.len();
            if room.yields && count >= room.of_all() {
                let was_crowded = std::mem::replace(&mut stream.is_crowded, true);
                return Ok(if was_crowded { Enqueued::Lost } else { Enqueued::Crowded });
            }
            // Not at the first place that becomes free, or it would be told again and again.
            stream.is_crowded &= count > room.of_all() / 2;
            if count >= room.most {
                let was_paused = stream.config.status == StreamStatus::Paused;
                stream.config.status = StreamStatus::Paused;
                stream.config.reason = Some(OVERFLOWN.to_owned());
                return Ok(if was_paused { Enqueued::Lost } else { Enqueued::Overflown });
            }
            let number = stream.next;
            stream.next = number.saturating_add(1);
            stream.waiting.push_back(Waiting { number, jti: jti.into(), token: token.into() });
            (self.waiting_key(&stream.config.id, number), format!("{jti} {token}").into_bytes())
        };
        store.keep_note(NoteKind::Signals, &key, Some(value), Keeping::Durable).await?;
        self.wake();
        Ok(Enqueued::Waits)
    }

    /// The next token to push, and where.
    pub(super) fn next_push(&self) -> Option<(Waiting, Arc<str>, Option<Arc<str>>)> {
        let guard = self.stream.lock();
        let stream = guard.as_ref().filter(|stream| stream.config.status == StreamStatus::Enabled)?;
        match &stream.config.delivery {
            Delivery::Poll => None,
            Delivery::Push { endpoint, authorization } => {
                Some((stream.waiting.front()?.clone(), Arc::clone(endpoint), authorization.clone()))
            }
        }
    }

    /// Waits until there is something to fetch, or the stream has changed, or for so long; not at all once the server
    /// is about to stop.
    pub(crate) async fn wait(&self, most: Duration) {
        let mut woken = std::pin::pin!(self.to_poll.notified());
        // From here on no wake-up is missed.
        woken.as_mut().enable();
        if self.first(1).0.is_empty() && !self.is_closing.load(Ordering::SeqCst) {
            let _patience = tokio::time::timeout(most, woken).await;
        }
    }

    /// The first tokens that wait, for whoever fetches them, and whether there are more.
    pub(crate) fn first(&self, most: usize) -> (Vec<Waiting>, bool) {
        let guard = self.stream.lock();
        let Some(stream) = guard.as_ref().filter(|stream| stream.config.status == StreamStatus::Enabled)
        else {
            return (Vec::new(), false);
        };
        (stream.waiting.iter().take(most).cloned().collect(), stream.waiting.len() > most)
    }

    /// These need not be sent again. Gives how many there were.
    ///
    /// # Errors
    /// The store's trouble; after a restart they are sent again, which harms nobody.
    pub(crate) async fn settle(&self, store: &Store, jtis: &[&str]) -> Result<usize, Unavailable> {
        let mut settled = Vec::new();
        if let Some(stream) = &mut *self.stream.lock() {
            stream.waiting.retain(|waiting| {
                let stays = !jtis.contains(&&*waiting.jti);
                if !stays {
                    settled.push(waiting.clone());
                }
                stays
            });
        }
        self.erase(store, &settled).await?;
        Ok(settled.len())
    }

    async fn erase(&self, store: &Store, gone: &[Waiting]) -> Result<(), Unavailable> {
        let Some(id) = self.stream.lock().as_ref().map(|stream| Arc::clone(&stream.config.id)) else {
            return Ok(());
        };
        for waiting in gone {
            let key = self.waiting_key(&id, waiting.number);
            store.keep_note(NoteKind::Signals, &key, None, Keeping::Lazy).await?;
        }
        Ok(())
    }

    fn wake(&self) {
        self.to_push.notify_one();
        self.to_poll.notify_waiters();
    }

    fn note_key(&self) -> Vec<u8> {
        [STREAM, self.name.as_bytes()].concat()
    }

    /// Names of receivers and ids hold no zero byte.
    fn waiting_key(&self, id: &str, number: u64) -> Vec<u8> {
        [WAITING, self.name.as_bytes(), b"\0", id.as_bytes(), &number.to_be_bytes()].concat()
    }
}

const STREAM: &[u8] = b"stream\0";
const WAITING: &[u8] = b"waiting\0";

/// The last of so many equal parts is kept for what does not yield.
pub(super) const FIFTHS: usize = 5;

const OVERFLOWN: &str =
    "more events wait than are kept for this stream; enable it again to get them, later ones are lost";

#[cfg(test)]
mod tests {
    use super::*;

    fn config(id: &str) -> StreamConfig {
        StreamConfig {
            id: id.into(),
            delivery: Delivery::Poll,
            requested: vec![EventType::SessionRevoked.uri().to_owned()],
            description: None,
            status: StreamStatus::Enabled,
            reason: None,
            users: BTreeSet::new(),
        }
    }

    fn room(most: usize) -> Room {
        Room { most, yields: false }
    }

    fn jtis(slot: &Slot) -> Vec<String> {
        slot.first(100).0.iter().map(|waiting| waiting.jti.to_string()).collect()
    }

    async fn filled(store: &Store, count: usize) -> Streams {
        let streams = Streams::default();
        let slot = streams.slot("siem");
        slot.put(store, config("s1")).await.unwrap();
        for number in 0..count {
            let waits = slot.enqueue(store, &number.to_string(), "a.b.c", room(300)).await.unwrap();
            assert_eq!(waits, Enqueued::Waits);
        }
        streams
    }

    #[tokio::test]
    async fn what_waits_comes_back_in_its_order() {
        let store = Store::memory();
        let streams = filled(&store, 260).await;
        let slot = streams.slot("siem");
        assert_eq!(slot.settle(&store, &["0", "7", "unknown"]).await.unwrap(), 2);
        let (again, unreadable) = Streams::load(&store).await.unwrap();
        assert_eq!(unreadable, 0);
        let expected: Vec<_> =
            (0..260).filter(|number| ![0, 7].contains(number)).map(|n| n.to_string()).collect();
        let found: Vec<_> =
            again.slot("siem").first(1000).0.iter().map(|waiting| waiting.jti.to_string()).collect();
        assert_eq!(found, expected);
        assert_eq!(again.slot("siem").config(), Some(config("s1")));
        // A number is not given twice, or the later token would take the place of the earlier one in the store.
        again.slot("siem").enqueue(&store, "new", "a.b.c", room(300)).await.unwrap();
        let (once_more, _) = Streams::load(&store).await.unwrap();
        assert_eq!(once_more.slot("siem").waiting(), 259);
    }

    #[tokio::test]
    async fn a_stream_that_is_full_is_paused_and_loses_the_newest() {
        let store = Store::memory();
        let streams = filled(&store, 3).await;
        let slot = streams.slot("siem");
        assert_eq!(slot.enqueue(&store, "3", "a.b.c", room(3)).await.unwrap(), Enqueued::Overflown);
        assert_eq!(slot.enqueue(&store, "4", "a.b.c", room(3)).await.unwrap(), Enqueued::Lost);
        let paused = slot.config().unwrap();
        assert_eq!((paused.status, paused.reason.as_deref()), (StreamStatus::Paused, Some(OVERFLOWN)));
        assert_eq!(jtis(&slot), Vec::<String>::new(), "nothing is sent while it is paused");
        slot.put(&store, StreamConfig { status: StreamStatus::Enabled, ..paused }).await.unwrap();
        assert_eq!(jtis(&slot), ["0", "1", "2"]);
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_stream_that_is_removed_or_disabled() {
        let store = Store::memory();
        let streams = filled(&store, 3).await;
        let slot = streams.slot("siem");
        slot.put(&store, StreamConfig { status: StreamStatus::Disabled, ..config("s1") }).await.unwrap();
        assert_eq!(slot.waiting(), 0);
        assert_eq!(slot.enqueue(&store, "3", "a.b.c", room(3)).await.unwrap(), Enqueued::Unwanted);
        assert_eq!(store.notes(NoteKind::Signals).await.unwrap().len(), 1);
        slot.remove(&store).await.unwrap();
        assert_eq!(store.notes(NoteKind::Signals).await.unwrap().len(), 0);
        assert_eq!(slot.enqueue(&store, "3", "a.b.c", room(3)).await.unwrap(), Enqueued::Unwanted);
    }

    #[tokio::test]
    async fn the_last_fifth_is_for_the_ends_of_sessions() {
        let store = Store::memory();
        let streams = filled(&store, 0).await;
        let slot = streams.slot("siem");
        let noisy = Room { most: 10, yields: yields(EventType::RiskLevelChange) };
        let end = Room { most: 10, yields: yields(EventType::SessionRevoked) };
        let mut became = Vec::new();
        for number in 0..100 {
            became.push(slot.enqueue(&store, &number.to_string(), "a.b.c", noisy).await.unwrap());
        }
        assert_eq!(became.iter().filter(|became| **became == Enqueued::Waits).count(), 8);
        assert_eq!(became.iter().position(|became| *became == Enqueued::Crowded), Some(8), "it is told");
        assert_eq!(became.iter().filter(|became| **became == Enqueued::Lost).count(), 91, "and once");
        assert_eq!(slot.config().unwrap().status, StreamStatus::Enabled, "noise pauses nothing");
        for number in 100..102 {
            let became = slot.enqueue(&store, &number.to_string(), "a.b.c", end).await.unwrap();
            assert_eq!(became, Enqueued::Waits);
        }
        assert_eq!(slot.enqueue(&store, "x", "a.b.c", noisy).await.unwrap(), Enqueued::Lost);
        assert_eq!(slot.enqueue(&store, "x", "a.b.c", end).await.unwrap(), Enqueued::Overflown);
        assert_eq!(slot.config().unwrap().status, StreamStatus::Paused);
        // When half of it was taken, the next loss is told again.
        let taken: Vec<String> = (0..6).map(|number| number.to_string()).collect();
        slot.settle(&store, &taken.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
        let mut became = Vec::new();
        for number in 200..210 {
            became.push(slot.enqueue(&store, &number.to_string(), "a.b.c", noisy).await.unwrap());
        }
        assert_eq!(became.iter().filter(|became| **became == Enqueued::Crowded).count(), 1);
        // However little room there is, noise leaves some.
        for (most, of_all) in [(1, 1), (2, 1), (3, 2), (5, 4), (6, 4), (1000, 800)] {
            assert_eq!(Room { most, yields: true }.of_all(), of_all, "{most}");
        }
        for kind in
            [EventType::SessionPresented, EventType::SessionEstablished, EventType::AssuranceLevelChange]
        {
            assert!(yields(kind), "{kind:?}");
        }
    }

    #[tokio::test]
    async fn tokens_of_a_stream_that_is_gone_go_too() {
        let store = Store::memory();
        filled(&store, 3).await.slot("siem").put(&store, config("s2")).await.unwrap();
        let (again, _) = Streams::load(&store).await.unwrap();
        assert_eq!(again.slot("siem").waiting(), 0);
        assert_eq!(store.notes(NoteKind::Signals).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn subjects_are_all_but_some_or_none_but_some() {
        let store = Store::memory();
        let streams = filled(&store, 0).await;
        let slot = streams.slot("siem");
        let revoked = EventType::SessionRevoked;
        assert!(slot.wants(revoked, "alice", true) && !slot.wants(revoked, "alice", false));
        slot.put(&store, StreamConfig { users: BTreeSet::from(["alice".into()]), ..config("s1") })
            .await
            .unwrap();
        assert!(!slot.wants(revoked, "alice", true) && slot.wants(revoked, "alice", false));
        assert!(slot.wants(revoked, "bob", true) && !slot.wants(revoked, "bob", false));
        assert!(!slot.wants(EventType::SessionPresented, "bob", true), "it was not asked for");
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let delivery =
            Delivery::Push { endpoint: "https://x".into(), authorization: Some("Bearer hunter2".into()) };
        assert!(!format!("{delivery:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn a_backup_brings_streams_that_are_not_here_and_nothing_twice() {
        let (here, there) = (Store::memory(), Store::memory());
        let streams = filled(&here, 3).await;
        let slot = streams.slot("siem");
        slot.settle(&here, &["0"]).await.unwrap();
        let others = filled(&there, 3).await;
        let other = others.slot("other");
        other.put(&there, config("o1")).await.unwrap();
        for number in 0..2 {
            other.enqueue(&there, &format!("o{number}"), "a.b.c", room(300)).await.unwrap();
        }
        other.settle(&there, &["o0"]).await.unwrap();
        for (key, value) in there.notes(NoteKind::Signals).await.unwrap() {
            if here.note(NoteKind::Signals, &key).await.unwrap().is_none() {
                let value = Some(value.to_vec());
                here.keep_note(NoteKind::Signals, &key, value, Keeping::Durable).await.unwrap();
            }
        }
        assert_eq!(streams.take_in(&here).await.unwrap(), 0);
        assert_eq!(jtis(&slot), ["1", "2"], "what was taken since does not come again");
        assert_eq!(jtis(&streams.slot("other")), ["o1"]);
        assert_eq!(streams.slot("other").config(), Some(config("o1")));
        // The same after a restart, and the next number is a new one.
        streams.slot("other").enqueue(&here, "o2", "a.b.c", room(300)).await.unwrap();
        let (again, _) = Streams::load(&here).await.unwrap();
        assert_eq!(jtis(&again.slot("siem")), ["1", "2"]);
        assert_eq!(jtis(&again.slot("other")), ["o1", "o2"]);
    }
}
