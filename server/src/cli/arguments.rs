//! What was asked for.

use std::{ffi::OsString, path::PathBuf};

use lexopt::{Arg, Parser, ValueExt};

/// A command with its options.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    CheckConfig { file: PathBuf },
    Dev { data: PathBuf },
    Healthcheck { api: String },
    Help,
    NewToken,
    Serve { file: PathBuf },
    Version,
}

/// Reads the arguments, without the name of the program.
///
/// # Errors
/// A sentence that says what does not fit.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut parser = Parser::from_args(arguments);
    let (mut name, mut config, mut data, mut api) = (None, None, None, None);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            Arg::Short('V') | Arg::Long("version") => return Ok(Command::Version),
            Arg::Long("config") => config = Some(path(&mut parser)?),
            Arg::Long("data") => data = Some(path(&mut parser)?),
            Arg::Long("api") => api = Some(text(&mut parser)?),
            Arg::Value(value) if name.is_none() => {
                name = Some(value.string().map_err(|error| error.to_string())?)
            }
            Arg::Long(_) | Arg::Short(_) | Arg::Value(_) => {
                return Err(format!("{} is not understood here", argument.unexpected()));
            }
        }
    }
    let no_config = |command| match &config {
        None => Ok(command),
        Some(_) => Err("--config belongs to serve and check-config".to_owned()),
    };
    let need_config =
        || config.clone().ok_or_else(|| "say which configuration: --config holdfast.toml".to_owned());
    if data.is_some() && !matches!(name.as_deref(), None | Some("dev")) {
        return Err("--data belongs to dev".to_owned());
    }
    if api.is_some() && name.as_deref() != Some("healthcheck") {
        return Err("--api belongs to healthcheck".to_owned());
    }
    match name.as_deref() {
        None | Some("dev") => {
            no_config(Command::Dev { data: data.unwrap_or_else(|| PathBuf::from(".holdfast-dev")) })
        }
        Some("serve") => Ok(Command::Serve { file: need_config()? }),
        Some("check-config") => Ok(Command::CheckConfig { file: need_config()? }),
        Some("healthcheck") => {
            no_config(Command::Healthcheck { api: api.unwrap_or_else(|| "http://127.0.0.1:8444".to_owned()) })
        }
        Some("new-token") => no_config(Command::NewToken),
        Some("help") => Ok(Command::Help),
        Some(other) => Err(format!("there is no command {other:?}")),
    }
}

fn text(parser: &mut Parser) -> Result<String, String> {
    parser.value().and_then(|value| value.string()).map_err(|error| error.to_string())
}

fn path(parser: &mut Parser) -> Result<PathBuf, String> {
    parser.value().map(PathBuf::from).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn commands_are_understood() {
        assert_eq!(read(""), Ok(Command::Dev { data: ".holdfast-dev".into() }));
        assert_eq!(read("dev --data x"), Ok(Command::Dev { data: "x".into() }));
        assert_eq!(read("--data x"), Ok(Command::Dev { data: "x".into() }));
        assert_eq!(read("serve --config a.toml"), Ok(Command::Serve { file: "a.toml".into() }));
        assert_eq!(read("check-config --config=a.toml"), Ok(Command::CheckConfig { file: "a.toml".into() }));
        assert_eq!(read("new-token"), Ok(Command::NewToken));
        let here = Command::Healthcheck { api: "http://127.0.0.1:8444".into() };
        assert_eq!(read("healthcheck"), Ok(here));
        let there = Command::Healthcheck { api: "http://10.0.0.1:1".into() };
        assert_eq!(read("healthcheck --api http://10.0.0.1:1"), Ok(there));
        assert_eq!(read("--help"), Ok(Command::Help));
    }

    #[test]
    fn slips_are_told() {
        for line in [
            "serve",
            "check-config",
            "frobnicate",
            "serve --config",
            "dev extra",
            "--frob",
            "new-token --config x",
            "serve --config a --data b",
            "dev --config x",
            "serve --config a --api b",
            "healthcheck --config a",
            "healthcheck --api",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
