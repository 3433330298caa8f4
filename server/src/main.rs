//! The `holdfast` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    holdfast::cli::run(std::env::args_os().skip(1), std::env::vars())
}
