//! The real `holdfast dev`: the demo app, its own CA and everything else in one fresh folder.

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::browser::Profile;
use crate::server::PATIENT;
use crate::{Authority, ProcessGroup, Program, Signal, free_port, http, run_to_end};

/// A running `holdfast dev`. Its folder is deleted when it is dropped, and its process ended.
#[derive(Debug)]
pub struct DevServer {
    // Declared before the folder: the process must be gone when the folder is deleted.
    group: Option<ProcessGroup>,
    folder: TempDir,
    public: SocketAddr,
    internal: SocketAddr,
    disk: Disk,
    variables: Vec<(String, String)>,
}

/// Where the store of a [`DevServer`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// In the folder, like everything else.
    Folder,
    /// On a disk of eight megabytes that only the server's own mount namespace has.
    Small,
}

impl DevServer {
    /// Starts the server with a new folder on free ports, and waits until it is ready.
    pub async fn start() -> Result<Self> {
        Self::start_on(Disk::Folder).await
    }

    /// Like [`Self::start`], with these variables.
    pub async fn start_with(variables: &[(&str, &str)]) -> Result<Self> {
        Self::start_as(Disk::Folder, variables).await
    }

    /// Like [`Self::start`], with the store on `disk`.
    pub async fn start_on(disk: Disk) -> Result<Self> {
        Self::start_as(disk, &[]).await
    }

    async fn start_as(disk: Disk, variables: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("dev-").tempdir()?;
        let [public, internal] = [free_port()?, free_port()?].map(|port| (Ipv4Addr::LOCALHOST, port).into());
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut server = Self { group: None, folder, public, internal, disk, variables };
        server.start_again().await?;
        Ok(server)
    }

