//! One page (tab) of the browser.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::connection::{Connection, Event, Scope};
use super::dbsc::DbscEvent;

/// A page. Its events are kept from when it was opened, so a wait also finds what happened before it began.
#[derive(Debug)]
pub struct Page {
    connection: Connection,
    session: String,
    /// The first event that no [`Self::wait_dbsc`] has passed yet.
    dbsc_position: usize,
}

/// Where a navigation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Navigation {
    /// The address of the document, after redirects.
    pub url: String,
    /// Its HTTP status.
    pub status: u16,
}

impl Page {
    pub(crate) async fn open(connection: &Connection) -> Result<Self> {
        let started = connection.now();
        let target = connection
            .command(Scope::Browser, "Target.createTarget", json!({ "url": "about:blank" }))
            .await?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = connection.command(Scope::Browser, "Target.attachToTarget", attach).await?;
        let session = attached["sessionId"].as_str().context("a target without a session")?.to_owned();
        let page = Self { connection: connection.clone(), session, dbsc_position: started };
        page.command("Page.enable", json!({})).await?;
        page.command("Page.setLifecycleEventsEnabled", json!({ "enabled": true })).await?;
        page.command("Network.enable", json!({})).await?;
        page.command("Network.enableDeviceBoundSessions", json!({ "enable": true })).await?;
        Ok(page)
    }

    /// Goes to `url` as if it had been typed, and waits until it has loaded.
    pub async fn navigate(&self, url: &str) -> Result<Navigation> {
        let started = self.connection.now();
        let loader = self.start_navigation(url).await?;
        self.loads(started, &loader).await.with_context(|| format!("loading {url}"))?;
        self.document(started, &loader)
    }

    /// Goes to `url` and waits only until an answer begins: for pages that go elsewhere by themselves.
    /// [`Self::until`] tells when they have arrived.
    pub async fn start(&self, url: &str) -> Result<()> {
        self.start_navigation(url).await.map(drop)
    }

