//! How the servers of the tests are configured.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Result;
use sha2::{Digest as _, Sha256};

/// A configuration: the same file for every test, with variables laid over it as an operator would.
#[derive(Clone, Debug)]
pub struct Settings {
    variables: Vec<(String, String)>,
    start: u64,
}

impl Default for Settings {
    fn default() -> Self {
        // Requests are turned away by how long work waits, and tests share the machine with other tests.
        let variables = vec![(PATIENT.0.to_owned(), PATIENT.1.to_owned())];
        Self { variables, start: START }
    }
}

impl Settings {
    /// Sets a key, such as `session.idle`, by its environment variable.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        let name = format!("HOLDFAST__{}", key.replace('.', "__").to_ascii_uppercase());
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Keeps sessions on disk.
    #[must_use]
    pub fn on_disk(self) -> Self {
        self.set("store.kind", "sled").set("store.path", "data")
    }

    /// Trusts the test's own address as a gateway.
    #[must_use]
    pub fn behind_gateways(self) -> Self {
        self.set("gateways.trusted", "127.0.0.1/32,10.0.0.0/8").set("gateways.secret_file", "gateway.secret")
    }

    /// Has a signed assertion sent to gateways.
    #[must_use]
    pub fn with_assertions(self) -> Self {
        self.set("gateways.assertion", "true")
    }

    /// A route of the shop with these keys; its number counts from 0.
    #[must_use]
    pub fn route(self, number: usize, path: &str, keys: &[(&str, &str)]) -> Self {
        let route =
            self.set(&format!("routes.{number}.app"), APP).set(&format!("routes.{number}.path"), path);
        keys.iter().fold(route, |route, (key, value)| route.set(&format!("routes.{number}.{key}"), value))
    }

    /// Begins at this second since 1970.
    #[must_use]
    pub fn starting_at(self, start: u64) -> Self {
        Self { start, ..self }
    }

    /// The file's text. Both listeners are on ports of the system's choice.
    #[must_use]
    pub fn toml(&self) -> String {
        Self::toml_listening("127.0.0.1:0", "127.0.0.1:0", "kind = \"memory\"")
    }

    /// The same file with these listeners and this `[store]`, for the real program.
    #[must_use]
    pub fn toml_listening(public: &str, internal: &str, store: &str) -> String {
        let [shop, other, operators, secret] =
            [TOKEN, OTHER_TOKEN, OPERATOR_TOKEN, CLIENT_SECRET].map(sha256);
        format!(
            r#"[public]
listen = "{public}"
tls = "off"

[internal]
listen = "{internal}"

[[apps]]
name = "{APP}"
origin = "{ORIGIN}"
token_sha256 = "{shop}"

[[apps]]
name = "other"
origin = "{OTHER_ORIGIN}"
token_sha256 = "{other}"

[[clients]]
client_id = "{CLIENT}"
app = "{APP}"
redirect_uris = ["{REDIRECT_URI}"]
scopes = ["read", "write"]

[[clients]]
client_id = "{CONFIDENTIAL_CLIENT}"
app = "{APP}"
secret_sha256 = "{secret}"
redirect_uris = ["{REDIRECT_URI}"]
scopes = ["read"]
audiences = ["{ORIGIN}", "{OTHER_ORIGIN}"]

[operators]
token_sha256 = "{operators}"

[store]
{store}

[secrets]
root_key_file = "root.key"

[audit]
file = "audit.jsonl"

[log]
requests = false
"#
        )
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = (String, String)> {
        self.variables.clone().into_iter()
    }

    pub(super) fn start(&self) -> u64 {
        self.start
    }

    pub(super) fn write_secrets(&self, folder: &Path) -> Result<()> {
        write_private(&folder.join("gateway.secret"), GATEWAY_SECRET)
    }
}

/// Writes a file that only its owner may read; an existing one stays as it is.
fn write_private(file: &Path, text: &str) -> Result<()> {
    if !file.exists() {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(file)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
    }
    Ok(())
}

fn sha256(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name of the app that most tests are about.
pub const APP: &str = "shop";
/// Its origin.
pub const ORIGIN: &str = "https://shop.example";
/// Its API token.
pub const TOKEN: &str = "hft_shop";
/// A client of the shop without a secret.
pub const CLIENT: &str = "shop-cli";
/// A client of the shop with one.
pub const CONFIDENTIAL_CLIENT: &str = "shop-server";
/// The secret of the latter.
pub const CLIENT_SECRET: &str = "client-secret";
/// Where codes are sent to both.
pub const REDIRECT_URI: &str = "https://spa.example/callback";
/// The origin of the app `other`.
pub const OTHER_ORIGIN: &str = "https://other.example";
/// The API token of the app `other`.
pub const OTHER_TOKEN: &str = "hft_other";
/// The operators' token.
pub const OPERATOR_TOKEN: &str = "hft_operators";
/// What gateways send.
pub const GATEWAY_SECRET: &str = "a-secret-of-gateways";
/// The name of the session cookie.
pub const COOKIE: &str = "__Host-holdfast";
/// The name of the hint cookie.
pub const HINT: &str = "__Host-holdfast-hint";

/// 2026-11-22T10:00:00Z.
const START: u64 = 1_795_341_600;

/// The variable by which a server of the tests turns nobody away because the machine is busy.
pub(crate) const PATIENT: (&str, &str) = ("HOLDFAST__LIMITS__QUEUE_DELAY_MS", "10000");
