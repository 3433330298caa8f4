//! Where the ages of proofs, logins and sessions, and the scores of signals, make a difference to a set of policies.
//!
//! Ages grow with every request and scores differ a little from one to the next, and a policy compares them with a few numbers.
//! As long as they pass none of those, the decision stays, and need not be made again.

use std::collections::BTreeSet;

use cedar_policy::PolicySet;
use serde_json::Value;

/// The numbers that ages and scores are compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    numbers: Vec<u64>,
    /// An age is used for something else than a comparison with a number: every second makes a difference.
    exact_ages: bool,
    /// The same of a score.
    exact_scores: bool,
}

impl Thresholds {
    /// Reads them out of policies.
    pub fn of(policies: &PolicySet) -> Self {
        let mut found = Found::default();
        for policy in policies.policies() {
            match policy.to_json() {
                Ok(json) => found.look(&json, Place::Elsewhere),
                // What cannot be read may do anything.
                Err(_) => found.all_is_exact(),
            }
        }
        let Found { numbers, exact_ages, exact_scores } = found;
        Self { numbers: numbers.into_iter().collect(), exact_ages, exact_scores }
    }

    /// The least age that is the same to every policy as this one.
    pub fn age(&self, age: u64) -> u64 {
        if self.exact_ages { age } else { self.least(age) }
    }

    /// The least score that is the same to every policy as this one.
    pub fn score(&self, score: u8) -> u8 {
        // The least is no greater, so that it fits.
        if self.exact_scores { score } else { u8::try_from(self.least(score.into())).unwrap_or(score) }
    }

    fn least(&self, number: u64) -> u64 {
        let below = self.numbers.partition_point(|threshold| *threshold < number);
        if self.numbers.get(below) == Some(&number) {
            return number;
        }
        let last = below.checked_sub(1).and_then(|place| self.numbers.get(place));
        last.map_or(0, |threshold| threshold.saturating_add(1))
    }
}

#[derive(Default)]
struct Found {
    numbers: BTreeSet<u64>,
    exact_ages: bool,
    exact_scores: bool,
}

/// Where an expression stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// It is one side of a comparison with a number.
    Compared,
    /// Something of it is asked for, or whether it is there.
    Opened,
    /// Anywhere else.
    Elsewhere,
}

impl Found {
    fn all_is_exact(&mut self) {
        (self.exact_ages, self.exact_scores) = (true, true);
    }

