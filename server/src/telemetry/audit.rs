//! The audit trail: one JSON object a line, of everything that happened to a session.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use holdfast_audit::{Files, Observer, Target, Trail, rfc3339};
use holdfast_core::{Rule, SessionId, SessionIdText, UnixTime, trace::TraceId};
use tokio::{sync::watch, time::timeout};

use super::{
    Log,
    line::Line,
    listeners::{ListenerPlace, Listeners},
};
use crate::Clock;

/// Where events go.
pub(crate) struct Audit {
    trail: Option<Arc<Trail>>,
    /// Lines that no disk took, in this file and those before it.
    lost: Arc<AtomicU64>,
    /// The number of the last line that was written.
    head: watch::Sender<u64>,
    /// Whether those who listen shall go.
    ending: watch::Sender<bool>,
    /// The places of those who listen.
    places: Listeners,
}

/// What somebody needs who follows the trail: its files, and to be told that there is more.
#[derive(Clone)]
pub(crate) struct Listening {
    pub(crate) files: Arc<Files>,
    pub(crate) head: watch::Receiver<u64>,
    /// Turns true when the house is left: by a new configuration, or because the server stops.
    pub(crate) ending: watch::Receiver<bool>,
}

impl Listening {
    /// Waits until there is more, or the house is left. False if neither came in `patience`.
    pub(crate) async fn more(&mut self, patience: Duration) -> bool {
        let Self { head, ending, .. } = self;
        let more = async {
            tokio::select! {
                _ = head.changed() => {}
                _ = ending.wait_for(|ending| *ending) => {}
            }
        };
        timeout(patience, more).await.is_ok()
    }
}

/// Tells the trail of what happened outside any request.
#[derive(Clone)]
pub(crate) struct Witness(Option<Arc<Trail>>);

impl Witness {
    /// Writes an event.
    pub(crate) fn record(&self, now: UnixTime, event: &Event<'_>) {
        if let Some(trail) = &self.0 {
            trail.line(|out| event.write(now, out));
        }
    }
}

impl Audit {
    /// Keeps no trail.
    pub(crate) fn none() -> Self {
        Self {
            trail: None,
            lost: Arc::default(),
            head: watch::Sender::new(0),
            ending: watch::Sender::new(false),
            places: Listeners::default(),
        }
    }

    /// A trail that goes on in this file. It is one chain with the trail before, which stays usable for whoever still has
    /// it: both write into the same file from now on.
    ///
    /// # Errors
    /// If a trail that did not exist before cannot begin. One that goes on cannot fail.
    pub(crate) fn followed_by(
        &self,
        target: Option<Target>,
        clock: &Clock,
        log: &Arc<Log>,
    ) -> io::Result<Self> {
        let (lost, head) = (Arc::clone(&self.lost), self.head.clone());
        let trail = match (target, &self.trail) {
            (None, _) => None,
            (Some(target), Some(trail)) => {
                trail.go_on_in(target);
                Some(Arc::clone(trail))
            }
            (Some(target), None) => {
                let asked = clock.clone();
                let observer = Told { log: Arc::clone(log), clock: clock.clone(), head: head.clone() };
                let now = Box::new(move || asked.now());
                Some(Arc::new(Trail::begin(target, now, Box::new(observer), Arc::clone(&lost))?))
            }
        };
        let places = self.places.clone();
        Ok(Self { trail, lost, head, ending: watch::Sender::new(false), places })
    }

    /// Writes an event.
    pub(crate) fn record(&self, now: UnixTime, event: &Event<'_>) {
        let Some(trail) = &self.trail else { return };
        trail.line(|out| event.write(now, out));
    }

    /// Somebody who tells it of what happens outside any request.
    pub(crate) fn witness(&self) -> Witness {
        Witness(self.trail.clone())
    }

    /// What is needed to follow the trail; none if there is none.
    pub(crate) fn listen(&self) -> Option<Listening> {
        let files = self.trail.as_ref()?.files();
        Some(Listening { files, head: self.head.subscribe(), ending: self.ending.subscribe() })
    }

    /// A place for an app, or for an operator, who listens; none if all of theirs are taken.
    pub(crate) fn listener(&self, app: Option<&str>) -> Option<ListenerPlace> {
        self.places.take(app)
    }

    /// Tells those who listen to go: what they may see is judged when they come again.
    pub(crate) fn end_listeners(&self) {
        self.ending.send_replace(true);
    }

    /// How many events were lost to a disk that did not take them.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Writes what is pending.
    pub(crate) fn close(&self) {
        if let Some(trail) = &self.trail {
            trail.close();
        }
    }
}

/// Tells of the thread that writes.
struct Told {
    log: Arc<Log>,
    clock: Clock,
    head: watch::Sender<u64>,
}

impl Observer for Told {
    fn written(&self, head: u64) {
        self.head.send_replace(head);
    }

    fn failing(&self, error: &io::Error) {
        let says =
            format!("audit.file cannot be written: {error}; events wait in memory, up to 64 MiB of them");
        self.log.error(self.clock.now(), &says);
    }

