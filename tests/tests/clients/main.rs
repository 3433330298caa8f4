//! The libraries for apps, in Node, Python and Rust, against a running server: each walks the same steps, and each must
//! come to the same outcomes.

#![expect(clippy::indexing_slicing, reason = "a member that is missing fails the test")]

mod forge;
mod languages;
mod plan;
mod relay;
mod rust;
mod thin;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::Result;
use holdfast::Clock;
use holdfast_tests::server::{Server, Settings, TOKEN};
use holdfast_tests::{Prerequisite, free_port, require};
use serde_json::json;

use languages::{Script, node, python};
use plan::{Expected, Plan};
use relay::Relay;

#[tokio::test]
async fn the_library_for_node_believes_nothing_but_what_is_so() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Node]) else { return Ok(()) };
    walk_with(tokio::task::spawn_blocking(node).await??).await
}

#[tokio::test]
async fn the_library_for_python_believes_nothing_but_what_is_so() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Python]) else { return Ok(()) };
    walk_with(tokio::task::spawn_blocking(python).await??).await
}

#[tokio::test]
async fn the_library_for_rust_believes_nothing_but_what_is_so() -> Result<()> {
    let stage = Stage::set().await?;
    let plan = stage.plan().await?;
    stage.judge(&plan.steps, &rust::walk(&plan).await?);
    Ok(())
}

async fn walk_with(script: Script) -> Result<()> {
    let stage = Stage::set().await?;
    let plan = stage.plan().await?;
    let file = stage.server.folder().join("plan.json");
    let steps: Vec<_> = plan.steps.iter().map(|(step, _)| step).collect();
    let text = json!({ "api": plan.api, "internal": plan.internal, "origin": plan.origin, "token": TOKEN,
        "nobody": plan.nobody, "steps": steps });
    std::fs::write(&file, text.to_string())?;
    let outcomes = tokio::task::spawn_blocking(move || script.walk(&file)).await??;
    stage.judge(&plan.steps, &outcomes);
    Ok(())
}

/// Three servers: one that is right, one whose clock is two minutes behind, so that what it signs has expired, and one with
/// another root key. Between them and the library stands a relay of their keys, which can be switched and which counts.
struct Stage {
    server: Server,
    late: Server,
    foreign: Server,
    relay: Relay,
}

impl Stage {
    async fn set() -> Result<Self> {
        let now = Clock::system().now().as_secs();
        let server = started(ROOT_KEY, now).await?;
        let late = started(ROOT_KEY, now - 120).await?;
        let foreign = started(&"2".repeat(64), now).await?;
        let relay = Relay::start(&server, &foreign).await?;
        Ok(Self { server, late, foreign, relay })
    }

    async fn plan(&self) -> Result<Plan> {
        let steps = plan::steps(&self.server, &self.late, &self.foreign, &self.relay).await?;
        Ok(Plan {
            api: self.relay.address(),
            internal: format!("http://{}", self.server.internal_addr()),
            nobody: format!("http://127.0.0.1:{}", free_port()?),
            origin: holdfast_tests::server::ORIGIN.to_owned(),
            steps,
        })
    }

    fn judge(&self, expected: &[Expected], outcomes: &[(String, String)]) {
        let wanted: Vec<_> = expected
            .iter()
            .map(|(step, outcome)| {
                (step["name"].as_str().unwrap_or_default().to_owned(), (*outcome).to_owned())
            })
            .collect();
        assert_eq!(outcomes, wanted);
    }
}

async fn started(root_key: &str, now: u64) -> Result<Server> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("root.key");
    std::fs::write(&file, format!("{root_key}\n"))?;
    std::fs::set_permissions(&file, Permissions::from_mode(0o600))?;
    Server::in_folder(folder, Settings::default().starting_at(now)).await
}

const ROOT_KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";
