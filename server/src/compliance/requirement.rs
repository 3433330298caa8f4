//! A requirement, what a configuration makes of it, and how that is said.

use std::{borrow::Cow, time::Duration};

use holdfast_core::write_duration;

use crate::Config;

/// What a standard demands, and how this server answers.
#[derive(Debug)]
pub(super) struct Requirement {
    /// Its number in the standard.
    pub(super) id: &'static str,
    /// How much it binds: the level of ASVS, or the verb of NIST.
    pub(super) level: &'static str,
    /// The demand in short.
    pub(super) demand: &'static str,
    /// What the configuration makes of it.
    pub(super) judge: fn(&Config) -> Finding,
    /// The tests that prove what the server does, as `program::module::name`.
    pub(super) tests: &'static [&'static str],
}

/// What a configuration makes of a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The setting in force.
    pub(super) setting: String,
    pub(super) verdict: Verdict,
    /// What is left for the operator to do, whatever the verdict is. A deviation always has it.
    pub(super) task: Option<Cow<'static, str>>,
}

/// Whether a requirement is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The server meets it with these settings.
    Met,
    /// It does not, for this reason.
    Deviates(Deviation),
    /// Only the operator or the app can: the task says what.
    Operator,
    /// It belongs to a profile that the configuration does not follow.
    NotClaimed,
}

/// Why a requirement is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deviation {
    pub(super) why: Cow<'static, str>,
    /// Whether `session.justification` is about it.
    pub(super) is_of_session: bool,
}

impl Finding {
    pub(super) fn met(setting: impl Into<String>) -> Self {
        Self { setting: setting.into(), verdict: Verdict::Met, task: None }
    }

    /// A deviation that only another configuration mends: `task` says which.
    pub(super) fn deviates(
        setting: impl Into<String>,
        why: impl Into<Cow<'static, str>>,
        task: impl Into<Cow<'static, str>>,
    ) -> Self {
        let verdict = Verdict::Deviates(Deviation { why: why.into(), is_of_session: false });
        Self { setting: setting.into(), verdict, task: Some(task.into()) }
    }

    /// A deviation that `session.justification` may explain, where `instead` is not done.
    pub(super) fn of_session(
        setting: impl Into<String>,
        why: impl Into<Cow<'static, str>>,
        instead: &str,
    ) -> Self {
        let verdict = Verdict::Deviates(Deviation { why: why.into(), is_of_session: true });
        let task = format!("{instead}, or say why not in session.justification");
        Self { setting: setting.into(), verdict, task: Some(task.into()) }
    }

    pub(super) fn operator(setting: impl Into<String>, task: &'static str) -> Self {
        Self { setting: setting.into(), verdict: Verdict::Operator, task: Some(task.into()) }
    }

    pub(super) fn not_claimed(setting: impl Into<String>) -> Self {
        Self { setting: setting.into(), verdict: Verdict::NotClaimed, task: None }
    }

    /// What is left to do beside.
    pub(super) fn with_task(self, task: &'static str) -> Self {
        Self { task: Some(task.into()), ..self }
    }
}

/// A key of `[session]` with its span.
pub(super) fn span(key: &str, span: Duration) -> String {
    format!("{key} = {}", write_duration(span))
}

/// A list of words, or what is said of an empty one.
pub(super) fn list(words: impl IntoIterator<Item = impl Into<String>>, none: &str) -> String {
    let words: Vec<String> = words.into_iter().map(Into::into).collect();
    if words.is_empty() { none.to_owned() } else { words.join(", ") }
}