    fn works_again(&self) {
        self.log.info(self.clock.now(), "audit.file is written again");
    }
}

macro_rules! event_names {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal;)+) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum EventName {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl EventName {
            /// Every event.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word in the trail.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

event_names! {
    /// Events were not told to a sink: they had to be removed before it took them.
    AuditSinkLost = "audit.sink_lost";
    /// A second key was brought for a bound session.
    BindingConflict = "binding.conflict";
    /// Somebody said to be an OAuth client, or an app, and could not show it.
    ClientRejected = "client.rejected";
    /// This configuration is in force from now on.
    ConfigLoaded = "config.loaded";
    /// A configuration was to be loaded, and is not in order.
    ConfigRejected = "config.rejected";
    /// A copy of a cookie that its owner's browser has long replaced is in use.
    CookieStale = "cookie.stale";
    /// Somebody told something new of a device.
    DevicePostureChanged = "device.posture_changed";
    /// Somebody asked as a gateway and was not taken for one.
    GatewayRefused = "gateway.refused";
    /// A database of addresses is in force from now on.
    GeoLoaded = "geo.loaded";
    /// A database of addresses was to be loaded, and is not in order; the one before it stays.
    GeoRejected = "geo.rejected";
    /// A policy could not be evaluated, and so refused.
    PolicyFailed = "policy.failed";
    /// A proof was refused.
    ProofRejected = "proof.rejected";
    /// A request went on as nobody's, since its route is public.
    RequestAnonymous = "request.anonymous";
    /// Policies have something against a request that they had not against the one before.
    RiskRaised = "risk.raised";
    /// A device bound a session.
    SessionBound = "session.bound";
    /// A request was allowed.
    SessionChecked = "session.checked";
    /// A session began.
    SessionCreated = "session.created";
    /// A request was refused.
    SessionDenied = "session.denied";
    /// A session ended.
    SessionEnded = "session.ended";
    /// Every session of every app ended.
    SessionsEnded = "sessions.ended";
    /// A session goes on under a new id.
    SessionRegenerated = "session.regenerated";
    /// A device proved its key.
    SessionRefreshed = "session.refreshed";
    /// An event of somebody else's came.
    SignalReceived = "signal.received";
    /// An event of somebody else's was not taken.
    SignalRejected = "signal.rejected";
    /// So many events wait for somebody who is told that its stream was paused.
    SignalsPaused = "signals.paused";
    /// A backup went out, whole or in part.
    StoreBackedUp = "store.backed_up";
    /// A damaged store was moved aside.
    StoreDamaged = "store.damaged";
    /// A backup was merged into the store.
    StoreRestored = "store.restored";
    /// The store did not answer.
    StoreUnavailable = "store.unavailable";
    /// A code or refresh token came a second time, and its session was ended.
    TokenReused = "token.reused";
    /// A refresh token came with another key than the one it is bound to.
    TokenStolen = "token.stolen";
}

/// An event. What is not known stays out as `null`; what is secret has no place here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Event<'a> {
    /// What happened.
    pub event: Option<EventName>,
    /// The app it happened to.
    pub app: Option<&'a str>,
    /// The user it happened to.
    pub user: Option<&'a str>,
    /// The session it happened to.
    pub session: Option<SessionId>,
    /// Why: one of the words that this program has for it.
    pub reason: Option<&'static str>,
    /// The client's address.
    pub client_ip: Option<IpAddr>,
    /// The client's `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// How strongly the session is bound.
    pub binding: Option<&'static str>,
    /// The rule that refused.
    pub rule: Option<Rule>,
    /// The request it happened in.
    pub request_id: Option<&'a str>,
    /// The trace that the request is part of.
    pub trace_id: Option<TraceId>,
    /// What else there is to say.
    pub detail: Option<&'a str>,
    /// What was decided about the request.
    pub decision: Option<&'static str>,
    /// What was weighed for it: a JSON object of this program.
    pub risk: Option<&'a str>,
    /// The words that the route of the request has for it.
    pub tags: &'a [Box<str>],
}

impl Event<'_> {
    fn write(&self, now: UnixTime, out: &mut Vec<u8>) {
        let mut line = Line::begin(out, ("time", &rfc3339(now)));
        line.own("event", self.event.map_or("", EventName::as_str));
        line.text("app", self.app);
        line.text("user", self.user);
        line.own_or_null("session", self.session.map(SessionId::text).as_ref().map(SessionIdText::as_str));
        line.own_or_null("reason", self.reason);
        line.address("client_ip", self.client_ip);
        line.text("user_agent", self.user_agent);
        line.own_or_null("binding", self.binding);
        line.own_or_null("rule", self.rule.map(Rule::id));
        line.own_or_null("request_id", self.request_id);
        line.own_or_null("trace_id", self.trace_id.map(|trace| trace.to_string()).as_deref());
        line.text("detail", self.detail);
        line.texts("tags", self.tags);
        line.own_or_null("decision", self.decision);
        line.object("risk", self.risk);
        line.end();
    }
}
