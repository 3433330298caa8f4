//! Which policies decided, and what they saw.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{Effect, Hit, Mode, Policies, Ruling, Situation, Subject};

/// What policies made of a request, one by one.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// All of them together.
    pub ruling: Ruling,
    /// Each that forbids, in the order of their names.
    pub rules: Vec<Explained>,
}

/// What one policy made of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// Its name.
    pub id: Arc<str>,
    /// What it has done.
    pub decision: Effect,
    /// How much it may do yet.
    pub mode: Mode,
    /// Whether it objected.
    pub objected: bool,
    /// Why it could not be evaluated. The request is refused for it then, unless the policy only observes.
    pub failed: Option<String>,
    /// What it looks at, and what it saw there.
    pub saw: BTreeMap<String, Saw>,
}

/// What a policy saw in one place.
#[derive(Clone, Debug, PartialEq)]
pub enum Saw {
    /// Nothing is there.
    Absent,
    /// A signal of which nothing can be said, for want of data. Policies see 0, and it is not harmless for that.
    Unknown,
    /// This.
    Value(Value),
}

impl Serialize for Saw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_none(),
            Self::Unknown => serializer.serialize_str("unknown"),
            Self::Value(value) => value.serialize(serializer),
        }
    }
}

impl Policies {
    /// Decides, and says what each policy saw.
    pub fn explain(&self, subject: &Subject, situation: &Situation) -> Explanation {
        let ruling = self.decide(subject, situation);
        let seen = situation.value();
        let rules = self.looked_at().map(|(rule, looks_at)| Explained {
            id: Arc::clone(&rule.id),
            decision: rule.effect,
            mode: rule.mode,
            objected: ruling.hits.iter().any(|hit: &Hit| hit.id == rule.id),
            failed: ruling.failed.get(&rule.id).cloned(),
            saw: looks_at.into_iter().map(|path| (path.join("."), saw(&path, &seen, situation))).collect(),
        });
        let rules = rules.collect();
        Explanation { ruling, rules }
    }
}

fn saw(path: &[String], seen: &Value, situation: &Situation) -> Saw {
    if let [signals, name] = path
        && signals == "signals"
        && !situation.signals.contains_key(name.as_str())
        && situation.unknown.iter().any(|unknown| **unknown == **name)
    {
        return Saw::Unknown;
    }
    match path.iter().try_fold(seen, |value, name| value.get(name)) {
        Some(value) => Saw::Value(value.clone()),
        None => Saw::Absent,
    }
}

/// The paths in the context that an expression looks at, without those that only lead to others.
pub(crate) fn paths(json: &Value) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    collect(json, &mut found);
    found.sort();
    found.dedup();
    found
}

fn collect(json: &Value, found: &mut Vec<Vec<String>>) {
    if let Some(path) = path_of(json) {
        found.push(path);
        return;
    }
    match json {
        Value::Object(members) => members.values().for_each(|inner| collect(inner, found)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The path of an expression that is nothing but attributes of the context.
fn path_of(json: &Value) -> Option<Vec<String>> {
    path_of_access(json.get(".").or_else(|| json.get("has"))?)
}

/// The same of what `.` or `has` is applied to.
pub(crate) fn path_of_access(access: &Value) -> Option<Vec<String>> {
    let left = access.get("left")?;
    let mut path =
        if left.get("Var").is_some_and(|of| of == "context") { Vec::new() } else { path_of(left)? };
    path.extend(names(access)?);
    Some(path)
}

/// The attributes that are asked for: one, or those on the way to it (`context has network.asn`).
pub(crate) fn names(access: &Value) -> Option<Vec<String>> {
    let name = |value: &Value| value.as_str().map(str::to_owned);
    let attribute = access.get("attr")?;
    match attribute.as_array() {
        Some(names) => names.iter().map(name).collect(),
        None => name(attribute).map(|one| vec![one]),
    }
}
