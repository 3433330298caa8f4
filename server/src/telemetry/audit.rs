//! The audit trail: one JSON object a line, of everything that happened to a session.

use std::{
    fs::OpenOptions,
    io,
    net::IpAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use holdfast_core::{Rule, SessionId, SessionIdText, UnixTime, trace::TraceId};

use super::{line::Line, sink::Sink, stamp::rfc3339};

/// Where events go.
pub(crate) struct Audit {
    sink: Option<Sink>,
    /// Lines that no disk took, in this file and those before it.
    lost: Arc<AtomicU64>,
}

impl Audit {
    /// Keeps no trail.
    pub(crate) fn none() -> Self {
        Self { sink: None, lost: Arc::default() }
    }

    /// A trail that goes on in this file, made with mode 0600 if it is new: also where a file of the same name was moved
    /// away. The trail before stays usable for whoever still has it.
    ///
    /// # Errors
    /// If the file cannot be opened for appending.
    pub(crate) fn followed_by(&self, path: Option<&Path>) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let lost = Arc::clone(&self.lost);
        let Some(path) = path else { return Ok(Self { sink: None, lost }) };
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self { sink: Some(Sink::start_counting("audit", file, Arc::clone(&lost))?), lost })
    }

    /// Writes an event.
    pub(crate) fn record(&self, now: UnixTime, event: &Event<'_>) {
        let Some(sink) = &self.sink else { return };
        sink.line(|out| event.write(now, out));
    }

    /// How many events were lost to a disk that did not take them.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Writes what is pending.
    pub(crate) fn close(&self) {
        if let Some(sink) = &self.sink {
            sink.close();
        }
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
    /// A proof was refused.
    ProofRejected = "proof.rejected";
    /// A request went on as nobody's, since its route is public.
    RequestAnonymous = "request.anonymous";
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
