//! `holdfast dev`: everything needed to see a session bound, made at the first start.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Exit, serve::run};
use crate::{
    Clock, Config, Running, TokenHash,
    config::Problems,
    demo,
    demo::authority,
    random::random,
    secrets::write_private,
    serve::serve_with,
    token::{hex, new_token},
};

/// What `holdfast dev` can be told.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    /// Where development mode keeps its things: CA, certificate, tokens, root key, store and audit trail.
    #[arg(long, value_name = "DIR", default_value = ".holdfast-dev")]
    pub(super) data: PathBuf,
}

/// Prepares the folder, serves the demo app, and says what to open.
pub(super) fn dev(data: &Path, environment: Vec<(String, String)>) -> Exit {
    let folder = match Folder::prepare(data) {
        Ok(folder) => folder,
        Err(what) => return Exit::failed(format!("{}: {what}", data.display())),
    };
    let clock = Clock::system();
    if let Err(what) = authority::issue(&folder.path, clock.now()) {
        return Exit::failed(format!(
            "{}: the development certificate cannot be made: {what}",
            data.display()
        ));
    }
    let text = folder.configuration(&environment);
    let config = match Config::parse(&text, "development configuration", &folder.path, environment) {
        Ok(config) => config,
        Err(problems) => return Exit::usage(format!("the environment has problems\n{problems}")),
    };
    let mode = config.policy.modes.most.map_or("enforce", holdfast_policy::Mode::as_str);
    let origin = config.apps.first().map_or_else(String::new, |app| app.origin.to_string());
    run(serve_with(config, clock, demo::router), NEVER_AGAIN, |running| {
        let words = folder.hello(&origin, mode, running);
        // If nobody reads, there is nobody to tell.
        let _ = std::io::Write::write_all(&mut std::io::stdout(), words.as_bytes());
    })
}

/// There is no file that could be read again.
const NEVER_AGAIN: Option<fn() -> Result<Config, Problems>> = None;

/// The OAuth client of development mode.
const CLIENT: &str = "demo-cli";

/// Where development mode keeps its things.
struct Folder {
    path: PathBuf,
    api_token: String,
    operator_token: String,
}

impl Folder {
    /// Makes what is missing and keeps what is there.
    fn prepare(path: &Path) -> Result<Self, String> {
        let told = |error: std::io::Error| error.to_string();
        fs::create_dir_all(path).map_err(told)?;
        let path = fs::canonicalize(path).map_err(told)?;
        let keep = |name: &str, make: &dyn Fn([u8; 32]) -> String| -> Result<String, String> {
            let file = path.join(name);
            if !file.exists() {
                let random = random().map_err(|trouble| trouble.to_string())?;
                write_private(&file, &format!("{}\n", make(random))).map_err(told)?;
            }
            fs::read_to_string(&file)
                .map(|text| text.trim().to_owned())
                .map_err(|error| format!("{name}: {error}"))
        };
        let api_token = keep("api.token", &new_token)?;
        let operator_token = keep("operator.token", &new_token)?;
        keep("gateway.secret", &|random| hex(&random))?;
        Ok(Self { path, api_token, operator_token })
    }

    /// The configuration of development mode. The origin follows the port, so that one variable moves both.
    fn configuration(&self, environment: &[(String, String)]) -> String {
        let listen =
            environment.iter().find(|(name, _)| name == "HOLDFAST__PUBLIC__LISTEN").map(|(_, value)| value);
        let port = listen.and_then(|address| address.rsplit(':').next()).unwrap_or("8443");
        let origin =
            if port == "443" { "https://localhost".to_owned() } else { format!("https://localhost:{port}") };
        let (api, operator) = (TokenHash::of(&self.api_token), TokenHash::of(&self.operator_token));
        format!(
            r#"
[public]
listen = "127.0.0.1:8443"
tls = {{ cert = "cert.pem", key = "key.pem" }}

[internal]
listen = "127.0.0.1:8444"

[[apps]]
name = "demo"
origin = "{origin}"
token_sha256 = "{api}"

[[clients]]
client_id = "{CLIENT}"
redirect_uris = ["http://127.0.0.1/callback"]
scopes = ["read", "write"]

[operators]
token_sha256 = "{operator}"

[gateways]
trusted = ["127.0.0.1/32"]
secret_file = "gateway.secret"
assertion = true

[store]
kind = "sled"
path = "data"

[secrets]
root_key_file = "root.key"

[audit]
file = "audit.jsonl"

[log]
requests = false
"#
        )
    }

    fn hello(&self, origin: &str, mode: &str, running: &Running) -> String {
        let Self { path, api_token, .. } = self;
        let folder = path.display();
        let internal = running.internal_addr();
        format!(
            "\
Holdfast is running in development mode.

  Open           {origin}/            a demo app: log in and watch the session being bound
  Internal API   http://{internal}
  API token      {api_token}
  OAuth client   {CLIENT} (public, DPoP; codes go to http://127.0.0.1/callback)
  Policies       {mode}; the page shows what they say. HOLDFAST__POLICY__MODE is observe, additive or enforce
  Everything is in {folder} (delete it to begin anew).

Make your browser trust the development CA, {folder}/ca.pem. It can only vouch for localhost.
A warning clicked away is not enough: browsers bind no session on a connection with certificate errors.
  Chrome, Linux  mkdir -p $HOME/.pki/nssdb; certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n holdfast-dev -i {folder}/ca.pem
  Chrome, other  Settings > Privacy and security > Security > Manage certificates > Authorities > Import
  Firefox        Settings > Privacy & Security > View Certificates > Authorities > Import
  Debian, system cp {folder}/ca.pem /usr/local/share/ca-certificates/holdfast-dev.crt && update-ca-certificates

Device Bound Session Credentials are on in Chrome for Windows (146) and macOS (148). Elsewhere switch them on:
  chrome://flags/#enable-standard-device-bound-session-credentials                     Enabled
  chrome://flags/#enable-bound-session-credentials-software-keys-for-manual-testing    Enabled, where there is no TPM
  or start Chromium with
  chromium --enable-features=DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting {origin}/
Firefox and Safari log in and stay unbound: they do not speak it yet.

Stop with Ctrl-C.
"
        )
    }
}
