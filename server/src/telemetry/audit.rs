//! The audit trail: one JSON object a line, of everything that happened to a session.

use std::{fs::OpenOptions, io, net::IpAddr, path::Path};

use holdfast_core::{Rule, SessionId, UnixTime};
use serde::Serialize;

use super::{sink::Sink, stamp::rfc3339};

/// Where events go.
pub(crate) struct Audit(Option<Sink>);

impl Audit {
    /// Appends to a file, made with mode 0600 if it is new.
    ///
    /// # Errors
    /// If the file cannot be opened for appending.
    pub(crate) fn to_file(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self(Some(Sink::start("audit", file)?)))
    }

    /// Keeps no trail.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// Writes an event.
    pub(crate) fn record(&self, now: UnixTime, event: &Event<'_>) {
        let Some(sink) = &self.0 else { return };
        sink.line(|out| event.write(now, out));
    }

    /// How many events were lost to a disk that did not take them.
    pub(crate) fn lost(&self) -> u64 {
        self.0.as_ref().map_or(0, Sink::lost)
    }

    /// Writes what is pending.
    pub(crate) fn close(&self) {
        if let Some(sink) = &self.0 {
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
    /// The server has started with this configuration.
    ConfigLoaded = "config.loaded";
    /// A copy of a cookie that its owner's browser has long replaced is in use.
    CookieStale = "cookie.stale";
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
    /// A damaged store was moved aside.
    StoreDamaged = "store.damaged";
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
    /// Why.
    pub reason: Option<&'a str>,
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
    /// What else there is to say.
    pub detail: Option<&'a str>,
    /// The words that the route of the request has for it.
    pub tags: &'a [Box<str>],
}

impl Event<'_> {
    fn write(&self, now: UnixTime, out: &mut Vec<u8>) {
        let session = self.session.map(|session| session.to_string());
        let line = Line {
            time: &rfc3339(now),
            event: self.event.map_or("", EventName::as_str),
            app: self.app,
            user: self.user,
            session: session.as_deref(),
            reason: self.reason,
            client_ip: self.client_ip,
            user_agent: self.user_agent,
            binding: self.binding,
            rule: self.rule.map(Rule::id),
            request_id: self.request_id,
            detail: self.detail,
            tags: (!self.tags.is_empty()).then_some(self.tags),
        };
        // Writing to memory cannot fail, and JSON escapes whatever a client may have put into a text.
        let _ = serde_json::to_writer(out, &line);
    }
}

#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    event: &'a str,
    app: Option<&'a str>,
    user: Option<&'a str>,
    session: Option<&'a str>,
    reason: Option<&'a str>,
    client_ip: Option<IpAddr>,
    user_agent: Option<&'a str>,
    binding: Option<&'a str>,
    rule: Option<&'a str>,
    request_id: Option<&'a str>,
    detail: Option<&'a str>,
    tags: Option<&'a [Box<str>]>,
}
