//! What came of it, as a table.

use std::{collections::BTreeMap, fmt};

use super::{Attack, Binding, Counts, Simulation};

/// The figures of a simulation without thieves and of one with them, for each way to bind.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<(&'static str, Counts, Counts)>,
    user_months: f64,
}

impl Table {
    /// Runs everything.
    ///
    /// # Errors
    /// As [`Simulation::run`].
    pub fn of(users: u64, days: u64, seed: u64) -> anyhow::Result<Self> {
        let run = |binding, tells_handshake, thieves| {
            Simulation { users, days, seed, binding, tells_handshake, pause: PAUSE, thieves }.run()
        };
        let columns = [
            ("all devices bind", Binding::All, false),
            ("computers bind", Binding::Computers, false),
            ("none binds", Binding::None, false),
            ("none binds, JA4 is told", Binding::None, true),
        ];
        let columns = columns.map(|(name, binding, handshake)| {
            Ok((name, run(binding, handshake, false)?, run(binding, handshake, true)?))
        });
        let columns = columns.into_iter().collect::<anyhow::Result<_>>()?;
        Ok(Self { columns, user_months: exact(users) * exact(days) / 30.0 })
    }

    /// Each way to bind, with what was counted without thieves and with them.
    #[must_use]
    pub fn columns(&self) -> &[(&'static str, Counts, Counts)] {
        &self.columns
    }

    /// How many users times how many months of thirty days.
    #[must_use]
    pub const fn user_months(&self) -> f64 {
        self.user_months
    }

    fn row(
        &self,
        f: &mut fmt::Formatter<'_>,
        name: &str,
        cell: impl Fn(&Counts, &Counts) -> String,
    ) -> fmt::Result {
        write!(f, "| {name} |")?;
        self.columns.iter().try_for_each(|(_, quiet, robbed)| write!(f, " {} |", cell(quiet, robbed)))?;
        writeln!(f)
    }

    fn by_policy(
        &self,
        f: &mut fmt::Formatter<'_>,
        name: &str,
        of: impl Fn(&Counts) -> &BTreeMap<String, u64>,
        per: f64,
    ) -> fmt::Result {
        let all = self.columns.iter().flat_map(|(_, quiet, _)| of(quiet).keys());
        let mut policies: Vec<_> = all.collect();
        policies.sort();
        policies.dedup();
        for policy in policies {
            let cell = |quiet: &Counts, _: &Counts| {
                format!("{:.3}", exact(of(quiet).get(policy).copied().unwrap_or_default()) / per)
            };
            self.row(f, &format!("{name} `{policy}`"), cell)?;
        }
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (months, days) = (self.user_months, self.user_months * 30.0);
        write!(f, "| |")?;
        for (name, ..) in &self.columns {
            write!(f, " {name} |")?;
        }
        writeln!(f, "\n|---|{}", "---|".repeat(self.columns.len()))?;
        let per = |count: u64, of: f64| format!("{:.3}", exact(count) / of);
        self.row(f, "requests per user and day", |quiet, _| per(quiet.requests, days))?;
        self.row(f, "logins per user and day", |quiet, _| per(quiet.logins, days))?;
        self.row(f, "**step-ups per user and month**", |quiet, _| {
            format!("**{}**", per(quiet.all_step_ups(), months))
        })?;
        self.by_policy(f, "of them", |counts| &counts.step_ups, months)?;
        self.row(f, "reproves per user and day (nobody sees them)", |quiet, _| {
            per(quiet.all_reproves(), days)
        })?;
        self.by_policy(f, "of them", |counts| &counts.reproves, days)?;
        self.row(f, "proofs per user and day, all", |quiet, _| per(quiet.proofs, days))?;
        self.row(f, "proofs beyond a browser's quota, per user and month", |quiet, _| {
            per(quiet.over_quota, months)
        })?;
        self.row(f, "demands that came again, per user and month", |quiet, _| per(quiet.stuck, months))?;
        for attack in Attack::ALL {
            self.row(f, attack.says(), |_, robbed| {
                let (all, stopped) = robbed.stopped(attack);
                let share = 100.0 * exact(stopped) / exact(all.max(1));
                match attack.exports() {
                    true => format!("{share:.1} % of {all}; half after {}", robbed.median_served(attack)),
                    false => format!("{share:.1} % of {all}"),
                }
            })?;
        }
        Ok(())
    }
}

#[expect(clippy::as_conversions, reason = "counts of a simulation are small")]
fn exact(number: u64) -> f64 {
    number as f64
}

/// Somebody looks at a page for two minutes.
const PAUSE: u64 = 120;
