//! The OpenAPI document: what it says is what the program does. Other tests compare each answer that they get with it;
//! here schemathesis asks what nobody has thought of.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use holdfast_tests::server::{Server, Settings, Stage};
use holdfast_tests::{Prerequisite, require, run_to_end};
use reqwest::Method;
use tokio::sync::OnceCell;

#[tokio::test]
async fn the_server_the_command_and_the_repository_have_one_document() -> Result<()> {
    let kept = include_str!("../../../server/openapi.json");
    let server = Server::with(Settings::default()).await?;
    let served = server.internal(Method::GET, "/openapi.json").send().await?.expect(200)?;
    ensure!(served.text == kept, "`cargo run -- openapi > server/openapi.json` renews it");
    let printed = Stage::new()?.run(&["openapi"], &[])?;
    assert_eq!(String::from_utf8(printed.stdout)?, kept);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing_on_the_internal_listener() -> Result<()> {
    finds_nothing(Listener::Internal).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing_on_the_public_listener() -> Result<()> {
    finds_nothing(Listener::Public).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Listener {
    Internal,
    Public,
}

/// Runs schemathesis with a fixed seed against the real program. Its output says how to repeat a failure.
async fn finds_nothing(listener: Listener) -> Result<()> {
    let Some(()) = require(&[Prerequisite::Python]) else { return Ok(()) };
    let schemathesis = SCHEMATHESIS.get_or_try_init(|| async { install() }).await?;
    let mut stage = Stage::new()?;
    // In memory: a hundred requests a second need not wait for the disk a hundred times.
    stage.config = stage.config.replace("kind = \"sled\"\npath = \"data\"", "kind = \"memory\"");
    stage.config += "\n[gateways]\ntrusted = [\"127.0.0.1/32\"]\nsecret_file = \"gateway.secret\"\n";
    std::fs::write(stage.path().join("gateway.secret"), holdfast_tests::server::GATEWAY_SECRET)?;
    let server = stage.start().await?;
    let (address, tags) = match listener {
        Listener::Internal => (stage.api.internal_addr(), INTERNAL),
        Listener::Public => (stage.api.public_addr(), PUBLIC),
    };
    let bound = stage.api.bind("alice").await?;
    let config = std::fs::read_to_string(files().join("schemathesis.toml"))?;
    let config = config.replace("SESSION", &bound.id).replace("COOKIE", &bound.cookie);
    std::fs::write(stage.path().join("schemathesis.toml"), config)?;
    let mut command = Command::new(schemathesis);
    command.args(["--config-file", "schemathesis.toml"]);
    command.arg("run").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/openapi.json"));
    command.args(["--url", &format!("http://{address}"), "--seed", "1", "--max-examples", "10"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--checks", "all"]);
    for tag in tags {
        command.args(["--include-tag", tag]);
    }
    command.current_dir(stage.path());
    let said = tokio::task::spawn_blocking(move || run_to_end(&mut command)).await?;
    let said = said.with_context(|| format!("what the server says:\n{}", server.log()))?;
    // Its exit code says that it found nothing; it must also have asked.
    let asked = said.lines().find_map(|line| line.split_once(" generated,")?.0.trim().parse::<u32>().ok());
    ensure!(asked.is_some_and(|asked| asked > 200), "{said}");
    // Whatever it was asked, it is as well as before.
    stage.api.login("alice").await?;
    assert!(server.stop().await?.success());
    Ok(())
}

/// A virtual environment of its own below `target`, with exactly the packages of `requirements.txt`.
fn install() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    let wanted = std::fs::read(files().join("requirements.txt"))?;
    let (installed, program) = (folder.join("installed.txt"), folder.join("bin/schemathesis"));
    if std::fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(program);
    }
    run_to_end(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--only-binary",
        ":all:",
    ]);
    run_to_end(pip.arg("--requirement").arg(files().join("requirements.txt")))?;
    std::fs::write(installed, wanted)?;
    Ok(program)
}

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi")
}

static SCHEMATHESIS: OnceCell<PathBuf> = OnceCell::const_new();

const INTERNAL: &[&str] = &["sessions", "checks", "gateways", "operations"];

const PUBLIC: &[&str] = &["browsers", "oauth"];
