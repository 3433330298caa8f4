//! A real Chromium in front of every proxy, from the first page to the logout.

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use holdfast_tests::browser::{Browser, DbscDetail, DbscEvent, Options, Page, Profile};
use holdfast_tests::server::{COOKIE, HINT};
use holdfast_tests::{Prerequisite, Site, require};

use crate::gate::Gate;
use crate::house::at;
use crate::proxy::Proxy;
use crate::through_each_proxy;

through_each_proxy!(a_user_comes_works_and_goes);

async fn a_user_comes_works_and_goes(proxy: Proxy) -> Result<()> {
    let Some(()) = require(&[Prerequisite::Chromium]) else { return Ok(()) };
    let Some(gate) = Gate::published(proxy).await? else { return Ok(()) };
    let mut visit = Visit::begin(gate).await?;
    visit.a_page_leads_to_the_login_and_back().await?;
    visit.a_script_is_told_and_not_sent_anywhere().await?;
    visit.a_missing_cookie_is_renewed().await?;
    visit.a_link_from_elsewhere_arrives_after_one_reload().await?;
    visit.the_device_proves_its_key_for_the_account().await?;
    visit.a_stolen_cookie_dies().await?;
    visit.a_logout_leaves_nothing().await
}

/// A browser with its page, in front of a proxy.
struct Visit {
    page: Page,
    browser: Browser,
    gate: Gate,
}

impl Visit {
    async fn begin(gate: Gate) -> Result<Self> {
        let proxy = gate.proxy.https;
        let options = Options {
            host_resolver_rules: format!("MAP shop.example:443 {proxy},MAP *.test 127.0.0.1"),
            ..Options::default()
        };
        let browser = Browser::launch(Profile::trusting(&gate.authority)?, options).await?;
        let page = browser.open_page().await?;
        Ok(Self { page, browser, gate })
    }

    async fn a_page_leads_to_the_login_and_back(&mut self) -> Result<()> {
        let arrived = self.page.navigate(&at("/orders?x=1")).await?;
        assert_eq!((arrived.url, arrived.status), (at("/login?return_to=/orders%3Fx%3D1"), 200));
        self.page.submit("form").await?;
        let created =
            self.page.wait_dbsc(|event| matches!(event.detail, DbscDetail::Creation { .. })).await?;
        ensure!(created.is_created(), "{created:?}");
        self.page.until("document.body.dataset.page === 'shop'").await?;
        assert_eq!(self.page.url().await?, at("/orders?x=1"));
        assert_eq!(self.page.navigate(&at("/orders")).await?.status, 200);
        assert_eq!(self.page.evaluate("document.body.dataset.user").await?, "alice");
        assert_eq!(self.page.evaluate("document.body.dataset.binding").await?, "hardware");
        Ok(())
    }

    async fn a_script_is_told_and_not_sent_anywhere(&self) -> Result<()> {
        let script = "fetch('/orders', { credentials: 'omit', redirect: 'manual' })
            .then((answer) => `${answer.status} ${answer.headers.get('content-type')}`)";
        assert_eq!(self.page.evaluate(script).await?, "401 application/problem+json");
        Ok(())
    }

    async fn a_missing_cookie_is_renewed(&mut self) -> Result<()> {
        self.expire_cookie().await?;
        assert_eq!(self.page.navigate(&at("/orders")).await?.status, 200);
        self.page.wait_dbsc(DbscEvent::is_refreshed).await?;
        Ok(())
    }

    async fn a_link_from_elsewhere_arrives_after_one_reload(&mut self) -> Result<()> {
        let link = format!("<link rel=icon href='data:,'><a href='{}'>there</a>", at("/orders?from=there"));
        let router = Router::new().route("/", get(async || Html(link)));
        let elsewhere = Site::start(&self.gate.authority, &["elsewhere.test"], router).await?;
        let denied = self.gate.house.audit().named("session.denied").len();
        self.page.navigate(&elsewhere.origin("elsewhere.test")).await?;
        self.expire_cookie().await?;
        self.page.click("a").await?;
        self.page.until("document.body.dataset.page === 'shop'").await?;
        assert_eq!(self.page.url().await?, at("/orders?from=there"));
        self.page.wait_dbsc(DbscEvent::is_refreshed).await?;
        // The link itself was sent round, and the reload was not.
        assert_eq!(self.gate.house.audit().wait_for("session.denied", denied + 1).await?.len(), denied + 1);
        Ok(())
    }

    async fn the_device_proves_its_key_for_the_account(&mut self) -> Result<()> {
        self.gate.house.advance(301);
        let proofs = self.proofs().await?;
        assert_eq!(self.page.navigate(&at("/orders")).await?.status, 200);
        assert_eq!(self.proofs().await?, proofs, "nothing demands one there");
        let arrived = self.page.navigate(&at("/account/cards?x=1")).await?;
        assert_eq!((arrived.url, arrived.status), (at("/account/cards?x=1"), 200));
        self.page.wait_dbsc(DbscEvent::is_refreshed).await?;
        assert_eq!(self.proofs().await?, proofs + 1);
        // Now it is fresh.
        assert_eq!(self.page.navigate(&at("/account/cards")).await?.status, 200);
        assert_eq!(self.proofs().await?, proofs + 1);
        Ok(())
    }

    async fn a_stolen_cookie_dies(&mut self) -> Result<()> {
        let stolen = self.browser.cookie("shop.example", COOKIE).await?.context("no cookie")?.value;
        self.gate.get("/orders").cookie(&stolen).send().await?.expect(200)?;
        for _ in 0..2 {
            self.a_missing_cookie_is_renewed().await?;
            self.gate.house.advance(31);
        }
        self.gate.get("/orders").cookie(&stolen).send().await?.expect(401)?;
        self.gate.house.audit().wait_for("cookie.stale", 1).await?;
        // The owner notices nothing.
        assert_eq!(self.page.navigate(&at("/orders")).await?.status, 200);
        Ok(())
    }

    async fn a_logout_leaves_nothing(&mut self) -> Result<()> {
        self.page.submit("form").await?;
        self.page.wait_dbsc(DbscEvent::is_terminated).await?;
        self.page.until("document.body.dataset.page === 'login'").await?;
        for name in [COOKIE, HINT] {
            assert_eq!(self.browser.cookie("shop.example", name).await?, None);
        }
        self.gate.house.audit().wait_for("session.ended", 1).await?;
        let arrived = self.page.navigate(&at("/orders")).await?;
        assert_eq!(arrived.url, at("/login?return_to=/orders"));
        Ok(())
    }

    async fn expire_cookie(&self) -> Result<()> {
        self.page.delete_cookie(&at("/"), COOKIE).await
    }

    /// How often the key of the session has been proven.
    async fn proofs(&self) -> Result<u64> {
        let own = self.page.evaluate("fetch('/_holdfast/session').then((answer) => answer.json())").await?;
        own["binding"]["proofs"].as_u64().with_context(|| format!("no session: {own}"))
    }
}
