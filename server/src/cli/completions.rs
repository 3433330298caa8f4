//! `holdfast completions`: what a shell needs to complete the command line.

use clap::Args;
use clap_complete::{Shell, generate};

use super::{Exit, arguments::description};

/// What `holdfast completions` must be told.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Shows the script for a shell.
pub(super) fn completions(arguments: &Arguments) -> Exit {
    let mut script = Vec::new();
    generate(arguments.shell, &mut description(), "holdfast", &mut script);
    Exit::done(String::from_utf8_lossy(&script).trim_end())
}
