//! `[policy]`: what is done about what is suspected.

use std::{collections::BTreeMap, path::PathBuf};

use holdfast_policy::{Mode, Modes, Policies};

use super::reader::Reader;

/// What is done about what is suspected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyConfig {
    /// The policies; those that ship, if absent.
    pub file: Option<PathBuf>,
    /// How much they may do yet.
    pub modes: Modes,
}

impl Default for PolicyConfig {
    /// Whoever has not asked for it is told what policies would do, and nothing is done.
    fn default() -> Self {
        Self { file: None, modes: Modes { most: Some(Mode::Observe), single: BTreeMap::new() } }
    }
}

impl PolicyConfig {
    /// Reads the policies.
    ///
    /// # Errors
    /// A sentence for each problem, with its file.
    pub(crate) fn read(&self) -> Result<Policies, Vec<String>> {
        let Some(file) = &self.file else {
            let problems = |problems: holdfast_policy::PolicyProblems| problems.0;
            return Policies::parse(holdfast_policy::SHIPPED, &self.modes).map_err(|found| {
                problems(found).into_iter().map(|what| format!("policy: {what}")).collect()
            });
        };
        let name = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| vec![format!("policy.file: {name} cannot be read: {error}")])?;
        Policies::parse(&text, &self.modes)
            .map_err(|found| found.0.into_iter().map(|what| format!("policy.file: {name}: {what}")).collect())
    }
}

pub(super) fn read_policy(mut section: Reader<'_>) -> PolicyConfig {
    let file = section.take("file");
    let most = section.take_or("mode", Mode::Observe);
    let mut single = BTreeMap::new();
    for (key, mode) in [("observe", Mode::Observe), ("additive", Mode::Additive), ("enforce", Mode::Enforce)]
    {
        for id in section.take_or::<Vec<String>>(key, Vec::new()) {
            if single.insert(id.clone(), mode).is_some() {
                section
                    .problem(key, format!("the policy {id:?} is named in two of the lists; leave it in one"));
            }
        }
    }
    section.finish();
    // What policies say of themselves holds where the configuration lets them.
    PolicyConfig { file, modes: Modes { most: Some(most), single } }
}
