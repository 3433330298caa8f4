//! What the server wrote into its audit file since somebody started to look.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Failure;

/// One line of the audit file, as far as an onlooker cares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub event: String,
    /// The session it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The reason given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The protocol rule that was broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// A place in an audit file; everything after it is news.
#[derive(Clone, Debug)]
pub struct Bookmark {
    path: PathBuf,
    offset: u64,
}

impl Bookmark {
    /// Marks the file's present end.
    pub fn at_end(path: &Path) -> Result<Self, Failure> {
        let offset = std::fs::metadata(path).map(|file| file.len()).unwrap_or(0);
        Ok(Self { path: path.to_owned(), offset })
    }

    /// All complete lines since the mark. A line that is not an event is passed over.
    pub fn events(&self) -> Result<Vec<Event>, Failure> {
        let failed = |error: std::io::Error| Failure::file(&self.path, error);
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened.map_err(failed)?,
        };
        file.seek(SeekFrom::Start(self.offset)).map_err(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
        Ok(complete.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// The events since the mark, once one of `wanted` is among them, or after a short while without.
    ///
    /// The file may be written a moment after the answer; this waits in real time because that moment is real.
    pub async fn events_with(&self, wanted: &[&str]) -> Result<Vec<Event>, Failure> {
        for _ in 0..PATIENCE_STEPS {
            let events = self.events()?;
            if events.iter().any(|event| wanted.contains(&event.event.as_str())) {
                return Ok(events);
            }
            tokio::time::sleep(STEP).await;
        }
        self.events()
    }
}

/// How often the file is looked at again.
const STEP: Duration = Duration::from_millis(50);

/// How many times: two seconds in all.
const PATIENCE_STEPS: usize = 40;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn only_complete_lines_after_the_mark_are_news() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        std::fs::write(&path, "{\"event\":\"old\"}\n").unwrap();
        let mark = Bookmark::at_end(&path).unwrap();
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        write!(file, "{{\"event\":\"cookie.stale\",\"reason\":null}}\nnoise\n{{\"event\":\"half").unwrap();
        let names: Vec<String> = mark.events().unwrap().into_iter().map(|event| event.event).collect();
        assert_eq!(names, ["cookie.stale"]);
    }
}