    /// The value of a JavaScript expression; promises are awaited.
    pub async fn evaluate(&self, expression: &str) -> Result<Value> {
        let params = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true,
        });
        let mut answer = self.command("Runtime.evaluate", params).await?;
        if let Some(thrown) = answer.get("exceptionDetails") {
            bail!("{expression}: {thrown}");
        }
        Ok(answer["result"]["value"].take())
    }

    /// The text that the page shows.
    pub async fn text(&self) -> Result<String> {
        let text = self.evaluate("document.body.innerText").await?;
        text.as_str().map(str::to_owned).context("a page without text")
    }

    /// The page's address.
    pub async fn url(&self) -> Result<String> {
        let url = self.evaluate("location.href").await?;
        url.as_str().map(str::to_owned).context("a page without an address")
    }

    /// Waits until a JavaScript expression is true. Errors count as not yet: the page may be on its way elsewhere.
    pub async fn until(&self, expression: &str) -> Result<()> {
        let deadline = Instant::now() + LOAD_LIMIT;
        loop {
            if self.evaluate(expression).await.is_ok_and(|value| value == true) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "never true: {expression}, at {:?}", self.url().await);
            sleep(POLL).await;
        }
    }

    /// Sets a form field.
    pub async fn fill(&self, selector: &str, value: &str) -> Result<()> {
        self.on_element(selector, &format!("element.value = {}", json!(value))).await
    }

    /// Clicks an element: a link, a button. What the click leads to can be awaited with [`Self::until`].
    pub async fn click(&self, selector: &str) -> Result<()> {
        self.on_element(selector, "element.click()").await
    }

    /// Submits a form as its submit button would.
    pub async fn submit(&self, selector: &str) -> Result<()> {
        self.on_element(selector, "element.requestSubmit()").await
    }

    /// Deletes a cookie, as if it had expired.
    pub async fn delete_cookie(&self, url: &str, name: &str) -> Result<()> {
        self.command("Network.deleteCookies", json!({ "url": url, "name": name })).await.map(drop)
    }

    /// Puts a cookie into the browser's jar, as a thief would. `cookie` has the members of CDP's `Network.setCookie`.
    pub async fn set_cookie(&self, cookie: Value) -> Result<()> {
        let answer = self.command("Network.setCookie", cookie).await?;
        ensure!(answer["success"] != false, "the browser refused the cookie");
        Ok(())
    }

    /// The next DBSC event that `wanted` accepts. Each call begins behind the event that the last one found.
    pub async fn wait_dbsc(&mut self, wanted: impl Fn(&DbscEvent) -> bool) -> Result<DbscEvent> {
        let session = &self.session;
        let select = |event: &Event| dbsc(session, event).filter(|event| wanted(event));
        let found = self.connection.wait(self.dbsc_position, DBSC_LIMIT, select).await;
        let (position, event) = found.with_context(|| format!("DBSC so far: {:#?}", self.dbsc_events()))?;
        self.dbsc_position = position;
        Ok(event)
    }

    /// All DBSC events since the page was opened.
    #[must_use]
    pub fn dbsc_events(&self) -> Vec<DbscEvent> {
        self.connection.since(0, |event| dbsc(&self.session, event))
    }

    /// Writes what the page looks like to a PNG file.
    pub async fn screenshot(&self, file: &Path) -> Result<()> {
        let answer = self.command("Page.captureScreenshot", json!({ "format": "png" })).await?;
        let picture = STANDARD.decode(answer["data"].as_str().context("no picture")?)?;
        Ok(std::fs::write(file, picture)?)
    }

    /// Any other DevTools command, sent to this page.
    pub async fn command(&self, method: &str, params: Value) -> Result<Value> {
        self.connection.command(Scope::Page(&self.session), method, params).await
    }

    async fn start_navigation(&self, url: &str) -> Result<String> {
        let answer = self.command("Page.navigate", json!({ "url": url })).await?;
        if let Some(error) = answer["errorText"].as_str() {
            bail!("{url}: {error}");
        }
        answer["loaderId"].as_str().map(str::to_owned).with_context(|| format!("{url} is the same document"))
    }

    /// Waits for the load event of the document with this loader's id.
    async fn loads(&self, started: usize, loader: &str) -> Result<()> {
        let loaded = |event: &Event| {
            let is_load = event.is(&self.session, "Page.lifecycleEvent") && event.params["name"] == "load";
            (is_load && event.params["loaderId"] == loader).then_some(())
        };
        self.connection.wait(started, LOAD_LIMIT, loaded).await.map(drop)
    }

    /// The document request of a navigation has the loader's id.
    fn document(&self, started: usize, loader: &str) -> Result<Navigation> {
        let responses = self.connection.since(started, |event| {
            let is_document =
                event.is(&self.session, "Network.responseReceived") && event.params["requestId"] == loader;
            is_document.then(|| event.params["response"].clone())
        });
        let response = responses.last().context("a document without a response")?;
        let status =
            response["status"].as_u64().and_then(|status| status.try_into().ok()).context("no status")?;
        Ok(Navigation { url: response["url"].as_str().context("no address")?.to_owned(), status })
    }

    async fn on_element(&self, selector: &str, action: &str) -> Result<()> {
        let selector = json!(selector);
        let script = format!(
            "(() => {{ const element = document.querySelector({selector}); \
             if (!element) throw new Error('nothing matches ' + {selector}); {action}; }})()"
        );
        self.evaluate(&script).await.map(drop)
    }
}

fn dbsc(session: &str, event: &Event) -> Option<DbscEvent> {
    let is_dbsc = event.is(session, "Network.deviceBoundSessionEventOccurred");
    is_dbsc.then(|| DbscEvent::parse(&event.params)).flatten()
}

const LOAD_LIMIT: Duration = Duration::from_secs(30);
/// Registrations and refreshes take milliseconds; a loaded machine may need seconds.
const DBSC_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(25);