    /// Starts a stopped server again, on the same ports with what is left of its folder.
    pub async fn start_again(&mut self) -> Result<()> {
        std::fs::create_dir_all(self.store())?;
        let log = OpenOptions::new().create(true).append(true).open(self.log_file())?;
        let group = ProcessGroup::start(
            self.command()?
                .env("HOLDFAST__PUBLIC__LISTEN", self.public.to_string())
                .env("HOLDFAST__INTERNAL__LISTEN", self.internal.to_string())
                .env(PATIENT.0, PATIENT.1)
                .envs(self.variables.iter().cloned())
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log),
        )?;
        self.group = Some(group);
        self.becomes_ready().await
    }

    /// Asks the server to stop, and waits until it has.
    pub async fn stop(&mut self) -> Result<()> {
        let group = self.group.take().context("the server does not run")?;
        group.signal(Signal::TERM)?;
        ensure!(group.exits_within(LIMIT).await?, "still running after SIGTERM:\n{}", self.log());
        group.finish().map(drop)
    }

    /// Deletes the store of a stopped server. Its keys and certificates stay.
    pub fn wipe_store(&self) -> Result<()> {
        ensure!(self.group.is_none(), "the store is in use");
        Ok(std::fs::remove_dir_all(self.store())?)
    }

    /// Fills what is left of a small disk, and logs users in until the server takes no more of them. A smaller write
    /// may still find a place afterwards.
    pub async fn fill_disk(&self) -> Result<()> {
        let balloon = OpenOptions::new().create(true).append(true).open(self.balloon()?)?;
        while std::io::Write::write_all(&mut &balloon, &[1; 512]).is_ok() {}
        let client = self.client()?;
        for _ in 0..MOST_LOGINS {
            let login = client.post(self.url("/login")).header("content-type", FORM).body("user=mallory");
            if login.send().await?.status() == StatusCode::SERVICE_UNAVAILABLE {
                return Ok(());
            }
        }
        bail!("the disk never fills")
    }

    /// Makes room again on a small disk, and waits until the server is ready.
    pub async fn free_disk(&self) -> Result<()> {
        std::fs::remove_file(self.balloon()?)?;
        self.becomes_ready().await
    }

    /// The demo's address for `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.public.port())
    }

    /// A new browser profile that trusts the server's CA, and `other` too.
    pub fn profile(&self, other: Option<&Authority>) -> Result<Profile> {
        let profile = Profile::trusting_pem(&self.authority()?)?;
        if let Some(other) = other {
            let file = profile.home().join("other.pem");
            std::fs::write(&file, other.certificate())?;
            let database = format!("sql:{}", profile.home().join(".pki/nssdb").display());
            let add = ["-A", "-t", "C,,", "-n", "other", "-d", &database, "-i"];
            run_to_end(Command::new("certutil").args(add).arg(&file))?;
        }
        Ok(profile)
    }

    /// An HTTP client that trusts the server and does nothing by itself.
    pub fn client(&self) -> Result<Client> {
        http::client_trusting_pem(&self.authority()?)
    }

    /// The audit trail so far. A line that is only half written is not part of it yet.
    pub fn audit(&self) -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.folder.path().join("audit.jsonl"))?;
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| serde_json::from_str(line).context("a broken line in the audit trail")).collect()
    }

    /// Waits until the audit trail has an event called `name`, and gives the first one.
    pub async fn audit_has(&self, name: &str) -> Result<Value> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let found = self.audit()?.into_iter().find(|event| event.get("event").is_some_and(|n| n == name));
            if let Some(event) = found {
                return Ok(event);
            }
            ensure!(Instant::now() < deadline, "no {name} in {:#?}", self.audit()?);
            sleep(POLL).await;
        }
    }

    /// The counter of `/metrics` whose line has each of `words`.
    pub async fn metric(&self, words: &[&str]) -> Result<u64> {
        let url = format!("http://{}/metrics", self.internal);
        let text = http::plain_client()?.get(url).send().await?.error_for_status()?.text().await?;
        let mut samples = text.lines().filter(|line| !line.starts_with('#'));
        let line = samples.find(|line| words.iter().all(|word| line.contains(word)));
        let line = line.with_context(|| format!("no {words:?} in\n{text}"))?;
        let (_name, value) = line.rsplit_once(' ').context("a metric without a value")?;
        Ok(value.parse()?)
    }

    /// Everything the server has printed.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    async fn becomes_ready(&self) -> Result<()> {
        let group = self.group.as_ref().context("the server does not run")?;
        let (client, url) = (http::plain_client()?, format!("http://{}/readyz", self.internal));
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            ensure!(!group.has_exited()?, "the server has ended:\n{}", self.log());
            let answer = client.get(&url).timeout(ANSWER_LIMIT).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            sleep(POLL).await;
        }
        bail!("the server did not become ready:\n{}", self.log())
    }

    fn command(&self) -> Result<Command> {
        let mut command = match self.disk {
            Disk::Folder => Program::Holdfast.command()?,
            // `unshare` and `sh` become the server: its process id is the one that was started.
            Disk::Small => {
                let script = r#"mount -t tmpfs -o size=8m none "$0" && exec "$@""#;
                let mut command = Command::new("unshare");
                command.args(["--mount", "--", "sh", "-c", script]).arg(self.store());
                command.arg(Program::Holdfast.path()?);
                command
            }
        };
        command.args(["dev", "--data"]).arg(self.folder.path());
        Ok(command)
    }

    fn authority(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.path().join("ca.pem"))?)
    }

    /// A file on the small disk, seen through the server's mount namespace.
    fn balloon(&self) -> Result<PathBuf> {
        let group = self.group.as_ref().context("the server does not run")?;
        ensure!(self.disk == Disk::Small, "only small disks can be filled");
        let store = self.store();
        let inside = store.strip_prefix("/")?;
        Ok(PathBuf::from(format!("/proc/{}/root", group.id())).join(inside).join("balloon"))
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("printed.log")
    }
}

/// Whether this machine lets the test give a process mounts of its own, which [`Disk::Small`] needs.
#[must_use]
pub fn can_mount() -> bool {
    let script = "mount -t tmpfs none /mnt";
    run_to_end(Command::new("unshare").args(["--mount", "--", "sh", "-c", script])).is_ok()
}

/// Generous: tests run in parallel on two cores.
const LIMIT: Duration = Duration::from_secs(30);
const FORM: &str = "application/x-www-form-urlencoded";
/// More than fit into what a store has already taken of its disk.
const MOST_LOGINS: usize = 20_000;
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(20);
