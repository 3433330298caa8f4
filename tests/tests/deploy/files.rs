//! The files of the repository.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context as _, Result};
use holdfast_tests::Program;

/// A path in the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A path below `server/deploy`.
pub(crate) fn deploy(path: &str) -> PathBuf {
    repository("server/deploy").join(path)
}

/// The text of a file below `server/deploy`.
pub(crate) fn text(path: &str) -> Result<String> {
    std::fs::read_to_string(deploy(path)).with_context(|| path.to_owned())
}

/// What `holdfast check-config` says of a file below `server/deploy`, as it stands. The gateways' secret, which nobody can
/// start without, is the one in `secret`.
pub(crate) fn check_config(path: &str, secret: &Path) -> Result<Output> {
    let mut command = Program::Holdfast.command()?;
    command.args(["check-config", "--config"]).arg(deploy(path));
    // Whether this machine has a root key where the file says would change the answer.
    command.env("HOLDFAST__SECRETS__ROOT_KEY_FILE", "/nonexistent/root.key");
    if configuration(path)?.contains_key("gateways") {
        command.env("HOLDFAST__GATEWAYS__SECRET_FILE", secret);
    }
    Ok(command.output()?)
}

/// The configuration in a file below `server/deploy`.
pub(crate) fn configuration(path: &str) -> Result<toml::Table> {
    Ok(text(path)?.parse()?)
}

/// The port of an address such as `configuration["public"]["listen"]`.
pub(crate) fn port(configuration: &toml::Table, listener: &str) -> Result<i64> {
    let listen =
        configuration.get(listener).and_then(|table| table.get("listen")).and_then(toml::Value::as_str);
    let (_, port) = listen.and_then(|listen| listen.rsplit_once(':')).context("no address")?;
    Ok(port.parse()?)
}

/// The text behind two keys of the configuration.
pub(crate) fn value<'a>(configuration: &'a toml::Table, table: &str, key: &str) -> Option<&'a str> {
    configuration.get(table)?.get(key)?.as_str()
}

#[test]
fn every_configuration_that_is_shipped_is_in_order() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (secret, absent) = (folder.path().join("gateway.secret"), folder.path().join("absent"));
    std::fs::write(&secret, "5".repeat(64))?;
    for path in FILES {
        let output = check_config(path, &secret)?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(0), "{path}: {said}");
        assert!(said.contains("in order"), "{path}: {said}");
        assert!(said.contains("warning: apps.0.token_sha256: this is the example's"), "{path}: {said}");
        if configuration(path)?.contains_key("gateways") {
            let output = check_config(path, &absent)?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{path}: {said}");
            assert!(said.contains("make it with: openssl rand -hex 32 > "), "{path}: {said}");
        }
    }
    Ok(())
}

/// Nobody has the token of a configuration that was only copied.
#[test]
fn the_tokens_that_are_shipped_open_nothing() -> Result<()> {
    for path in FILES {
        let apps =
            configuration(path)?.get("apps").and_then(|apps| apps.as_array().cloned()).context("no apps")?;
        for app in apps {
            assert_eq!(
                app.get("token_sha256").and_then(toml::Value::as_str),
                Some(&*"0".repeat(64)),
                "{path}"
            );
        }
    }
    Ok(())
}

const FILES: [&str; 4] = [
    "docker/holdfast.toml",
    "kubernetes/base/holdfast.toml",
    "kubernetes/sidecar/holdfast.toml",
    "systemd/holdfast.toml",
];
