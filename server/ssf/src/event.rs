//! What can have happened (CAEP 1.0 §3, RISC 1.0 §2, SSF 1.0 §8.1.4).

use holdfast_core::{
    UnixTime,
    jose::{Object, Value},
};

macro_rules! event_types {
    ($($(#[doc = $doc:literal])+ $variant:ident = $uri:literal;)+) => {
        /// A type of event that is known here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventType {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl EventType {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The URI by which a token names it.
            pub const fn uri(self) -> &'static str {
                match self { $(Self::$variant => $uri,)+ }
            }
        }
    };
}

event_types! {
    /// The user must change a credential (RISC §2.1).
    AccountCredentialChangeRequired = "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required";
    /// The account was disabled (RISC §2.3).
    AccountDisabled = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
    /// The account was deleted (RISC §2.2).
    AccountPurged = "https://schemas.openid.net/secevent/risc/event-type/account-purged";
    /// The authentication of the user is worth more or less than before (CAEP §3.4).
    AssuranceLevelChange = "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change";
    /// A credential was made, changed or deleted (CAEP §3.3).
    CredentialChange = "https://schemas.openid.net/secevent/caep/event-type/credential-change";
    /// A credential was found with somebody else (RISC §2.7).
    CredentialCompromise = "https://schemas.openid.net/secevent/risc/event-type/credential-compromise";
    /// A device is in order now, or not (CAEP §3.5).
    DeviceComplianceChange = "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change";
    /// A user, session or device is in more or less danger than before (CAEP §3.8).
    RiskLevelChange = "https://schemas.openid.net/secevent/caep/event-type/risk-level-change";
    /// A session began (CAEP §3.6).
    SessionEstablished = "https://schemas.openid.net/secevent/caep/event-type/session-established";
    /// A session was used (CAEP §3.7).
    SessionPresented = "https://schemas.openid.net/secevent/caep/event-type/session-presented";
    /// A session ended by decision (CAEP §3.1).
    SessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
    /// Every session of the user ended (RISC §2.9; CAEP's session-revoked has taken its place).
    SessionsRevoked = "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked";
    /// The transmitter has changed the status of the stream (SSF §8.1.5).
    StreamUpdated = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated";
    /// Claims of a token are no longer what they were (CAEP §3.2).
    TokenClaimsChange = "https://schemas.openid.net/secevent/caep/event-type/token-claims-change";
    /// The receiver asked for it, to see the stream work (SSF §8.1.4).
    Verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
}

impl EventType {
    /// The type that a URI names.
    pub fn of_uri(uri: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.uri() == uri)
    }

    /// The last part of the URI, for people and metrics.
    pub fn name(self) -> &'static str {
        let uri = self.uri();
        uri.rsplit_once('/').map_or(uri, |(_, name)| name)
    }
}

/// An event with what its type says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// [`EventType::AssuranceLevelChange`].
    AssuranceLevelChange {
        /// The level now, as the transmitter names levels.
        current_level: String,
        /// Whether it is higher than it was, if that was said.
        rose: Option<bool>,
    },
    /// [`EventType::DeviceComplianceChange`].
    DeviceComplianceChange {
        /// Whether it is in order now.
        compliant: bool,
    },
    /// [`EventType::RiskLevelChange`].
    RiskLevelChange {
        /// The danger now.
        current_level: RiskLevel,
        /// Who is in danger, in the words of CAEP: `USER`, `DEVICE`, `SESSION`, `TENANT` …
        principal: String,
    },
    /// [`EventType::TokenClaimsChange`].
    TokenClaimsChange {
        /// The names of the claims that changed. Their values are not kept.
        names: Vec<String>,
    },
    /// [`EventType::Verification`].
    Verification {
        /// What the receiver asked to have repeated.
        state: Option<String>,
    },
    /// A type of which nothing more is read.
    Plain(EventType),
}

/// How much danger there is (CAEP §3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RiskLevel {
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

impl RiskLevel {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }
}

/// Who made it happen (CAEP §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// An administrator.
    Admin,
    /// A rule.
    Policy,
    /// The system.
    System,
    /// The user.
    User,
}

impl Entity {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Policy => "policy",
            Self::System => "system",
            Self::User => "user",
        }
    }
}

/// One member of `events`.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    /// What happened; `None` if the type is not known here.
    pub event: Option<Event>,
    /// When, if the transmitter said so.
    pub at: Option<UnixTime>,
    /// The subject inside the event, where drafts before SSF 1.0 had it.
    pub(crate) subject: Option<Object>,
}

/// An event of a known type that is not as its specification says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Misshapen;

impl Happened {
    pub(crate) fn read(uri: &str, body: &Object) -> Result<Self, Misshapen> {
        let event = EventType::of_uri(uri).map(|kind| Event::read(kind, body)).transpose()?;
        let subject = body.member("subject").and_then(Value::as_object).cloned();
        Ok(Self { event, at: seconds(body, "event_timestamp"), subject })
    }
}

impl Event {
    /// Its type.
    pub const fn kind(&self) -> EventType {
        match self {
            Self::AssuranceLevelChange { .. } => EventType::AssuranceLevelChange,
            Self::DeviceComplianceChange { .. } => EventType::DeviceComplianceChange,
            Self::RiskLevelChange { .. } => EventType::RiskLevelChange,
            Self::TokenClaimsChange { .. } => EventType::TokenClaimsChange,
            Self::Verification { .. } => EventType::Verification,
            Self::Plain(kind) => *kind,
        }
    }

