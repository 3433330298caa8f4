//! A real Chromium that is suddenly in another network, with policies in force: it proves its key and goes on, and whoever
//! has only its cookie does not.

use anyhow::{Context as _, Result, ensure};
use holdfast_tests::browser::{Browser, DbscDetail, DbscEvent, Options, Page, Profile};
use holdfast_tests::server::COOKIE;
use holdfast_tests::{Prerequisite, require};
use reqwest::Method;
use serde_json::Value;

use crate::app::Seen;
use crate::gate::Gate;
use crate::house::at;
use crate::networks::{AWAY, Crossing, HOME, seen_from, silent_about_refreshes};
use crate::proxy::Proxy;

#[tokio::test]
async fn nginx_sends_a_browser_elsewhere_to_prove_its_key() -> Result<()> {
    a_browser_moves(Proxy::Nginx).await
}

#[tokio::test]
async fn caddy_sends_a_browser_elsewhere_to_prove_its_key() -> Result<()> {
    a_browser_moves(Proxy::Caddy).await
}

async fn a_browser_moves(proxy: Proxy) -> Result<()> {
    let Some(mut visit) = Visit::begin(proxy, Options::default()).await? else { return Ok(()) };
    visit.log_in_and_bind().await?;
    let stolen = visit.cookie().await?;

    visit.crossing.go(AWAY).await?;
    // A form is posted just then: the request is held up, proved, and goes on with its body.
    let before = visit.gate.app.seen().len();
    let answer = visit.post("/orders?x=1", "basket=3").await?;
    assert_eq!(answer, "200 shop");
    visit.page.wait_dbsc(DbscEvent::is_refreshed).await?;
    let came: Vec<Seen> = visit.gate.app.seen().split_off(before);
    let [post] = came.as_slice() else { anyhow::bail!("not one request: {came:?}") };
    assert_eq!(
        (post.method.as_str(), post.target.as_str(), post.body.as_str()),
        ("POST", "/orders?x=1", "basket=3")
    );
    let denied = visit.denied(1).await?;
    assert_eq!(reasons(&denied), ["risk_reprove"]);
    assert_eq!(denied[0]["client_ip"], AWAY);
    // The proof counts for where it came from: the recipe says the same address for both.
    let refreshed = visit.gate.house.audit().wait_for("session.refreshed", 1).await?;
    assert_eq!(refreshed[0]["client_ip"], AWAY);

    // From now on nothing is asked.
    assert_eq!(visit.page.navigate(&at("/orders")).await?.status, 200);
    assert_eq!(visit.post("/orders", "basket=4").await?, "200 shop");
    assert_eq!(visit.gate.house.audit().named("session.refreshed").len(), 1);
    assert_eq!(visit.denied(1).await?.len(), 1);

    // A thief is there too: with the cookie of before, with the one of now, and as another browser than the owner's.
    let fresh = visit.cookie().await?;
    ensure!(fresh != stolen, "the proof brought another cookie");
    let reached = visit.gate.app.seen().len();
    for cookie in [&stolen, &fresh] {
        for _ in 0..3 {
            visit.a_thief_is_refused(AWAY, cookie).await?;
            visit.a_thief_is_refused(THIRD, cookie).await?;
        }
    }
    assert_eq!(visit.gate.app.seen().len(), reached, "nothing of his reached the app");
    // The owner notices nothing, and is at home again without a question: the device proved its key there a while ago.
    assert_eq!(visit.page.navigate(&at("/orders")).await?.status, 200);
    visit.crossing.go(HOME).await?;
    assert_eq!(visit.page.navigate(&at("/orders")).await?.status, 200);
    assert_eq!(visit.gate.house.audit().named("session.refreshed").len(), 1);
    Ok(())
}

#[tokio::test]
async fn nginx_sends_a_browser_without_a_key_to_log_in_again() -> Result<()> {
    a_browser_without_a_key_moves(Proxy::Nginx).await
}

#[tokio::test]
async fn caddy_sends_a_browser_without_a_key_to_log_in_again() -> Result<()> {
    a_browser_without_a_key_moves(Proxy::Caddy).await
}

async fn a_browser_without_a_key_moves(proxy: Proxy) -> Result<()> {
    let Some(visit) = Visit::begin(proxy, Options::without_dbsc()).await? else { return Ok(()) };
    visit.log_in().await?;
    let former = visit.session().await?;
    visit.crossing.go(AWAY).await?;
    let arrived = visit.page.navigate(&at("/orders?x=1")).await?;
    assert_eq!((arrived.url, arrived.status), (at("/login?again=1&return_to=/orders%3Fx%3D1"), 200));
    let denied = visit.denied(1).await?;
    assert_eq!(reasons(&denied), ["risk_step_up"]);
    // The app has the user authenticate, and has Holdfast go on with the session.
    visit.page.submit("form").await?;
    visit.page.until("document.body.dataset.page === 'shop'").await?;
    assert_eq!(visit.page.url().await?, at("/orders?x=1"));
    visit.gate.house.audit().wait_for("session.regenerated", 1).await?;
    ensure!(visit.session().await? != former, "the session has another id");
    assert_eq!(visit.page.navigate(&at("/orders")).await?.status, 200);
    assert_eq!(visit.denied(1).await?.len(), 1);
    Ok(())
}

