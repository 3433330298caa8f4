//! `holdfast compliance`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::Exit;
use crate::{Config, compliance};

/// What `holdfast compliance` can be told.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    /// The configuration, such as holdfast.toml. Without it, the defaults are judged.
    #[arg(long = "config", value_name = "FILE")]
    file: Option<PathBuf>,
    /// How the report is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How the report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One page that needs nothing else.
    Html,
    /// For machines.
    Json,
    /// For a terminal.
    Text,
}

/// Judges a configuration, and starts nothing.
pub(super) fn compliance(arguments: &Arguments, environment: Vec<(String, String)>) -> Exit {
    let (config, name) = match &arguments.file {
        Some(file) => (Config::load(file, environment), file.display().to_string()),
        None => {
            let name = "the defaults";
            (Config::parse(DEFAULTS, name, Path::new(""), environment), name.to_owned())
        }
    };
    let config = match config {
        Ok(config) => config,
        Err(problems) => return Exit::usage(format!("the configuration has problems\n{problems}")),
    };
    let report = compliance::report(&config, &name);
    let words = match arguments.format {
        Format::Html => compliance::html(&report),
        Format::Json => match serde_json::to_string_pretty(&report) {
            Ok(json) => json,
            Err(error) => return Exit::failed(format!("the report cannot be written: {error}")),
        },
        Format::Text => compliance::text(&report),
    };
    Exit::answer(u8::from(report.summary.unjustified > 0), words)
}

/// What must be written of any configuration, and nothing else.
const DEFAULTS: &str = r#"
[public]
listen = "127.0.0.1:8443"
tls = { cert = "cert.pem", key = "key.pem" }
[internal]
listen = "127.0.0.1:8444"
[[apps]]
name = "app"
origin = "https://app.example"
token_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[store]
kind = "memory"
[secrets]
root_key_file = "root.key"
"#;

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Value;

    use super::*;

    fn run(file: Option<&Path>, format: Format) -> Exit {
        compliance(&Arguments { file: file.map(Path::to_owned), format }, Vec::new())
    }

    #[test]
    fn the_defaults_are_judged_in_every_form() {
        for (format, begins) in [
            (Format::Html, "<!doctype html>"),
            (Format::Json, "{"),
            (Format::Text, "configuration  the defaults\n"),
        ] {
            let exit = run(None, format);
            assert!(exit.words.starts_with(begins), "{format:?}: {}", exit.words);
            assert_eq!((exit.code, exit.is_answer), (1, true), "a login cookie that stays is not justified");
        }
    }

    #[test]
    fn a_configuration_that_says_why_is_well() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("holdfast.toml");
        let written =
            format!("{DEFAULTS}[session]\nprofile = \"nist-aal2\"\n[audit]\nfile = \"audit.jsonl\"\n");
        fs::write(&file, &written).unwrap();
        let exit = run(Some(&file), Format::Json);
        let report: Value = serde_json::from_str(&exit.words).unwrap();
        assert_eq!((exit.code, &report["summary"]["unjustified"]), (0, &Value::from(0)), "{}", exit.words);
        assert_eq!((&report["profile"], &report["justification"]), (&"nist-aal2".into(), &Value::Null));
        let rows = report["requirements"].as_array().unwrap();
        let members = ["standard", "id", "level", "demand", "setting", "verdict"];
        assert!(rows.iter().all(|row| members.iter().all(|member| row[member].is_string())));
        // A configuration that would not start has no report.
        fs::write(&file, written.replace("nist-aal2\"", "nist-aal2\"\nidle = \"9h\"")).unwrap();
        let exit = run(Some(&file), Format::Json);
        assert_eq!((exit.code, exit.is_answer), (2, false));
        assert!(exit.words.contains("session.idle: "), "{}", exit.words);
        assert_eq!(run(Some(Path::new("/no/such/file")), Format::Text).code, 2);
    }

    /// What is judged without a file is what the server does without a line.
    #[test]
    fn the_defaults_set_nothing() {
        let config = Config::parse(DEFAULTS, "x", Path::new(""), []).unwrap();
        assert_eq!(config.session, holdfast_core::policy::SessionPolicy::default());
    }
}
