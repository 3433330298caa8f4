//! A Holdfast of its own, on one core, with the load on another.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{listening::Listening, program, report::Line};

pub(crate) const SERVER_CORE: &str = "0";
pub(crate) const LOAD_CORE: &str = "1";

/// The name of its app, which issues the tokens and is their audience.
pub(crate) const ORIGIN: &str = "https://bench.example";

/// Which store it has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Sled,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sled => "sled",
        }
    }
}

/// What to put on it, with 32 connections.
#[derive(Clone)]
pub(crate) struct Load {
    kind: &'static str,
    sessions: usize,
    seconds: u32,
    /// Of another server that is measured in its place.
    pid: Option<u32>,
    more: Vec<String>,
}

impl Load {
    pub(crate) fn new(kind: &'static str, sessions: usize, seconds: u32) -> Self {
        Self { kind, sessions, seconds, pid: None, more: Vec::new() }
    }

    /// Another server is asked.
    pub(crate) fn at(mut self, target: &Listening) -> Self {
        self.pid = Some(target.pid());
        self.option("--target", target.url("/"))
    }

    /// So many times a second, and no more.
    pub(crate) fn rate(self, rate: f64) -> Self {
        self.option("--rate", format!("{rate:.0}"))
    }

    /// With so many proofs.
    pub(crate) fn proofs(self, proofs: u32) -> Self {
        self.option("--proofs", proofs.to_string())
    }

    /// With so many proofs, which have nonces.
    pub(crate) fn with_nonces(self, proofs: u32) -> Self {
        let mut load = self.proofs(proofs);
        load.more.push("--nonces".to_owned());
        load
    }

    /// On so many connections.
    pub(crate) fn connections(self, connections: u32) -> Self {
        self.option("--connections", connections.to_string())
    }

    /// The page at this address, behind a gateway.
    pub(crate) fn page(self, address: &str) -> Self {
        self.option("--target", address.to_owned())
    }

    /// The first refresh of each session is signed beforehand.
    pub(crate) fn presigned(mut self) -> Self {
        self.more.push("--presigned".to_owned());
        self
    }

    /// Each session refreshes once more when the load is over.
    pub(crate) fn afterwards(mut self) -> Self {
        self.more.push("--afterwards".to_owned());
        self
    }

    fn option(mut self, name: &str, value: String) -> Self {
        self.more.extend([name.to_owned(), value]);
        self
    }
}

/// Of the server's process, in megabytes.
pub(crate) struct Memory {
    pub(crate) resident: u64,
    pub(crate) peak: u64,
}

/// A running server with audit file and metrics on, killed when dropped.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    child: Child,
    public: SocketAddr,
    internal: SocketAddr,
}

impl Server {
    pub(crate) fn start(kind: Kind) -> Result<Self> {
        Self::start_with(kind, "")
    }

    /// With more tables in its configuration.
    pub(crate) fn start_with(kind: Kind, tables: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (public, internal) = (free_address()?, free_address()?);
        let write = |name: &str, text: &str| write_private(&folder.path().join(name), text);
        write("token", TOKEN)?;
        write("gateway.secret", SECRET)?;
        write("holdfast.toml", &(configuration(kind, public, internal) + tables))?;
        let child = spawn(folder.path())?;
        let server = Self { folder, child, public, internal };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Loads it, or another server with its tokens, and returns what was measured.
    pub(crate) fn load(&self, load: &Load) -> Result<Line> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let (public, api) = (format!("http://{}", self.public), format!("http://{}", self.internal));
        let (token, secret, state) = (path("token"), path("gateway.secret"), path("state.json"));
        let (sessions, seconds) = (load.sessions.to_string(), load.seconds.to_string());
        let pid = load.pid.unwrap_or_else(|| self.child.id()).to_string();
        let mut arguments = vec!["load", load.kind, "--origin", ORIGIN, "--public", &public, "--api", &api];
        arguments.extend(["--token-file", &token, "--gateway-secret-file", &secret, "--state", &state]);
        arguments.extend(["--sessions", &sessions, "--connections", "32", "--seconds", &seconds]);
        arguments.extend(["--client-id", CLIENT, "--warm", "--pid", &pid]);
        arguments.extend(load.more.iter().map(String::as_str));
        simulate(&arguments)
    }

    /// Where its public keys are.
    pub(crate) fn jwks(&self) -> String {
        format!("http://{}/_holdfast/jwks", self.public)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn public(&self) -> SocketAddr {
        self.public
    }

    pub(crate) fn internal(&self) -> SocketAddr {
        self.internal
    }

    /// What it has said.
    pub(crate) fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("holdfast.log"))?)
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let megabytes = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let line = line.with_context(|| format!("/proc tells no {name}"))?;
            let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
            Ok(kilobytes / 1024)
        };
        Ok(Memory { resident: megabytes("VmRSS:")?, peak: megabytes("VmHWM:")? })
    }

    /// Stops it in order and starts it again; says how long the start took until it was ready.
    pub(crate) fn restart(mut self) -> Result<(Self, f64)> {
        let terminated = Command::new("kill").arg(self.child.id().to_string()).status()?;
        ensure!(terminated.success(), "the server cannot be stopped");
        self.child.wait()?;
        let started = Instant::now();
        self.child = spawn(self.folder.path())?;
        self.wait_until_ready()?;
        Ok((self, started.elapsed().as_secs_f64()))
    }

    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(120);
        while Instant::now() < deadline {
            if is_ready(self.internal) {
                return Ok(());
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        bail!("the server did not become ready")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the load generator on its own core.
pub(crate) fn simulate(arguments: &[&str]) -> Result<Line> {
    let output = pinned(LOAD_CORE, &program("holdfast-sim")?)
        .args(arguments)
        .arg("--json")
        .stderr(Stdio::inherit())
        .output()?;
    serde_json::from_slice(&output.stdout).context("the load generator said nothing that can be read")
}

/// A command on one core (util-linux).
pub(crate) fn pinned(core: &str, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

fn spawn(folder: &Path) -> Result<Child> {
    let log = fs::File::create(folder.join("holdfast.log"))?;
    let mut command = pinned(SERVER_CORE, &program("holdfast")?);
    command
        .args(["serve", "--config", "holdfast.toml"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(log);
    command.spawn().context("the server cannot be started")
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: holdfast\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn write_private(file: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    out.write_all(text.as_bytes())?;
    Ok(())
}

fn configuration(kind: Kind, public: SocketAddr, internal: SocketAddr) -> String {
    let store = match kind {
        Kind::Memory => "kind = \"memory\"",
        Kind::Sled => "kind = \"sled\"\npath = \"data\"",
    };
    format!(
        r#"
[public]
listen = "{public}"
tls = "off"
[internal]
listen = "{internal}"
[[apps]]
name = "bench"
origin = "{ORIGIN}"
token_sha256 = "{TOKEN_SHA256}"
[session]
registration_window = "1h"
[gateways]
trusted = ["127.0.0.1/32"]
secret_file = "gateway.secret"
[store]
{store}
[secrets]
root_key_file = "root.key"
[audit]
file = "audit.jsonl"
[[clients]]
client_id = "{CLIENT}"
redirect_uris = ["http://127.0.0.1/callback"]
"#
    )
}

const CLIENT: &str = "bench";
pub(crate) const TOKEN: &str = "bench-token";
const TOKEN_SHA256: &str = "7137e16f75a1d75b6fd65930672814806cdc1a0d6e0aa38611afc996a402258b";
pub(crate) const SECRET: &str = "a-gateway-secret-for-the-benchmark";
