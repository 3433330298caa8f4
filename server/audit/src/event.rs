//! A line of the trail as a value: the one model that every other format is made of.

use holdfast_core::UnixTime;
use serde::Deserialize;
use serde_json::Value;

use crate::{ControlEvent, parse_rfc3339};

/// What a line says. Members that are not known stay out.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Event {
    /// When it happened, as it is written: RFC 3339.
    pub time: String,
    /// What happened.
    pub event: String,
    /// The app it happened to.
    pub app: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// The session's id.
    pub session: Option<String>,
    /// Why: a word.
    pub reason: Option<String>,
    /// The client's address.
    pub client_ip: Option<String>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// How strongly the session is bound.
    pub binding: Option<String>,
    /// The rule that refused.
    pub rule: Option<String>,
    /// The request it happened in.
    pub request_id: Option<String>,
    /// The trace that the request is part of.
    pub trace_id: Option<String>,
    /// What else there is to say.
    pub detail: Option<String>,
    /// The words that the route of the request has for it.
    #[serde(default, deserialize_with = "or_none")]
    pub tags: Vec<String>,
    /// What was decided about the request.
    pub decision: Option<String>,
    /// What was weighed for it.
    pub risk: Option<Value>,
    /// The number of the line.
    pub seq: u64,
    /// Its hash, which names it for ever.
    pub hash: String,
}

/// Something that spoke for or against a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signal<'a> {
    /// Its name.
    pub name: &'a str,
    /// 0 to 100.
    pub score: u64,
    /// What it was made of.
    pub factors: Option<&'a Value>,
}

/// A policy that had a say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it decided.
    pub decision: &'a str,
    /// Whether that was enforced or only observed.
    pub mode: &'a str,
}

/// Whether what somebody wanted has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was refused, or failed.
    Failure,
    /// It has.
    Success,
    /// Nobody wanted anything.
    Unknown,
}

/// How much somebody should care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It is as it should be.
    Information,
    /// It happens.
    Low,
    /// Somebody should look when there is time.
    Medium,
    /// Somebody should look.
    High,
}

impl Event {
    /// Reads a line of the chain.
    ///
    /// # Errors
    /// A sentence, if it is none.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| format!("the line is no event: {error}"))
    }

    /// When it happened; 1970 if the line does not say it readably.
    pub fn at(&self) -> UnixTime {
        parse_rfc3339(&self.time).unwrap_or(UnixTime::EPOCH)
    }

    /// What was weighed, in the order of the line.
    pub fn signals(&self) -> impl Iterator<Item = Signal<'_>> {
        self.listed("signals").filter_map(|signal| {
            let score = signal.get("score").and_then(Value::as_f64).unwrap_or(0.0).clamp(0.0, 100.0);
            // `as` would be shorter; a whole number in these bounds prints as itself.
            let score = format!("{score:.0}").parse().unwrap_or(0);
            Some(Signal { name: signal.get("name")?.as_str()?, score, factors: signal.get("factors") })
        })
    }

    /// The policies that had a say.
    pub fn policies(&self) -> impl Iterator<Item = Policy<'_>> {
        self.listed("policies").filter_map(|policy| {
            let text = |name| policy.get(name).and_then(Value::as_str);
            Some(Policy {
                id: text("id")?,
                decision: text("decision").unwrap_or_default(),
                mode: text("mode").unwrap_or_default(),
            })
        })
    }

    /// The highest score of a signal, 0 to 100; none if nothing was weighed.
    pub fn risk_score(&self) -> Option<u64> {
        self.signals().map(|signal| signal.score).max()
    }

    /// Whether a detection should be made of it: an attack by its name, or a request that was not simply allowed for what
    /// signals said.
    pub fn is_detection(&self) -> bool {
        let is_refused = self.decision.as_deref().is_some_and(|decision| decision != "allow");
        DETECTIONS.contains(&self.event.as_str()) || (is_refused && self.risk_score().unwrap_or(0) > 0)
    }

    /// How it ended.
    pub fn outcome(&self) -> Outcome {
        let refused = [
            "session.denied",
            "audit.lost",
            "audit.sink_lost",
            "policy.failed",
            "signals.paused",
            "store.damaged",
            "store.unavailable",
        ];
        let name = self.event.as_str();
        match self.decision.as_deref() {
            Some("allow") => Outcome::Success,
            Some(_) => Outcome::Failure,
            None if refused.contains(&name) || name.ends_with(".rejected") || name.ends_with(".refused") => {
                Outcome::Failure
            }
            None if DETECTIONS.contains(&name) => Outcome::Failure,
            None if name.starts_with("audit.") => Outcome::Unknown,
            None => Outcome::Success,
        }
    }

    /// How much somebody should care.
    pub fn weight(&self) -> Weight {
        let by_name = match self.event.as_str() {
            "token.reused" | "token.stolen" | "store.damaged" | "audit.lost" | "audit.sink_lost"
            | "policy.failed" => Weight::High,
            "binding.conflict" | "cookie.stale" | "store.unavailable" | "config.rejected"
            | "audit.recovered" => Weight::Medium,
            _ if self.outcome() == Outcome::Failure => Weight::Low,
            _ => Weight::Information,
        };
        let by_risk = match self.risk_score() {
            Some(80..) if self.is_detection() => Weight::High,
            Some(50..) if self.is_detection() => Weight::Medium,
            Some(_) | None => Weight::Information,
        };
        by_name.max(by_risk)
    }

    /// A sentence for it that holds nothing of what a client sent.
    pub fn title(&self) -> &'static str {
        let name = self.event.as_str();
        TITLES.iter().find(|(event, _)| *event == name).map_or("An event of Holdfast", |(_, title)| title)
    }

    fn listed(&self, name: &str) -> impl Iterator<Item = &Value> {
        let list = self.risk.as_ref().and_then(|risk| risk.get(name)).and_then(Value::as_array);
        list.into_iter().flatten()
    }
}

