//! What a policy sees of a request.

use std::collections::BTreeMap;

use holdfast_core::{Level, risk::SignalName};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Whose request it is and what it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// Who is logged in, as the app names its users.
    pub user: Box<str>,
    /// The groups that the app has named at login, in `attributes.groups`.
    #[serde(default)]
    pub groups: Vec<Box<str>>,
    /// The app.
    pub app: Box<str>,
    /// The method.
    pub method: Box<str>,
    /// The pattern of the route that is about it; empty if none is.
    #[serde(default)]
    pub route: Box<str>,
    /// The tags of that route.
    #[serde(default)]
    pub tags: Vec<Box<str>>,
}

/// What is known of it: the context of the policies, as `schema.cedarschema` describes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Situation {
    /// How the session is bound.
    pub binding: Binding,
    /// Seconds since the device last proved its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof_age: Option<u64>,
    /// The device has proved its key from where this request comes from.
    #[serde(default)]
    pub proved_here: bool,
    /// Seconds since the login.
    #[serde(default)]
    pub session_age: u64,
    /// How the user authenticated.
    #[serde(default)]
    pub auth: Auth,
    /// The strongest of the signals.
    #[serde(default)]
    pub risk: u8,
    /// The signals that hold, by name.
    #[serde(default)]
    pub signals: BTreeMap<Box<str>, u8>,
    /// The signals of which nothing can be said.
    #[serde(default)]
    pub unknown: Vec<Box<str>>,
    /// What is known of the device.
    #[serde(default)]
    pub device: Device,
    /// Where the request comes from.
    #[serde(default)]
    pub network: Network,
}

/// How a session is bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// By which protocol.
    pub method: Box<str>,
    /// How strongly.
    pub level: Box<str>,
    /// Whether it is.
    pub bound: bool,
    /// How strongly, as a number.
    pub strength: u8,
}

impl Binding {
    /// The binding of a session.
    pub fn new(method: &str, level: Level) -> Self {
        Self {
            method: method.into(),
            level: level.as_str().into(),
            bound: level > Level::None,
            strength: level.as_byte(),
        }
    }
}

/// How a user authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Seconds ago.
    pub age: u64,
    /// The class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<Box<str>>,
    /// The methods.
    pub amr: Vec<Box<str>>,
    /// Whether more than one factor was shown.
    pub several_factors: bool,
    /// Whether it could not be phished.
    pub phishing_resistant: bool,
}

/// What is known of a device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Device {
    /// What those who manage it say.
    pub posture: Box<str>,
    /// Whether anybody does.
    pub managed: bool,
}

impl Default for Device {
    fn default() -> Self {
        Self { posture: "unmanaged".into(), managed: false }
    }
}

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Whether that is known.
    pub location: Box<str>,
    /// Whether the user is usually there.
    pub usual: bool,
    /// The country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Box<str>>,
    /// The continent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continent: Option<Box<str>>,
    /// The autonomous system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    /// Whether it hides its users.
    pub anonymizer: bool,
    /// Whether it is a data centre.
    pub hosting: bool,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            location: "unknown".into(),
            usual: false,
            country: None,
            continent: None,
            asn: None,
            anonymizer: false,
            hosting: false,
        }
    }
}

impl Default for Situation {
    /// A session without a key, of which nothing is suspected.
    fn default() -> Self {
        Self {
            binding: Binding::new("none", Level::None),
            proof_age: None,
            proved_here: false,
            session_age: 0,
            auth: Auth::default(),
            risk: 0,
            signals: BTreeMap::new(),
            unknown: Vec::new(),
            device: Device::default(),
            network: Network::default(),
        }
    }
}

impl Situation {
    /// With a signal.
    #[must_use]
    pub fn with(mut self, name: SignalName, score: u8) -> Self {
        self.signals.insert(name.as_str().into(), score);
        self.risk = self.risk.max(score);
        self
    }

    /// As JSON, with every signal.
    pub(crate) fn value(&self) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or(Value::Null);
        let signals: BTreeMap<_, _> = SignalName::ALL
            .iter()
            .map(|name| (name.as_str(), self.signals.get(name.as_str()).copied().unwrap_or(0)))
            .collect();
        if let Some(members) = value.as_object_mut() {
            members.insert("signals".to_owned(), json!(signals));
        }
        value
    }
}
