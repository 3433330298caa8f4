//! A set of policies: read, found in order, and asked.

use std::{collections::BTreeMap, fmt, sync::Arc};

use cedar_policy::{
    ActionConstraint, AuthorizationError, Authorizer, Decision, Effect as CedarEffect, Policy, PolicyId,
    PolicySet, PrincipalConstraint, Request, ResourceConstraint, Response, Schema, ValidationMode, Validator,
};
use holdfast_core::risk::SignalName;
use serde::{Deserialize, Serialize};

use super::{
    asked::Names,
    effect::{Effect, Mode},
    explain::paths,
    places::{Found, Places, not_cedar},
    situation::{Situation, Subject},
    thresholds::Thresholds,
    view::{Decided, View},
};

/// Policies that are in order.
#[derive(Clone, Debug)]
pub struct Policies {
    /// Those that forbid, and one that permits everything, so that all that forbid are told.
    forbids: PolicySet,
    /// Those that permit; none if one of them permits everything.
    permits: Option<PolicySet>,
    rules: BTreeMap<PolicyId, Rule>,
    view: View,
    decided: Decided,
    /// The most that the set may do where no single policy of it speaks.
    mode: Mode,
}

/// A policy that forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name: `@id`.
    pub id: Arc<str>,
    /// What it has done: `@decision`.
    pub effect: Effect,
    /// How much it may do yet: `@mode`, or what the configuration says.
    pub mode: Mode,
    /// What it says to the one who is refused: `@says`.
    pub says: Option<Arc<str>>,
    /// The signals that it looks at; all of them, if it looks at the strongest.
    pub signals: Arc<[SignalName]>,
}

/// How much the policies of a set may do yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// The most that any of them may do, and the set as a whole where it permits nobody or cannot be asked; all, if absent.
    pub most: Option<Mode>,
    /// Single ones, by their name. They win over what the policy says of itself, and over `most`.
    pub single: BTreeMap<String, Mode>,
}

/// What policies have to say of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruling {
    /// What is to be done; nothing if the request may go on and nobody needs to be told.
    pub effect: Option<Effect>,
    /// The policies that objected, the strongest first.
    pub hits: Vec<Hit>,
    /// The policies that could not be evaluated, and why. The request is refused for them, unless they only observe.
    pub errors: Vec<String>,
    /// Those of them that forbid, by their names, with their errors.
    pub failed: BTreeMap<Arc<str>, String>,
    /// No policy permits the request.
    pub not_permitted: bool,
}

/// A policy that objected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// Its name.
    pub id: Arc<str>,
    /// What it has done, if it may.
    pub decision: Effect,
    /// How much it may do yet.
    pub mode: Mode,
    /// What it says.
    #[serde(skip)]
    pub says: Option<Arc<str>>,
}

impl Ruling {
    /// What the strongest objection says to the one who is refused.
    pub fn says(&self) -> Option<&str> {
        let strongest = self.hits.iter().find(|hit| Some(hit.mode.allows(hit.decision)) == self.effect)?;
        strongest.says.as_deref()
    }
}

impl Policies {
    /// The policies that ship with this program.
    ///
    /// # Panics
    /// Never: a test reads them.
    #[expect(clippy::expect_used, reason = "the text is a part of this program, and a test reads it")]
    pub fn shipped(modes: &Modes) -> Self {
        Self::parse(SHIPPED, modes).expect("the policies that ship are in order")
    }