    fn look(&mut self, json: &Value, place: Place) {
        match json {
            Value::Object(members) => {
                for (name, inner) in members {
                    self.look_into(name, inner, place);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.look(item, Place::Elsewhere)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn look_into(&mut self, operator: &str, inner: &Value, place: Place) {
        match operator {
            "Var" if inner == "context" && place != Place::Opened => self.all_is_exact(),
            "<" | "<=" | ">" | ">=" | "==" | "!=" => self.look_at_comparison(inner),
            "." => {
                let attribute = attribute(inner);
                let left = inner.get("left").unwrap_or(&Value::Null);
                let is_one_of = |record: &str| left.get(".").map(self::attribute) == Some(record);
                // A record with ages or scores in it is as good as those.
                self.exact_ages |= AGES.contains(&attribute) && place != Place::Compared;
                self.exact_ages |= attribute == "auth" && place != Place::Opened;
                self.exact_scores |=
                    (attribute == "risk" || is_one_of("signals")) && place != Place::Compared;
                self.exact_scores |= attribute == "signals" && place != Place::Opened;
                self.look(left, Place::Opened);
            }
            "has" => self.look(inner.get("left").unwrap_or(&Value::Null), Place::Opened),
            // Its members may have the names of operators.
            "Record" => {
                let members = inner.as_object().into_iter().flat_map(|members| members.values());
                members.for_each(|inner| self.look(inner, Place::Elsewhere));
            }
            _ => self.look(inner, Place::Elsewhere),
        }
    }

    fn look_at_comparison(&mut self, inner: &Value) {
        let side = |name: &str| inner.get(name).unwrap_or(&Value::Null);
        let number = |side: &Value| side.get("Value").and_then(Value::as_i64);
        match (number(side("left")), number(side("right"))) {
            (Some(number), None) => self.look_beside(number, side("right")),
            (None, Some(number)) => self.look_beside(number, side("left")),
            (Some(_), Some(_)) => {}
            (None, None) => {
                self.look(side("left"), Place::Elsewhere);
                self.look(side("right"), Place::Elsewhere);
            }
        }
    }

    fn look_beside(&mut self, number: i64, other: &Value) {
        // No age and no score is negative, so a negative number parts nothing.
        self.numbers.extend(u64::try_from(number));
        self.look(other, Place::Compared);
    }
}

/// What is asked for.
fn attribute(access: &Value) -> &str {
    access.get("attr").and_then(Value::as_str).unwrap_or_default()
}

/// The attributes that grow. Another of the same name is treated alike, which costs time and no correctness.
const AGES: [&str; 3] = ["age", "proof_age", "session_age"];

#[cfg(test)]
mod tests {
    use super::*;

    fn thresholds(conditions: &str) -> Thresholds {
        let text = format!("forbid (principal, action, resource) when {{ {conditions} }};");
        Thresholds::of(&text.parse().unwrap())
    }

    #[test]
    fn an_age_makes_a_difference_at_the_numbers() {
        let of = thresholds("context has proof_age && context.proof_age > 60 && 300 >= context.auth.age");
        for (age, least) in
            [(0, 0), (59, 0), (60, 60), (61, 61), (299, 61), (300, 300), (301, 301), (u64::MAX, 301)]
        {
            assert_eq!(of.age(age), least, "{age}");
            assert_eq!(of.age(least), least);
        }
    }

    #[test]
    fn without_ages_it_makes_none() {
        let of = thresholds(
            "context.risk > 40 && context.signals[\"export.burst\"] >= 60 && context.binding.bound",
        );
        assert!(!of.exact_ages && !of.exact_scores);
        assert_eq!(of.age(39), 0);
        for (score, least) in [(0, 0), (39, 0), (40, 40), (41, 41), (59, 41), (60, 60), (61, 61), (255, 61)] {
            assert_eq!(of.score(score), least, "{score}");
        }
    }

    #[test]
    fn other_uses_make_one_every_second() {
        for conditions in [
            "context.proof_age + 1 > 60",
            "context.proof_age > context.session_age",
            "[context.session_age].contains(5)",
            "context.auth == {\"age\": 5}",
            "context == {\"session_age\": 5}",
            "(if true then context else context).session_age > 5",
            "(if true then context.auth else context.auth).age > 5",
            "{\"a\": context.auth}.a.age > 5",
            "(context.session_age * 2) == 10",
            "-context.session_age < 3",
            "{\"has\": context.session_age}[\"has\"] > 5",
            "{\"<\": context.session_age}[\"<\"] > 5",
        ] {
            let of = thresholds(conditions);
            assert!(of.exact_ages, "{conditions}");
            assert_eq!((of.age(100), of.age(101)), (100, 101));
        }
    }

    #[test]
    fn other_uses_of_scores_make_each_of_them_one() {
        for conditions in [
            "context.risk + 1 > 60",
            "context.risk > context.signals[\"login.weak\"]",
            "[context.signals[\"login.weak\"]].contains(5)",
            "context.signals == context.signals",
            "(if true then context.signals else context.signals)[\"login.weak\"] > 5",
            "{\"a\": context.signals}.a[\"login.weak\"] > 5",
            "{\".\": context.signals}[\".\"][\"login.weak\"] > 5",
            "{\"has\": context.risk}[\"has\"] > 5",
            "context == context",
        ] {
            let of = thresholds(conditions);
            assert!(of.exact_scores, "{conditions}");
            assert_eq!((of.score(50), of.score(51)), (50, 51));
        }
    }
}
