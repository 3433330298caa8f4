//! Leaving, here and everywhere.

use anyhow::{Context as _, Result};
use holdfast_tests::browser::{Browser, DbscEvent, Options};

use crate::stage::{COOKIE, IS_LOGIN_PAGE, Stage, log_in};

#[tokio::test]
async fn a_logout_leaves_nothing() -> Result<()> {
    let Some(mut stage) = Stage::set().await? else { return Ok(()) };
    stage.log_in().await?;
    let id = stage.state().await?["session"]["id"].as_str().context("no session")?.to_owned();

    stage.page.navigate(&stage.server.url("/")).await?;
    stage.page.submit("form[action='/_holdfast/logout?to=/']").await?;

    // The page behind the logout is already asked for without the cookie: Chromium tries to refresh and learns the end.
    stage.page.wait_dbsc(DbscEvent::is_terminated).await?;
    stage.page.until(IS_LOGIN_PAGE).await?;
    for name in [COOKIE.to_owned(), format!("{COOKIE}-hint")] {
        assert_eq!(stage.browser.cookie("localhost", &name).await?, None);
    }
    let ended = stage.server.audit_has("session.ended").await?;
    assert_eq!(ended["session"], id.as_str(), "{ended}");
    let refresh = stage.server.client()?.post(stage.server.url("/_holdfast/dbsc/refresh"));
    assert_eq!(refresh.header("Sec-Secure-Session-Id", id).send().await?.status(), 404);
    assert_eq!(stage.visit().await?, 401);
    Ok(())
}

#[tokio::test]
async fn a_logout_everywhere_reaches_other_devices() -> Result<()> {
    let Some(mut stage) = Stage::set().await? else { return Ok(()) };
    stage.log_in().await?;
    let other = Browser::launch(stage.server.profile(None)?, Options::default()).await?;
    let mut other_page = other.open_page().await?;
    log_in(&stage.server, &mut other_page).await?;

    stage.page.navigate(&stage.server.url("/")).await?;
    stage.page.submit("form[action='/everywhere']").await?;
    stage.page.until(IS_LOGIN_PAGE).await?;

    // The other device still has a cookie with minutes to live. It is of no use any more.
    let navigation = other_page.navigate(&stage.server.url("/private")).await?;
    assert_eq!(navigation.status, 401);
    other_page.until(IS_LOGIN_PAGE).await
}
