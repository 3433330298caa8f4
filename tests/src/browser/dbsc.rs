//! What the browser tells about its device-bound sessions.

use serde_json::Value;

/// A `Network.deviceBoundSessionEventOccurred` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbscEvent {
    /// The schemeful site, such as `https://app.test`, without a port.
    pub site: String,
    /// The session's id, where there is a session.
    pub session: Option<String>,
    /// Whether what was tried succeeded.
    pub succeeded: bool,
    /// What happened.
    pub detail: DbscDetail,
}

/// What happened to a device-bound session. The words are Chromium's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DbscDetail {
    /// A challenge arrived outside of a refresh.
    Challenge {
        /// `Success`, or why it was not taken.
        result: String,
    },
    /// A registration ended.
    Creation {
        /// `Success`, or why there is no session.
        fetch_result: String,
    },
    /// A refresh ended.
    Refresh {
        /// `Refreshed`, `ServerError`, `FatalError` and others.
        result: String,
        /// How the last request of the refresh went, if there was one.
        fetch_result: Option<String>,
        /// Whether no request had to wait for it.
        proactive: bool,
    },
    /// The session is gone.
    Termination {
        /// `ServerRequested`, `RefreshFatalError` and others.
        reason: String,
    },
    /// An event of a kind that this driver does not know, as JSON.
    Unknown(String),
}

impl DbscEvent {
    /// Whether a session was created.
    #[must_use]
    pub fn is_created(&self) -> bool {
        self.succeeded && matches!(self.detail, DbscDetail::Creation { .. })
    }

    /// Whether a session was refreshed.
    #[must_use]
    pub fn is_refreshed(&self) -> bool {
        matches!(&self.detail, DbscDetail::Refresh { result, .. } if result == "Refreshed")
    }

    /// Whether a session ended.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        matches!(self.detail, DbscDetail::Termination { .. })
    }

    pub(crate) fn parse(params: &Value) -> Option<Self> {
        Some(Self {
            site: text(&params["site"])?,
            session: text(&params["sessionId"]),
            succeeded: params["succeeded"].as_bool()?,
            detail: DbscDetail::parse(params),
        })
    }
}

impl DbscDetail {
    fn parse(params: &Value) -> Self {
        Self::parse_known(params).unwrap_or_else(|| Self::Unknown(params.to_string()))
    }

    fn parse_known(params: &Value) -> Option<Self> {
        let details = |kind: &str| params.get(kind).filter(|value| value.is_object());
        if let Some(creation) = details("creationEventDetails") {
            return Some(Self::Creation { fetch_result: text(&creation["fetchResult"])? });
        }
        if let Some(refresh) = details("refreshEventDetails") {
            return Some(Self::Refresh {
                result: text(&refresh["refreshResult"])?,
                fetch_result: text(&refresh["fetchResult"]),
                proactive: refresh["wasFullyProactiveRefresh"].as_bool()?,
            });
        }
        if let Some(termination) = details("terminationEventDetails") {
            return Some(Self::Termination { reason: text(&termination["deletionReason"])? });
        }
        let challenge = details("challengeEventDetails")?;
        Some(Self::Challenge { result: text(&challenge["challengeResult"])? })
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