    /// Reads policies, and compares them with what there is to see.
    ///
    /// # Errors
    /// Every problem, with its line where there is one.
    pub fn parse(text: &str, modes: &Modes) -> Result<Self, PolicyProblems> {
        let (schema, _warnings) = Schema::from_cedarschema_str(SCHEMA)
            .map_err(|error| PolicyProblems(vec![format!("the schema is not in order: {error}")]))?;
        let read: PolicySet = text.parse().map_err(|error| PolicyProblems(not_cedar(text, &error)))?;
        let places = Places::of(text);
        let mut found = Found::default();
        let mut problems = Vec::new();
        if read.templates().next().is_some() {
            problems.push(
                "a template (?principal, ?resource) has nothing to be linked with; write a policy".to_owned(),
            );
        }
        let (mut forbids, mut permits) = (PolicySet::new(), PolicySet::new());
        let mut rules = BTreeMap::new();
        for policy in read.policies() {
            let place = places.of_policy(policy);
            match policy.effect() {
                CedarEffect::Permit => {
                    if let Err(error) = permits.add(policy.clone()) {
                        found.add(place, error.to_string());
                    }
                }
                CedarEffect::Forbid => match rule(policy, modes) {
                    Ok(rule) => {
                        let id = PolicyId::new(&rule.id);
                        if forbids.add(policy.new_id(id.clone())).is_err() {
                            let id = &rule.id;
                            found.add(place, format!("two policies have the @id {id:?}; give each its own"));
                        }
                        rules.insert(id, rule);
                    }
                    Err(what) => found.add(place, what),
                },
            }
        }
        if permits.is_empty() {
            problems.push(
                "no policy permits anything, so that everything would be refused; write permit (principal, action, \
                 resource);"
                    .to_owned(),
            );
        }
        for name in modes.single.keys() {
            if !rules.values().any(|rule| *rule.id == **name) {
                let names: Vec<_> = rules.values().map(|rule| &*rule.id).collect();
                problems.push(format!(
                    "the configuration names the policy {name:?}, and there is none of this @id; those that there are: {}",
                    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
                ));
            }
        }
        let validation = Validator::new(schema).validate(&read, ValidationMode::Strict);
        for error in validation.validation_errors() {
            found.add_invalid(text, &places, read.policy(error.policy_id()), error);
        }
        let problems = [found.sentences(), problems].concat();
        if !problems.is_empty() {
            return Err(PolicyProblems(problems));
        }
        let view = View::of(&read);
        let asks = !permits.policies().any(permits_everything);
        let permits = asks.then_some(permits);
        let everything =
            Policy::parse(Some(PolicyId::new("everything")), "permit (principal, action, resource);");
        match everything {
            Ok(everything) => match forbids.add(everything) {
                Ok(()) => {
                    let mode = modes.most.unwrap_or(Mode::Enforce);
                    Ok(Self { forbids, permits, rules, view, decided: Decided::default(), mode })
                }
                Err(error) => Err(PolicyProblems(vec![error.to_string()])),
            },
            Err(error) => Err(PolicyProblems(vec![error.to_string()])),
        }
    }

    /// Asks what is to be done about a request; or remembers, if one was decided that looks the same to these policies.
    pub fn decide(&self, subject: &Subject, situation: &Situation) -> Ruling {
        let sight = self.view.sight(subject, situation);
        if let Some(ruling) = self.decided.recall(&sight) {
            return ruling;
        }
        match self.ask(subject, situation) {
            Ok(ruling) => {
                // What failed may tell of what it failed at.
                if ruling.errors.is_empty() {
                    self.decided.keep(sight, &ruling);
                }
                ruling
            }
            // What cannot be asked cannot be allowed, unless nothing is refused yet.
            Err(what) => {
                let effect = Some(self.mode.allows(Effect::Deny));
                Ruling { effect, errors: vec![what], ..Ruling::default() }
            }
        }
    }

    /// The policies that forbid.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }

    /// The policies that forbid, and what each of them looks at.
    pub(crate) fn looked_at(&self) -> impl Iterator<Item = (&Rule, Vec<Vec<String>>)> {
        self.rules.iter().map(|(id, rule)| {
            let json = self.forbids.policy(id).and_then(|policy| policy.to_json().ok());
            (rule, json.as_ref().map(paths).unwrap_or_default())
        })
    }

    /// Where ages and scores make a difference to these policies.
    pub const fn thresholds(&self) -> &Thresholds {
        self.view.thresholds()
    }

    /// How many decisions are remembered.
    pub fn remembered(&self) -> usize {
        self.decided.count()
    }

    fn ask(&self, subject: &Subject, situation: &Situation) -> Result<Ruling, String> {
        let names = Names::of(subject)?;
        let context = situation.context()?;
        // Whatever is asked here is as the schema says; a test asks the schema.
        let request = Request::new(names.principal, names.action, names.resource, context, None)
            .map_err(|error| error.to_string())?;
        let answer = Authorizer::new().is_authorized(&request, &self.forbids, &names.entities);
        let mut ruling = self.ruling(&answer);
        if let Some(permits) = &self.permits {
            let answer = Authorizer::new().is_authorized(&request, permits, &names.entities);
            let errors = answer.diagnostics().errors().map(ToString::to_string);
            ruling.errors.extend(errors);
            ruling.not_permitted = answer.decision() == Decision::Deny;
            if ruling.not_permitted {
                ruling.effect = ruling.effect.max(Some(self.mode.allows(Effect::Deny)));
            }
        }
        Ok(ruling)
    }

