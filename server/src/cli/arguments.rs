//! What was asked for.

use std::{ffi::OsString, iter, path::PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, error::ErrorKind};

use super::{
    Exit, audit, backup, completions, compliance, dev, doctor, healthcheck, man, policy, restore,
    rotate_root_key, routes,
};

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
    /// Development mode, which is what no command means: a demo app on port 8443 of localhost, with a CA of its own and an
    /// embedded store.
    Dev(dev::Arguments),
    /// The server, until SIGTERM or SIGINT. SIGHUP makes it read the configuration again.
    Serve(ConfigFile),
    /// Every problem of a configuration, with file, line and key.
    ///
    /// Reads the configuration, the secrets and the certificate, and starts nothing.
    CheckConfig(ConfigFile),
    /// A fresh API token, and its line for the configuration.
    NewToken,
    /// A new root key, beside the former ones, so that nobody is logged out.
    ///
    /// Writes the file of the root key anew, with the new key in its first line. The server takes it at SIGHUP.
    RotateRootKey(rotate_root_key::Arguments),
    /// Attack a set-up through its gateway, and say what is not as it must be.
    ///
    /// Exit code 0 only if everything was checked and is well. Run it where the server runs, as the user it runs as.
    Doctor(doctor::Arguments),
    /// Whether a running server answers. For containers, which have no curl.
    ///
    /// Asks GET /healthz of the internal listener: exit code 0 if it answers within two seconds, 1 if not.
    Healthcheck(healthcheck::Arguments),
    /// A backup of a running server, as a file.
    ///
    /// It has every session that was acknowledged before, and every end. It holds no bearer secret, and personal data.
    Backup(backup::Arguments),
    /// Merge a backup into a running server.
    ///
    /// What is there and newer stays, what is not known comes in, and an end wins, whichever side knows of it.
    Restore(restore::Arguments),
    /// What OWASP ASVS 5.0 and NIST SP 800-63B-4 demand of sessions, and what a configuration makes of it.
    ///
    /// Each demand with the setting in force, whether it is met, what is left to do, and the tests that prove it. Exit code 1
    /// if something deviates and nobody has said why.
    Compliance(compliance::Arguments),
    /// What a shell needs to complete the command line.
    ///
    /// For bash: holdfast completions bash > /etc/bash_completion.d/holdfast
    Completions(completions::Arguments),
    /// Manual pages, one for each command.
    ///
    /// To read them all: holdfast man | man -l -
    Man(man::Arguments),
    /// The description of the HTTP API, as OpenAPI 3.1.
    ///
    /// The same as GET /openapi.json on the internal listener.
    Openapi,
    /// Whether an audit trail is as it was written.
    Audit(audit::Arguments),
    /// What policies make of requests: of one, and of those of an audit trail.
    Policy(policy::Arguments),
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

    fn health(api: &str) -> Command {
        Command::Healthcheck(healthcheck::Arguments { api: api.to_owned() })
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
            ("healthcheck", health("http://127.0.0.1:8444")),
            ("healthcheck --api http://10.0.0.1:1", health("http://10.0.0.1:1")),
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
            ("doctor --config a", "--url <URL>"),
            ("doctor --url https://shop.example", "--config <FILE>"),
            ("doctor --url u --config a --echo /e --stand-in 127.0.0.1:1", "--stand-in"),
            ("doctor --url u --config a --connect nowhere", "--connect"),
            ("dev extra", "extra"),
            ("--frob", "--frob"),
            ("new-token --config x", "--config"),
            ("rotate-root-key", "--config <FILE>"),
            ("rotate-root-key --config x --forget-older-than soon", "--forget-older-than"),
            ("routes", "test"),
            ("routes test GET", "<URL>"),
            ("routes test GET https://shop.example/", "--config <FILE>"),
            ("serve --config a --data b", "--data"),
            ("--data x serve --config a", "--data"),
            ("dev --config x", "--config"),
            ("serve --config a --api b", "--api"),
            ("healthcheck --config a", "--config"),
            ("compliance --format pdf", "pdf"),
            ("compliance holdfast.toml", "holdfast.toml"),
            ("healthcheck --api", "a value is required"),
        ] {
            let exit = read(line).expect_err(line);
            assert_eq!(exit.code, 2, "{line}");
            assert!(exit.words.contains(word), "{line}: {}", exit.words);
            assert!(!exit.words.starts_with("error"), "{line}: {}", exit.words);
        }
    }
}
