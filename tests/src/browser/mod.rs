//! A real Chromium, driven over the DevTools protocol.
//!
//! ```ignore
//! let mut browser = Browser::launch(Profile::trusting(&authority)?, Options::default()).await?;
//! let mut page = browser.open_page().await?;
//! page.navigate(&site.url("/login")).await?;
//! page.wait_dbsc(DbscEvent::is_created).await?;
//! let browser = browser.restart().await?;
//! ```

#![expect(clippy::indexing_slicing, reason = "DevTools speaks JSON, where a missing member reads as null")]

mod connection;
mod cookies;
mod dbsc;
mod options;
mod page;
mod profile;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::json;
use tokio::time::{Instant, sleep};

use self::connection::{Connection, Scope};
pub use self::cookies::Cookie;
pub use self::dbsc::{DbscDetail, DbscEvent};
pub use self::options::Options;
pub use self::page::{Navigation, Page};
pub use self::profile::Profile;
use crate::ProcessGroup;

/// A running browser. Dropping it kills its processes; its profile goes with it.
#[derive(Debug)]
pub struct Browser {
    connection: Connection,
    // Declared before the profile: the processes must be gone when the profile's directory is deleted.
    process: ProcessGroup,
    profile: Profile,
    options: Options,
}

impl Browser {
    /// Starts Chromium with `profile` and waits until it takes commands.
    pub async fn launch(profile: Profile, options: Options) -> Result<Self> {
        let process = start_chromium(&profile, &options)?;
        let endpoint = devtools_endpoint(&profile, &process).await?;
        let connection = Connection::open(&endpoint).await?;
        Ok(Self { connection, process, profile, options })
    }

    /// Opens an empty page with page, network and DBSC events switched on.
    pub async fn open_page(&self) -> Result<Page> {
        Page::open(&self.connection).await
    }

    /// Every cookie of the profile.
    pub async fn cookies(&self) -> Result<Vec<Cookie>> {
        let answer = self.connection.command(Scope::Browser, "Storage.getCookies", json!({})).await?;
        cookies::parse_all(answer)
    }

    /// The cookie called `name` on `host`, if there is one.
    pub async fn cookie(&self, host: &str, name: &str) -> Result<Option<Cookie>> {
        let mut cookies = self.cookies().await?.into_iter();
        Ok(cookies.find(|cookie| cookie.name == name && cookie.domain.trim_start_matches('.') == host))
    }

    /// Closes the browser as its user would, so that it writes cookies and bound sessions to disk.
    pub async fn close(self) -> Result<Profile> {
        let Self { connection, process, profile, options: _ } = self;
        // The browser may hang up before it answers.
        let _answer = connection.command(Scope::Browser, "Browser.close", json!({})).await;
        ensure!(process.exits_within(CLOSE_LIMIT).await?, "the browser did not close:\n{}", profile.log());
        process.finish()?;
        Ok(profile)
    }

    /// Closes the browser and starts it again with the same profile and options.
    pub async fn restart(self) -> Result<Self> {
        let options = self.options.clone();
        Self::launch(self.close().await?, options).await
    }

    /// Kills the browser as a crash would. What it had not yet written to disk is lost.
    pub fn kill(self) -> Result<Profile> {
        self.process.finish()?;
        Ok(self.profile)
    }

    /// The browser's home and profile.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The id of the browser's main process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

fn start_chromium(profile: &Profile, options: &Options) -> Result<ProcessGroup> {
    profile.forget_last_run()?;
    let log = profile.open_log()?;
    let mut command = Command::new("chromium");
    command
        .args(options.arguments())
        .arg(format!("--user-data-dir={}", profile.data().display()))
        .arg("about:blank")
        // Proxies, desktop settings and the developer's own home stay out.
        .env_clear()
        .env("PATH", SYSTEM_PATH)
        .env("HOME", profile.home())
        .env("TMPDIR", profile.temporary())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    ProcessGroup::start(&mut command)
}

/// Chromium writes its DevTools port and path to a file when it is ready.
async fn devtools_endpoint(profile: &Profile, process: &ProcessGroup) -> Result<String> {
    let deadline = Instant::now() + LAUNCH_LIMIT;
    while Instant::now() < deadline && !process.has_exited()? {
        if let Some(endpoint) = parse_active_port(&profile.active_port_file()) {
            return Ok(endpoint);
        }
        sleep(POLL).await;
    }
    bail!("the browser did not start:\n{}", profile.log())
}

fn parse_active_port(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let (port, path) = text.trim_end().split_once('\n')?;
    Some(format!("ws://127.0.0.1:{port}{path}"))
}

/// Where `chromium` and what its start script calls are installed.
const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin";
const LAUNCH_LIMIT: Duration = Duration::from_secs(60);
const CLOSE_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);
