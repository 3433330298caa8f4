//! A check that failed.

use std::fmt;

use crate::Rule;

/// A check failed: which rule said no. It carries nothing of what the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rejection {
    /// The rule that said no.
    pub rule: Rule,
}

impl Rejection {
    /// The rejection of `rule`.
    pub const fn of(rule: Rule) -> Self {
        Self { rule }
    }
}

impl From<Rule> for Rejection {
    fn from(rule: Rule) -> Self {
        Self { rule }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.rule.says(), self.rule.id())
    }
}

impl std::error::Error for Rejection {}
