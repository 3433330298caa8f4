//! The real program in a folder of its own, with addresses that stay the same over restarts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Output;

use anyhow::Result;
use tempfile::TempDir;

use super::{Api, Settings};
use crate::{HoldfastProcess, Program, free_port};

/// A folder with a configuration, and how to reach the server that runs on it.
#[derive(Debug)]
pub struct Stage {
    /// How to ask the server.
    pub api: Api,
    /// The text of `holdfast.toml`.
    pub config: String,
    folder: TempDir,
}

impl Stage {
    /// A folder with sessions on disk, and nobody running there yet.
    pub fn new() -> Result<Self> {
        let address = || Ok::<_, anyhow::Error>(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)));
        let (public, internal) = (address()?, address()?);
        let store = "kind = \"sled\"\npath = \"data\"";
        let config = Settings::toml_listening(&public.to_string(), &internal.to_string(), store);
        // The clients of these tests share few users; no session shall end by their number.
        let config = format!("{config}\n[session]\nmax_per_user = 1000000\n");
        Ok(Self { api: Api::at(public, internal)?, folder: tempfile::tempdir()?, config })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the server, or starts it again.
    pub async fn start(&mut self) -> Result<HoldfastProcess> {
        // A new client: connections to the server before are dead.
        self.api = Api::at(self.api.public_addr(), self.api.internal_addr())?;
        HoldfastProcess::start(self.path(), &self.config, self.api.internal_addr()).await
    }

    /// Runs the program to its end in the folder.
    pub fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Output> {
        std::fs::write(self.path().join("holdfast.toml"), &self.config)?;
        let mut command = Program::Holdfast.command()?;
        command.args(arguments).envs(variables.iter().copied()).current_dir(self.path());
        Ok(command.output()?)
    }
}
