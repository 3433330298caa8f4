//! A server, a browser and its page.

use anyhow::{Result, ensure};
use holdfast_tests::browser::{Browser, DbscDetail, DbscEvent, Options, Page, Profile};
use holdfast_tests::dev::DevServer;
use holdfast_tests::{Authority, Prerequisite, require};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

/// What every story begins with.
pub(crate) struct Stage {
    pub(crate) browser: Browser,
    pub(crate) page: Page,
    pub(crate) server: DevServer,
    _turn: SemaphorePermit<'static>,
}

impl Stage {
    /// An empty browser and a server that it trusts; `None` when there is no browser.
    pub(crate) async fn set() -> Result<Option<Self>> {
        Self::set_with(Options::default(), None).await
    }

    /// Like [`Self::set`], with other switches, and a browser that trusts the sites of `other` too.
    pub(crate) async fn set_with(options: Options, other: Option<&Authority>) -> Result<Option<Self>> {
        let Some(()) = require(&[Prerequisite::Chromium]) else { return Ok(None) };
        let turn = TURNS.acquire().await?;
        let server = DevServer::start().await?;
        let browser = Browser::launch(server.profile(other)?, options).await?;
        Self::on(server, browser, turn).await.map(Some)
    }

    /// With a server that is there already.
    pub(crate) async fn set_around(start: impl Future<Output = Result<DevServer>>) -> Result<Self> {
        let turn = TURNS.acquire().await?;
        let server = start.await?;
        let browser = Browser::launch(server.profile(None)?, Options::default()).await?;
        Self::on(server, browser, turn).await
    }

    /// The same user comes back to the same profile. `meanwhile` sees the profile of the closed browser.
    pub(crate) async fn restart_browser(
        self,
        meanwhile: impl FnOnce(&Profile) -> Result<()>,
    ) -> Result<Self> {
        let Self { browser, page: _, server, _turn } = self;
        let profile = browser.close().await?;
        meanwhile(&profile)?;
        Self::on(server, Browser::launch(profile, Options::default()).await?, _turn).await
    }

    async fn on(server: DevServer, browser: Browser, turn: SemaphorePermit<'static>) -> Result<Self> {
        let page = browser.open_page().await?;
        Ok(Self { browser, page, server, _turn: turn })
    }

    /// Logs in by the demo's form, waits until the session is bound, and goes to the private page.
    pub(crate) async fn log_in(&mut self) -> Result<()> {
        log_in(&self.server, &mut self.page).await
    }

    /// Opens the private page and gives its status.
    pub(crate) async fn visit(&self) -> Result<u16> {
        Ok(self.page.navigate(&self.server.url(PRIVATE)).await?.status)
    }

    /// Takes the bound cookie away, as time would.
    pub(crate) async fn expire_cookie(&self) -> Result<()> {
        self.page.delete_cookie(&self.server.url("/"), COOKIE).await
    }

    /// Opens the private page without a bound cookie, and gives how many requests were refused on the way.
    pub(crate) async fn refresh(&mut self) -> Result<u64> {
        let refused = self.refused().await?;
        self.expire_cookie().await?;
        ensure!(self.visit().await? == 200, "refused: {:#?}", self.page.dbsc_events());
        self.page.wait_dbsc(DbscEvent::is_refreshed).await?;
        Ok(self.refused().await? - refused)
    }

    /// What the demo says of the session. It must be asked on a page of the demo.
    pub(crate) async fn state(&self) -> Result<Value> {
        state(&self.page).await
    }

    /// How many requests of browsers have been answered with a 4xx. A refresh that needs a challenge adds one.
    pub(crate) async fn refused(&self) -> Result<u64> {
        self.server.metric(&["holdfast_requests_total", "\"public\"", "\"4xx\""]).await
    }
}

/// Logs `page` in, waits until its session is bound, and leaves it on the private page.
pub(crate) async fn log_in(server: &DevServer, page: &mut Page) -> Result<()> {
    page.navigate(&server.url("/")).await?;
    page.submit(LOGIN_FORM).await?;
    becomes_bound(page).await?;
    page.navigate(&server.url(PRIVATE)).await?;
    assert_eq!(state(page).await?["cookie_generation"], 1);
    Ok(())
}

/// Waits until the browser has registered its key.
pub(crate) async fn becomes_bound(page: &mut Page) -> Result<()> {
    let created = page.wait_dbsc(|event| matches!(event.detail, DbscDetail::Creation { .. })).await?;
    ensure!(created.is_created(), "{created:?}");
    assert_eq!(created.detail, DbscDetail::Creation { fetch_result: "Success".to_owned() });
    Ok(())
}

/// What the demo says of the session of `page`.
pub(crate) async fn state(page: &Page) -> Result<Value> {
    page.evaluate("fetch('/state').then((answer) => answer.json())").await
}

/// The name of the session cookie.
pub(crate) const COOKIE: &str = "__Host-holdfast";
/// The page that wants a session.
pub(crate) const PRIVATE: &str = "/private";
/// The form of the demo's login page.
pub(crate) const LOGIN_FORM: &str = "form[action='/login']";
/// True on the login page, whose script has found no session.
pub(crate) const IS_LOGIN_PAGE: &str =
    "document.body.dataset.page === 'home' && !document.getElementById('out').hidden";

/// A story is a server and a browser with all its processes. More than two at a time only wait for each other.
static TURNS: Semaphore = Semaphore::const_new(2);
