//! `[audit]`: what it takes, and what it refuses in which words.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast::Config;
use holdfast::config::{AuditConfig, SinkConfig, SinkFormat, SinkKind, SinkStart};
use holdfast_audit::{Checkpoints, Rotation};
use holdfast_tests::server::Settings;

fn parse(variables: &[(&str, &str)]) -> Result<AuditConfig, String> {
    let named = |(name, value): &(&str, &str)| (format!("HOLDFAST__AUDIT__{name}"), (*value).to_owned());
    let text = Settings::default().toml();
    let config = Config::parse(&text, "holdfast.toml", Path::new("/base"), variables.iter().map(named));
    config.map(|config| config.audit).map_err(|problems| problems.to_string())
}

#[test]
fn a_file_alone_is_as_it_was() -> Result<()> {
    let config = parse(&[]).map_err(anyhow::Error::msg)?;
    let checkpoints = Checkpoints { lines: 1000, span: Duration::from_secs(60) };
    let file = Some(PathBuf::from("/base/audit.jsonl"));
    assert_eq!(config, AuditConfig { file, rotation: None, checkpoints, sinks: Vec::new() });
    Ok(())
}

#[test]
fn every_key_is_taken() -> Result<()> {
    let config = parse(&[
        ("ROTATE_SIZE", "256MiB"),
        ("KEEP", "7"),
        ("HOLD", "2GiB"),
        ("CHECKPOINT_LINES", "10"),
        ("CHECKPOINT_INTERVAL", "5s"),
        ("SINKS__0__NAME", "siem"),
        ("SINKS__0__KIND", "syslog"),
        ("SINKS__0__FORMAT", "rfc5424"),
        ("SINKS__0__ADDRESS", "tls://[::1]:6514"),
        ("SINKS__0__CA_FILE", "ca.pem"),
        ("SINKS__0__BATCH", "50"),
        ("SINKS__0__TIMEOUT", "3s"),
        ("SINKS__0__START", "beginning"),
        ("SINKS__1__NAME", "lake"),
        ("SINKS__1__KIND", "webhook"),
        ("SINKS__1__FORMAT", "ocsf"),
        ("SINKS__1__URL", "https://lake.example/x"),
        ("SINKS__1__SECRET_FILE", "s"),
        ("SINKS__2__NAME", "file"),
        ("SINKS__2__KIND", "file"),
        ("SINKS__2__FORMAT", "cef"),
        ("SINKS__2__PATH", "p"),
        ("SINKS__2__ROTATE_SIZE", "1GiB"),
        ("SINKS__2__KEEP", "0"),
        ("SINKS__3__NAME", "otel"),
        ("SINKS__3__KIND", "otlp"),
        ("SINKS__3__FORMAT", "ecs"),
        ("SINKS__3__URL", "http://127.0.0.1:4318/v1/logs"),
        ("SINKS__4__NAME", "out"),
        ("SINKS__4__KIND", "stdout"),
    ])
    .map_err(anyhow::Error::msg)?;
    assert_eq!(config.rotation, Some(Rotation { size: 256 << 20, keep: Some(7), hold: 2 << 30 }));
    assert_eq!(config.checkpoints, Checkpoints { lines: 10, span: Duration::from_secs(5) });
    let [siem, lake, file, otel, out] = config.sinks.as_slice() else { anyhow::bail!("{:?}", config.sinks) };
    let kind = SinkKind::Syslog { host: "::1".to_owned(), port: 6514, ca_file: Some("/base/ca.pem".into()) };
    let (format, start) = (SinkFormat::Rfc5424, SinkStart::Beginning);
    let timeout = Duration::from_secs(3);
    assert_eq!(*siem, SinkConfig { name: "siem".to_owned(), kind, format, start, batch: 50, timeout });
    assert!(
        matches!(&lake.kind, SinkKind::Webhook { secret_file, ca_file: None, .. } if secret_file == Path::new("/base/s"))
    );
    assert!(matches!(file.kind, SinkKind::File { rotate_size: Some(size), keep: 0, .. } if size == 1 << 30));
    assert!(matches!(otel.kind, SinkKind::Otlp { ca_file: None, .. }));
    assert_eq!(
        (&out.kind, out.format, out.start, out.batch),
        (&SinkKind::Stdout, SinkFormat::Json, SinkStart::End, 500)
    );
    Ok(())
}

#[test]
fn a_list_of_sinks_is_told_by_its_whole_name() -> Result<()> {
    let told = parse(&[("SINKS", "siem")]).err().context("a word is no list of tables")?;
    assert!(told.contains("audit.sinks: this is a list of tables; write [[audit.sinks]]"), "{told}");
    Ok(())
}

