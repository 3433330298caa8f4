//! Webhooks, collectors and files: what they are told, and in which format.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use aws_lc_rs::hmac;
use holdfast_tests::server::{AuditFile, Server, Settings};
use serde_json::json;

use super::receiver::{Mood, Receiver};
use super::{SECRET, sink, webhook, write_secret};

#[tokio::test]
async fn batches_are_signed_and_complete() -> Result<()> {
    let (folder, receiver) = (tempfile::tempdir()?, Receiver::start(Mood::Well).await?);
    let secret = write_secret(folder.path())?;
    let mut keys = webhook(&receiver.url, &secret);
    keys.push(("start", "beginning"));
    let mut server = Server::in_folder(folder, sink(Settings::default(), 0, &keys)).await?;
    for number in 0..30 {
        server.login(&format!("user-{number}")).await?;
    }
    receiver.wait_for(|line| line["user"] == "user-29").await?;
    server.stop().await;
    let told: Vec<_> = receiver.lines().iter().map(|line| line["seq"].as_u64().unwrap_or(0)).collect();
    let written = AuditFile::new(server.audit_path()).text();
    assert_eq!(
        told,
        (1..=u64::try_from(written.lines().count())?).collect::<Vec<_>>(),
        "each line once, in order, to the last"
    );
    let sent: String = receiver.batches().into_iter().map(|(_, body)| body).collect();
    assert_eq!(sent, written, "to the byte");

    for (headers, body) in receiver.batches() {
        let signature = headers["holdfast-signature"].to_str()?;
        let (time, mac) =
            signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).context("its shape")?;
        assert_eq!(time, server.now().to_string());
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let expected = hmac::sign(&key, format!("{time}.{body}").as_bytes());
        let expected: String = expected.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(mac, expected);
        assert_eq!(headers["content-type"], "application/x-ndjson");
        assert!(!format!("{headers:?}").contains(SECRET));
    }
    Ok(())
}

#[tokio::test]
async fn each_sink_has_its_format() -> Result<()> {
    let receiver = Receiver::start(Mood::Well).await?;
    let folder = tempfile::tempdir()?;
    let names = ["cef", "ecs", "json", "ocsf", "rfc5424"];
    let mut settings = Settings::default();
    for (number, format) in names.into_iter().enumerate() {
        let path = folder.path().join(format).display().to_string();
        settings = sink(
            settings,
            number,
            &[
                ("name", format),
                ("kind", "file"),
                ("path", &path),
                ("format", format),
                ("start", "beginning"),
            ],
        );
    }
    let collector = [
        ("name", "otel"),
        ("kind", "otlp"),
        ("url", &receiver.url),
        ("format", "ocsf"),
        ("start", "beginning"),
    ];
    let settings = sink(settings, names.len(), &collector);
    let mut server = Server::with(settings).await?;
    let client = json!({ "user_agent": "line\nfeed" });
    server.login_with(json!({ "user": "al|ice=\\", "client": client })).await?;
    server.stop().await;
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name));
    assert!(
        read("cef")?.contains("|session.created|A session began|1|")
            && read("cef")?.contains("suser=al|ice\\=\\\\ requestClientApplication=line\\nfeed ")
    );
    assert!(read("ecs")?.contains("\"action\":\"session.created\""));
    assert!(read("ocsf")?.contains("\"class_uid\":3002"));
    assert!(
        read("rfc5424")?.contains("[event@32473 ")
            && read("rfc5424")?.contains("user=\"al|ice=\\\\\" ")
            && read("rfc5424")?.contains("user_agent=\"line␊feed\"")
    );
    let counts: BTreeSet<_> =
        names.iter().map(|name| read(name).unwrap_or_default().lines().count()).collect();
    assert_eq!(counts.len(), 1, "every sink was told every line");
    assert_eq!(server.audit().text(), read("json")?, "the line as it is");

    let records: Vec<_> = receiver
        .lines()
        .iter()
        .filter_map(|body| body.pointer("/resourceLogs/0/scopeLogs/0/logRecords")?.as_array().cloned())
        .flatten()
        .collect();
    let login = records
        .iter()
        .find(|record| record["eventName"] == "holdfast.session.created")
        .context("no record")?;
    let body: serde_json::Value =
        serde_json::from_str(login["body"]["stringValue"].as_str().context("no text")?)?;
    assert_eq!((&body["class_uid"], &login["severityText"]), (&json!(3002), &json!("INFO")));
    Ok(())
}

#[tokio::test]
async fn too_much_at_once_is_told_in_parts() -> Result<()> {
    let (folder, receiver) = (tempfile::tempdir()?, Receiver::start(Mood::Answers(503)).await?);
    let secret = write_secret(folder.path())?;
    let server =
        Server::in_folder(folder, sink(Settings::default(), 0, &webhook(&receiver.url, &secret))).await?;
    for number in 0..50 {
        server.login(&format!("user-{number}")).await?;
    }
    receiver.becomes(Mood::TakesFew(3));
    let lines = receiver.wait_for(|line| line["user"] == "user-49").await?;
    let users: Vec<_> = lines.iter().filter_map(|line| line["user"].as_str()).collect();
    assert_eq!(users, (0..50).map(|number| format!("user-{number}")).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_read_does_not_start_and_is_not_reloaded() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let short = folder.path().join("short").display().to_string();
    std::fs::write(&short, "short")?;
    let absent = "absent/x";
    for (keys, says) in [
        (webhook("https://siem.example/x", absent), "audit.sinks.0.secret_file"),
        (webhook("https://siem.example/x", &short), "audit.sinks.0.secret_file"),
        (vec![("name", "x"), ("kind", "file"), ("path", absent)], "audit.sinks.0.path"),
        (
            vec![("name", "x"), ("kind", "syslog"), ("address", "tls://a:1"), ("ca_file", absent)],
            "audit.sinks.0.ca_file",
        ),
        (
            vec![("name", "x"), ("kind", "syslog"), ("address", "tls://a:1"), ("ca_file", &short)],
            "audit.sinks.0.ca_file",
        ),
        (
            vec![("name", "x"), ("kind", "otlp"), ("url", "https://a/"), ("ca_file", &short)],
            "audit.sinks.0.ca_file",
        ),
    ] {
        let settings = sink(Settings::default(), 0, &keys);
        let told = Server::with(settings.clone()).await.err().context(says)?.to_string();
        assert!(told.contains(says), "{told}");
        let server = Server::start().await?;
        let told = server.reload(settings).await.err().context(says)?.to_string();
        assert!(told.contains(says), "{told}");
    }
    Ok(())
}
