//! The audit trail from outside: read by apps and operators, told to others, and kept as one chain.

mod chain;
mod configuration;
mod events;
mod outage;
mod receiver;
mod stream;
mod syslog;
mod webhook;

use std::path::Path;

use anyhow::Result;
use holdfast_tests::server::Settings;

/// A sink with these keys; its number counts from 0.
fn sink(settings: Settings, number: usize, keys: &[(&str, &str)]) -> Settings {
    let name = |key: &str| format!("audit.sinks.{number}.{key}");
    keys.iter().fold(settings, |settings, (key, value)| settings.set(&name(key), value))
}

/// What a webhook is configured with.
fn webhook<'a>(url: &'a str, secret: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("name", "siem"), ("kind", "webhook"), ("url", url), ("secret_file", secret), ("timeout", "1s")]
}

fn write_secret(folder: &Path) -> Result<String> {
    let file = folder.join("webhook.secret");
    std::fs::write(&file, SECRET)?;
    Ok(file.display().to_string())
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";
