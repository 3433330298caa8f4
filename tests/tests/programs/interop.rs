//! OAuth clients that nobody here wrote, from the npm registry, against the real program. Their scripts and their exact
//! versions are in `tests/interop`.
//!
//! A script has everything on one origin, as clients see it: the app's gateway, inside the script, hands `/_holdfast/` to
//! the server and asks it about every other request.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use holdfast_tests::server::{APP, ORIGIN, Stage, TOKEN};
use holdfast_tests::{Authority, Prerequisite, free_port, require, run_to_end};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

#[tokio::test]
async fn oauth4webapi_understands_every_answer() -> Result<()> {
    passes(&Script { name: "oauth4webapi", nonce: "when_needed", steps: &OAUTH4WEBAPI }).await
}

#[tokio::test]
async fn oauth4webapi_brings_a_nonce_when_all_must() -> Result<()> {
    passes(&Script { name: "oauth4webapi", nonce: "always", steps: &OAUTH4WEBAPI }).await
}

#[tokio::test]
async fn openid_client_understands_every_answer() -> Result<()> {
    passes(&Script { name: "openid-client", nonce: "when_needed", steps: &OPENID_CLIENT }).await
}

#[tokio::test]
async fn openid_client_brings_a_nonce_when_all_must() -> Result<()> {
    passes(&Script { name: "openid-client", nonce: "always", steps: &OPENID_CLIENT }).await
}

#[tokio::test]
async fn jose_proves_in_every_algorithm() -> Result<()> {
    passes(&Script { name: "jose", nonce: "when_needed", steps: &JOSE }).await
}

#[tokio::test]
async fn the_dpop_steps_of_the_fapi_suite_have_its_verdicts() -> Result<()> {
    passes(&Script { name: "fapi", nonce: "when_needed", steps: &FAPI }).await
}

#[tokio::test]
async fn the_fapi_suite_judges_the_same_when_every_proof_needs_a_nonce() -> Result<()> {
    passes(&Script { name: "fapi", nonce: "always", steps: &FAPI }).await
}

/// A script, the server's policy for nonces, and what the script must say that it has done.
struct Script {
    name: &'static str,
    nonce: &'static str,
    steps: &'static [&'static str],
}

async fn passes(script: &Script) -> Result<()> {
    let Some(()) = require(&[Prerequisite::Node]) else { return Ok(()) };
    let scripts = SCRIPTS.get_or_try_init(|| async { install() }).await?;
    let gateway = free_port()?;
    let origin = script.origin(gateway);
    let mut stage = Stage::new()?;
    stage.config = stage.config.replace(ORIGIN, &origin) + &oauth_tables(script.nonce);
    let description = describe(&stage, script, gateway)?;
    let server = stage.start().await?;

    let mut node = Command::new("node");
    node.arg(format!("{}.js", script.name)).arg(&description).current_dir(scripts);
    node.env("NODE_EXTRA_CA_CERTS", stage.path().join("ca.pem"));
    let said = tokio::task::spawn_blocking(move || run_to_end(&mut node)).await?;

    let said = said.with_context(|| format!("what the server says:\n{}", server.log()))?;
    assert_eq!(steps_done(&said)?, script.steps, "{said}");
    ensure!(server.stop().await?.success(), "the server fails when it stops");
    Ok(())
}

impl Script {
    /// The origin of the app, whose gateway is on this port. The FAPI suite spells out the default port, so there the
    /// origin has none, as behind a port mapping; the libraries connect to what they see.
    fn origin(&self, gateway: u16) -> String {
        if self.name == "fapi" {
            "https://localhost".to_owned()
        } else {
            format!("https://localhost:{gateway}")
        }
    }
}

/// Everything that a script must know, in a file.
fn describe(stage: &Stage, script: &Script, gateway: u16) -> Result<PathBuf> {
    let authority = Authority::new()?;
    authority.issue(&["localhost"])?.write_to(stage.path())?;
    let file = |name| stage.path().join(name);
    std::fs::write(file("ca.pem"), authority.certificate())?;
    let description = json!({
        "origin": script.origin(gateway),
        "gateway": gateway,
        "public": stage.api.public_addr(),
        "internal": stage.api.internal_addr(),
        "token": TOKEN,
        "nonce": script.nonce,
        "ca": file("ca.pem"),
        "certificate": file("cert.pem"),
        "key": file("key.pem"),
        "clients": {
            "native": { "client_id": "interop-cli", "redirect_uri": LOOPBACK },
            "other": { "client_id": "interop-other", "redirect_uri": LOOPBACK },
            "backend": { "client_id": "interop-backend", "redirect_uri": LOOPBACK, "secret": SECRET },
        },
    });
    std::fs::write(file("stage.json"), description.to_string())?;
    Ok(file("stage.json"))
}

