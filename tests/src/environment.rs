//! The environment variables that steer the tests, read in this one place.

use std::path::PathBuf;

/// Whether this run is CI, where a missing prerequisite is a failure and not a skip.
pub(crate) fn is_ci() -> bool {
    variable("CI").is_some_and(|value| value == "true" || value == "1")
}

/// The file that collects one line per skipped test.
pub(crate) fn skips_file() -> Option<PathBuf> {
    variable("HOLDFAST_SKIPS").map(PathBuf::from)
}

/// The directories in which programs are looked up.
pub(crate) fn search_path() -> Vec<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    path.split(':').filter(|entry| !entry.is_empty()).map(PathBuf::from).collect()
}

/// A program's path, when the caller of the tests says where it was built.
pub(crate) fn program_override(name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "the one place of the harness that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