    fn ruling(&self, answer: &Response) -> Ruling {
        let hits = answer.diagnostics().reason().filter_map(|id| self.rules.get(id));
        let mut hits: Vec<_> = hits
            .map(|rule| Hit {
                id: Arc::clone(&rule.id),
                decision: rule.effect,
                mode: rule.mode,
                says: rule.says.clone(),
            })
            .collect();
        hits.sort_by(|one, two| {
            let strength = |hit: &Hit| (hit.mode.allows(hit.decision), hit.decision);
            strength(two).cmp(&strength(one)).then_with(|| one.id.cmp(&two.id))
        });
        let mut effect = hits.first().map(|hit| hit.mode.allows(hit.decision));
        let (mut errors, mut failed_rules) = (Vec::new(), BTreeMap::new());
        for error in answer.diagnostics().errors() {
            let AuthorizationError::PolicyEvaluationError(failed) = error;
            let rule = self.rules.get(failed.policy_id());
            let mode = rule.map_or(self.mode, |rule| rule.mode);
            effect = effect.max(Some(mode.allows(Effect::Deny)));
            errors.push(error.to_string());
            failed_rules.extend(rule.map(|rule| (Arc::clone(&rule.id), error.to_string())));
        }
        Ruling { effect, hits, errors, failed: failed_rules, not_permitted: false }
    }
}

/// What is wrong with policies: a sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyProblems(pub Vec<String>);

impl fmt::Display for PolicyProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for PolicyProblems {}

fn rule(policy: &Policy, modes: &Modes) -> Result<Rule, String> {
    let id = policy.annotation("id").filter(|id| !id.is_empty());
    let id = id.ok_or("a policy that forbids needs a name: write @id(\"…\") before it")?;
    let decision = policy.annotation("decision").unwrap_or(Effect::Deny.as_str());
    let effect = decision.parse().map_err(|error| format!("@decision({decision:?}): {error}"))?;
    let own = match policy.annotation("mode") {
        Some(mode) => mode.parse().map_err(|error| format!("@mode({mode:?}): {error}"))?,
        None => Mode::Enforce,
    };
    let mode = match (modes.single.get(id), modes.most) {
        (Some(mode), _) => *mode,
        (None, Some(most)) => own.min(most),
        (None, None) => own,
    };
    let says = policy.annotation("says").map(Arc::from);
    Ok(Rule { id: id.into(), effect, mode, says, signals: signals(policy) })
}

/// The signals that a policy looks at.
fn signals(policy: &Policy) -> Arc<[SignalName]> {
    let paths = policy.to_json().map(|json| paths(&json)).unwrap_or_default();
    let looks_at = |name: SignalName| {
        paths.iter().any(|path| match path.as_slice() {
            [all] => all == "risk" || all == "signals",
            [signals, one, ..] => signals == "signals" && one == name.as_str(),
            [] => false,
        })
    };
    SignalName::ALL.iter().copied().filter(|name| looks_at(*name)).collect()
}

fn permits_everything(policy: &Policy) -> bool {
    let has_conditions = policy.to_json().map_or(true, |json| {
        json.get("conditions")
            .and_then(|conditions| conditions.as_array())
            .is_none_or(|list| !list.is_empty())
    });
    policy.effect() == CedarEffect::Permit
        && !has_conditions
        && policy.principal_constraint() == PrincipalConstraint::Any
        && policy.action_constraint() == ActionConstraint::Any
        && policy.resource_constraint() == ResourceConstraint::Any
}

/// The policies that ship.
pub const SHIPPED: &str = include_str!("default.cedar");

/// One that is stricter with sessions without a key, to be appended to those.
pub const STRICT_UNBOUND: &str = include_str!("strict-unbound.cedar");

/// What policies can see.
pub const SCHEMA: &str = include_str!("schema.cedarschema");
