//! `holdfast compliance`: what standards demand of sessions, and what the configuration in force makes of each demand.
//!
//! Nothing here is a fixed answer: each row is judged by the parsed configuration, and names the tests that prove what the
//! server does whatever is configured. A test looks for each of these tests in the sources.

mod asvs_cookies;
mod asvs_logging;
mod asvs_oauth;
mod asvs_sessions;
mod asvs_tokens;
mod html;
mod nist;
#[cfg(test)]
mod proofs;
mod requirement;
mod text;

use std::borrow::Cow;

use requirement::{Deviation, Finding, Requirement, Verdict};
use serde::Serialize;

use crate::{Config, config::Profile};

pub(crate) use html::html;
pub(crate) use text::text;

/// What each standard demands, and what becomes of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The configuration: its file, or that there is none.
    pub(crate) configuration: String,
    pub(crate) profile: Option<&'static str>,
    pub(crate) justification: Option<String>,
    pub(crate) summary: Summary,
    pub(crate) requirements: Vec<Row>,
}

/// How many requirements there are of each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub(crate) met: usize,
    pub(crate) deviates: usize,
    /// Deviations that nobody has justified; they are among the deviations.
    pub(crate) unjustified: usize,
    pub(crate) operator: usize,
    pub(crate) not_claimed: usize,
}

/// A requirement and its verdict.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) standard: &'static str,
    pub(crate) chapter: &'static str,
    pub(crate) id: &'static str,
    pub(crate) level: &'static str,
    pub(crate) demand: &'static str,
    pub(crate) setting: String,
    pub(crate) verdict: &'static str,
    /// Why it deviates.
    pub(crate) why: Option<String>,
    /// The operator's words about that.
    pub(crate) justification: Option<String>,
    /// What is left for the operator to do.
    pub(crate) task: Option<Cow<'static, str>>,
    pub(crate) tests: &'static [&'static str],
}

/// Judges every requirement. `name` stands for the configuration.
pub(crate) fn report(config: &Config, name: &str) -> Report {
    let justification = config.lifetimes.justification.as_ref().map(|text| text.as_str().to_owned());
    let rows = CHAPTERS.iter().flat_map(|(standard, chapter, requirements)| {
        requirements.iter().map(|requirement| row(standard, chapter, requirement, config))
    });
    let requirements: Vec<Row> = rows.collect();
    Report {
        configuration: name.to_owned(),
        profile: config.lifetimes.profile.map(Profile::as_str),
        justification,
        summary: summary(&requirements),
        requirements,
    }
}

fn row(standard: &'static str, chapter: &'static str, about: &Requirement, config: &Config) -> Row {
    let Finding { setting, verdict, task } = (about.judge)(config);
    let word = match verdict {
        Verdict::Met => "met",
        Verdict::Deviates(_) => DEVIATES,
        Verdict::Operator => "operator",
        Verdict::NotClaimed => "not_claimed",
    };
    let (why, is_of_session) = match verdict {
        Verdict::Deviates(Deviation { why, is_of_session }) => (Some(why.into_owned()), is_of_session),
        Verdict::Met | Verdict::Operator | Verdict::NotClaimed => (None, false),
    };
    // What is said of sessions excuses nothing else.
    let reason = config.lifetimes.justification.as_ref().filter(|_| is_of_session);
    Row {
        standard,
        chapter,
        id: about.id,
        level: about.level,
        demand: about.demand,
        setting,
        verdict: word,
        why,
        justification: reason.map(|reason| reason.as_str().to_owned()),
        task,
        tests: about.tests,
    }
}

impl Row {
    /// Whether it deviates, and nobody has said why.
    fn is_unjustified(&self) -> bool {
        self.verdict == DEVIATES && self.justification.is_none()
    }
}

fn summary(rows: &[Row]) -> Summary {
    let count = |word: &str| rows.iter().filter(|row| row.verdict == word).count();
    Summary {
        met: count("met"),
        deviates: count(DEVIATES),
        unjustified: rows.iter().filter(|row| row.is_unjustified()).count(),
        operator: count("operator"),
        not_claimed: count("not_claimed"),
    }
}

const DEVIATES: &str = "deviates";

const ASVS: &str = "OWASP ASVS 5.0";
const NIST: &str = "NIST SP 800-63B-4";

const CHAPTERS: [(&str, &str, &[Requirement]); 6] = [
    (ASVS, "V3 Cookies", asvs_cookies::REQUIREMENTS),
    (ASVS, "V7 Sessions", asvs_sessions::REQUIREMENTS),
    (ASVS, "V9 Self-contained tokens", asvs_tokens::REQUIREMENTS),
    (ASVS, "V10 OAuth", asvs_oauth::REQUIREMENTS),
    (ASVS, "V16 Logging and errors", asvs_logging::REQUIREMENTS),
    (NIST, "Sessions", nist::REQUIREMENTS),
];

#[cfg(test)]
mod tests;
