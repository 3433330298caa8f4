//! The command line: arguments to one function each.

mod arguments;
mod check_config;
mod dev;
mod healthcheck;
mod run;

use std::{ffi::OsString, io::Write, process::ExitCode};

use arguments::{Command, parse};

use crate::{TokenHash, random::random, token::new_token};

/// Runs the command that the arguments name. `environment` is read for `HOLDFAST__…` variables and nothing else.
///
/// Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> ExitCode {
    let environment = environment.into_iter().collect();
    match parse(arguments) {
        Err(what) => Exit::usage(format!("{what}\n\n{USAGE}")),
        Ok(Command::Help) => Exit::done(USAGE),
        Ok(Command::Version) => Exit::done(concat!("holdfast ", env!("CARGO_PKG_VERSION"))),
        Ok(Command::NewToken) => print_new_token(),
        Ok(Command::CheckConfig { file }) => check_config::check_config(&file, environment),
        Ok(Command::Serve { file }) => run::serve_file(&file, environment),
        Ok(Command::Healthcheck { api }) => healthcheck::healthcheck(&api),
        Ok(Command::Dev { data }) => dev::dev(&data, environment),
    }
    .leave()
}

/// How the program ends, and with what words.
struct Exit {
    code: u8,
    words: String,
}

impl Exit {
    fn done(words: impl Into<String>) -> Self {
        Self { code: 0, words: words.into() }
    }

    fn failed(words: impl Into<String>) -> Self {
        Self { code: 1, words: words.into() }
    }

    fn usage(words: impl Into<String>) -> Self {
        Self { code: 2, words: words.into() }
    }

    fn leave(self) -> ExitCode {
        if !self.words.is_empty() {
            // If nobody reads, there is nobody to tell.
            let _ = if self.code == 0 {
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

fn print_new_token() -> Exit {
    match random() {
        Ok(bytes) => {
            let token = new_token(bytes);
            let hash = TokenHash::of(&token);
            Exit::done(format!(
                "{token}\n\ntoken_sha256 = \"{hash}\"\n\nGive the first line to the app and keep it nowhere else; the second goes into the configuration."
            ))
        }
        Err(trouble) => Exit::failed(trouble.to_string()),
    }
}

const USAGE: &str = "\
Keeps web sessions on the device where they began.

Usage:
  holdfast [dev] [--data DIR]             development mode: https://localhost:8443 with a demo app,
                                          its own CA and an embedded store in DIR (.holdfast-dev)
  holdfast serve --config FILE            the server
  holdfast check-config --config FILE     every problem of a configuration
  holdfast healthcheck [--api URL]        whether the internal listener at URL (http://127.0.0.1:8444) answers;
                                          for containers, which have no curl
  holdfast new-token                      a fresh API token and its line for the configuration

Every key of the configuration can be set by a variable, which wins: HOLDFAST__SESSION__IDLE=30m
Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration.";
