//! Syslog servers: one that breaks off, and the real rsyslog, over TCP and TLS.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is not as it should be fails the test"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use holdfast_tests::server::{Server, Settings};
use holdfast_tests::{Authority, Prerequisite, ProcessGroup, free_port, require};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::sink;

/// Takes frames apart as RFC 6587 §3.4.1 says; what is not whole stays.
fn frames(mut bytes: &[u8]) -> Vec<String> {
    let mut frames = Vec::new();
    while let Some(space) = bytes.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        let Some(frame) = bytes.get(space + 1..space + 1 + length) else { break };
        frames.push(String::from_utf8(frame.to_vec()).unwrap());
        bytes = &bytes[space + 1 + length..];
    }
    frames
}

/// A server that reads a little of each connection and dies is sent again what it may not have seen.
#[tokio::test]
async fn a_server_that_breaks_off_is_told_again() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("tcp://{}", listener.local_addr()?);
    let keys = [
        ("name", "siem"),
        ("kind", "syslog"),
        ("address", &address),
        ("format", "rfc5424"),
        ("timeout", "1s"),
    ];
    let server = Server::with(sink(Settings::default(), 0, &keys)).await?;
    let reading = tokio::spawn(async move {
        let mut kept = Vec::new();
        for round in 0.. {
            let (mut stream, _) = listener.accept().await?;
            let (mut bytes, mut part) = (Vec::new(), vec![0; 3000]);
            loop {
                let count = stream.read(&mut part).await?;
                bytes.extend_from_slice(&part[..count]);
                if count == 0 || (round < 3 && bytes.len() > 2000) {
                    break;
                }
                if frames(&bytes).iter().any(|frame| frame.contains("user=\"last\"")) {
                    kept.extend(frames(&bytes));
                    return Ok::<_, anyhow::Error>(kept);
                }
            }
            kept.extend(frames(&bytes));
        }
        bail!("unreachable")
    });
    for number in 0..60 {
        server.login(&format!("user-{number}")).await?;
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    server.login("last").await?;
    let kept = tokio::time::timeout(Duration::from_secs(30), reading).await???;
    for number in 0..60 {
        let user = format!("user=\"user-{number}\"");
        assert!(kept.iter().any(|frame| frame.contains(&user)), "{user} is missing");
    }
    assert!(kept.iter().all(|frame| frame.starts_with('<') && frame.contains(">1 2026-")));
    Ok(())
}

/// A server that takes a connection and never reads or answers holds nobody up, not even the end.
#[tokio::test]
async fn a_server_that_does_not_read_holds_up_nobody() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("tcp://{}", listener.local_addr()?);
    let keys = [("name", "siem"), ("kind", "syslog"), ("address", &address), ("timeout", "1s")];
    let mut server =
        Server::with(sink(Settings::default(), 0, &keys).set("session.max_per_user", "100000")).await?;
    for number in 0..100 {
        server.login(&format!("user-{number}")).await?;
    }
    let began = std::time::Instant::now();
    server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(10), "it does not hold up the end either");
    drop(listener);
    Ok(())
}

/// The real rsyslog with a folder of its own.
struct Rsyslog {
    group: Option<ProcessGroup>,
    folder: tempfile::TempDir,
    port: u16,
    is_tls: bool,
}