#[test]
fn what_does_not_fit_is_told_with_its_key() -> Result<()> {
    let sink = |more: &[(&'static str, &'static str)]| {
        let mut keys = vec![("SINKS__0__NAME", "siem")];
        keys.extend_from_slice(more);
        keys
    };
    let webhook = |key: &'static str, value: &'static str| {
        let mut keys = sink(&[("SINKS__0__KIND", "webhook"), ("SINKS__0__SECRET_FILE", "s")]);
        keys.extend([("SINKS__0__URL", "https://a/")]);
        keys.retain(|(name, _)| *name != key);
        keys.push((key, value));
        keys
    };
    let syslog =
        |address: &'static str| sink(&[("SINKS__0__KIND", "syslog"), ("SINKS__0__ADDRESS", address)]);
    for (variables, key) in [
        (vec![("ROTATE_SIZE", "10")], "audit.rotate_size"),
        (vec![("ROTATE_SIZE", "10MB")], "audit.rotate_size"),
        (vec![("ROTATE_SIZE", "-1MiB")], "audit.rotate_size"),
        (vec![("ROTATE_SIZE", "63KiB")], "audit.rotate_size"),
        (vec![("ROTATE_SIZE", "99999999999999GiB")], "audit.rotate_size"),
        (vec![("KEEP", "3")], "audit.keep"),
        (vec![("HOLD", "1GiB")], "audit.hold"),
        (vec![("CHECKPOINT_LINES", "0")], "audit.checkpoint_lines"),
        (vec![("CHECKPOINT_LINES", "10001")], "audit.checkpoint_lines"),
        (vec![("CHECKPOINT_INTERVAL", "10ms")], "audit.checkpoint_interval"),
        (vec![("SINKS__0__KIND", "stdout")], "audit.sinks.0.name"),
        (sink(&[]), "audit.sinks.0.kind"),
        (sink(&[("SINKS__0__KIND", "pigeon")]), "audit.sinks.0.kind"),
        (sink(&[("SINKS__0__KIND", "file")]), "audit.sinks.0.path"),
        (sink(&[("SINKS__0__KIND", "stdout"), ("SINKS__0__PATH", "p")]), "audit.sinks.0.path"),
        (sink(&[("SINKS__0__KIND", "stdout"), ("SINKS__0__FORMAT", "leef")]), "audit.sinks.0.format"),
        (sink(&[("SINKS__0__KIND", "stdout"), ("SINKS__0__START", "now")]), "audit.sinks.0.start"),
        (sink(&[("SINKS__0__KIND", "stdout"), ("SINKS__0__BATCH", "0")]), "audit.sinks.0.batch"),
        (sink(&[("SINKS__0__KIND", "stdout"), ("SINKS__0__TIMEOUT", "1ms")]), "audit.sinks.0.timeout"),
        (vec![("SINKS__0__KIND", "stdout"), ("SINKS__0__NAME", "a b")], "audit.sinks.0.name"),
        (webhook("SINKS__0__URL", "http://siem.example/"), "audit.sinks.0.url"),
        (webhook("SINKS__0__URL", "ftp://siem.example/"), "audit.sinks.0.url"),
        (webhook("SINKS__0__URL", "siem"), "audit.sinks.0.url"),
        (webhook("SINKS__0__ADDRESS", "x"), "audit.sinks.0.address"),
        (syslog("siem.example:514"), "audit.sinks.0.address"),
        (syslog("udp://siem.example:514"), "audit.sinks.0.address"),
        (syslog("tcp://siem.example"), "audit.sinks.0.address"),
        (syslog("tcp://siem.example:0"), "audit.sinks.0.address"),
        (syslog("tcp://siem.example:514/path"), "audit.sinks.0.address"),
        (syslog("tls://siem.example:6514"), "audit.sinks.0.ca_file"),
        (
            [syslog("tcp://siem.example:514"), vec![("SINKS__0__CA_FILE", "ca.pem")]].concat(),
            "audit.sinks.0.ca_file",
        ),
        (
            [
                sink(&[("SINKS__0__KIND", "stdout")]),
                vec![("SINKS__1__NAME", "siem"), ("SINKS__1__KIND", "stdout")],
            ]
            .concat(),
            "audit.sinks",
        ),
    ] {
        let problems = parse(&variables).err().with_context(|| format!("{variables:?}"))?;
        assert!(problems.contains(&format!("{key}: ")), "{variables:?}: {problems}");
    }
    Ok(())
}

#[test]
fn sinks_need_a_file() -> Result<()> {
    let text = Settings::default()
        .toml()
        .replace("file = \"audit.jsonl\"", "[[audit.sinks]]\nname = \"a\"\nkind = \"stdout\"");
    let problems =
        Config::parse(&text, "holdfast.toml", Path::new("/base"), []).err().context("no problem")?;
    assert!(problems.to_string().contains("audit.sinks: sinks are told from the file"), "{problems}");
    Ok(())
}
