//! The audit file, read back.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

/// An audit file. The server writes it a moment after its answers, so a reader may have to wait that moment.
#[derive(Clone, Debug)]
pub struct AuditFile(PathBuf);

impl AuditFile {
    /// The file at `path`, which may not be there yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Every line so far.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.text().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The whole text so far.
    #[must_use]
    pub fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap_or_default()
    }

    /// The events of this name so far.
    #[must_use]
    pub fn named(&self, event: &str) -> Vec<Value> {
        self.events().into_iter().filter(|line| line.get("event").is_some_and(|name| name == event)).collect()
    }

    /// Waits until there are at least so many events of this name, and gives them.
    pub async fn wait_for(&self, event: &str, count: usize) -> Result<Vec<Value>> {
        for _ in 0..ATTEMPTS {
            let events = self.named(event);
            if events.len() >= count {
                return Ok(events);
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("the audit file has not {count} times {event}:\n{}", self.text())
    }
}

const PAUSE: Duration = Duration::from_millis(10);

/// Ten seconds in all, for a machine that does much else.
const ATTEMPTS: usize = 1000;
