//! The command line: arguments, one function a verb, an exit code.

mod help;
mod options;
mod verbs;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::Failure;
use options::{Command, Options, Verb};

/// Whether everything that was asked to be shown held.
type Shown = bool;

/// Runs the program: 0 all held, 1 failed or did not hold, 2 wrong usage.
pub fn run() -> ExitCode {
    let mut out = io::stdout().lock();
    let outcome = options::parse(lexopt::Parser::from_env()).and_then(|command| match command {
        Command::Help(topic) => write_text(&mut out, help::about(topic)).map(|()| true),
        Command::Run(options) => perform(&options, &mut out),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(failure) => complain(&failure),
    }
}

fn perform(options: &Options, out: &mut dyn Write) -> Result<Shown, Failure> {
    // One thread is enough for a browser, and the best that one core can do for a load.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::network("starting", error))?;
    runtime.block_on(async {
        match &options.verb {
            Verb::Attack(names) => verbs::attack(options, names, out).await,
            Verb::Attacks => verbs::list_attacks(options, out),
            Verb::Get(url) => verbs::get(options, url, out).await,
            Verb::GetWithToken(url) => verbs::get_with_token(options, url, out).await,
            Verb::Load(plan) => verbs::load(options, plan, out).await,
            Verb::Login => verbs::login(options, out).await,
            Verb::Refresh => verbs::refresh(options, out).await,
            Verb::Token => verbs::token(options, out).await,
        }
    })
}

fn complain(failure: &Failure) -> ExitCode {
    let usage = matches!(failure, Failure::Usage(_));
    let hint = if usage { "\nTry `holdfast-sim --help`." } else { "" };
    // Nobody is left to tell if standard error is gone.
    drop(writeln!(io::stderr(), "holdfast-sim: {failure}{hint}"));
    ExitCode::from(if usage { WRONG_USAGE } else { FAILED })
}

fn write_text(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    out.write_all(text.as_bytes()).map_err(|error| Failure::File(format!("standard output: {error}")))
}

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
