//! A line of the audit trail, told to the one whom it is about.

use std::net::IpAddr;

use holdfast_core::{
    check::{Decision, Reason},
    risk::SignalName,
};
use holdfast_policy::{Effect, Hit, Mode, Policies};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::telemetry::EventName;

/// A line, as far as it is told.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    time: String,
    pub(super) event: String,
    pub(super) app: Option<String>,
    pub(super) session: Option<String>,
    reason: Option<String>,
    client_ip: Option<IpAddr>,
    user_agent: Option<String>,
    detail: Option<String>,
    decision: Option<String>,
    risk: Option<Risk>,
}

#[derive(Debug, Default, Deserialize)]
struct Risk {
    #[serde(default)]
    score: u8,
    #[serde(default)]
    signals: Vec<Signal>,
    #[serde(default)]
    policies: Vec<Hit>,
    #[serde(default)]
    unknown: Vec<String>,
    situation: Option<Situation>,
}

#[derive(Debug, Default, Deserialize)]
struct Situation {
    #[serde(default)]
    unknown: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Signal {
    name: String,
    score: u8,
    #[serde(default)]
    factors: Map<String, Value>,
}

/// Something that happened, in plain words.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Entry {
    /// Entries with the same key are the same, one after the other.
    key: String,
    time: String,
    /// How often it happened in a row.
    count: u32,
    event: String,
    tone: Tone,
    says: String,
    /// The client's address and what it says that it is, as it came.
    client_ip: Option<IpAddr>,
    user_agent: Option<String>,
    reason: Option<String>,
    /// The strongest suspicion, 0 to 100.
    score: u8,
    signals: Vec<Suspicion>,
    /// Suspicions that the device's proof has answered: they are no accusations.
    cleared: Vec<Cleared>,
    policies: Vec<Objection>,
    /// Suspicions of which nothing can be said.
    unknown: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Suspicion {
    name: String,
    score: u8,
    says: &'static str,
    /// What it was drawn from.
    because: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct Cleared {
    name: String,
    /// What was noticed, and why it is held against nobody.
    says: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct Objection {
    id: String,
    /// What it has done, or would have.
    does: &'static str,
    says: Option<String>,
}

/// How an entry looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Tone {
    /// A proof, or an answer to one.
    Good,
    /// Nothing remarkable.
    Quiet,
    /// A refusal, or an end.
    Bad,
    /// A suspicion.
    Wary,
}

impl Entry {
    /// Tells a line. What the policies say is asked of those in force.
    pub(super) fn of(line: Line, policies: &Policies) -> Self {
        let risk = line.risk.unwrap_or_default();
        let (tone, says) = words(&line.event, line.decision.as_deref(), line.reason.as_deref(), &risk);
        let hits = risk.policies.iter();
        let policies = hits.map(|hit| objection(hit, policies)).collect();
        let (held, answered): (Vec<_>, Vec<_>) =
            risk.signals.into_iter().partition(|signal| signal.score > 0);
        let signals: Vec<_> = held.into_iter().map(suspicion).collect();
        let cleared = answered.into_iter().map(cleared).collect();
        let says = match line.detail.filter(|_| !TOLD_OTHERWISE.contains(&line.event.as_str())) {
            Some(detail) => format!("{says} ({detail})"),
            None => says,
        };
        let mut entry = Self {
            key: String::new(),
            time: line.time,
            count: 1,
            event: line.event,
            tone,
            says,
            client_ip: line.client_ip,
            user_agent: line.user_agent,
            reason: line.reason,
            score: risk.score,
            signals,
            cleared,
            policies,
            unknown: risk.situation.map_or(risk.unknown, |situation| situation.unknown),
        };
        entry.key = entry.key();
        entry
    }

    /// All but what differs from one time to the next: the time, and numbers such as an age in seconds.
    fn key(&self) -> String {
        let names = |signal: &Suspicion| format!("{} {}", signal.name, signal.score);
        let signals: Vec<_> = self.signals.iter().map(names).collect();
        let policies: Vec<_> = self.policies.iter().map(|policy| policy.id.as_str()).collect();
        let cleared: Vec<_> = self.cleared.iter().map(|signal| signal.name.as_str()).collect();
        let about = (&self.event, &self.says, self.client_ip, &self.user_agent);
        format!("{about:?} {} {} {}", signals.join(","), cleared.join(","), policies.join(","))
    }

    /// Whether this is the end of the session.
    pub(super) fn is_last(&self) -> bool {
        self.event == EventName::SessionEnded.as_str()
    }
}

/// Adds an entry, or counts it to one of the last few that is the same.
pub(super) fn add(entries: &mut Vec<Entry>, entry: Entry) {
    let recent = entries.iter_mut().rev().take(LOOKED_BACK).find(|before| before.key == entry.key);
    match recent {
        Some(before) => {
            before.count = before.count.saturating_add(1);
            before.time = entry.time;
        }
        None => entries.push(entry),
    }
}

fn words(event: &str, decision: Option<&str>, reason: Option<&str>, risk: &Risk) -> (Tone, String) {
    let because = || Reason::ALL.iter().find(|known| reason == Some(known.as_str()));
    let name = EventName::ALL.iter().find(|name| name.as_str() == event);
    let (tone, says) = match name {
        Some(EventName::SessionCreated) => (Tone::Good, "You logged in, and the session began."),
        Some(EventName::SessionBound) => {
            (Tone::Good, "Your browser made a key, and the session is bound to it.")
        }
        Some(EventName::SessionRefreshed) => {
            (Tone::Good, "Your device proved its key, and got the next cookie for it.")
        }
        Some(EventName::SessionChecked) if risk.score > 0 => {
            (Tone::Wary, "A request was let through, with suspicions.")
        }
        Some(EventName::SessionChecked) => (Tone::Quiet, "A request was let through."),
        Some(EventName::SessionDenied) if decision == Some(Decision::Reprove.as_str()) => {
            (Tone::Bad, "A request was held up: first the device has to prove its key.")
        }
        Some(EventName::SessionDenied) if decision == Some(Decision::StepUp.as_str()) => {
            (Tone::Bad, "A request was refused: first the user has to log in again.")
        }
        Some(EventName::SessionDenied) => {
            let says = because().map_or("", |reason| reason.says());
            return (Tone::Bad, format!("A request was refused. {says}").trim_end().to_owned());
        }
        Some(EventName::CookieStale) => {
            (Tone::Bad, "Somebody used a copy of a cookie that your browser has replaced.")
        }
        Some(EventName::RiskRaised) => (Tone::Wary, "Something is suspicious that was not before."),
        Some(EventName::SessionEnded) => {
            return (
                Tone::Bad,
                format!("The session ended: {}.", reason.unwrap_or("for no reason that is told")),
            );
        }
        Some(EventName::ProofRejected) => (Tone::Bad, "A proof of a key was refused."),
        Some(EventName::BindingConflict) => (Tone::Bad, "Somebody tried to bind another key to the session."),
        _ => (Tone::Quiet, event),
    };
    (tone, says.to_owned())
}

fn suspicion(signal: Signal) -> Suspicion {
    let because = signal.factors.iter().map(|(name, value)| match value {
        Value::String(word) => format!("{}: {word}", name.replace('_', " ")),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            format!("{}: {other}", name.replace('_', " "))
        }
    });
    let because = because.collect::<Vec<_>>().join("; ");
    let says = SignalName::of(&signal.name).map_or("", SignalName::says);
    Suspicion { name: signal.name, score: signal.score, says, because }
}

fn cleared(signal: Signal) -> Cleared {
    let says = SignalName::of(&signal.name).map_or("", SignalName::says);
    let was = signal.factors.get("was").and_then(Value::as_u64).filter(|was| *was > 0);
    let was = was.map_or(String::new(), |was| format!(" Without it this would be {was} of 100."));
    let why = match signal.factors.get("cleared_by").and_then(Value::as_str) {
        Some("proof") => "But the device has proved its key from here, so it is nobody else.",
        _ => "But nothing is held against it.",
    };
    Cleared { name: signal.name, says: format!("{says} {why}{was}").trim_start().to_owned() }
}

fn objection(hit: &Hit, policies: &Policies) -> Objection {
    let rule = policies.rules().find(|rule| rule.id == hit.id);
    let says = rule.and_then(|rule| rule.says.as_deref()).map(str::to_owned);
    Objection { id: hit.id.to_string(), does: does(hit.decision, hit.mode), says }
}

/// What a policy has done, or would have if it were enforced.
const fn does(decision: Effect, mode: Mode) -> &'static str {
    match (mode, decision) {
        (_, Effect::Flag) => "only has it told",
        (Mode::Observe, Effect::StepUp) => "would have asked for a login",
        (Mode::Observe, Effect::Reprove) => "would have asked the device for a proof",
        (Mode::Observe, Effect::Deny) => "would have refused the request",
        (Mode::Observe, Effect::Revoke) => "would have ended the session",
        (Mode::Additive, Effect::Deny) => "asks for a login, and would have refused the request",
        (Mode::Additive, Effect::Revoke) => "asks for a login, and would have ended the session",
        (Mode::Additive | Mode::Enforce, Effect::StepUp) => "asks for a login",
        (Mode::Additive | Mode::Enforce, Effect::Reprove) => "asks the device for a proof",
        (Mode::Enforce, Effect::Deny) => "refuses the request",
        (Mode::Enforce, Effect::Revoke) => "ends the session",
    }
}

