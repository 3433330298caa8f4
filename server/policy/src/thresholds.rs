//! Where the ages of proofs, logins and sessions make a difference to a set of policies.
//!
//! Ages grow with every request, and a policy compares them with a few numbers. As long as an age passes none of those, the
//! decision stays, and need not be made again.

use std::collections::BTreeSet;

use cedar_policy::PolicySet;
use serde_json::Value;

/// The numbers that ages are compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    numbers: Vec<u64>,
    /// An age is used for something else than a comparison with a number: every second makes a difference.
    every_second: bool,
}

impl Thresholds {
    /// Reads them out of policies.
    pub fn of(policies: &PolicySet) -> Self {
        let mut found = Found::default();
        for policy in policies.policies() {
            match policy.to_json() {
                Ok(json) => found.look(&json, Place::Elsewhere),
                // What cannot be read may do anything.
                Err(_) => found.every_second = true,
            }
        }
        Self { numbers: found.numbers.into_iter().collect(), every_second: found.every_second }
    }

    /// Between which of them an age lies. Ages with the same answer are the same to every policy.
    pub fn step(&self, age: u64) -> u64 {
        if self.every_second {
            return age;
        }
        let below = self.numbers.partition_point(|number| *number < age);
        let is_one = self.numbers.get(below).is_some_and(|number| *number == age);
        u64::try_from(below).unwrap_or(u64::MAX).saturating_mul(2) + u64::from(is_one)
    }
}

#[derive(Default)]
struct Found {
    numbers: BTreeSet<u64>,
    every_second: bool,
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
            "Var" if inner == "context" && place != Place::Opened => self.every_second = true,
            "<" | "<=" | ">" | ">=" | "==" | "!=" => self.look_at_comparison(inner),
            "." => {
                let attribute = inner.get("attr").and_then(Value::as_str).unwrap_or_default();
                let left = inner.get("left").unwrap_or(&Value::Null);
                // A record with an age in it is as good as the age.
                let holds_age = AGES.contains(&attribute) || (attribute == "auth" && place != Place::Opened);
                if holds_age && place != Place::Compared {
                    self.every_second = true;
                }
                if attribute == "auth" && place == Place::Compared {
                    self.every_second = true;
                }
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
        // No age is negative, so a negative number parts nothing.
        self.numbers.extend(u64::try_from(number));
        self.look(other, Place::Compared);
    }
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
        assert_eq!(of.step(0), of.step(59));
        assert_ne!(of.step(59), of.step(60));
        assert_ne!(of.step(60), of.step(61));
        assert_eq!(of.step(61), of.step(299));
        assert_ne!(of.step(299), of.step(300));
        assert_eq!(of.step(301), of.step(u64::MAX));
    }

    #[test]
    fn without_ages_it_makes_none() {
        let of = thresholds(
            "context.risk > 40 && context.signals[\"export.burst\"] >= 60 && context.binding.bound",
        );
        assert!(!of.every_second);
        assert_eq!(of.step(0), of.step(39));
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
            assert!(of.every_second, "{conditions}");
            assert_ne!(of.step(100), of.step(101));
        }
    }
}
