//! `holdfast-sim`: a simulated browser with device keys, and a thief.

use std::process::ExitCode;

fn main() -> ExitCode {
    client_sim::cli::run()
}