fn or_none<'de, D: serde::Deserializer<'de>>(tags: D) -> Result<Vec<String>, D::Error> {
    Option::deserialize(tags).map(Option::unwrap_or_default)
}

/// What no honest client does.
const DETECTIONS: [&str; 4] = ["binding.conflict", "cookie.stale", "token.reused", "token.stolen"];

const TITLES: &[(&str, &str)] = &[
    (ControlEvent::Checkpoint.as_str(), "The audit trail was signed"),
    (ControlEvent::Lost.as_str(), "Audit events were lost"),
    (ControlEvent::Opened.as_str(), "A file of the audit trail begins"),
    (ControlEvent::Recovered.as_str(), "A file of the audit trail had broken off"),
    ("audit.sink_lost", "A sink of audit events missed some"),
    ("binding.conflict", "A second key was brought for a bound session"),
    ("client.rejected", "An OAuth client could not show who it is"),
    ("config.loaded", "A configuration is in force"),
    ("config.rejected", "A configuration was not in order"),
    ("cookie.stale", "A copy of a replaced cookie is in use"),
    ("device.posture_changed", "The posture of a device changed"),
    ("gateway.refused", "A gateway was not believed"),
    ("geo.loaded", "A database of addresses is in force"),
    ("geo.rejected", "A database of addresses was not in order"),
    ("policy.failed", "A policy could not be evaluated"),
    ("risk.raised", "Policies object to a request, or would"),
    ("signal.received", "A shared signal was received"),
    ("signal.rejected", "A shared signal was rejected"),
    ("signals.paused", "Shared signals to a receiver were paused"),
    ("store.restored", "A backup was merged into the store"),
    ("proof.rejected", "A proof of a key was rejected"),
    ("request.anonymous", "A request went on without a session"),
    ("session.bound", "A session was bound to a device key"),
    ("session.checked", "A request was allowed"),
    ("session.created", "A session began"),
    ("session.denied", "A request was refused"),
    ("session.ended", "A session ended"),
    ("session.refreshed", "A device proved its key"),
    ("session.regenerated", "A session goes on under a new id"),
    ("sessions.ended", "Every session ended"),
    ("store.backed_up", "A backup was made"),
    ("store.damaged", "The session store was damaged"),
    ("store.unavailable", "The session store did not answer"),
    ("token.reused", "A used code or refresh token came again"),
    ("token.stolen", "A token came with another key than its own"),
];
