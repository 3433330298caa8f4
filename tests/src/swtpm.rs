//! A TPM in software, one for each test.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::{ProcessGroup, free_port_pair, run_to_end};

/// A running software TPM. Its state lives in a directory of its own and goes when this is dropped.
#[derive(Debug)]
pub struct Swtpm {
    emulator: ProcessGroup,
    state: TempDir,
    port: u16,
}

/// Whether the TPM was given an endorsement key certificate, as a manufacturer would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TpmIdentity {
    /// A blank TPM, at once.
    Blank,
    /// With an endorsement key and its certificate, signed by a CA that is this TPM's own. Takes seconds.
    Certified,
}

impl Swtpm {
    /// Starts a new TPM with new seeds.
    pub async fn start(identity: TpmIdentity) -> Result<Self> {
        let state = tempfile::Builder::new().prefix("tpm-").tempdir()?;
        if identity == TpmIdentity::Certified {
            manufacture(state.path())?;
        }
        Self::power_on(state).await
    }

    /// Cuts the power and starts again with the same state: seeds, persistent keys and NV contents stay.
    pub async fn restart(self) -> Result<Self> {
        let Self { emulator, state, port: _ } = self;
        emulator.finish()?;
        Self::power_on(state).await
    }

    /// How the TPM software stack reaches this TPM, for `--tcti` and `TPM2TOOLS_TCTI`.
    #[must_use]
    pub fn tcti(&self) -> String {
        format!("swtpm:host=127.0.0.1,port={}", self.port)
    }

    /// The CA certificates above a certified TPM's endorsement certificate, as PEM: the root first, then the issuer.
    pub fn authorities(&self) -> Result<[String; 2]> {
        let read = |name: &str| std::fs::read_to_string(self.state.path().join("ca").join(name));
        Ok([read("swtpm-localca-rootca-cert.pem")?, read("issuercert.pem")?])
    }

    async fn power_on(state: TempDir) -> Result<Self> {
        // The stack takes the port above the command port for control, so they must be neighbours.
        let (port, control) = free_port_pair()?;
        let log = std::fs::File::create(state.path().join("swtpm.log"))?;
        let emulator = ProcessGroup::start(
            Command::new("swtpm")
                .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
                .arg(format!("--tpmstate=dir={}", state.path().display()))
                .arg(format!("--server=type=tcp,bindaddr=127.0.0.1,port={port}"))
                .arg(format!("--ctrl=type=tcp,bindaddr=127.0.0.1,port={control}"))
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log),
        )?;
        let tpm = Self { emulator, state, port };
        tpm.answers(control).await?;
        Ok(tpm)
    }

    /// Waits on the control channel: a probe on the command channel would be taken for the TPM's one client.
    async fn answers(&self, control: u16) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline && !self.emulator.has_exited()? {
            if TcpStream::connect(("127.0.0.1", control)).await.is_ok() {
                return Ok(());
            }
            sleep(POLL).await;
        }
        let log = std::fs::read_to_string(self.state.path().join("swtpm.log")).unwrap_or_default();
        bail!("the TPM did not start:\n{log}")
    }
}

/// What happens in the factory: endorsement keys, and certificates for them from a CA made for this one TPM.
fn manufacture(state: &Path) -> Result<()> {
    let ca = state.join("ca");
    std::fs::create_dir(&ca)?;
    let [setup, localca, options] =
        ["setup.conf", "localca.conf", "localca.options"].map(|name| state.join(name));
    std::fs::write(
        &localca,
        format!(
            "statedir = {ca}\nsigningkey = {ca}/signkey.pem\nissuercert = {ca}/issuercert.pem\ncertserial = {ca}/certserial\n",
            ca = ca.display()
        ),
    )?;
    std::fs::write(
        &options,
        "--platform-manufacturer Holdfast\n--platform-version 1\n--platform-model tests\n",
    )?;
    std::fs::write(
        &setup,
        format!(
            "create_certs_tool = swtpm_localca\ncreate_certs_tool_config = {}\ncreate_certs_tool_options = {}\n",
            localca.display(),
            options.display()
        ),
    )?;
    run_to_end(
        Command::new("swtpm_setup")
            .args(["--tpm2", "--create-ek-cert", "--lock-nvram", "--ecc", "--not-overwrite"])
            .arg("--tpmstate")
            .arg(state)
            .arg("--config")
            .arg(&setup),
    )?;
    Ok(())
}

const START_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);