fn oauth_tables(nonce: &str) -> String {
    let client = |id: &str, secret: &str| {
        format!(
            "\n[[clients]]\nclient_id = \"{id}\"\napp = \"{APP}\"\nredirect_uris = [\"{LOOPBACK}\"]\n\
             scopes = [\"read\", \"write\"]\n{secret}"
        )
    };
    let digest: String = Sha256::digest(SECRET.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let backend = client("interop-backend", &format!("secret_sha256 = \"{digest}\"\n"));
    format!(
        "\n[dpop]\nnonce = \"{nonce}\"\n{}{}{backend}",
        client("interop-cli", ""),
        client("interop-other", "")
    )
}

fn steps_done(said: &str) -> Result<Vec<String>> {
    said.lines()
        .map(|line| {
            let step: Value = serde_json::from_str(line).with_context(|| format!("no step: {line}"))?;
            let ok = step.get("ok").and_then(Value::as_bool);
            ensure!(ok == Some(true), "a step that failed without failing the script: {line}");
            let name = step.get("step").and_then(Value::as_str);
            Ok(name.context("a step without a name")?.to_owned())
        })
        .collect()
}

/// Copies the scripts, and fetches what they use unless exactly that was fetched before. The checkout stays clean.
fn install() -> Result<PathBuf> {
    let scripts = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("interop"), &scripts)?;
    let (wanted, installed) = (scripts.join("package-lock.json"), scripts.join("installed.json"));
    let wanted = std::fs::read(wanted)?;
    if std::fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(scripts);
    }
    let mut npm = Command::new("npm");
    // Nothing of the packages runs before a test runs it.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&scripts);
    run_to_end(&mut npm)?;
    std::fs::write(installed, wanted)?;
    Ok(scripts)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        match entry.file_type()?.is_dir() {
            true if name == "node_modules" => {}
            true => copy(&entry.path(), &target)?,
            false => std::fs::copy(entry.path(), target).map(drop)?,
        }
    }
    Ok(())
}

static SCRIPTS: OnceCell<PathBuf> = OnceCell::const_new();

/// Where the clients of the tests have their codes sent. Nobody listens there.
const LOOPBACK: &str = "http://127.0.0.1/callback";

/// RFC 6749 §2.3.1 has a secret form-encoded before it goes into HTTP Basic. This one shows whether it is decoded.
const SECRET: &str = "a secret: of the back end";

const OAUTH4WEBAPI: [&str; 18] = [
    "discovery",
    "resource metadata",
    "code exchange",
    "a code is good once",
    "a wrong verifier is refused",
    "resource request",
    "the token is an RFC 9068 token",
    "a clock that is hours off",
    "refresh",
    "a lost answer is given again",
    "another key refreshes nothing",
    "a token is no bearer token",
    "introspection",
    "introspection of another client's token",
    "introspection needs a caller",
    "revocation",
    "introspection of a revoked token",
    "revocation of nonsense",
];

const OPENID_CLIENT: [&str; 11] = [
    "discovery",
    "code exchange",
    "nonce retry",
    "resource request",
    "refresh",
    "two workers refresh at once",
    "introspection",
    "revocation",
    "a secret in the form",
    "a wrong secret",
    "a public client",
];

const JOSE: [&str; 21] = [
    "ES256: code exchange",
    "ES256: refresh",
    "ES256: resource",
    "ES256: the token names the key",
    "EdDSA: code exchange",
    "EdDSA: refresh",
    "EdDSA: resource",
    "EdDSA: the token names the key",
    "Ed25519: code exchange",
    "Ed25519: refresh",
    "Ed25519: resource",
    "Ed25519: the token names the key",
    "PS256: code exchange",
    "PS256: refresh",
    "PS256: resource",
    "PS256: the token names the key",
    "RS256: refused",
    "ES384: refused",
    "PS512: refused",
    "the challenge names the algorithms",
    "a nonce for the asking",
];

const FAPI: [&str; 51] = [
    "refresh-token: rotation",
    "discovery: an algorithm of the profile",
    "dpop-negative-tests: header name in capitals",
    "dpop-negative-tests: two DPoP headers",
    "dpop-negative-tests: two parts only",
    "dpop-negative-tests: no typ",
    "dpop-negative-tests: no alg",
    "dpop-negative-tests: no jwk",
    "dpop-negative-tests: no jti",
    "dpop-negative-tests: no htm",
    "dpop-negative-tests: no htu",
    "dpop-negative-tests: no iat",
    "dpop-negative-tests: no ath",
    "dpop-negative-tests: wrong typ",
    "dpop-negative-tests: RS256",
    "dpop-negative-tests: alg none",
    "dpop-negative-tests: damaged signature",
    "dpop-negative-tests: private key in jwk",
    "dpop-negative-tests: wrong htm",
    "dpop-negative-tests: htu with query and fragment",
    "dpop-negative-tests: htu without query and fragment",
    "dpop-negative-tests: another htu",
    "dpop-negative-tests: iat an hour ahead",
    "dpop-negative-tests: iat an hour behind",
    "dpop-negative-tests: a jti twice",
    "dpop-negative-tests: wrong ath",
    "dpop-negative-tests: another key",
    "dpop-negative-tests: signature of another key",
    "dpop-negative-tests: unknown members",
    "dpop-negative-tests: htu in capitals",
    "dpop-negative-tests: htu with the default port",
    "dpop-negative-tests: no proof",
    "dpop-negative-tests: no proof and Bearer",
    "dpop-negative-tests: a right proof after all that",
    "check-dpop-proof-nbf-exp: token endpoint",
    "check-dpop-proof-nbf-exp: resource",
    "ensure-dpopproof-with-iat-10seconds-after-succeeds: token endpoint",
    "ensure-dpopproof-with-iat-10seconds-after-succeeds: resource",
    "ensure-dpopproof-with-iat-10seconds-before-succeeds: token endpoint",
    "ensure-dpopproof-with-iat-10seconds-before-succeeds: resource",
    "ensure-dpop-auth-code-binding-success",
    "ensure-token-endpoint-fails-with-mismatched-dpop-jkt",
    "ensure-dpopproof-at-par-endpoint-binding-success",
    "ensure-mismatched-dpop-jkt-fails",
    "ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt",
    "access-token-type-header-case-sensitivity",
    "ensure-holder-of-key-required: code",
    "ensure-holder-of-key-required: resource",
    "refresh-token: no proof",
    "refresh-token: a foreign client",
    "refresh-token: the previous token after 30 s",
];
