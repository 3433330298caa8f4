//! The audit trail, as far as the doctor may read it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use holdfast_core::UnixTime;
use serde::Deserialize;

use super::{
    Setup, kinds,
    report::{Finding, Outcome},
};
use crate::telemetry::parse_rfc3339;

/// A line, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) time: String,
    pub(super) event: String,
    pub(super) user: Option<String>,
    pub(super) session: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) client_ip: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) binding: Option<String>,
    pub(super) detail: Option<String>,
}

/// The trail, and where it ended when it was opened.
pub(super) struct Trail {
    path: PathBuf,
    end: u64,
}

impl Trail {
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn at_its_end(path: Option<&Path>) -> Result<Self, String> {
        let path = path.ok_or("there is no audit trail: set audit.file")?;
        let opened = File::open(path).and_then(|mut file| file.seek(SeekFrom::End(0)));
        let end = opened.map_err(|error| {
            format!("{}: {error}; run this as the user that Holdfast runs as", path.display())
        })?;
        Ok(Self { path: path.to_owned(), end })
    }

    /// A line that was written since; it may take Holdfast a moment.
    pub(super) async fn wait_for(&self, is_it: impl Fn(&Line) -> bool) -> Option<Line> {
        for _ in 0..TRIES {
            if let Some(line) = self.lines(self.end, u64::MAX).into_iter().find(&is_it) {
                return Some(line);
            }
            tokio::time::sleep(POLL).await;
        }
        None
    }

    /// The last line of those that were there before.
    pub(super) fn before(&self, is_it: impl Fn(&Line) -> bool) -> Option<Line> {
        self.history().into_iter().rev().find(is_it)
    }

    /// What was there before, as far back as is reasonable.
    fn history(&self) -> Vec<Line> {
        self.lines(self.end.saturating_sub(MOST_BYTES), MOST_BYTES)
    }

    fn lines(&self, from: u64, most: u64) -> Vec<Line> {
        let read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.take(most).read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        };
        let bytes = read().unwrap_or_default();
        // A line that is cut in two is none.
        bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

/// Whether browsers have registered and then never refreshed, or refreshed from where they are not.
pub(super) fn refreshes(setup: &Setup) -> Outcome {
    match Trail::at_its_end(setup.config.audit.file.as_deref()) {
        Ok(trail) => {
            let lines = trail.history();
            let never = judge(&lines, setup.config.session.bound_cookie, setup.clock.now());
            never.into_iter().chain(elsewhere(&lines)).collect::<Vec<_>>().into()
        }
        Err(why) => Outcome::NotChecked(why),
    }
}

/// Sessions whose device proved its key as often as it was asked to, and never from where its requests came.
fn elsewhere(lines: &[Line]) -> Option<Finding> {
    let told = lines.iter().filter(|line| {
        line.event == "session.denied"
            && line.detail.as_ref().is_some_and(|detail| detail.ends_with(crate::checks::PROVED_ELSEWHERE))
    });
    let sessions: BTreeSet<_> = told.filter_map(|line| line.session.as_deref()).collect();
    (!sessions.is_empty()).then(|| {
        let came =
            format!("session.denied of {} sessions whose proofs came from another address", sessions.len());
        Finding::new(&kinds::CLIENT_ADDRESS_DIFFERS, "nothing; the audit trail was read", came)
    })
}

/// Sessions of browsers that came again after their cookie had run out and were refused, where no browser has refreshed.
fn judge(lines: &[Line], bound_cookie: Duration, now: UnixTime) -> Option<Finding> {
    let (mut bound, mut lost, mut refreshed) = (BTreeMap::new(), BTreeSet::new(), 0_usize);
    for line in lines.iter().filter(|line| line.user.as_deref() != Some(super::visit::USER)) {
        let (Some(session), Some(time)) = (&line.session, parse_rfc3339(&line.time)) else { continue };
        match line.event.as_str() {
            // OAuth clients have keys in software; they come without cookies.
            "session.bound" if line.binding.as_deref() == Some("hardware") => {
                bound.insert(session.as_str(), time);
            }
            "session.refreshed" if line.binding.as_deref() == Some("hardware") => refreshed += 1,
            "session.denied" if line.reason.as_deref() == Some("cookie_expired") => {
                let has_run_out = |since: &UnixTime| {
                    now.as_millis().saturating_sub(since.as_millis())
                        >= u64::try_from(bound_cookie.as_millis()).unwrap_or(u64::MAX)
                };
                if bound.get(session.as_str()).is_some_and(has_run_out) {
                    lost.insert(session.as_str());
                }
            }
            _ => {}
        }
    }
    (refreshed == 0 && !lost.is_empty()).then(|| {
        let came = format!(
            "{} session.bound, {} of them later session.denied with cookie_expired, no session.refreshed",
            bound.len(),
            lost.len()
        );
        Finding::new(&kinds::REGISTERED_NEVER_REFRESHES, "nothing; the audit trail was read", came)
    })
}

const TRIES: usize = 60;
const POLL: Duration = Duration::from_millis(50);
/// Some 20,000 events.
const MOST_BYTES: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: &str, session: &str, reason: Option<&str>, user: &str) -> Line {
        Line {
            time: "2026-11-22T10:00:00.000Z".to_owned(),
            event: event.to_owned(),
            user: Some(user.to_owned()),
            session: Some(session.to_owned()),
            reason: reason.map(str::to_owned),
            client_ip: None,
            user_agent: None,
            binding: Some("hardware".to_owned()),
            detail: None,
        }
    }

    fn found(lines: &[Line]) -> Option<String> {
        let later = UnixTime::from_secs(1_795_341_600 + 3600);
        judge(lines, Duration::from_secs(600), later).map(|finding| finding.came)
    }

    #[test]
    fn proofs_from_elsewhere_are_told() {
        let denied = |detail: &str| Line {
            detail: Some(detail.to_owned()),
            ..line("session.denied", "hs_a", Some("risk_step_up"), "alice")
        };
        let found = elsewhere(&[denied(crate::checks::PROVED_ELSEWHERE)]).unwrap();
        assert_eq!((found.kind.id, found.came.contains("of 1 sessions")), ("client_address_differs", true));
        assert!(
            elsewhere(&[denied("something else"), line("session.denied", "hs_a", None, "alice")]).is_none()
        );
    }

    #[test]
    fn bound_and_lost_and_never_refreshed() {
        let bound = || line("session.bound", "hs_a", None, "alice");
        let denied = || line("session.denied", "hs_a", Some("cookie_expired"), "alice");
        let came = found(&[bound(), line("session.bound", "hs_b", None, "bob"), denied()]).unwrap();
        assert!(came.starts_with("2 session.bound, 1 of them"), "{came}");
        let refreshed = line("session.refreshed", "hs_b", None, "bob");
        assert_eq!(
            found(&[bound(), denied(), refreshed]),
            None,
            "one browser can, so it is no fault of ours"
        );
        assert_eq!(found(&[bound()]), None, "whoever left needs no refresh");
        assert_eq!(found(&[denied()]), None, "an unbound session");
        assert_eq!(found(&[bound(), line("session.denied", "hs_a", Some("session_ended"), "alice")]), None);
        let doctor = |event, reason| line(event, "hs_a", reason, "holdfast-doctor");
        assert_eq!(
            found(&[doctor("session.bound", None), doctor("session.denied", Some("cookie_expired"))]),
            None
        );
    }
}