impl Rsyslog {
    fn new(is_tls: bool) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let authority = Authority::new()?;
        authority.issue(&["localhost"])?.write_to(folder.path())?;
        std::fs::write(folder.path().join("ca.pem"), authority.certificate())?;
        Ok(Self { group: None, folder, port: free_port()?, is_tls })
    }

    fn start(&mut self) -> Result<()> {
        let (path, port) = (self.folder.path().display(), self.port);
        let driver = if self.is_tls {
            format!(
                "global(workDirectory=\"{path}\" defaultNetstreamDriverCAFile=\"{path}/ca.pem\" \
                 defaultNetstreamDriverCertFile=\"{path}/cert.pem\" defaultNetstreamDriverKeyFile=\"{path}/key.pem\")\n\
                 module(load=\"imtcp\" streamDriver.name=\"ossl\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\")\n"
            )
        } else {
            format!("global(workDirectory=\"{path}\")\nmodule(load=\"imtcp\")\n")
        };
        let config = format!(
            "{driver}module(load=\"builtin:omfile\")\n\
             template(name=\"line\" type=\"string\" string=\"%syslogseverity-text% %hostname% %app-name% %msgid% %structured-data% %msg%\\n\")\n\
             input(type=\"imtcp\" port=\"{port}\" address=\"127.0.0.1\" ruleset=\"all\")\n\
             ruleset(name=\"all\") {{ action(type=\"omfile\" file=\"{path}/out.log\" template=\"line\" asyncWriting=\"off\" flushOnTXEnd=\"on\") }}\n"
        );
        let file = self.folder.path().join("rsyslog.conf");
        std::fs::write(&file, config)?;
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("rsyslog.log"))?;
        let mut command = Command::new("/usr/sbin/rsyslogd");
        command.args(["-n", "-f"]).arg(&file).arg("-i").arg(self.folder.path().join("pid"));
        self.group =
            Some(ProcessGroup::start(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log))?);
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        if let Some(group) = self.group.take() {
            group.finish()?;
        }
        let _ = std::fs::remove_file(self.folder.path().join("pid"));
        Ok(())
    }

    fn lines(&self) -> Vec<String> {
        read(&self.folder.path().join("out.log")).lines().map(str::to_owned).collect()
    }

    async fn wait_for(&self, part: &str) -> Result<Vec<String>> {
        for _ in 0..4500 {
            let lines = self.lines();
            if lines.iter().any(|line| line.contains(part)) {
                return Ok(lines);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("rsyslog has no {part}: {}\n{:#?}", read(&self.folder.path().join("rsyslog.log")), self.lines())
    }
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

async fn tell_rsyslog(is_tls: bool) -> Result<()> {
    let Some(()) = require(&[Prerequisite::Rsyslog]) else { return Ok(()) };
    let mut rsyslog = Rsyslog::new(is_tls)?;
    rsyslog.start()?;
    let scheme = if is_tls { "tls" } else { "tcp" };
    let address = format!("{scheme}://localhost:{}", rsyslog.port);
    let ca_file = rsyslog.folder.path().join("ca.pem").display().to_string();
    let mut keys =
        vec![("name", "siem"), ("kind", "syslog"), ("address", address.as_str()), ("format", "rfc5424")];
    if is_tls {
        keys.push(("ca_file", &ca_file));
    }
    let server = Server::with(sink(Settings::default(), 0, &keys)).await?;
    server.login("first").await?;
    let lines = rsyslog.wait_for("user=\"first\"").await?;
    let line = lines.iter().find(|line| line.contains("user=\"first\"")).cloned().unwrap_or_default();
    ensure!(
        line.starts_with("info ")
            && line.contains(" holdfast session.created [event@32473 seq=\"3\" app=\"shop\""),
        "{line}"
    );
    ensure!(line.ends_with("A session began"), "{line}");

    // Hostile names stay where they belong.
    let agent = "\"] [forged@1 a=\"b\"]\n<13>1 - - - - - - forged";
    server
        .login_with(serde_json::json!({ "user": agent.replace('\n', ""), "client": { "user_agent": agent } }))
        .await?;
    server.login("é😀").await?;
    let lines = rsyslog.wait_for("user=\"é😀\"").await?;
    ensure!(
        !lines.iter().any(|line| line.contains(" [forged@1 a=\"b\"]") && !line.contains("\\]")),
        "{lines:#?}"
    );
    let before = lines.len();
    ensure!(lines.iter().filter(|line| line.contains("session.created")).count() == 3, "{lines:#?}");

    // Away, and back: nothing is missing.
    rsyslog.stop()?;
    for number in 0..50 {
        server.login(&format!("away-{number}")).await?;
    }
    rsyslog.start()?;
    server.login("back").await?;
    let lines = rsyslog.wait_for("user=\"back\"").await?;
    for number in 0..50 {
        let user = format!("user=\"away-{number}\"");
        ensure!(lines.iter().any(|line| line.contains(&user)), "{user} is missing behind line {before}");
    }
    rsyslog.stop()
}

#[tokio::test]
async fn rsyslog_takes_it_over_tcp() -> Result<()> {
    tell_rsyslog(false).await
}

#[tokio::test]
async fn rsyslog_takes_it_over_tls() -> Result<()> {
    tell_rsyslog(true).await
}

/// A certificate of somebody else is no reason to tell.
#[tokio::test]
async fn another_certificate_is_not_believed() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Rsyslog]) else { return Ok(()) };
    let mut rsyslog = Rsyslog::new(true)?;
    rsyslog.start()?;
    let other = rsyslog.folder.path().join("other.pem");
    std::fs::write(&other, Authority::new()?.certificate())?;
    let (address, ca_file) = (format!("tls://localhost:{}", rsyslog.port), other.display().to_string());
    let keys = [("name", "siem"), ("kind", "syslog"), ("address", address.as_str()), ("ca_file", &ca_file)];
    let server = Server::with(sink(Settings::default(), 0, &keys)).await?;
    server.login("alice").await?;
    while server.metric("holdfast_audit_sink_failures_total{sink=\"siem\"}").await? < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(rsyslog.lines().is_empty());
    rsyslog.stop()
}
