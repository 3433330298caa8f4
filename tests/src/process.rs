//! The real `holdfast serve`, as a process that can be stopped, killed and started again.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use tokio::time::{Instant, sleep};

use crate::server::PATIENT;
use crate::{ProcessGroup, Program, Signal, http};

/// A running `holdfast serve`. What it prints goes to `holdfast.log` in its directory; dropping it kills it.
#[derive(Debug)]
pub struct HoldfastProcess {
    group: ProcessGroup,
    directory: PathBuf,
}

impl HoldfastProcess {
    /// Writes `config` to `holdfast.toml` in `directory`, starts the server there and waits until it is ready.
    ///
    /// `internal` must be the address of `[internal] listen`. Starting again in the same directory finds the data of
    /// the process before.
    pub async fn start(directory: &Path, config: &str, internal: SocketAddr) -> Result<Self> {
        let server = Self::spawn(directory, config)?;
        server.becomes_ready(internal).await?;
        Ok(server)
    }

    /// Like [`Self::start`], without waiting: for servers that are expected not to become ready.
    pub fn spawn(directory: &Path, config: &str) -> Result<Self> {
        Self::spawn_by(Program::Holdfast.command()?, directory, config)
    }

    /// Like [`Self::spawn`], by a command that takes the arguments of `holdfast` behind its own, such as a tracer's.
    pub fn spawn_by(mut command: Command, directory: &Path, config: &str) -> Result<Self> {
        std::fs::write(directory.join("holdfast.toml"), config)?;
        let log = OpenOptions::new().create(true).append(true).open(log_file(directory))?;
        let group = ProcessGroup::start(
            command
                .args(["serve", "--config", "holdfast.toml"])
                .env(PATIENT.0, PATIENT.1)
                .current_dir(directory)
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log),
        )?;
        Ok(Self { group, directory: directory.to_owned() })
    }

    /// Asks the server to stop, and gives it 20 seconds to do so.
    pub async fn stop(self) -> Result<ExitStatus> {
        self.group.signal(Signal::TERM)?;
        ensure!(self.group.exits_within(STOP_LIMIT).await?, "still running after SIGTERM:\n{}", self.log());
        self.group.finish()
    }

    /// Ends the server in order, and gives all that it has logged.
    pub async fn log_at_its_end(self) -> Result<String> {
        let file = log_file(&self.directory);
        ensure!(self.stop().await?.success(), "it did not end in order");
        Ok(std::fs::read_to_string(file)?)
    }

    /// Has the server read its configuration again.
    pub fn hang_up(&self) -> Result<()> {
        self.group.signal(Signal::HUP)
    }

    /// Kills the server as a power cut would: `kill -9`.
    pub fn kill(self) -> Result<ExitStatus> {
        self.group.finish()
    }

    /// Waits for the server to end by itself.
    pub async fn ends(self) -> Result<ExitStatus> {
        ensure!(self.group.exits_within(START_LIMIT).await?, "the server did not end:\n{}", self.log());
        self.group.finish()
    }

    /// The server's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.group.id()
    }

    /// Everything printed so far by this process and by those before it in the same directory.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(log_file(&self.directory)).unwrap_or_default()
    }

    /// Waits until `GET /readyz` answers 200.
    pub async fn becomes_ready(&self, internal: SocketAddr) -> Result<()> {
        let client = http::plain_client()?;
        let readiness = format!("http://{internal}/readyz");
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            ensure!(!self.group.has_exited()?, "the server ended at once:\n{}", self.log());
            let answer = client.get(&readiness).timeout(ANSWER_LIMIT).send().await;
            if answer.is_ok_and(|response| response.status().is_success()) {
                return Ok(());
            }
            sleep(POLL).await;
        }
        bail!("the server did not become ready:\n{}", self.log())
    }
}

/// How long a server may take to become ready. Generous: tests run in parallel on two cores.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a server may take to finish after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(20);
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(20);

fn log_file(directory: &Path) -> PathBuf {
    directory.join("holdfast.log")
}
