//! What we tell others: what happened becomes a token for each stream that wants it.
//!
//! Whoever notices something hands it over without waiting ([`Outgoing`]); a task makes tokens of it, in order. So no check
//! and no login waits for a signature or a disk. What was handed over in the last moment before a crash may be lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use holdfast_core::{SessionId, UnixTime, session::Session};
use holdfast_ssf::{Claims, Entity, EventType, RiskLevel, claims::SessionSubject, stream::SUPPORTED};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{
    key::RsaSigner,
    stream::{Enqueued, FIFTHS, Room, Slot, Streams, yields},
};
use crate::{
    cache::Cache,
    config::{StreamReceiverConfig, TransmitterConfig},
    house::Holdfast,
    random::random,
    telemetry::{Event, EventName},
    token::{TokenHash, TokenMatches, hex},
};

/// What is in force for telling others.
pub(crate) struct Transmitter {
    pub(crate) config: TransmitterConfig,
    pub(crate) signer: RsaSigner,
    pub(super) client: reqwest::Client,
    pub(crate) receivers: Vec<Arc<StreamReceiver>>,
}

/// Somebody who is told.
pub(crate) struct StreamReceiver {
    pub(crate) config: StreamReceiverConfig,
    pub(crate) slot: Arc<Slot>,
}

impl Transmitter {
    pub(crate) fn new(
        config: TransmitterConfig,
        signer: RsaSigner,
        streams: &Streams,
    ) -> Result<Self, String> {
        let client = crate::issuers::client()?;
        let receiver = |config: &StreamReceiverConfig| {
            Arc::new(StreamReceiver { config: config.clone(), slot: streams.slot(&config.name) })
        };
        let receivers = config.receivers.iter().map(receiver).collect();
        Ok(Self { config, signer, client, receivers })
    }

    /// The receiver that has this token. Every token is compared, so that the time tells nothing about which came close.
    pub(crate) fn receiver_of(&self, presented: &TokenHash) -> Option<(&Arc<StreamReceiver>, TokenMatches)> {
        self.receivers.iter().fold(None, |found, receiver| {
            receiver.config.token.matches(presented).map(|matches| (receiver, matches)).or(found)
        })
    }

    /// Whether anybody wants to be told of such events.
    fn wants(&self, kind: EventType) -> bool {
        self.receivers.iter().any(|receiver| receiver.slot.wants_any(kind))
    }
}

/// The way from those who notice something to the task that tells it; one for the whole process.
pub(crate) struct Outgoing {
    sender: mpsc::Sender<Noticed>,
    receiver: Mutex<Option<mpsc::Receiver<Noticed>>>,
    /// Sessions that were lately told of as used.
    presented: Cache<SessionId, UnixTime>,
    /// How much was handed over and does not wait in the store yet.
    on_the_way: AtomicUsize,
}

/// Something that happened to a session.
pub(super) struct Noticed {
    pub(super) kind: EventType,
    app: Box<str>,
    user: Box<str>,
    session: SessionId,
    device: Option<Box<str>>,
    at: UnixTime,
    entity: Entity,
    reason: &'static str,
    more: More,
}

enum More {
    Assurance { namespace: &'static str, level: String },
    Nothing,
    Risk { level: RiskLevel, why: String },
}

impl Default for Outgoing {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(MOST_ON_THE_WAY);
        Self {
            sender,
            receiver: Mutex::new(Some(receiver)),
            presented: Cache::new(PRESENTED),
            on_the_way: AtomicUsize::new(0),
        }
    }
}

impl Outgoing {
    /// The end of the way; there is one.
    pub(super) fn take(&self) -> Option<mpsc::Receiver<Noticed>> {
        self.receiver.lock().take()
    }

