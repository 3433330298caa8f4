//! Holdfast inside the test's own process, with a clock that the test moves.

mod answer;
mod api;
mod audit;
mod described;
mod device;
mod gateways;
mod grant;
mod settings;
mod stage;
mod story;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast::{Clock, Config, Running};
use holdfast_core::UnixTime;
use tempfile::TempDir;

pub use answer::Answer;
pub use api::{Api, Call};
pub use audit::AuditFile;
pub use device::{Device, base64url, tampered, thumbprint_of};
pub use gateways::IDENTITY;
pub use grant::{Granted, Proof, S256, TOKEN_URL, VERIFIER};
pub(crate) use settings::PATIENT;
pub use settings::{
    APP, CLIENT, CLIENT_SECRET, CONFIDENTIAL_CLIENT, COOKIE, GATEWAY_SECRET, HINT, OPERATOR_TOKEN, ORIGIN,
    OTHER_ORIGIN, OTHER_TOKEN, REDIRECT_URI, Settings, TOKEN,
};
pub use stage::Stage;
pub use story::{Bound, Login, Offer};

/// A running server with its folder. Everything an app, a browser or a gateway can ask of it is in [`Api`].
pub struct Server {
    api: Api,
    running: Option<Running>,
    clock: Clock,
    folder: TempDir,
    settings: Settings,
}

impl Server {
    /// A server with the contract's defaults and sessions in memory.
    pub async fn start() -> Result<Self> {
        Self::with(Settings::default()).await
    }

    /// A server with other settings.
    pub async fn with(settings: Settings) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        Self::in_folder(folder, settings).await
    }

    /// A server whose folder was prepared: with a root key, say, or with data.
    pub async fn in_folder(folder: TempDir, settings: Settings) -> Result<Self> {
        let clock = Clock::manual(UnixTime::from_secs(settings.start()));
        let running = serve(folder.path(), &settings, &clock).await?;
        let api = Api::at(running.public_addr(), running.internal_addr())?;
        Ok(Self { api, running: Some(running), clock, folder, settings })
    }

    /// Stops in order, and starts again in the same folder, at the same time. Only a store on disk survives this.
    pub async fn restart(self) -> Result<Self> {
        let settings = self.settings.clone();
        self.restart_with(settings).await
    }

    /// Like [`Self::restart`], with other settings.
    pub async fn restart_with(mut self, settings: Settings) -> Result<Self> {
        self.stop().await;
        let running = serve(self.folder.path(), &settings, &self.clock).await?;
        let api = Api::at(running.public_addr(), running.internal_addr())?;
        Ok(Self { api, running: Some(running), settings, ..self })
    }

    /// Stops in order: everything is written down when this returns.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Loads other settings anew, while it runs.
    ///
    /// # Errors
    /// What the server says of them; the settings before are then still in force.
    pub async fn reload(&self, settings: Settings) -> Result<()> {
        let running = self.running.as_ref().context("the server was stopped")?;
        let folder = self.folder.path().to_owned();
        let read = move || Config::parse(&settings.toml(), "holdfast.toml", &folder, settings.variables());
        running.reload(read).await.map_err(anyhow::Error::msg)
    }

    /// Lets so many seconds pass.
    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The server's clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Now, in seconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.now().as_secs()
    }

    /// Where its files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where Envoy reaches it over gRPC.
    #[must_use]
    pub fn grpc_addr(&self) -> Option<std::net::SocketAddr> {
        self.running.as_ref().and_then(Running::grpc_addr)
    }

    /// What it has written into its audit file.
    #[must_use]
    pub fn audit(&self) -> AuditFile {
        AuditFile::new(self.audit_path())
    }

    /// Where the audit file is.
    #[must_use]
    pub fn audit_path(&self) -> PathBuf {
        self.folder.path().join("audit.jsonl")
    }
}

impl Deref for Server {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

async fn serve(folder: &Path, settings: &Settings, clock: &Clock) -> Result<Running> {
    settings.write_secrets(folder)?;
    let config = Config::parse(&settings.toml(), "holdfast.toml", folder, settings.variables())
        .context("the configuration")?;
    Ok(holdfast::serve(config, clock.clone()).await?)
}
