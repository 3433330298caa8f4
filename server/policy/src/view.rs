//! What a set of policies looks at, and what it decided of late about what looks the same to it.
//!
//! Most requests of most users look alike: nobody's policies care about each autonomous system. To ask Cedar costs more than
//! all the rest of a check, so the same question is asked once.

use std::{collections::HashMap, fmt};

use cedar_policy::{PolicySet, PrincipalConstraint};
use parking_lot::Mutex;
use serde_json::Value;

use crate::{
    Binding, Device, Ruling, Situation, Subject, Thresholds,
    explain::{names, path_of_access, paths},
};

/// What a set of policies looks at.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// Somebody's name or groups make a difference.
    sees_user: bool,
    /// What is made alike because no policy looks at it.
    alike: Vec<Clear>,
    thresholds: Thresholds,
}

/// Makes a part of a situation what it is by default.
type Clear = fn(&mut Situation);

/// A request, as far as policies see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sight(Subject, Situation);

impl View {
    /// Reads it out of policies.
    pub(crate) fn of(policies: &PolicySet) -> Self {
        let all: Option<Vec<_>> = policies.policies().map(|policy| policy.to_json().ok()).collect();
        let thresholds = Thresholds::of(policies);
        // What cannot be read may look at anything.
        let Some(all) = all.filter(|all| !all.iter().any(is_whole)) else {
            return Self { sees_user: true, alike: Vec::new(), thresholds };
        };
        let looked_at: Vec<_> = all.iter().flat_map(paths).collect();
        let is_seen = |leaf: &[&str]| {
            looked_at.iter().any(|path| path.iter().zip(leaf).all(|(looked_at, name)| looked_at == name))
        };
        Self {
            sees_user: all.iter().any(names_somebody)
                || policies.policies().any(|of| of.principal_constraint() != PrincipalConstraint::Any),
            alike: LEAVES.iter().filter(|(leaf, _)| !is_seen(leaf)).map(|(_, clear)| *clear).collect(),
            thresholds,
        }
    }

    /// Where ages and scores make a difference to these policies.
    pub(crate) const fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// A request, as far as these policies see it.
    pub(crate) fn sight(&self, subject: &Subject, situation: &Situation) -> Sight {
        let (mut subject, mut situation) = (subject.clone(), situation.clone());
        if !self.sees_user {
            subject = Subject { user: Box::default(), groups: Vec::new(), ..subject };
        }
        for clear in &self.alike {
            clear(&mut situation);
        }
        let Situation { session_age, auth, proof_age, risk, signals, .. } = &mut situation;
        for age in [session_age, &mut auth.age].into_iter().chain(proof_age) {
            *age = self.thresholds.age(*age);
        }
        for score in signals.values_mut().chain([risk]) {
            *score = self.thresholds.score(*score);
        }
        // Policies see 0 where there is none.
        signals.retain(|_, score| *score > 0);
        Sight(subject, situation)
    }
}

impl Sight {
    /// Of the names in it.
    fn length(&self) -> usize {
        let Self(Subject { user, groups, app, route, tags, .. }, Situation { auth, unknown, .. }) = self;
        let one = user.len() + app.len() + route.len() + auth.acr.as_ref().map_or(0, |acr| acr.len());
        one + [groups, tags, &auth.amr, unknown].into_iter().flatten().map(|name| name.len()).sum::<usize>()
    }
}

/// What was decided of late.
pub(crate) struct Decided(Mutex<HashMap<Sight, Ruling>>);

impl Default for Decided {
    fn default() -> Self {
        // All the room that it will need, or everybody would wait for it to grow.
        Self(Mutex::new(HashMap::with_capacity(MOST)))
    }
}

impl Decided {
    /// What was decided about what looks like this.
    pub(crate) fn recall(&self, sight: &Sight) -> Option<Ruling> {
        self.0.lock().get(sight).cloned()
    }

    /// Remembers a decision, unless that takes much memory.
    pub(crate) fn keep(&self, sight: Sight, ruling: &Ruling) {
        if sight.length() > MOST_TEXT {
            return;
        }
        let mut decided = self.0.lock();
        // Whoever makes that many different requests pays for them as if nothing was remembered, and so does everybody for
        // a while.
        if decided.len() >= MOST {
            decided.clear();
        }
        decided.insert(sight, ruling.clone());
    }

    /// How many decisions are remembered.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().len()
    }
}

/// A copy remembers nothing.
impl Clone for Decided {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decided").field("count", &self.count()).finish()
    }
}

/// An expression uses the context as a whole, or looks at something in a way that is not known here.
fn is_whole(json: &Value) -> bool {
    is_anywhere(json, &|operator, inner| match operator {
        "Var" => Some(inner == "context"),
        "." | "has" if path_of_access(inner).is_some() => Some(false),
        "." | "has" => {
            let left = inner.get("left");
            let is_context = left.and_then(|left| left.get("Var")).is_some_and(|of| of == "context");
            (is_context || names(inner).is_none()).then_some(true)
        }
        _ => None,
    })
}

/// An expression looks at the user, or names an entity that the user may be or be in.
fn names_somebody(json: &Value) -> bool {
    is_anywhere(json, &|operator, inner| match operator {
        "Var" => Some(inner == "principal"),
        "__entity" => Some(true),
        _ => None,
    })
}

/// Whether something is so of an operator and what it is applied to, or of any that is inside.
fn is_anywhere(json: &Value, is_so: &impl Fn(&str, &Value) -> Option<bool>) -> bool {
    match json {
        Value::Object(members) => members.iter().any(|(operator, inner)| match (operator.as_str(), inner) {
            // Its members may have the names of operators.
            ("Record", Value::Object(members)) => members.values().any(|inner| is_anywhere(inner, is_so)),
            (operator, inner) => is_so(operator, inner).unwrap_or_else(|| is_anywhere(inner, is_so)),
        }),
        Value::Array(items) => items.iter().any(|item| is_anywhere(item, is_so)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// What there is to see in a situation, and how it is made alike where nobody looks.
const LEAVES: &[(&[&str], Clear)] = &[
    (&["binding"], |of| of.binding = Binding::new("", holdfast_core::Level::None)),
    (&["proof_age"], |of| of.proof_age = None),
    (&["proved_here"], |of| of.proved_here = false),
    (&["session_age"], |of| of.session_age = 0),
    (&["auth", "age"], |of| of.auth.age = 0),
    (&["auth", "acr"], |of| of.auth.acr = None),
    (&["auth", "amr"], |of| of.auth.amr.clear()),
    (&["auth", "several_factors"], |of| of.auth.several_factors = false),
    (&["auth", "phishing_resistant"], |of| of.auth.phishing_resistant = false),
    (&["risk"], |of| of.risk = 0),
    (&["signals"], |of| of.signals.clear()),
    (&["unknown"], |of| of.unknown.clear()),
    (&["device"], |of| of.device = Device::default()),
    (&["network", "location"], |of| of.network.location = Box::default()),
    (&["network", "usual"], |of| of.network.usual = false),
    (&["network", "country"], |of| of.network.country = None),
    (&["network", "continent"], |of| of.network.continent = None),
    (&["network", "asn"], |of| of.network.asn = None),
    (&["network", "anonymizer"], |of| of.network.anonymizer = false),
    (&["network", "hosting"], |of| of.network.hosting = false),
];

/// Of a kilobyte each, and the names.
const MOST: usize = 4096;

const MOST_TEXT: usize = 1024;
