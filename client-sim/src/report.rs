//! What an attack showed, for people and for machines.

use std::io::{self, Write};

use serde::Serialize;

use crate::audit::Event;

/// One attack from beginning to end.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The attack's name.
    pub attack: &'static str,
    /// What Holdfast promises about it.
    pub promise: &'static str,
    /// What the thief had.
    pub had: Vec<String>,
    /// What the thief did, and what came back.
    pub steps: Vec<Step>,
    /// What the server wrote into its audit file meanwhile.
    pub logged: Vec<Event>,
    /// Every part of the promise, and whether it held.
    pub findings: Vec<Finding>,
    /// Why the attack could not be played to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Why the attack was not played at all: it needs something that nobody gave. It did not hold either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_run: Option<String>,
    /// Whether everything held.
    pub held: bool,
    /// How long it took, on the given clock.
    pub seconds: f64,
}

/// One move.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// What the thief did.
    pub did: String,
    /// What came back.
    pub got: String,
}

/// One part of a promise.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The promise in a sentence.
    pub text: String,
    /// Whether it held.
    pub holds: bool,
}

/// What people read of an event: its name, and why.
fn told(event: &Event) -> (&str, &str) {
    (&event.event, event.rule.as_deref().or(event.reason.as_deref()).unwrap_or_default())
}

impl Report {
    /// An attack that has not begun.
    pub fn new(attack: &'static str, promise: &'static str) -> Self {
        Self {
            attack,
            promise,
            had: Vec::new(),
            steps: Vec::new(),
            logged: Vec::new(),
            findings: Vec::new(),
            failure: None,
            not_run: None,
            held: false,
            seconds: 0.0,
        }
    }

    /// Something the thief had from the beginning.
    pub fn had(&mut self, what: impl Into<String>) {
        self.had.push(what.into());
    }

    /// A move and its answer.
    pub fn step(&mut self, did: impl Into<String>, got: impl Into<String>) {
        self.steps.push(Step { did: did.into(), got: got.into() });
    }

    /// A part of the promise, judged.
    pub fn finding(&mut self, holds: bool, text: impl Into<String>) {
        self.findings.push(Finding { text: text.into(), holds });
    }

    /// Whether there are findings, and all of them are good.
    pub fn all_hold(&self) -> bool {
        !self.findings.is_empty() && self.findings.iter().all(|finding| finding.holds)
    }

    /// The story for people.
    pub fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let verdict = match (&self.not_run, self.held) {
            (Some(_), _) => "NOT RUN",
            (None, true) => "HELD",
            (None, false) => "BROKEN",
        };
        writeln!(out, "{verdict}  {}  ({:.1} s)", self.attack, self.seconds)?;
        writeln!(out, "    promise  {}", self.promise)?;
        for had in &self.had {
            writeln!(out, "    had      {had}")?;
        }
        for step in &self.steps {
            writeln!(out, "    did      {}", step.did)?;
            writeln!(out, "    got      {}", step.got)?;
        }
        for same in self.logged.chunk_by(|one, next| told(one) == told(next)) {
            let (event, rule) = same.first().map(told).unwrap_or_default();
            let times = if same.len() == 1 { String::new() } else { format!("  {} times", same.len()) };
            writeln!(out, "    logged   {event} {rule}{times}")?;
        }
        for finding in &self.findings {
            writeln!(out, "    {}      {}", if finding.holds { "yes" } else { "NO " }, finding.text)?;
        }
        if let Some(why) = &self.not_run {
            writeln!(out, "    because  {why}")?;
        }
        if let Some(failure) = &self.failure {
            writeln!(out, "    stopped  {failure}")?;
        }
        writeln!(out)
    }
}
