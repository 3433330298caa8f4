//! What the demo's page tells of one's own session, while it happens.

use anyhow::{Context as _, Result, ensure};
use holdfast_tests::browser::Page;
use holdfast_tests::dev::DevServer;
use holdfast_tests::{Prerequisite, require};
use serde_json::Value;

use crate::stage::{COOKIE, LOGIN_FORM, Stage, becomes_bound};

#[tokio::test]
async fn a_visitor_sees_the_thief_and_what_policies_would_do() -> Result<()> {
    let Some(mut stage) = Stage::set().await? else { return Ok(()) };
    begin(&mut stage).await?;
    shows(&stage.page, "session.created").await?;
    shows(&stage.page, "session.bound").await?;
    // Each second the page asks, which is one entry that counts.
    until_text(&stage.page, "A request was let through. ×").await?;
    ensure!(stage.page.text().await?.contains("Policies only observe"), "{}", stage.page.text().await?);

    // The thief comes by in another tab, and the page that stays open tells of him.
    let thief = stage.browser.open_page().await?;
    thief.navigate(&stage.server.url("/thief")).await?;
    thief.click("#steal").await?;
    thief.until("document.getElementById('badge').textContent === 'let in'").await?;
    until_text(&stage.page, "agent.changed 80: The client is another one than at login").await?;
    until_text(&stage.page, "bound-other-client would have asked the device for a proof.").await?;
    stage.server.audit_has("risk.raised").await?;

    // Another cookie, and the same timeline goes on.
    let before = count(&stage.page).await?;
    stage.expire_cookie().await?;
    until_text(&stage.page, "Your device proved its key").await?;
    ensure!(count(&stage.page).await? > before, "it began anew");
    shows(&stage.page, "session.created").await
}

#[tokio::test]
async fn where_policies_are_in_force_the_thief_is_kept_out() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Chromium]) else { return Ok(()) };
    let server = DevServer::start_with(&[("HOLDFAST__POLICY__MODE", "enforce")]);
    let mut stage = Stage::set_around(server).await?;
    ensure!(stage.server.log().contains("Policies       enforce"), "{}", stage.server.log());
    begin(&mut stage).await?;
    until_text(&stage.page, "Policies are enforced.").await?;
    let thief = stage.browser.open_page().await?;
    thief.navigate(&stage.server.url("/thief")).await?;
    thief.click("#steal").await?;
    thief.until("document.getElementById('badge').textContent === 'kept out'").await?;
    until_text(&stage.page, "A request was held up: first the device has to prove its key.").await?;
    until_text(&stage.page, "bound-other-client asks the device for a proof.").await?;
    // The owner goes on, and no device was asked for it.
    ensure!(stage.page.evaluate("!document.getElementById('in').hidden").await? == true, "logged out");
    ensure!(stage.server.audit()?.iter().all(|event| event["event"] != "session.refreshed"), "refreshed");
    Ok(())
}

#[tokio::test]
async fn nobody_sees_what_is_anothers() -> Result<()> {
    let Some(mut stage) = Stage::set().await? else { return Ok(()) };
    begin(&mut stage).await?;
    let client = stage.server.client()?;
    // Without a session there is nothing to see, and with another one's nothing of this one.
    for cookie in ["", "__Host-holdfast=nonsense"] {
        let refused = client.get(stage.server.url("/demo/events")).header("cookie", cookie).send().await?;
        ensure!(refused.status() == 401, "{cookie}: {refused:?}");
        ensure!(refused.headers()["content-type"] == "application/problem+json", "{refused:?}");
    }
    let form = "application/x-www-form-urlencoded";
    let login = client.post(stage.server.url("/login")).header("content-type", form).body("user=mallory");
    let login = login.send().await?;
    let cookies = login.headers().get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
    let prefix = format!("{COOKIE}=");
    let cookie = cookies.filter(|line| line.starts_with(&prefix)).find_map(|line| line.split(';').next());
    let cookie = cookie.context("no cookie")?;
    let watch = || client.get(stage.server.url("/demo/events")).header("cookie", cookie);
    let mut events = watch().send().await?;
    ensure!(events.headers()["content-type"] == "text/event-stream", "{events:?}");
    let mut text = String::new();
    while !text.contains("session.created") {
        text += std::str::from_utf8(&events.chunk().await?.context("it ended")?)?;
    }
    let mine = stage.state().await?["session"]["id"].as_str().context("no session")?.to_owned();
    ensure!(!text.contains(&mine) && !text.contains("session.bound"), "{text}");
    // Secrets have no place in it, as in the trail that it is made of.
    ensure!(!text.contains(cookie.trim_start_matches(&prefix)), "{text}");

    // It ends with the session, after saying so, and is not to be had again.
    let out = client.post(stage.server.url("/_holdfast/logout")).header("cookie", cookie);
    let out = out.header("origin", stage.server.url("").trim_end_matches('/')).send().await?;
    ensure!(out.status().is_success(), "{out:?}");
    while let Some(chunk) = events.chunk().await? {
        text += std::str::from_utf8(&chunk)?;
    }
    ensure!(text.contains("The session ended: logout."), "{text}");
    assert_eq!(watch().send().await?.status(), 401);
    Ok(())
}

/// Logs in and stays on the demo's home page.
async fn begin(stage: &mut Stage) -> Result<()> {
    stage.page.navigate(&stage.server.url("/")).await?;
    stage.page.submit(LOGIN_FORM).await?;
    becomes_bound(&mut stage.page).await
}

async fn shows(page: &Page, event: &str) -> Result<()> {
    until_text(page, event).await
}

async fn until_text(page: &Page, text: &str) -> Result<()> {
    let text = Value::from(text);
    page.until(&format!("document.getElementById('in').textContent.includes({text})")).await
}

async fn count(page: &Page) -> Result<u64> {
    page.evaluate("document.querySelectorAll('#timeline > li').length").await?.as_u64().context("no timeline")
}