/// A proxy that hands refreshes on and does not say for whom: proofs never count where the pages come from.
#[tokio::test]
async fn a_browser_is_not_sent_in_circles() -> Result<()> {
    let Some(mut visit) = Visit::begin(Proxy::Nginx, Options::default()).await? else { return Ok(()) };
    visit.log_in_and_bind().await?;
    let silent = silent_about_refreshes(seen_from(Proxy::Nginx, AWAY)?)?;
    visit.crossing.put(AWAY, silent.start(visit.gate.places(), &visit.gate.authority).await?);
    visit.crossing.go(AWAY).await?;
    let arrived = visit.page.navigate(&at("/orders")).await?;
    assert_eq!((arrived.url, arrived.status), (at("/login?again=1&return_to=/orders"), 200));
    let denied = visit.denied(2).await?;
    assert_eq!(reasons(&denied), ["risk_reprove", "risk_step_up"]);
    ensure!(
        denied[1]["detail"].as_str().is_some_and(|detail| detail.contains("holdfast doctor")),
        "{denied:?}"
    );
    Ok(())
}

/// A browser that can change its network, in front of a proxy.
struct Visit {
    page: Page,
    _browser: Browser,
    crossing: Crossing,
    gate: Gate,
}

impl Visit {
    async fn begin(proxy: Proxy, options: Options) -> Result<Option<Self>> {
        let Some(()) = require(&[Prerequisite::Chromium]) else { return Ok(None) };
        let variables = [("POLICY__MODE", "enforce"), ("APPS__0__STEP_UP_URL", "/login?again=1")];
        let home = seen_from(proxy, HOME)?;
        let Some(gate) = Gate::with(proxy, Some(home), &variables).await? else { return Ok(None) };
        let mut crossing = Crossing::begin(HOME, gate.proxy.https).await?;
        for place in [AWAY, THIRD] {
            crossing.put(place, seen_from(proxy, place)?.start(gate.places(), &gate.authority).await?);
        }
        let options = Options {
            host_resolver_rules: format!("MAP shop.example:443 {},MAP *.test 127.0.0.1", crossing.address),
            ..options
        };
        let browser = Browser::launch(Profile::trusting(&gate.authority)?, options).await?;
        let page = browser.open_page().await?;
        Ok(Some(Self { page, _browser: browser, crossing, gate }))
    }

    async fn log_in(&self) -> Result<()> {
        self.page.navigate(&at("/orders")).await?;
        self.page.submit("form").await?;
        self.page.until("document.body.dataset.page === 'shop'").await?;
        assert_eq!(self.page.navigate(&at("/orders")).await?.status, 200);
        Ok(())
    }

    async fn log_in_and_bind(&mut self) -> Result<()> {
        self.page.navigate(&at("/orders")).await?;
        self.page.submit("form").await?;
        let created =
            self.page.wait_dbsc(|event| matches!(event.detail, DbscDetail::Creation { .. })).await?;
        ensure!(created.is_created(), "{created:?}");
        self.page.until("document.body.dataset.page === 'shop'").await?;
        assert_eq!(self.page.navigate(&at("/orders")).await?.status, 200);
        let bound = self.gate.house.audit().wait_for("session.bound", 1).await?;
        assert_eq!(bound[0]["client_ip"], HOME);
        Ok(())
    }

    /// Posts by script, and gives the status and what kind of page answered.
    async fn post(&self, path: &str, body: &str) -> Result<String> {
        let script = format!(
            "fetch('{path}', {{ method: 'POST', body: '{body}' }}).then(async (answer) => \
             `${{answer.status}} ${{/data-page=(\\w+)/.exec(await answer.text())?.[1]}}`)"
        );
        let answer = self.page.evaluate(&script).await?;
        answer.as_str().map(str::to_owned).context("no answer")
    }

    /// Waits until so many requests of a session were refused. The first page of a visit has none yet.
    async fn denied(&self, count: usize) -> Result<Vec<Value>> {
        let mut denied = self.gate.house.audit().wait_for("session.denied", count + 1).await?;
        denied.retain(|event| !event["session"].is_null());
        Ok(denied)
    }

    async fn cookie(&self) -> Result<String> {
        Ok(self._browser.cookie("shop.example", COOKIE).await?.context("no cookie")?.value)
    }

    async fn session(&self) -> Result<String> {
        let own = self.page.evaluate("fetch('/_holdfast/session').then((answer) => answer.json())").await?;
        own["id"].as_str().map(str::to_owned).with_context(|| format!("no session: {own}"))
    }

    /// A request with the cookie, from a client that has no key.
    async fn a_thief_is_refused(&self, from: &str, cookie: &str) -> Result<()> {
        let call = self.crossing.client(from, &self.gate.authority)?.request(Method::GET, at("/orders"));
        let call = call.header("cookie", format!("{COOKIE}={cookie}")).header("user-agent", "curl/8.5.0");
        let answer = call.send().await?;
        ensure!(matches!(answer.status().as_u16(), 307 | 401), "{from}: {answer:?}");
        Ok(())
    }
}

fn reasons(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["reason"].as_str().unwrap_or_default()).collect()
}

/// Where nobody of the owner's ever was.
const THIRD: &str = "8.8.4.4";