    /// Waits until everything that was handed over waits in the store, but not for long.
    pub(super) async fn drain(&self) {
        for _ in 0..MOST_PAUSES {
            if self.on_the_way.load(Ordering::SeqCst) == 0 {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Notices what an event of the trail says, if others are to be told. Never waits.
    pub(super) fn notice(
        &self,
        house: &Holdfast,
        transmitter: &Transmitter,
        now: UnixTime,
        event: &Event<'_>,
    ) {
        let Some((kind, entity, reason)) = event.event.and_then(|name| kind_of(name, event.reason)) else {
            return;
        };
        let (Some(app), Some(user), Some(session)) = (event.app, event.user, event.session) else { return };
        if !transmitter.wants(kind) {
            return;
        }
        if kind == EventType::SessionPresented
            && !self.is_time(session, now, transmitter.config.presented_interval)
        {
            return;
        }
        let (app, user) = (app.into(), user.into());
        self.send(
            house,
            Noticed { kind, app, user, session, device: None, at: now, entity, reason, more: More::Nothing },
        );
    }

    /// Notices that the user of a session has authenticated again.
    pub(super) fn notice_assurance(
        &self,
        house: &Holdfast,
        transmitter: &Transmitter,
        session: &Session,
        now: UnixTime,
    ) {
        let kind = EventType::AssuranceLevelChange;
        if !transmitter.wants(kind) {
            return;
        }
        let auth = session.record().auth.as_deref();
        // The words of `acr` are the app's, those of `amr` of RFC 8176.
        let (namespace, level) = match auth.and_then(|auth| auth.acr.as_deref()) {
            Some(acr) => ("acr", acr.to_owned()),
            None => ("RFC8176", auth.map_or_else(String::new, |auth| auth.amr.join(" "))),
        };
        let level = if level.is_empty() { "unspecified".to_owned() } else { level };
        let reason = "the user has authenticated again";
        let more = More::Assurance { namespace, level };
        self.send(house, Noticed::of(kind, session, now, Entity::User, reason, more));
    }

    /// Notices that a session is in more or less danger than before. `why` is told to administrators.
    pub(super) fn notice_risk(
        &self,
        house: &Holdfast,
        transmitter: &Transmitter,
        session: &Session,
        level: RiskLevel,
        why: &str,
        now: UnixTime,
    ) {
        let kind = EventType::RiskLevelChange;
        if transmitter.wants(kind) {
            let more = More::Risk { level, why: why.to_owned() };
            self.send(
                house,
                Noticed::of(kind, session, now, Entity::Policy, "the risk rules decided so", more),
            );
        }
    }

    /// So many do not need to be waited for any more.
    pub(super) fn settle(&self, count: usize) {
        self.on_the_way.fetch_sub(count, Ordering::SeqCst);
    }

    /// Whether a session was not told of as used for a while.
    fn is_time(&self, session: SessionId, now: UnixTime, interval: Duration) -> bool {
        let told = self.presented.find(&session);
        let is_time = told.is_none_or(|told_at| now.since(*told_at) >= interval);
        if is_time {
            self.presented.keep(session, Arc::new(now));
        }
        is_time
    }

    fn send(&self, house: &Holdfast, noticed: Noticed) {
        // As in the streams: noise leaves room for the ends of sessions.
        if yields(noticed.kind) && self.sender.capacity() < KEPT_FOR_ENDS {
            house.metrics.signal_sent(SentOutcome::Lost);
            return;
        }
        self.on_the_way.fetch_add(1, Ordering::SeqCst);
        if self.sender.try_send(noticed).is_err() {
            self.on_the_way.fetch_sub(1, Ordering::SeqCst);
            house.metrics.signal_sent(SentOutcome::Lost);
        }
    }
}

impl Noticed {
    fn of(
        kind: EventType,
        session: &Session,
        at: UnixTime,
        entity: Entity,
        reason: &'static str,
        more: More,
    ) -> Self {
        let record = session.record();
        let device = record.client.as_ref().and_then(|client| client.device_id.as_ref());
        Self {
            kind,
            app: (&*record.app).into(),
            user: record.user.clone(),
            session: record.id,
            device: device.map(|device| device.as_str().into()),
            at,
            entity,
            reason,
            more,
        }
    }

    fn claims(&self, issuer: &str) -> Claims {
        let session = self.session.to_string();
        let about =
            SessionSubject { issuer, user: &self.user, session: &session, device: self.device.as_deref() };
        let claims = Claims::of_session(self.kind, &about, self.at, self.entity, self.reason);
        match &self.more {
            More::Assurance { namespace, level } => claims.assurance(namespace, level, None),
            More::Nothing => claims,
            // What others were told before is not kept, and need not be said (CAEP §3.8).
            More::Risk { level, why } => claims.risk(*level, None, why),
        }
    }
}

/// What others are told for an event of the trail, on whose behalf, and why.
fn kind_of(name: EventName, reason: Option<&str>) -> Option<(EventType, Entity, &'static str)> {
    let told = match (name, reason) {
        (EventName::SessionCreated, _) => (EventType::SessionEstablished, Entity::User, "the user logged in"),
        (EventName::SessionRegenerated, _) => {
            (EventType::SessionEstablished, Entity::System, "a session goes on under a new id")
        }
        (EventName::SessionChecked, _) => (EventType::SessionPresented, Entity::User, "the session was used"),
        (EventName::SessionEnded, Some("logout")) => {
            (EventType::SessionRevoked, Entity::User, "the user logged out")
        }
        (EventName::SessionEnded, Some("replaced")) => {
            (EventType::SessionRevoked, Entity::User, "a new login took its place")
        }
        (EventName::SessionEnded, Some("revoked")) => {
            (EventType::SessionRevoked, Entity::Admin, "an app, an operator or another party ended it")
        }
        (EventName::SessionEnded, Some("risk")) => {
            (EventType::SessionRevoked, Entity::Policy, "the risk rules ended it")
        }
        (EventName::SessionEnded, Some("user_cap")) => {
            (EventType::SessionRevoked, Entity::Policy, "the user began more sessions than allowed")
        }
        // What the clock ended was not revoked, and what goes on under a new id has not ended.
        _ => return None,
    };
    Some(told)
}

/// Makes tokens of what was noticed, and has them wait for those who want them, until the task is dropped.
pub(super) async fn tell_forever(live: Arc<crate::live::Live>, mut noticed: mpsc::Receiver<Noticed>) {
    let mut batch = Vec::with_capacity(BATCH);
    while noticed.recv_many(&mut batch, BATCH).await > 0 {
        let house = Arc::clone(&live.now().house);
        let Some(transmitter) = &house.signals.transmitter else {
            house.signals.settle(batch.len());
            batch.clear();
            continue;
        };
        // Numbers are given in this order; the disk is waited for once for all.
        let told = batch.iter().flat_map(|noticed| {
            let receivers = transmitter.receivers.iter().filter(|receiver| receiver.is_told_of(noticed));
            receivers.map(|receiver| {
                enqueue(&house, transmitter, receiver, noticed.claims(&transmitter.config.issuer))
            })
        });
        futures_util::future::join_all(told).await;
        house.signals.settle(batch.len());
        batch.clear();
    }
}

impl StreamReceiver {
    fn is_told_of(&self, noticed: &Noticed) -> bool {
        let config = &self.config;
        (config.apps.is_empty() || config.apps.iter().any(|app| **app == *noticed.app))
            && self.slot.wants(noticed.kind, &noticed.user, config.all_subjects)
    }
}

/// Has one token wait for a receiver.
pub(crate) async fn enqueue(
    house: &Holdfast,
    transmitter: &Transmitter,
    receiver: &StreamReceiver,
    claims: Claims,
) {
    let now = house.clock.now();
    let name = &receiver.config.name;
    let Ok(jti) = random::<16>().map(|bytes| hex(&bytes)) else {
        house.metrics.signal_sent(SentOutcome::Lost);
        return;
    };
    let payload = claims.payload(&transmitter.config.issuer, &receiver.config.audience, &jti, now);
    let Some(token) = transmitter.signer.sign(&payload) else {
        house.metrics.signal_sent(SentOutcome::Lost);
        return;
    };
    let most = usize::try_from(transmitter.config.outbox).unwrap_or(usize::MAX);
    let room = Room { most, yields: yields(claims.kind()) };
    match receiver.slot.enqueue(&house.store, &jti, &token, room).await {
        Ok(Enqueued::Waits | Enqueued::Unwanted) => {}
        Ok(Enqueued::Lost) => house.metrics.signal_sent(SentOutcome::Lost),
        Ok(Enqueued::Crowded) => {
            house.metrics.signal_sent(SentOutcome::Lost);
            let says = format!(
                "signals: four fifths of the room for what waits for {name} are used up: until it takes more, it is told of the ends of sessions alone, and other events are lost"
            );
            house.log.error(now, &says);
        }
        Ok(Enqueued::Overflown) => {
            house.metrics.signal_sent(SentOutcome::Lost);
            let says = format!(
                "signals: {most} events wait for {name}, which takes none: its stream is paused, and later events are lost"
            );
            house.log.error(now, &says);
            let event =
                Event { event: Some(EventName::SignalsPaused), detail: Some(&says), ..Event::default() };
            house.record(now, &event);
            let _turn = receiver.slot.changing.lock().await;
            if let Some(config) = receiver.slot.config() {
                // What could not be written down is written with the next change; it holds in memory.
                let _later = receiver.slot.put(&house.store, config).await;
            }
        }
        Err(unavailable) => {
            house
                .log
                .error(now, &format!("signals: an event for {name} is kept in memory alone: {unavailable}"));
        }
    }
}

/// What became of a token that was to be told, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SentOutcome {
    /// Its receiver has taken it.
    Delivered,
    /// An attempt failed; it is sent again.
    Failed,
    /// There was no room for it.
    Lost,
    /// Its receiver refused it, and it is not sent again.
    Rejected,
}

impl SentOutcome {
    /// Every outcome.
    pub(crate) const ALL: [Self; 4] = [Self::Delivered, Self::Failed, Self::Lost, Self::Rejected];

    /// The word in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Rejected => "rejected",
        }
    }
}

/// All that the discovery document names.
pub(crate) const EVENTS: [EventType; 5] = SUPPORTED;

/// Logins of a busy morning, while the disk is slow.
const MOST_ON_THE_WAY: usize = 16_384;
const KEPT_FOR_ENDS: usize = MOST_ON_THE_WAY / FIFTHS;

const BATCH: usize = 64;

/// Two seconds in all.
const MOST_PAUSES: usize = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// So many sessions are told of as used once in an interval; with more than twice as many some are told of more often.
const PRESENTED: usize = 262_144;
