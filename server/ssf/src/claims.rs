//! A token to be signed.

use holdfast_core::UnixTime;
use serde_json::{Map, Value, json};

use crate::{Entity, EventType, RiskLevel};

/// The claims of a token with one event, as the CAEP interoperability profile wants it.
#[derive(Clone, Debug)]
pub struct Claims {
    kind: EventType,
    subject: Value,
    event: Map<String, Value>,
}

/// The session that an event is about.
#[derive(Clone, Copy, Debug)]
pub struct SessionSubject<'a> {
    /// Whose names of users these are: the issuer of the stream.
    pub issuer: &'a str,
    /// The user, as the app names them.
    pub user: &'a str,
    /// The session's public handle.
    pub session: &'a str,
    /// The device, if it has a name.
    pub device: Option<&'a str>,
}

impl Claims {
    /// An event about a session. `reason` is told to administrators; the profile wants one that is not empty.
    pub fn of_session(
        kind: EventType,
        about: &SessionSubject<'_>,
        at: UnixTime,
        entity: Entity,
        reason: &str,
    ) -> Self {
        let mut subject = json!({
            "format": "complex",
            "user": { "format": "iss_sub", "iss": about.issuer, "sub": about.user },
            "session": { "format": "opaque", "id": about.session },
        });
        if let (Value::Object(members), Some(device)) = (&mut subject, about.device) {
            members.insert("device".to_owned(), json!({ "format": "opaque", "id": device }));
        }
        let mut event = Map::new();
        event.insert("event_timestamp".to_owned(), at.as_secs().into());
        event.insert("initiating_entity".to_owned(), entity.as_str().into());
        event.insert("reason_admin".to_owned(), json!({ "en": reason }));
        Self { kind, subject, event }
    }

    /// The answer to a receiver that wants to see its stream work (SSF 1.0 §8.1.4).
    pub fn verification(stream_id: &str, state: Option<&str>) -> Self {
        let mut event = Map::new();
        event.extend(state.map(|state| ("state".to_owned(), state.into())));
        Self { kind: EventType::Verification, subject: of_stream(stream_id), event }
    }

    /// The status of a stream has changed without its receiver (SSF 1.0 §8.1.5).
    pub fn stream_updated(stream_id: &str, status: &str, reason: &str) -> Self {
        let mut event = Map::new();
        event.insert("status".to_owned(), status.into());
        event.insert("reason".to_owned(), reason.into());
        Self { kind: EventType::StreamUpdated, subject: of_stream(stream_id), event }
    }

    /// Adds how the authentication changed (CAEP §3.4). `namespace` says whose words the levels are.
    #[must_use]
    pub fn assurance(mut self, namespace: &str, current: &str, previous: Option<&str>) -> Self {
        self.event.insert("namespace".to_owned(), namespace.into());
        self.event.insert("current_level".to_owned(), current.into());
        self.event.extend(previous.map(|previous| ("previous_level".to_owned(), previous.into())));
        self
    }

    /// Adds how the danger changed (CAEP §3.8).
    #[must_use]
    pub fn risk(mut self, current: RiskLevel, previous: Option<RiskLevel>, why: &str) -> Self {
        self.event.insert("principal".to_owned(), "SESSION".into());
        self.event.insert("current_level".to_owned(), current.as_str().into());
        self.event.extend(previous.map(|previous| ("previous_level".to_owned(), previous.as_str().into())));
        self.event.insert("risk_reason".to_owned(), why.into());
        self
    }

    /// What happened.
    pub const fn kind(&self) -> EventType {
        self.kind
    }

    /// The whole payload.
    pub fn payload(&self, issuer: &str, audience: &str, jti: &str, issued_at: UnixTime) -> String {
        json!({
            "iss": issuer,
            "aud": audience,
            "jti": jti,
            "iat": issued_at.as_secs(),
            "txn": jti,
            "sub_id": self.subject,
            "events": { self.kind.uri(): self.event },
        })
        .to_string()
    }
}

fn of_stream(stream_id: &str) -> Value {
    json!({ "format": "opaque", "id": stream_id })
}
