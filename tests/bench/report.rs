//! What was measured, as lines for people.

use std::{collections::BTreeMap, io::Write};

use serde::Deserialize;

/// One measurement, as `holdfast-sim load --json` prints it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Line {
    pub(crate) requests: u64,
    pub(crate) rps: f64,
    #[serde(default)]
    pub(crate) per_cpu_second: f64,
    #[serde(default)]
    pub(crate) p50_us: f64,
    #[serde(default)]
    pub(crate) p99_us: f64,
    #[serde(default)]
    pub(crate) errors: u64,
    #[serde(default)]
    pub(crate) statuses: BTreeMap<u16, u64>,
    #[serde(default)]
    pub(crate) p99_us_of_status: BTreeMap<u16, f64>,
    /// Statuses of the same questions, asked once more when the load was over.
    #[serde(default)]
    pub(crate) afterwards: BTreeMap<u16, u64>,
    /// Microseconds that a bare verification took just before or just after, whichever was less.
    #[serde(skip)]
    pub(crate) verification: f64,
    /// The same of a request to the bare route.
    #[serde(skip)]
    pub(crate) route: f64,
}

impl Line {
    /// CPU time of the server for one request, in microseconds.
    pub(crate) fn cpu_micros(&self) -> f64 {
        1e6 / self.per_cpu_second
    }

    /// What was done in a second of CPU, beside the bare verifications that were measured with it.
    pub(crate) fn of_verification(&self) -> f64 {
        self.verification / self.cpu_micros()
    }

    /// What was done in a second of CPU, beside the bare route that was measured with it.
    pub(crate) fn of_route(&self) -> f64 {
        self.route / self.cpu_micros()
    }

    /// CPU time beside that of one bare verification and one request to the bare route together.
    pub(crate) fn of_both(&self) -> f64 {
        self.cpu_micros() / (self.verification + self.route)
    }

    /// Requests without an answer, or answered with something else than success.
    pub(crate) fn failures(&self) -> u64 {
        let refused = self.statuses.iter().filter(|(status, _)| !(200..300).contains(*status));
        refused.map(|(_, count)| count).sum::<u64>() + self.errors
    }
}

/// Prints lines as they come, so that a long run shows its progress.
#[derive(Default)]
pub(crate) struct Report {
    begun: bool,
}

impl Report {
    pub(crate) fn line(&mut self, what: &str, line: &Line, ratios: &[String]) {
        if !self.begun {
            self.begun = true;
            self.note(&format!(
                "{:<38} {:>12} {:>9} {:>9} {:>8} {:>8}",
                "", "per CPU-s", "us CPU", "per s", "p50 us", "p99 us"
            ));
        }
        let Line { per_cpu_second, rps, p50_us, p99_us, .. } = line;
        let cpu = line.cpu_micros();
        let errors = match line.failures() {
            0 => String::new(),
            failures => format!("  {failures} ERRORS of {}", line.requests),
        };
        let ratios = ratios.join(", ");
        self.note(&format!("{what:<38} {per_cpu_second:>12.0} {cpu:>9.1} {rps:>9.0} {p50_us:>8.0} {p99_us:>8.0}  {ratios}{errors}"));
    }

    pub(crate) fn note(&self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// The line beside one bare verification and one request to the bare route, in words.
pub(crate) fn beside_both(line: &Line) -> String {
    format!("{:.2} x (verify + route: {:.0} us)", line.of_both(), line.verification + line.route)
}

/// The line beside the bare route, in words.
pub(crate) fn beside_route(line: &Line) -> String {
    format!("{:.2} of the bare route ({:.1} us)", line.of_route(), line.route)
}

/// Says what went wrong.
pub(crate) fn complain(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "holdfast-bench: {error:#}");
}
