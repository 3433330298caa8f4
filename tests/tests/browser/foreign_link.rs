//! B08: a link from another site, for which Chromium does not refresh.

use anyhow::{Context as _, Result};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use holdfast_tests::browser::{DbscEvent, Options};
use holdfast_tests::{Authority, Site};
use serde_json::json;

use crate::stage::{COOKIE, IS_LOGIN_PAGE, PRIVATE, Stage};

#[tokio::test]
async fn a_foreign_link_arrives_after_one_reload() -> Result<()> {
    let Some((mut stage, elsewhere)) = set().await? else { return Ok(()) };
    let refused = stage.refused().await?;
    let denied = denied(&stage).await?;

    stage.page.navigate(&elsewhere.origin(ELSEWHERE)).await?;
    stage.expire_cookie().await?;
    stage.page.click("a").await?;
    stage.page.until("document.getElementById('private') !== null").await?;

    assert_eq!(stage.page.url().await?, stage.server.url(PRIVATE));
    stage.page.wait_dbsc(DbscEvent::is_refreshed).await?;
    // The link itself was sent round, the reload from our own site was not, and nothing was refused outright.
    assert_eq!(self::denied(&stage).await? - denied, 1);
    assert_eq!(stage.refused().await?, refused);
    Ok(())
}

#[tokio::test]
async fn a_foreign_link_without_a_session_ends_at_the_login_page() -> Result<()> {
    let Some((mut stage, elsewhere)) = set().await? else { return Ok(()) };
    let id = stage.state().await?["session"]["id"].as_str().context("no session")?.to_owned();
    let key = json!({ "key": { "site": "https://localhost", "id": id } });

    stage.page.navigate(&elsewhere.origin(ELSEWHERE)).await?;
    stage.page.command("Network.deleteDeviceBoundSession", key).await?;
    stage.page.wait_dbsc(DbscEvent::is_terminated).await?;
    stage.expire_cookie().await?;
    let hint = stage.browser.cookie("localhost", &format!("{COOKIE}-hint")).await?;
    assert!(hint.is_some(), "without the hint, nothing would be tried");
    stage.page.click("a").await?;
    stage.page.until(IS_LOGIN_PAGE).await?;

    // It stays there: a loop would replace the document, and the mark with it.
    stage.page.evaluate("window.mark = 'here'").await?;
    stage.page.until("performance.now() > 1500 && window.mark === 'here'").await?;
    assert_eq!(stage.page.url().await?, stage.server.url(PRIVATE));
    Ok(())
}

/// A user who is logged in, and a site of somebody else with a link to the private page.
async fn set() -> Result<Option<(Stage, Site)>> {
    let authority = Authority::new()?;
    let Some(mut stage) = Stage::set_with(Options::default(), Some(&authority)).await? else {
        return Ok(None);
    };
    let link = format!("<link rel=icon href='data:,'><a href='{}'>there</a>", stage.server.url(PRIVATE));
    let router = Router::new().route("/", get(async || Html(link)));
    let elsewhere = Site::start(&authority, &[ELSEWHERE], router).await?;
    stage.log_in().await?;
    Ok(Some((stage, elsewhere)))
}

/// How many requests came without a cookie.
async fn denied(stage: &Stage) -> Result<u64> {
    stage.server.metric(&["holdfast_checks_total", "\"deny\"", "\"no_credential\""]).await
}

const ELSEWHERE: &str = "elsewhere.test";
