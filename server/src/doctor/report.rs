//! What was found, in words and as JSON.

use std::fmt::Write;

use serde::Serialize;

use super::kinds::{self, Kind};

/// What one check has to say.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is as it must be.
    Well,
    /// It is not.
    Found(Vec<Finding>),
    /// Nobody knows, and why.
    NotChecked(String),
}

/// Something that is not as it must be.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) kind: &'static Kind,
    /// What was sent, without anything secret.
    pub(super) sent: String,
    /// What came back, without anything secret.
    pub(super) came: String,
}

impl Finding {
    pub(super) fn new(kind: &'static Kind, sent: impl Into<String>, came: impl Into<String>) -> Self {
        Self { kind, sent: sent.into(), came: came.into() }
    }
}

impl From<Vec<Finding>> for Outcome {
    fn from(findings: Vec<Finding>) -> Self {
        if findings.is_empty() { Self::Well } else { Self::Found(findings) }
    }
}

impl From<Option<Finding>> for Outcome {
    fn from(finding: Option<Finding>) -> Self {
        finding.into_iter().collect::<Vec<_>>().into()
    }
}

/// The whole examination.
#[derive(Debug)]
pub(crate) struct Report {
    url: String,
    findings: Vec<Finding>,
    not_checked: Vec<(&'static str, String)>,
    well: Vec<&'static str>,
}

impl Report {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), findings: Vec::new(), not_checked: Vec::new(), well: Vec::new() }
    }

    /// Takes what a check has to say.
    pub(super) fn add(&mut self, check: &'static str, outcome: Outcome) {
        match outcome {
            Outcome::Well => self.well.push(check),
            Outcome::Found(findings) => self.findings.extend(findings),
            Outcome::NotChecked(why) => self.not_checked.push((check, why)),
        }
    }

    /// The exit code: 0 if everything was checked and is as it must be.
    pub(crate) fn code(&self) -> u8 {
        u8::from(!(self.findings.is_empty() && self.not_checked.is_empty()))
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut words = String::new();
        // Writing to a text cannot fail.
        for Finding { kind, sent, came } in &self.findings {
            let _ = writeln!(words, "FOUND  {}", kind.id);
            for (name, text) in
                [("sent", sent.as_str()), ("came", came), ("means", kind.means), ("turn", kind.turn.as_str())]
            {
                let _ = writeln!(words, "  {name:<6} {text}");
            }
            let _ = writeln!(words, "  {:<6} {}", "right", kind.right);
            if let Some(line) = kind.recipe {
                let _ = writeln!(words, "  {:<6} {}: {line}", "recipe", kinds::RECIPE);
            }
            words.push('\n');
        }
        for (check, why) in &self.not_checked {
            let _ = writeln!(words, "NOT CHECKED  {check}: {why}");
        }
        if !self.well.is_empty() {
            let _ = writeln!(words, "well   {}", self.well.join(", "));
        }
        if let Some(causes) = self.never_refreshes() {
            let _ = writeln!(words, "\n{EXPLANATION}\nHere: {}.", causes.join(", "));
        }
        let (found, open) = (self.findings.len(), self.not_checked.len());
        let verdict = match (found, open) {
            (0, 0) => "all is well".to_owned(),
            (0, _) => format!("nothing was found, and {open} not checked"),
            _ => format!("{found} found, {open} not checked"),
        };
        let _ = write!(words, "{}: {verdict}", self.url);
        words
    }

    /// For programs: one object.
    pub(crate) fn json(&self) -> String {
        let findings = self.findings.iter().map(|Finding { kind, sent, came }| FindingView {
            id: kind.id,
            sent,
            came,
            means: kind.means,
            whose_turn: kind.turn.as_str(),
            right: kind.right,
            recipe: kind.recipe,
        });
        let not_checked = self.not_checked.iter().map(|(check, why)| NotCheckedView { check, why });
        let view = ReportView {
            url: &self.url,
            well: self.code() == 0,
            findings: findings.collect(),
            not_checked: not_checked.collect(),
            checked_and_well: &self.well,
            registered_but_never_refreshes: self
                .never_refreshes()
                .map(|causes| ExplanationView { explanation: EXPLANATION, causes }),
        };
        serde_json::to_string(&view).unwrap_or_default()
    }

    /// What of the findings makes browsers register and never refresh.
    fn never_refreshes(&self) -> Option<Vec<&'static str>> {
        let mut causes = Vec::new();
        for kind in self.findings.iter().map(|finding| finding.kind).filter(|kind| kind.stops_refreshes) {
            if !causes.contains(&kind.id) {
                causes.push(kind.id);
            }
        }
        (!causes.is_empty()).then_some(causes)
    }
}

#[derive(Serialize)]
struct ReportView<'a> {
    url: &'a str,
    well: bool,
    findings: Vec<FindingView<'a>>,
    not_checked: Vec<NotCheckedView<'a>>,
    checked_and_well: &'a [&'static str],
    registered_but_never_refreshes: Option<ExplanationView>,
}

#[derive(Serialize)]
struct FindingView<'a> {
    id: &'static str,
    sent: &'a str,
    came: &'a str,
    means: &'static str,
    whose_turn: &'static str,
    right: &'static str,
    recipe: Option<&'static str>,
}

#[derive(Serialize)]
struct NotCheckedView<'a> {
    check: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct ExplanationView {
    explanation: &'static str,
    causes: Vec<&'static str>,
}

const EXPLANATION: &str = "\
Registered but never refreshes: a browser binds its session, and when session.bound_cookie has run out its user is logged out. The browser \
has asked for a refresh and taken the answer for an end, or could not ask: the refresh path goes elsewhere or is behind the check, a rate limit \
or an error page answers in Holdfast's place, a Secure-Session-* header or a cookie was changed on the way, or the origin in the session \
instructions is not the one that the browser sees. The audit trail shows it as session.bound without a session.refreshed of the \
same session, and then session.denied with the reason cookie_expired or no_credential.";

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: Vec<Outcome>) -> Report {
        let mut report = Report::new("https://shop.example");
        for outcome in outcomes {
            report.add("a check", outcome);
        }
        report
    }

    #[test]
    fn what_was_not_checked_is_not_well() {
        assert_eq!(report(vec![Outcome::Well]).code(), 0);
        assert_eq!(report(vec![Outcome::Well, Outcome::NotChecked("no file".to_owned())]).code(), 1);
        let text = report(vec![Outcome::NotChecked("no file".to_owned())]).text();
        assert!(text.contains("NOT CHECKED  a check: no file") && text.contains("1 not checked"), "{text}");
    }

    #[test]
    fn what_stops_refreshes_is_explained_and_nothing_else() {
        let found = |kind| Outcome::Found(vec![Finding::new(kind, "a", "b")]);
        let stopped = report(vec![found(&kinds::DBSC_BEHIND_AUTH)]);
        assert!(stopped.text().contains("session.bound without"), "{}", stopped.text());
        let json: serde_json::Value = serde_json::from_str(&stopped.json()).unwrap();
        assert_eq!(json["registered_but_never_refreshes"]["causes"][0], "dbsc_behind_auth");
        assert_eq!((&json["well"], &json["findings"][0]["sent"]), (&false.into(), &"a".into()));
        assert_eq!(stopped.code(), 1);
        let other = report(vec![found(&kinds::HSTS_MISSING)]);
        assert!(!other.text().contains("session.bound without"), "{}", other.text());
    }
}
