//! What `holdfast doctor` says of the published recipes: nothing.

use std::net::TcpListener;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast_tests::Program;
use holdfast_tests::server::{GATEWAY_SECRET, ORIGIN, TOKEN};
use serde_json::Value;
use tokio::time::sleep;

use crate::gate::Gate;
use crate::proxy::{Configuration, Proxy, deploy};
use crate::through_each_proxy;

/// Examines what stands behind the gate.
async fn examine(gate: &Gate, more: &[&str]) -> Result<Output> {
    let folder = gate.house.folder();
    std::fs::write(folder.join("app.token"), format!("{TOKEN}\n"))?;
    std::fs::write(folder.join("ca.pem"), gate.authority.certificate())?;
    gate.house.catch_up();
    let mut command = Program::Holdfast.command()?;
    command.args(["doctor", "--url", ORIGIN, "--token-file", "app.token", "--ca", "ca.pem"]);
    command.args(["--connect", &gate.proxy.https.to_string()]);
    command.arg("--config").arg(deploy(gate.recipe.folder()).canonicalize()?.join("holdfast.toml"));
    command.args(more).envs(gate.house.variables().iter().cloned()).current_dir(folder);
    Ok(tokio::task::spawn_blocking(move || command.output()).await??)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

async fn nothing_is_found(proxy: Proxy) -> Result<()> {
    let Some(gate) = Gate::published(proxy).await? else { return Ok(()) };
    let output = examine(&gate, &["--echo", "/headers"]).await?;
    let text = said(&output);
    ensure!(output.status.code() == Some(0), "{text}");
    ensure!(text.contains("all is well") && !text.contains("NOT CHECKED"), "{text}");
    for secret in [TOKEN, GATEWAY_SECRET, "__Host-holdfast="] {
        ensure!(!text.contains(secret), "{text}");
    }
    let audit = gate.house.audit().wait_for("session.ended", 3).await?;
    ensure!(audit.len() == 3, "its own sessions are over, and nobody else's: {audit:?}");
    Ok(())
}

through_each_proxy!(nothing_is_found, the_doctor_stands_in_for_the_app);

/// Before there is a page that shows its headers, the command itself can be the app. Then it sees the login page too.
async fn the_doctor_stands_in_for_the_app(proxy: Proxy) -> Result<()> {
    let Some(gate) = Gate::published(proxy).await? else { return Ok(()) };
    let address = gate.app.address.to_string();
    let output = examine(&gate, &["--stand-in", &address]).await?;
    ensure!(output.status.code() == Some(2) && said(&output).contains("stop the app"), "{}", said(&output));
    without_its_app(&gate).await;
    let output = examine(&gate, &["--stand-in", &address]).await?;
    ensure!(output.status.code() == Some(0), "{}", said(&output));
    Ok(())
}

/// The open page is another way to the app.
#[tokio::test]
async fn a_header_that_is_forgotten_at_the_login_page_is_found() -> Result<()> {
    let Some(mut gate) = Gate::published(Proxy::Nginx).await? else { return Ok(()) };
    let address = gate.app.address.to_string();
    without_its_app(&gate).await;
    let mut recipe = Configuration::published(Proxy::Nginx)?;
    recipe.change("        proxy_set_header Holdfast-User \"\";\n", "")?;
    let places = gate.places();
    gate.replace(recipe.start(places, &gate.authority).await?)?;
    let output = examine(&gate, &["--stand-in", &address, "--json"]).await?;
    let found: Value = serde_json::from_slice(&output.stdout).context(said(&output))?;
    let findings = found["findings"].as_array().context("findings")?;
    let [finding] = findings.as_slice() else { bail!("{found}") };
    ensure!(finding["id"] == "identity_header_forged" && output.status.code() == Some(1), "{found}");
    ensure!(finding["sent"].as_str().is_some_and(|sent| sent.starts_with("GET /login ")), "{found}");
    ensure!(finding["came"] == "the app got Holdfast-User", "{found}");
    Ok(())
}

/// Stops the app and waits until its port is free.
async fn without_its_app(gate: &Gate) {
    gate.app.stop();
    for _ in 0..500 {
        if TcpListener::bind(gate.app.address).is_ok() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
}