/// Events whose detail says again what the entry has said, or the policies say.
const TOLD_OTHERWISE: [&str; 3] = ["cookie.stale", "risk.raised", "session.denied"];

/// Owner and thief take turns each second.
const LOOKED_BACK: usize = 8;

#[cfg(test)]
mod tests {
    use holdfast_policy::Modes;
    use serde_json::json;

    use super::*;

    fn entry(event: &str, decision: &str, more: &Value) -> Entry {
        let mut line = json!({
            "time": "2026-11-22T10:03:00.000Z", "event": event, "app": "demo", "session": "hs_a", "decision": decision,
            "client_ip": "203.0.113.9", "user_agent": "curl/8", "reason": null, "detail": null, "risk": null,
        });
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Entry::of(serde_json::from_value(line).unwrap(), &Policies::shipped(&Modes::default()))
    }

    fn suspicious(mode: &str, seconds: u64) -> Value {
        json!({ "risk": {
            "score": 40,
            "signals": [{ "name": "network.changed", "score": 40, "factors": { "how": "another operator", "seconds_ago": seconds } }],
            "policies": [{ "id": "unbound-elsewhere", "decision": "step_up", "mode": mode }],
            "situation": { "unknown": ["travel.impossible"] },
        }})
    }

    #[test]
    fn what_was_decided_is_said_with_its_reasons() {
        let told = entry("session.denied", "step_up", &suspicious("enforce", 5));
        assert_eq!(told.says, "A request was refused: first the user has to log in again.");
        assert_eq!(
            (told.tone, told.score, told.unknown.as_slice()),
            (Tone::Bad, 40, &["travel.impossible".to_owned()][..])
        );
        let [signal] = told.signals.as_slice() else { panic!("{told:?}") };
        assert_eq!(signal.says, "The session is used from another network than before.");
        assert_eq!(signal.because, "how: another operator; seconds ago: 5");
        let [policy] = told.policies.as_slice() else { panic!("{told:?}") };
        assert_eq!(policy.does, "asks for a login");
        assert_eq!(
            policy.says.as_deref(),
            Some("The session is used from another place. Authenticate again.")
        );
    }

