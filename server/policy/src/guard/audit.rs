//! What was weighed, as the audit trail tells it: enough to follow the decision, and to ask other policies about it.

use std::{fmt, fmt::Write};

use holdfast_core::risk::{Assessment, Factor, Signal};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Outcome, Question};
use crate::{Binding, Hit, Ruling, Situation, Subject};

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
    let (auth, device, network) = (&situation.auth, &situation.device, &situation.network);
    let written = Written {
        score: situation.risk,
        signals: assessment.signals.iter().map(signal).collect(),
        policies: &ruling.hits,
        errors: &ruling.errors,
        request: WrittenRequest { groups: &subject.groups, method: &subject.method, route: &subject.route },
        situation: WrittenSituation {
            binding: &situation.binding,
            proved_here: situation.proved_here,
            auth: WrittenAuth {
                acr: auth.acr.as_deref(),
                amr: &auth.amr,
                several_factors: auth.several_factors,
                phishing_resistant: auth.phishing_resistant,
            },
            unknown: &situation.unknown,
            device: WrittenDevice { posture: &device.posture, managed: device.managed },
            network: WrittenNetwork {
                location: &network.location,
                usual: network.usual,
                country: network.country.as_deref(),
                continent: network.continent.as_deref(),
                asn: network.asn,
                anonymizer: network.anonymizer,
                hosting: network.hosting,
            },
        },
    };
    // Texts, numbers and lists can always be written.
    let mut text = serde_json::to_string(&written).unwrap_or_default();
    text.pop();
    text.into()
}

/// What says nothing is left out: most requests are unremarkable, and there are many of them. How a session is bound is
/// always told.
#[derive(Serialize)]
struct Written<'a> {
    score: u8,
    signals: Vec<Value>,
    policies: &'a [Hit],
    #[serde(skip_serializing_if = "says_nothing")]
    errors: &'a [String],
    request: WrittenRequest<'a>,
    situation: WrittenSituation<'a>,
}

#[derive(Serialize)]
struct WrittenRequest<'a> {
    #[serde(skip_serializing_if = "says_nothing")]
    groups: &'a [Box<str>],
    method: &'a str,
    #[serde(skip_serializing_if = "says_nothing")]
    route: &'a str,
}

/// A [`Situation`] without signals and ages, which stand beside it.
#[derive(Serialize)]
struct WrittenSituation<'a> {
    binding: &'a Binding,
    #[serde(skip_serializing_if = "says_nothing")]
    proved_here: bool,
    #[serde(skip_serializing_if = "says_nothing")]
    auth: WrittenAuth<'a>,
    #[serde(skip_serializing_if = "says_nothing")]
    unknown: &'a [Box<str>],
    device: WrittenDevice<'a>,
    network: WrittenNetwork<'a>,
}

#[derive(Default, PartialEq, Serialize)]
struct WrittenAuth<'a> {
    #[serde(skip_serializing_if = "says_nothing")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "says_nothing")]
    amr: &'a [Box<str>],
    #[serde(skip_serializing_if = "says_nothing")]
    several_factors: bool,
    #[serde(skip_serializing_if = "says_nothing")]
    phishing_resistant: bool,
}

#[derive(Serialize)]
struct WrittenDevice<'a> {
    posture: &'a str,
    #[serde(skip_serializing_if = "says_nothing")]
    managed: bool,
}

#[derive(Serialize)]
struct WrittenNetwork<'a> {
    location: &'a str,
    #[serde(skip_serializing_if = "says_nothing")]
    usual: bool,
    #[serde(skip_serializing_if = "says_nothing")]
    country: Option<&'a str>,
    #[serde(skip_serializing_if = "says_nothing")]
    continent: Option<&'a str>,
    #[serde(skip_serializing_if = "says_nothing")]
    asn: Option<u32>,
    #[serde(skip_serializing_if = "says_nothing")]
    anonymizer: bool,
    #[serde(skip_serializing_if = "says_nothing")]
    hosting: bool,
}

fn says_nothing<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
