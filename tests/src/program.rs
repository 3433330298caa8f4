//! Programs: where the built ones are, and short ones that run to their end.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::environment;

/// A program of this workspace, built before the tests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The server, `holdfast`. `HOLDFAST_BIN` names another build of it.
    Holdfast,
    /// The device and the thief, `holdfast-sim`. `HOLDFAST_SIM_BIN` names another build of it.
    Simulator,
}

impl Program {
    /// Where the program is: as the environment says, or else beside the running test.
    pub fn path(self) -> Result<PathBuf> {
        let path = match environment::program_override(self.variable()) {
            Some(path) => path,
            None => target_directory()?.join(self.file_name()),
        };
        ensure!(
            path.is_file(),
            "{} is not built; `cargo build -p {}` or `tests/run` does it",
            path.display(),
            self.package()
        );
        Ok(path)
    }

    /// A command that starts the program.
    pub fn command(self) -> Result<Command> {
        Ok(Command::new(self.path()?))
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Holdfast => "HOLDFAST_BIN",
            Self::Simulator => "HOLDFAST_SIM_BIN",
        }
    }

    fn file_name(self) -> &'static str {
        match self {
            Self::Holdfast => "holdfast",
            Self::Simulator => "holdfast-sim",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Holdfast => "holdfast",
            Self::Simulator => "client-sim",
        }
    }
}

/// Runs `command` to its end and gives its standard output. Anything but exit code 0 is an error that quotes the output.
pub fn run_to_end(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {program}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} ended with {}:\n{stdout}{stderr}", output.status);
    Ok(stdout)
}

/// Tests run as `<target>/debug/deps/<test>`; programs are two levels up, in `<target>/debug`.
fn target_directory() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    test.ancestors().nth(2).map(PathBuf::from).context("a test outside of a target directory")
}
