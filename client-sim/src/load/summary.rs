//! What a load amounted to.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::drive::Tally;

/// The numbers of one load.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// What was asked for.
    pub kind: &'static str,
    /// How many answers came.
    pub requests: u64,
    /// How long it took.
    pub seconds: f64,
    /// Answers per second.
    pub rps: f64,
    /// CPU time of the server process, if one was named.
    pub cpu_seconds: Option<f64>,
    /// Answers per second of the server's CPU time.
    pub per_cpu_second: Option<f64>,
    /// The median latency in microseconds.
    pub p50_us: u32,
    /// The latency that one answer in a hundred exceeds.
    pub p99_us: u32,
    /// Requests without an answer.
    pub errors: u64,
    /// The last error's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How often each status came.
    pub statuses: BTreeMap<u16, u64>,
    /// Of each status, the latency in microseconds that one answer in a hundred exceeds.
    pub p99_us_of_status: BTreeMap<u16, u32>,
    /// How often each status came when each question was asked once more after the load; 0 is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub afterwards: Option<BTreeMap<u16, u64>>,
}

impl Summary {
    pub(super) fn new(kind: &'static str, mut tally: Tally, took: Duration, cpu: Option<Duration>) -> Self {
        tally.micros.values_mut().for_each(|micros| micros.sort_unstable());
        let mut all: Vec<u32> = tally.micros.values().flatten().copied().collect();
        all.sort_unstable();
        let requests = u64::try_from(all.len()).unwrap_or(u64::MAX);
        let p99 = |(status, micros): (&u16, &Vec<u32>)| (*status, percentile(micros, 99));
        let statuses = counts(&tally);
        let p99_us_of_status = tally.micros.iter().map(p99).collect();
        let per = |span: Duration| {
            let seconds = span.as_secs_f64();
            if seconds > 0.0 { count(requests) / seconds } else { 0.0 }
        };
        Self {
            kind,
            requests,
            seconds: took.as_secs_f64(),
            rps: per(took),
            cpu_seconds: cpu.map(|cpu| cpu.as_secs_f64()),
            per_cpu_second: cpu.map(per),
            p50_us: percentile(&all, 50),
            p99_us: percentile(&all, 99),
            errors: tally.errors,
            last_error: tally.last_error,
            statuses,
            p99_us_of_status,
            afterwards: None,
        }
    }

    /// With what came when each question was asked once more.
    pub(super) fn with_afterwards(mut self, tally: &Tally) -> Self {
        let mut statuses = counts(tally);
        if tally.errors > 0 {
            statuses.insert(0, tally.errors);
        }
        self.afterwards = Some(statuses);
        self
    }

    /// Whether every request was answered with success.
    pub fn all_good(&self) -> bool {
        self.errors == 0
            && self.requests > 0
            && self.statuses.keys().all(|status| (200..300).contains(status))
    }

    /// The numbers for people.
    pub fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {} answers in {:.2} s", self.kind, self.requests, self.seconds)?;
        writeln!(out, "  {:.0} a second, median {} us, p99 {} us", self.rps, self.p50_us, self.p99_us)?;
        if let (Some(cpu), Some(per)) = (self.cpu_seconds, self.per_cpu_second) {
            writeln!(out, "  the server used {cpu:.2} s of CPU: {per:.0} answers per CPU second")?;
        }
        writeln!(out, "  statuses: {}; errors: {}", told(&self.statuses), self.errors)?;
        if let Some(afterwards) = &self.afterwards {
            writeln!(out, "  once more afterwards: {}", told(afterwards))?;
        }
        match &self.last_error {
            Some(error) => writeln!(out, "  the last error: {error}"),
            None => Ok(()),
        }
    }
}

fn counts(tally: &Tally) -> BTreeMap<u16, u64> {
    let count = |micros: &Vec<u32>| u64::try_from(micros.len()).unwrap_or(u64::MAX);
    tally.micros.iter().map(|(status, micros)| (*status, count(micros))).collect()
}

fn told(statuses: &BTreeMap<u16, u64>) -> String {
    let each = statuses.iter().map(|(status, count)| format!("{status} x {count}"));
    each.collect::<Vec<_>>().join(", ")
}

fn percentile(sorted: &[u32], percent: usize) -> u32 {
    let place = sorted.len().saturating_mul(percent) / 100;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}

/// A count as a number to divide. Counts stay far below 2^32 in any run that ends.
fn count(requests: u64) -> f64 {
    u32::try_from(requests).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_are_among_them() {
        assert_eq!(percentile(&[], 50), 0);
        assert_eq!(percentile(&[7], 99), 7);
        assert_eq!(percentile(&(1..=100).collect::<Vec<u32>>(), 99), 100);
    }
}
