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
        let columns = [
            ("all devices bind", Binding::All, false, true, false),
            ("all bind, the app names no devices", Binding::All, false, false, false),
            ("computers bind", Binding::Computers, false, true, false),
            ("none binds", Binding::None, false, true, false),
            ("none binds, JA4 is told", Binding::None, true, true, false),
            ("none binds, strict", Binding::None, false, true, true),
        ];
        let simulation = |(_, binding, tells_handshake, names_devices, strict), thieves| {
            let pause = PAUSE;
            let observed = OBSERVED;
            Simulation {
                users,
                days,
                observed,
                seed,
                binding,
                tells_handshake,
                names_devices,
                strict,
                pause,
                thieves,
            }
        };
        let all = columns.iter().flat_map(|column| [false, true].map(|thieves| simulation(*column, thieves)));
        let mut counted = at_once(&all.collect::<Vec<_>>())?.into_iter();
        let counted = columns.iter().map_while(|(name, ..)| Some((*name, counted.next()?, counted.next()?)));
        Ok(Self { columns: counted.collect(), user_months: exact(users) * exact(days) / 30.0 })
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
        self.row(f, "a check, microseconds", |quiet, robbed| {
            let (checks, taken) = (quiet.checks + robbed.checks, quiet.checking + robbed.checking);
            format!("{:.1} for each of {checks}", taken.as_secs_f64() * 1e6 / exact(checks.max(1)))
        })
    }
}

/// Runs them on as many processors as there are, and gives what was counted in their order.
fn at_once(simulations: &[Simulation]) -> anyhow::Result<Vec<Counts>> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // Each worker gets one in so many: those of one column, which take as long as each other, go to several.
    let work = |worker: usize| {
        let own = simulations.iter().enumerate().skip(worker).step_by(workers);
        own.map(|(place, simulation)| Ok((place, simulation.run()?))).collect::<anyhow::Result<Vec<_>>>()
    };
    let mut all = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
        let done = workers
            .into_iter()
            .map(|worker| worker.join().map_err(|_panic| anyhow::anyhow!("a simulation has panicked"))?);
        done.collect::<anyhow::Result<Vec<_>>>()
    })?
    .concat();
    all.sort_by_key(|(place, _)| *place);
    Ok(all.into_iter().map(|(_, counts)| counts).collect())
}

#[expect(clippy::as_conversions, reason = "counts of a simulation are small")]
fn exact(number: u64) -> f64 {
    number as f64
}

/// A request every ten minutes of use. With one every two minutes the month takes five times as long, and comes to the same.
const PAUSE: u64 = 600;

/// A week, as `spec-notes/operations.md` says.
const OBSERVED: u64 = 7;