    #[test]
    fn what_a_proof_has_cleared_accuses_nobody() {
        let signal =
            json!({ "name": "agent.changed", "score": 0, "factors": { "was": 80, "cleared_by": "proof" } });
        let risk = json!({ "risk": { "score": 0, "signals": [signal], "policies": [] } });
        let told = entry("session.checked", "allow", &risk);
        assert_eq!((told.tone, told.says.as_str()), (Tone::Quiet, "A request was let through."));
        assert_eq!((told.score, told.signals.len()), (0, 0));
        let [cleared] = told.cleared.as_slice() else { panic!("{told:?}") };
        assert_eq!(
            cleared.says,
            "The client is another one than at login, by what it says of itself. But the device has proved its key from here, so \
             it is nobody else. Without it this would be 80 of 100."
        );
        assert_ne!(told.key, entry("session.checked", "allow", &json!({})).key, "it is another entry");
    }

    #[test]
    fn what_is_only_observed_would_have_been() {
        let told = entry("session.checked", "allow", &suspicious("observe", 5));
        assert_eq!(told.policies.first().map(|policy| policy.does), Some("would have asked for a login"));
        assert_eq!(told.tone, Tone::Wary);
        for decision in [Effect::StepUp, Effect::Reprove, Effect::Deny, Effect::Revoke] {
            assert!(does(decision, Mode::Observe).starts_with("would have "));
            assert!(!does(decision, Mode::Enforce).contains("would"));
        }
    }

    #[test]
    fn owner_and_thief_take_turns_and_are_two_entries() {
        let mut entries = Vec::new();
        for second in 0..50 {
            add(&mut entries, entry("session.checked", "allow", &json!({})));
            add(&mut entries, entry("session.denied", "reprove", &suspicious("enforce", second)));
        }
        assert_eq!(entries.iter().map(|entry| entry.count).collect::<Vec<_>>(), [50, 50]);
        add(&mut entries, entry("session.denied", "step_up", &suspicious("enforce", 1)));
        assert_eq!(entries.len(), 3, "another decision is another entry");
    }

    #[test]
    fn every_event_is_told_as_something() {
        for name in EventName::ALL {
            let told = entry(name.as_str(), "deny", &json!({}));
            assert!(!told.says.is_empty());
            assert_eq!(told.is_last(), *name == EventName::SessionEnded);
        }
        let login = entry(
            "session.created",
            "",
            &json!({ "risk": { "score": 0, "signals": [], "unknown": ["login.weak"] } }),
        );
        assert_eq!(login.unknown, ["login.weak"]);
    }
}
