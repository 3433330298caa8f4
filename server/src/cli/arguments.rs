//! What was asked for.

use std::{ffi::OsString, iter, path::PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, error::ErrorKind};

use super::{Exit, completions, dev, man, routes};

/// The command line as a whole: a command, or else the options of `dev`.
#[derive(Debug, Parser)]
#[command(
    name = PROGRAM,
    version,
    about = "Keeps web sessions on the device where they began.",
    long_about = ABOUT,
    after_help = AFTER,
    args_conflicts_with_subcommands = true,
    subcommand_value_name = "COMMAND"
)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    dev: dev::Arguments,
}

/// A command with its arguments. What follows the name in the help is its documentation here.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub(super) enum Command {
    /// Development mode, which is what no command means: <https://localhost:8443> with a demo app, a CA of its own and an
    /// embedded store.
    Dev(dev::Arguments),
    /// The server, until SIGTERM or SIGINT.
    Serve(ConfigFile),
    /// Every problem of a configuration, with file, line and key.
    ///
    /// Reads the configuration, the secrets and the certificate, and starts nothing.
    CheckConfig(ConfigFile),
    /// A fresh API token, and its line for the configuration.
    NewToken,
    /// What a shell needs to complete the command line.
    ///
    /// For bash: holdfast completions bash > /etc/bash_completion.d/holdfast
    Completions(completions::Arguments),
    /// Manual pages, one for each command.
    ///
    /// To read them all: holdfast man | man -l -
    Man(man::Arguments),
    /// What the routes of a configuration make of a request.
    Routes(routes::Arguments),
}

/// The option that many commands share.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct ConfigFile {
    /// The configuration, such as holdfast.toml.
    #[arg(long = "config", value_name = "FILE")]
    pub(super) file: PathBuf,
}

/// Reads the arguments, without the name of the program.
///
/// # Errors
/// How the program ends instead: the help or the version that was asked for, or a sentence that says what does not fit.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Exit> {
    let line = iter::once(OsString::from(PROGRAM)).chain(arguments);
    match Line::try_parse_from(line) {
        Ok(Line { command, dev }) => Ok(command.unwrap_or(Command::Dev(dev))),
        Err(error) => Err(ending(&error)),
    }
}

/// All commands and their options, for whoever describes them.
pub(super) fn description() -> clap::Command {
    Line::command()
}

fn ending(error: &clap::Error) -> Exit {
    let words = error.to_string();
    let words = words.trim_end();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        Exit::done(words)
    } else {
        Exit::usage(words.strip_prefix("error: ").unwrap_or(words))
    }
}

const PROGRAM: &str = "holdfast";

const ABOUT: &str = "\
Keeps web sessions on the device where they began: a session server that binds each session to a key of the client, by Device Bound \
Session Credentials (browsers) and DPoP (OAuth clients).";

const AFTER: &str = "\
Every key of the configuration can be set by a variable, which wins: HOLDFAST__SESSION__IDLE=30m
Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration.";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, Exit> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn development(data: &str) -> Command {
        Command::Dev(dev::Arguments { data: data.into() })
    }

    fn file(name: &str) -> ConfigFile {
        ConfigFile { file: name.into() }
    }

    #[test]
    fn the_description_is_sound() {
        description().debug_assert();
    }

    #[test]
    fn commands_are_understood() {
        for (line, command) in [
            ("", development(".holdfast-dev")),
            ("dev", development(".holdfast-dev")),
            ("dev --data x", development("x")),
            ("--data x", development("x")),
            ("serve --config a.toml", Command::Serve(file("a.toml"))),
            ("check-config --config=a.toml", Command::CheckConfig(file("a.toml"))),
            ("new-token", Command::NewToken),
        ] {
            assert_eq!(read(line).ok(), Some(command), "{line:?}");
        }
    }

    #[test]
    fn help_and_version_are_no_failure() {
        for (line, word) in [
            ("--help", "HOLDFAST__SESSION__IDLE"),
            ("-h", "check-config"),
            ("help", "Exit codes"),
            ("help serve", "--config <FILE>"),
            ("serve --help", "--config <FILE>"),
            ("--version", env!("CARGO_PKG_VERSION")),
            ("-V", env!("CARGO_PKG_VERSION")),
        ] {
            let exit = read(line).expect_err(line);
            assert_eq!(exit.code, 0, "{line}");
            assert!(exit.words.contains(word), "{line}: {}", exit.words);
        }
    }

    #[test]
    fn slips_are_told() {
        for (line, word) in [
            ("serve", "--config <FILE>"),
            ("check-config", "--config <FILE>"),
            ("frobnicate", "frobnicate"),
            ("serve --config", "a value is required"),
            ("serve --config a --config b", "--config"),
            ("dev extra", "extra"),
            ("--frob", "--frob"),
            ("new-token --config x", "--config"),
            ("routes", "test"),
            ("routes test GET", "<URL>"),
            ("routes test GET https://shop.example/", "--config <FILE>"),
            ("serve --config a --data b", "--data"),
            ("--data x serve --config a", "--data"),
            ("dev --config x", "--config"),
        ] {
            let exit = read(line).expect_err(line);
            assert_eq!(exit.code, 2, "{line}");
            assert!(exit.words.contains(word), "{line}: {}", exit.words);
            assert!(!exit.words.starts_with("error"), "{line}: {}", exit.words);
        }
    }
}
