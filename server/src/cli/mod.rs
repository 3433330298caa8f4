//! The command line: arguments to one function each.

mod arguments;
mod audit;
mod backup;
mod check_config;
mod completions;
mod compliance;
mod dev;
mod doctor;
mod healthcheck;
mod man;
mod new_token;
mod operator;
mod policy;
mod restore;
mod rotate_root_key;
mod routes;
mod serve;

use std::{ffi::OsString, io::Write, process::ExitCode};

use arguments::{Command, parse};

use crate::openapi;

/// Runs the command that the arguments name. `environment` is read for `HOLDFAST__…` variables and nothing else.
///
/// Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> ExitCode {
    let environment = environment.into_iter().collect();
    match parse(arguments) {
        Err(ending) => ending,
        Ok(Command::Audit(arguments)) => audit::audit(&arguments),
        Ok(Command::Backup(arguments)) => backup::backup(&arguments),
        Ok(Command::CheckConfig(config)) => check_config::check_config(&config.file, environment),
        Ok(Command::Compliance(arguments)) => compliance::compliance(&arguments, environment),
        Ok(Command::Completions(arguments)) => completions::completions(&arguments),
        Ok(Command::Dev(arguments)) => dev::dev(&arguments.data, environment),
        Ok(Command::Doctor(arguments)) => doctor::doctor(&arguments, environment),
        Ok(Command::Healthcheck(arguments)) => healthcheck::healthcheck(&arguments.api),
        Ok(Command::Man(arguments)) => man::man(&arguments),
        Ok(Command::NewToken) => new_token::show_new_token(),
        Ok(Command::Policy(arguments)) => policy::policy(&arguments, environment),
        Ok(Command::RotateRootKey(arguments)) => rotate_root_key::rotate_root_key(&arguments, environment),
        Ok(Command::Openapi) => Exit::done(openapi::document().trim_end()),
        Ok(Command::Restore(arguments)) => restore::restore(&arguments),
        Ok(Command::Routes(arguments)) => routes::routes(&arguments, environment),
        Ok(Command::Serve(config)) => serve::serve_file(&config.file, environment),
    }
    .leave()
}

/// How the program ends, and with what words.
#[derive(Debug)]
struct Exit {
    code: u8,
    words: String,
    /// Whether the words are what was asked for, whatever the code.
    is_answer: bool,
}

impl Exit {
    fn done(words: impl Into<String>) -> Self {
        Self::answer(0, words)
    }

    /// What was asked for, and what a script shall make of it.
    fn answer(code: u8, words: impl Into<String>) -> Self {
        Self { code, words: words.into(), is_answer: true }
    }

    fn failed(words: impl Into<String>) -> Self {
        Self { code: 1, words: words.into(), is_answer: false }
    }

    fn usage(words: impl Into<String>) -> Self {
        Self { code: 2, words: words.into(), is_answer: false }
    }

    fn leave(self) -> ExitCode {
        if !self.words.is_empty() {
            // If nobody reads, there is nobody to tell.
            let _ = if self.is_answer {
                writeln!(std::io::stdout(), "{}", self.words)
            } else {
                writeln!(std::io::stderr(), "holdfast: {}", self.words)
            };
        }
        ExitCode::from(self.code)
    }
}

impl From<crate::StartError> for Exit {
    fn from(error: crate::StartError) -> Self {
        match error {
            crate::StartError::Configuration(what) => Self::usage(what),
            crate::StartError::Failure(what) => Self::failed(what),
        }
    }
}
