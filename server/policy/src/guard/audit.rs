//! What was weighed, as the audit trail tells it: enough to follow the decision, and to ask other policies about it.

use std::{fmt, fmt::Write};

use holdfast_core::risk::{Assessment, Factor, Signal};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Outcome, Question};
use crate::{Hit, Ruling, Situation, Subject};

impl Outcome {
    /// The `risk` member of an event about this request: a JSON object on one line.
    pub fn json(&self, question: &Question<'_>) -> String {
        let ages = question.ages();
        let mut text = String::with_capacity(self.record.len() + 96);
        text.push_str(&self.record);
        // Writing to a text cannot fail.
        let _ = write!(text, ",\"ages\":{{\"session\":{},\"auth\":{}", ages.session, ages.auth);
        if let Some(proof) = ages.proof {
            let _ = write!(text, ",\"proof\":{proof}");
        }
        text.push_str("}}");
        text
    }
}

/// The `risk` member of an event about a login: what was suspected of it. No policy is asked about a login.
pub fn login_json(assessment: &Assessment) -> String {
    let signals: Value = assessment.signals.iter().map(signal).collect();
    let unknown: Vec<_> = assessment.unknown.iter().map(|name| name.as_str()).collect();
    json!({ "score": assessment.highest().get(), "signals": signals, "unknown": unknown }).to_string()
}

/// The record but for the ages, without the brace that closes it.
pub(super) fn record(
    subject: &Subject,
    situation: &Situation,
    assessment: &Assessment,
    ruling: &Ruling,
) -> Box<str> {
    let mut members = Map::new();
    members.insert("score".to_owned(), json!(situation.risk));
    members.insert("signals".to_owned(), assessment.signals.iter().map(signal).collect());
    members.insert("policies".to_owned(), json!(ruling.hits));
    if !ruling.errors.is_empty() {
        members.insert("errors".to_owned(), json!(ruling.errors));
    }
    let about = json!({ "groups": subject.groups, "method": subject.method, "route": subject.route });
    members.insert("request".to_owned(), brief(about));
    // Signals and ages stand beside it already.
    let bare = Situation {
        signals: std::collections::BTreeMap::new(),
        risk: 0,
        session_age: 0,
        proof_age: None,
        auth: crate::Auth { age: 0, ..situation.auth.clone() },
        ..situation.clone()
    };
    members.insert("situation".to_owned(), brief(json!(bare)));
    let mut text = Value::Object(members).to_string();
    text.pop();
    text.into()
}

/// Without the members that say nothing: most requests are unremarkable, and there are many of them. How a session is bound
/// is always told.
fn brief(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let says_something = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_u64() != Some(0),
        Value::Bool(true) => true,
    };
    let kept = members.into_iter().map(|(name, value)| {
        let value = if name == "binding" { value } else { brief(value) };
        (name, value)
    });
    Value::Object(kept.filter(|(_, value)| says_something(value)).collect())
}

fn signal(signal: &Signal) -> Value {
    let mut factors = Map::new();
    for (name, factor) in &signal.factors {
        let value = match factor {
            Factor::Number(number) => json!(number),
            Factor::Word(word) => json!(word),
        };
        // A factor that comes twice becomes one of both.
        match factors.get_mut(*name) {
            Some(Value::String(before)) => {
                let more = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                before.push_str(", ");
                before.push_str(&more);
            }
            Some(_) | None => {
                factors.insert((*name).to_owned(), value);
            }
        }
    }
    json!({ "name": signal.name.as_str(), "score": signal.score.get(), "factors": factors })
}

/// A request that was weighed, read again from the audit trail.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Whose it was, and what for.
    pub subject: Subject,
    /// What was known of it.
    pub situation: Situation,
    /// The policies that objected then.
    pub hits: Vec<Hit>,
}

impl Recorded {
    /// Reads an event of the audit trail. `None` if it is about no request that was weighed.
    ///
    /// # Errors
    /// [`UnreadableRisk`] if it says that it is, and cannot be read.
    pub fn read(event: &Value) -> Result<Option<Self>, UnreadableRisk> {
        let Some(risk) = event.get("risk").filter(|risk| !risk.is_null()) else { return Ok(None) };
        // A login is weighed too, and no policy is asked about it.
        if risk.get("request").is_none() {
            return Ok(None);
        }
        let line: Line =
            serde_json::from_value(event.clone()).map_err(|error| UnreadableRisk(error.to_string()))?;
        let Line { user, app, tags, risk } = line;
        let mut situation = risk.situation;
        situation.risk = risk.score;
        situation.session_age = risk.ages.session;
        situation.auth.age = risk.ages.auth;
        situation.proof_age = risk.ages.proof;
        for told in risk.signals.into_iter().filter(|told| told.score > 0) {
            let score = situation.signals.entry(told.name).or_insert(0);
            *score = told.score.max(*score);
        }
        let About { groups, method, route } = risk.request;
        let subject = Subject { user, app, groups, method, route, tags: tags.unwrap_or_default() };
        Ok(Some(Self { subject, situation, hits: risk.policies }))
    }
}

/// An event says that its request was weighed, and does not say how in a way that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableRisk(String);

impl fmt::Display for UnreadableRisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what was weighed cannot be read: {}", self.0)
    }
}

impl std::error::Error for UnreadableRisk {}

#[derive(Deserialize)]
struct Line {
    user: Box<str>,
    app: Box<str>,
    tags: Option<Vec<Box<str>>>,
    risk: Risk,
}

#[derive(Deserialize)]
struct Risk {
    score: u8,
    signals: Vec<ToldSignal>,
    policies: Vec<Hit>,
    request: About,
    situation: Situation,
    ages: ToldAges,
}

#[derive(Deserialize)]
struct ToldSignal {
    name: Box<str>,
    score: u8,
}

#[derive(Deserialize)]
struct About {
    #[serde(default)]
    groups: Vec<Box<str>>,
    method: Box<str>,
    #[serde(default)]
    route: Box<str>,
}

#[derive(Deserialize)]
struct ToldAges {
    session: u64,
    auth: u64,
    proof: Option<u64>,
}
