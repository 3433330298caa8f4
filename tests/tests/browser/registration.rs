//! B01, the first half: a login becomes a bound session.

use anyhow::{Context as _, Result};
use holdfast_tests::browser::DbscEvent;

use crate::stage::{COOKIE, Stage};

#[tokio::test]
async fn a_login_is_bound_to_a_key() -> Result<()> {
    let Some(mut stage) = Stage::set().await? else { return Ok(()) };

    stage.log_in().await?;

    let state = stage.state().await?;
    // Chromium does not tell where a key is, so the server can only repeat what the protocol claims.
    assert_eq!(state["session"]["binding"]["level"], "hardware");
    assert_eq!(state["session"]["user"], "alice");
    let bound = stage.server.audit_has("session.bound").await?;
    assert_eq!(bound["session"], state["session"]["id"], "{bound}");
    let cookie = stage.browser.cookie("localhost", COOKIE).await?.context("no cookie")?;
    assert!(cookie.http_only && cookie.secure && cookie.path == "/", "{cookie:?}");
    assert!(!stage.page.dbsc_events().iter().any(DbscEvent::is_terminated));
    Ok(())
}
