//! What is wrong with policies, and where: each thing once, in the order of the file.

use std::{collections::BTreeSet, fmt};

use cedar_policy::{ParseErrors, Policy, ValidationError};
use miette::Diagnostic;

/// Where each policy of a text begins.
pub(crate) struct Places(Vec<usize>);

/// A place in a text, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Counted from 1; 0 if nobody knows.
    line: usize,
    /// Counted from 1; 0 stands for the whole policy.
    column: usize,
    /// The name of the policy, if it has one.
    id: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => f.write_str("somewhere")?,
            (line, 0) => write!(f, "line {line}")?,
            (line, column) => write!(f, "line {line}, column {column}")?,
        }
        self.id.as_ref().map_or(Ok(()), |id| write!(f, " ({id})"))
    }
}

impl Places {
    /// Reads a text that Cedar has read already.
    pub(crate) fn of(text: &str) -> Self {
        let (mut lines, mut inside, mut begins) = (Vec::new(), 0_usize, true);
        let mut rest = text.char_indices().peekable();
        let mut line = 1;
        while let Some((_, character)) = rest.next() {
            match character {
                '\n' => line += 1,
                '/' if rest.peek().is_some_and(|(_, next)| *next == '/') => {
                    while rest.next_if(|(_, next)| *next != '\n').is_some() {}
                }
                _ if character.is_whitespace() => {}
                _ => {
                    if std::mem::take(&mut begins) {
                        lines.push(line);
                    }
                    match character {
                        '"' => line += skip_text(&mut rest),
                        '(' | '{' | '[' => inside += 1,
                        ')' | '}' | ']' => inside = inside.saturating_sub(1),
                        ';' => begins = inside == 0,
                        _ => {}
                    }
                }
            }
        }
        Self(lines)
    }

    /// Where a policy begins. Cedar names policies by their number in the text.
    pub(crate) fn of_policy(&self, policy: &Policy) -> Place {
        let number = policy.id().to_string().strip_prefix("policy").and_then(|number| number.parse().ok());
        let line = number.and_then(|number: usize| self.0.get(number)).copied().unwrap_or(0);
        Place { line, column: 0, id: policy.annotation("id").map(str::to_owned) }
    }
}

/// Goes on behind a text in quotation marks, and counts the lines in it.
fn skip_text(rest: &mut impl Iterator<Item = (usize, char)>) -> usize {
    let mut lines = 0;
    while let Some((_, character)) = rest.next() {
        match character {
            '"' => break,
            '\n' => lines += 1,
            '\\' => drop(rest.next()),
            _ => {}
        }
    }
    lines
}

/// Problems, each once.
#[derive(Default)]
pub(crate) struct Found(BTreeSet<(Place, String)>);

impl Found {
    pub(crate) fn add(&mut self, place: Place, what: String) {
        self.0.insert((place, what));
    }

    /// What Cedar says against a policy. It does so for every method that there is; once is enough.
    pub(crate) fn add_invalid(
        &mut self,
        text: &str,
        places: &Places,
        policy: Option<&Policy>,
        error: &ValidationError,
    ) {
        let whole = policy.map_or(Place { line: 0, column: 0, id: None }, |policy| places.of_policy(policy));
        let place = match place_of(text, error) {
            Some((line, column)) => Place { line, column, ..whole },
            None => whole,
        };
        let mut what = error.to_string();
        let of_policy = format!("for policy `{}`, ", error.policy_id());
        if let Some(shorter) = what.strip_prefix(&of_policy) {
            what = shorter.to_owned();
        }
        if let Some((before, after)) = what.split_once(" for Action::\"")
            && let Some((_, after)) = after.split_once('"')
        {
            what = format!("{before}{after}");
        }
        self.add(place, advised(what, error));
    }

    /// A sentence each.
    pub(crate) fn sentences(self) -> Vec<String> {
        self.0.into_iter().map(|(place, what)| format!("{place}: {what}")).collect()
    }
}

/// Why a text is not Cedar, a sentence each.
pub(crate) fn not_cedar(text: &str, errors: &ParseErrors) -> Vec<String> {
    let mut found = Found::default();
    for error in errors.iter() {
        let (line, column) = place_of(text, error).unwrap_or((1, 0));
        found.add(Place { line, column, id: None }, advised(error.to_string(), error));
    }
    found.sentences()
}

/// With what Cedar advises.
fn advised(what: String, error: &dyn Diagnostic) -> String {
    match error.help() {
        Some(help) => format!("{what}; {help}"),
        None => what,
    }
}

fn place_of(text: &str, error: &dyn Diagnostic) -> Option<(usize, usize)> {
    let offset = error.labels()?.next()?.offset();
    let before = text.get(..offset)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some((line, column))
}