    fn read(kind: EventType, body: &Object) -> Result<Self, Misshapen> {
        let text = |name: &str| body.text(name).filter(|text| (1..=MOST_BYTES).contains(&text.len()));
        Ok(match kind {
            EventType::AssuranceLevelChange => Self::AssuranceLevelChange {
                current_level: text("current_level").ok_or(Misshapen)?.to_owned(),
                rose: match body.text("change_direction") {
                    Some("increase") => Some(true),
                    Some("decrease") => Some(false),
                    Some(_) | None => None,
                },
            },
            EventType::DeviceComplianceChange => Self::DeviceComplianceChange {
                compliant: match body.text("current_status") {
                    Some("compliant") => true,
                    Some("not-compliant") => false,
                    Some(_) | None => return Err(Misshapen),
                },
            },
            EventType::RiskLevelChange => Self::RiskLevelChange {
                current_level: match body.text("current_level") {
                    Some("LOW") => RiskLevel::Low,
                    Some("MEDIUM") => RiskLevel::Medium,
                    Some("HIGH") => RiskLevel::High,
                    Some(_) | None => return Err(Misshapen),
                },
                principal: text("principal").ok_or(Misshapen)?.to_owned(),
            },
            EventType::TokenClaimsChange => {
                let claims = body.member("claims").and_then(Value::as_object).ok_or(Misshapen)?;
                let names = claims.names().filter(|name| name.len() <= MOST_BYTES).take(MOST_CLAIMS);
                Self::TokenClaimsChange { names: names.map(str::to_owned).collect() }
            }
            EventType::Verification => Self::Verification { state: text("state").map(str::to_owned) },
            EventType::AccountCredentialChangeRequired
            | EventType::AccountDisabled
            | EventType::AccountPurged
            | EventType::CredentialChange
            | EventType::CredentialCompromise
            | EventType::SessionEstablished
            | EventType::SessionPresented
            | EventType::SessionRevoked
            | EventType::SessionsRevoked
            | EventType::StreamUpdated => Self::Plain(kind),
        })
    }
}

/// A whole number of seconds since 1970.
pub(crate) fn seconds(object: &Object, name: &str) -> Option<UnixTime> {
    match object.member(name)? {
        Value::Number(number) => number.as_u64().map(UnixTime::from_secs),
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Object(_) | Value::Text(_) => None,
    }
}

const MOST_BYTES: usize = 256;

/// More claims than this need no names.
const MOST_CLAIMS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: EventType, json: &str) -> Result<Option<Event>, Misshapen> {
        Happened::read(kind.uri(), &Object::parse(json.as_bytes()).unwrap()).map(|happened| happened.event)
    }

    #[test]
    fn every_type_has_one_uri_and_the_other_way_round() {
        for kind in EventType::ALL {
            assert_eq!(EventType::of_uri(kind.uri()), Some(*kind));
            assert!(kind.uri().ends_with(kind.name()));
        }
        assert_eq!(EventType::of_uri("session-revoked"), None);
        let unknown = Happened::read("https://x.example/y", &Object::default()).unwrap();
        assert_eq!((unknown.event, unknown.at), (None, None));
    }

    #[test]
    fn members_are_read() {
        let level = read(
            EventType::AssuranceLevelChange,
            r#"{"current_level":"nist-aal2","change_direction":"increase"}"#,
        );
        let expected = Event::AssuranceLevelChange { current_level: "nist-aal2".into(), rose: Some(true) };
        assert_eq!(level, Ok(Some(expected)));
        let status = read(EventType::DeviceComplianceChange, r#"{"current_status":"not-compliant"}"#);
        assert_eq!(status, Ok(Some(Event::DeviceComplianceChange { compliant: false })));
        let risk = read(EventType::RiskLevelChange, r#"{"current_level":"HIGH","principal":"USER"}"#);
        let expected = Event::RiskLevelChange { current_level: RiskLevel::High, principal: "USER".into() };
        assert_eq!(risk, Ok(Some(expected)));
        let claims = read(EventType::TokenClaimsChange, r#"{"claims":{"role":"x","groups":[]}}"#);
        assert_eq!(
            claims,
            Ok(Some(Event::TokenClaimsChange { names: vec!["role".into(), "groups".into()] }))
        );
        let revoked = Happened::read(
            EventType::SessionRevoked.uri(),
            &Object::parse(br#"{"event_timestamp":7}"#).unwrap(),
        );
        assert_eq!(revoked.unwrap().at, Some(UnixTime::from_secs(7)));
    }

    #[test]
    fn what_a_known_event_lacks_is_noticed() {
        for (kind, json) in [
            (EventType::AssuranceLevelChange, "{}"),
            (EventType::AssuranceLevelChange, r#"{"current_level":""}"#),
            (EventType::DeviceComplianceChange, "{}"),
            (EventType::DeviceComplianceChange, r#"{"current_status":"fine"}"#),
            (EventType::DeviceComplianceChange, r#"{"current_status":true}"#),
            (EventType::RiskLevelChange, r#"{"current_level":"HIGH"}"#),
            (EventType::RiskLevelChange, r#"{"current_level":"high","principal":"USER"}"#),
            (EventType::TokenClaimsChange, "{}"),
            (EventType::TokenClaimsChange, r#"{"claims":["role"]}"#),
        ] {
            assert_eq!(read(kind, json), Err(Misshapen), "{kind:?} {json}");
        }
    }
}
