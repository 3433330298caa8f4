//! The real program as the harness handles it: it becomes ready, stops when asked, and survives being killed.

use anyhow::Result;
use holdfast_tests::server::Settings;
use holdfast_tests::{HoldfastProcess, free_port};

#[tokio::test]
async fn it_stops_when_asked_and_starts_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let internal = ([127, 0, 0, 1], free_port()?).into();
    let config = Settings::toml_listening("127.0.0.1:0", &format!("{internal}"), STORE);

    let server = HoldfastProcess::start(folder.path(), &config, internal).await?;
    let status = server.stop().await?;
    assert!(status.success(), "{status}");

    let server = HoldfastProcess::start(folder.path(), &config, internal).await?;
    let status = server.kill()?;
    assert!(!status.success(), "{status}");

    // The store of a killed server opens again.
    let server = HoldfastProcess::start(folder.path(), &config, internal).await?;
    assert!(server.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn a_wrong_configuration_ends_it_with_code_2() -> Result<()> {
    let folder = tempfile::tempdir()?;

    let status = HoldfastProcess::spawn(folder.path(), "[nonsense]\n")?.ends().await?;

    assert_eq!(status.code(), Some(2));
    Ok(())
}

const STORE: &str = "kind = \"sled\"\npath = \"data\"";
