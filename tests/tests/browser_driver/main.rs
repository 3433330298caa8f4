//! The browser of the harness, proven against a site that speaks just enough DBSC.

mod relying_party;

use std::path::Path;

use anyhow::{Context as _, Result};
use holdfast_tests::browser::{Browser, DbscDetail, DbscEvent, Options, Page, Profile};
use holdfast_tests::{Authority, Prerequisite, Site, require};
use relying_party::COOKIE;

#[tokio::test]
async fn a_trusted_authority_is_enough_for_dbsc() -> Result<()> {
    let Some(stage) = Stage::set().await? else { return Ok(()) };
    let mut page = stage.browser.open_page().await?;

    stage.register(&mut page).await?;

    let cookie = stage.browser.cookie(HOST, COOKIE).await?.context("no bound cookie")?;
    assert!(cookie.http_only && cookie.secure && cookie.path == "/", "{cookie:?}");
    Ok(())
}

#[tokio::test]
async fn a_deleted_cookie_comes_back_before_the_page_does() -> Result<()> {
    let Some(stage) = Stage::set().await? else { return Ok(()) };
    let mut page = stage.browser.open_page().await?;
    stage.register(&mut page).await?;

    page.delete_cookie(&stage.site.origin(HOST), COOKIE).await?;
    stage.visit(&page).await?;

    page.wait_dbsc(DbscEvent::is_refreshed).await?;
    assert_eq!(page.text().await?, format!("HTTP/2.0 {COOKIE}=1"));
    Ok(())
}

#[tokio::test]
async fn a_session_outlives_the_browser() -> Result<()> {
    let Some(stage) = Stage::set().await? else { return Ok(()) };
    let mut page = stage.browser.open_page().await?;
    stage.register(&mut page).await?;

    let stage = stage.restart_browser().await?;
    let mut page = stage.browser.open_page().await?;
    page.delete_cookie(&stage.site.origin(HOST), COOKIE).await?;
    stage.visit(&page).await?;

    page.wait_dbsc(DbscEvent::is_refreshed).await?;
    assert_eq!(page.text().await?, format!("HTTP/2.0 {COOKIE}=1"));
    Ok(())
}

#[tokio::test]
async fn a_browser_without_dbsc_registers_nothing() -> Result<()> {
    let Some(stage) = Stage::set_with(Options::without_dbsc()).await? else { return Ok(()) };
    let page = stage.browser.open_page().await?;

    page.navigate(&format!("{}/login", stage.site.origin(HOST))).await?;
    stage.visit(&page).await?;

    assert_eq!(page.text().await?, "HTTP/2.0 no cookie");
    assert_eq!(page.dbsc_events(), []);
    Ok(())
}

#[tokio::test]
async fn an_unknown_authority_is_refused() -> Result<()> {
    let Some(stage) = Stage::set().await? else { return Ok(()) };
    let stranger = relying_party::start(&Authority::new()?, HOST).await?;
    let page = stage.browser.open_page().await?;

    let refused = page.navigate(&stranger.origin(HOST)).await;

    assert!(refused.is_err_and(|error| error.to_string().contains("ERR_CERT_AUTHORITY_INVALID")));
    Ok(())
}

#[tokio::test]
async fn nothing_is_left_of_a_dropped_browser() -> Result<()> {
    let Some(stage) = Stage::set().await? else { return Ok(()) };
    let page = stage.browser.open_page().await?;
    stage.visit(&page).await?;
    let data = stage.browser.profile().data();
    assert!(!processes_naming(&data)?.is_empty());

    drop(stage);

    assert_eq!(processes_naming(&data)?, Vec::<String>::new());
    assert!(!data.exists());
    Ok(())
}

/// A browser and the site it visits.
struct Stage {
    site: Site,
    browser: Browser,
}

impl Stage {
    async fn set() -> Result<Option<Self>> {
        Self::set_with(Options::default()).await
    }

    async fn set_with(options: Options) -> Result<Option<Self>> {
        let Some(()) = require(&[Prerequisite::Chromium]) else { return Ok(None) };
        let authority = Authority::new()?;
        let site = relying_party::start(&authority, HOST).await?;
        let browser = Browser::launch(Profile::trusting(&authority)?, options).await?;
        Ok(Some(Self { site, browser }))
    }

    async fn restart_browser(self) -> Result<Self> {
        Ok(Self { browser: self.browser.restart().await?, ..self })
    }

    async fn register(&self, page: &mut Page) -> Result<()> {
        page.navigate(&format!("{}/login", self.site.origin(HOST))).await?;
        let created = page.wait_dbsc(DbscEvent::is_created).await?;
        assert_eq!(created.detail, DbscDetail::Creation { fetch_result: "Success".to_owned() });
        Ok(())
    }

    async fn visit(&self, page: &Page) -> Result<()> {
        let navigation = page.navigate(&format!("{}/page", self.site.origin(HOST))).await?;
        assert_eq!(navigation.status, 200);
        Ok(())
    }
}

/// The processes whose command line names `path`: all of a browser's, since each knows where its profile is.
fn processes_naming(path: &Path) -> Result<Vec<String>> {
    let path = path.to_string_lossy();
    let entries = std::fs::read_dir("/proc")?.filter_map(Result::ok);
    // A process may end while it is looked at.
    let commands = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    Ok(commands.filter(|command| command.contains(&*path)).collect())
}

const HOST: &str = "app.test";
