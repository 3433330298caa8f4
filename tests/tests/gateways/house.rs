//! Holdfast behind a proxy, with the recipe's own `holdfast.toml` and a clock that the test moves.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast::{Clock, Config, Running};
use holdfast_tests::server::{Api, AuditFile, CLIENT, GATEWAY_SECRET, ORIGIN, REDIRECT_URI, TOKEN};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::proxy::deploy;

/// A running Holdfast.
pub(crate) struct House {
    pub(crate) api: Api,
    running: Option<Running>,
    clock: Clock,
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl House {
    /// Starts with `holdfast.toml` of the recipe in this folder. Ports, folders, the app's token, an OAuth client and the
    /// route that is an example there are laid over it by variables, and then `more`.
    pub(crate) async fn start(recipe: &str, more: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let secret = folder.path().join("gateway.secret");
        std::fs::write(&secret, GATEWAY_SECRET)?;
        std::fs::set_permissions(&secret, Permissions::from_mode(0o600))?;
        let text = std::fs::read_to_string(deploy(recipe).join("holdfast.toml"))?;
        let place = |name: &str| folder.path().join(name).display().to_string();
        let mut variables = vec![
            ("PUBLIC__LISTEN", "127.0.0.1:0".to_owned()),
            ("INTERNAL__LISTEN", "127.0.0.1:0".to_owned()),
            ("APPS__0__TOKEN_SHA256", sha256(TOKEN)),
            ("GATEWAYS__SECRET_FILE", place("gateway.secret")),
            ("STORE__PATH", place("data")),
            ("SECRETS__ROOT_KEY_FILE", place("root.key")),
            ("AUDIT__FILE", place("audit.jsonl")),
            ("LOG__REQUESTS", "false".to_owned()),
            ("CLIENTS__0__CLIENT_ID", CLIENT.to_owned()),
            ("CLIENTS__0__REDIRECT_URIS", REDIRECT_URI.to_owned()),
            ("CLIENTS__0__SCOPES", "read,write".to_owned()),
            ("ROUTES__0__PATH", "/account/".to_owned()),
            ("ROUTES__0__REQUIRE__MAX_PROOF_AGE", "5m".to_owned()),
        ];
        variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut variables: Vec<_> =
            variables.into_iter().map(|(name, value)| (format!("HOLDFAST__{name}"), value)).collect();
        let config =
            Config::parse(&text, "holdfast.toml", folder.path(), variables.clone()).context("the recipe")?;
        // The clock begins with the real time: browsers compare it with their own.
        let clock = Clock::manual(Clock::system().now());
        let running = holdfast::serve(config, clock.clone()).await?;
        let api = Api::at(running.public_addr(), running.internal_addr())?;
        let address = |name: &str, address: SocketAddr| (format!("HOLDFAST__{name}"), address.to_string());
        variables.push(address("PUBLIC__LISTEN", running.public_addr()));
        variables.push(address("INTERNAL__LISTEN", running.internal_addr()));
        Ok(Self { api, running: Some(running), clock, folder, variables })
    }

    /// The variables with which another command sees the same configuration.
    pub(crate) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Moves the clock to the real time, which others compare it with.
    pub(crate) fn catch_up(&self) {
        let behind = Clock::system().now().as_millis().saturating_sub(self.clock.now().as_millis());
        self.clock.advance(Duration::from_millis(behind));
    }

    /// Lets so many seconds pass.
    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Now, in seconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        self.clock.now().as_secs()
    }

    /// Goes away, as in an outage.
    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Where gateways ask.
    pub(crate) fn internal(&self) -> SocketAddr {
        self.api.internal_addr()
    }

    /// The audit trail.
    pub(crate) fn audit(&self) -> AuditFile {
        AuditFile::new(self.folder.path().join("audit.jsonl"))
    }
}

/// An address of the shop.
pub(crate) fn at(path: &str) -> String {
    format!("{ORIGIN}{path}")
}

fn sha256(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
