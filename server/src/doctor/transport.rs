//! What holds of every answer: HSTS, the time, and what must not answer at all.

use std::{net::IpAddr, time::Duration};

use holdfast_core::UnixTime;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::{
    Heard, Setup,
    asking::{host_of, is_internal},
    kinds,
    report::{Finding, Outcome},
    seen::{Seen, printable},
    visit::{Page, Visit},
};

/// `Strict-Transport-Security` on Holdfast's answers and on the app's, granted and refused.
pub(super) async fn hsts(setup: &Setup, page: Option<&Page>) -> Outcome {
    let own = match setup.stranger.get("/_holdfast/session", &[]).await {
        Ok(own) => own,
        Err(why) => return Outcome::NotChecked(why),
    };
    let mut answers = vec![("GET /_holdfast/session without a session".to_owned(), &own)];
    if let Some(page) = page {
        answers.push((format!("GET {} with a good session", page.path), &page.with_session));
        answers.push((format!("GET {} without a session", page.path), &page.without));
    }
    let lacking: Vec<_> = answers.into_iter().filter(|(_, seen)| !has_hsts(seen)).collect();
    let found = lacking.into_iter().map(|(sent, seen)| {
        let came = match seen.header(HSTS) {
            Some(value) => format!("{}, with {HSTS}: {}", seen.words(), printable(value)),
            None => format!("{}, without {HSTS}", seen.words()),
        };
        Finding::new(&kinds::HSTS_MISSING, sent, came)
    });
    match (found.collect::<Vec<_>>(), page) {
        (found, None) if found.is_empty() => Outcome::NotChecked(NO_PAGE.to_owned()),
        (found, _) => found.into(),
    }
}

/// A year at least. Browsers heed the first header alone (RFC 6797 §8.1).
fn has_hsts(seen: &Seen) -> bool {
    let value = seen.header(HSTS).unwrap_or_default().to_ascii_lowercase();
    let age = value.split(';').find_map(|part| part.trim().strip_prefix("max-age="));
    age.and_then(|age| age.trim_matches('"').parse::<u64>().ok()).is_some_and(|age| age >= YEAR)
}

/// Whether Holdfast's clock and the gateway's agree with that of this machine. `began` and `ended` are when the session
/// was asked for and given.
pub(super) fn clocks(
    setup: &Setup,
    visit: Option<&Visit>,
    (began, ended): (UnixTime, UnixTime),
    heard: &Heard,
) -> Outcome {
    let slack = setup.config.dpop.skew.max(LEAST_SKEW);
    let mut found = Vec::new();
    if let Some(created) = visit.and_then(|visit| visit.created_at) {
        let off = distance(created, began, ended);
        found.extend((off > slack).then(|| {
            let came = format!("Holdfast's clock is {} s off this machine's", off.as_secs());
            Finding::new(&kinds::CLOCK_SKEW, "POST /v1/sessions", came)
        }));
    }
    let Some(date) = heard.date.as_deref().and_then(parse_date) else {
        return if found.is_empty() {
            Outcome::NotChecked("the gateway sends no Date".to_owned())
        } else {
            Outcome::Found(found)
        };
    };
    let off = distance(date, heard.at, heard.at);
    found.extend((off > slack).then(|| {
        let came = format!("Date is {} s off this machine's clock", off.as_secs());
        Finding::new(&kinds::CLOCK_SKEW, "GET /_holdfast/session", came)
    }));
    if visit.is_none() && found.is_empty() {
        return Outcome::NotChecked("no session was made, which would show Holdfast's own clock".to_owned());
    }
    found.into()
}

/// How far a time lies outside of a span.
fn distance(time: UnixTime, began: UnixTime, ended: UnixTime) -> Duration {
    let (time, began, ended) = (time.as_millis(), began.as_millis(), ended.as_millis());
    Duration::from_millis(began.saturating_sub(time).max(time.saturating_sub(ended)))
}

/// RFC 9110 §5.6.7, the form that everybody sends.
fn parse_date(text: &str) -> Option<UnixTime> {
    let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    u64::try_from(date.unix_timestamp()).ok().map(UnixTime::from_secs)
}

/// Internal endpoints, asked by a stranger and by a user.
pub(super) async fn internal(setup: &Setup, visit: Option<&Visit>) -> Outcome {
    let mut found = Vec::new();
    let cookie = visit.map(|visit| setup.cookie(visit));
    // Where the gateway itself is refused, every address answers so.
    let everywhere = match setup.stranger.get(NOTHING, &[]).await {
        Ok(seen) => seen.code(),
        Err(why) => return Outcome::NotChecked(why),
    };
    for path in PRIVATE {
        for cookie in [None, cookie.as_deref()] {
            let fields: Vec<_> = cookie.iter().map(|cookie| ("Cookie", *cookie)).collect();
            let seen = match setup.stranger.get(path, &fields).await {
                Ok(seen) => seen,
                Err(why) => return Outcome::NotChecked(why),
            };
            if is_internal_answer(path, &seen, everywhere.as_deref()) {
                let whose = if cookie.is_some() { "with" } else { "without" };
                let sent = format!("GET {path} {whose} a session");
                found.push(Finding::new(&kinds::INTERNAL_REACHABLE, sent, seen.words()));
                break;
            }
        }
    }
    let listen = setup.config.internal;
    if !is_private(listen.ip()) {
        let address = format!("{}:{}", host_of(&setup.origin), listen.port());
        if is_internal(&address).await {
            let sent = format!("GET http://{address}{METRICS}");
            found.push(Finding::new(&kinds::INTERNAL_REACHABLE, sent, "the internal listener answers"));
        }
    }
    found.into()
}

/// Whether this is an answer of the internal listener. A refused check of the gateway's own, about this address, is none:
/// its code is that of any other address.
fn is_internal_answer(path: &str, seen: &Seen, everywhere: Option<&str>) -> bool {
    let shows_identity = seen.header("holdfast-session").is_some_and(|value| !value.is_empty());
    let code = seen.code().unwrap_or_default();
    let is_gateways = code.starts_with("gateway") && everywhere != Some(&code)
        || (path == SESSIONS && code == "unauthorized");
    let is_metrics = seen.body.contains("holdfast_checks_total");
    shows_identity || is_gateways || is_metrics
}

/// A listener that no other machine can reach.
fn is_private(address: IpAddr) -> bool {
    address.is_loopback()
}

/// Said where a check needs a page.
pub(super) const NO_PAGE: &str = "it needs a page that is answered to a session and to nobody else";

const HSTS: &str = "strict-transport-security";
const YEAR: u64 = 31_536_000;
/// A second is lost in `Date`, and others by a machine that is busy.
const LEAST_SKEW: Duration = Duration::from_secs(5);
const METRICS: &str = "/metrics";
const SESSIONS: &str = "/v1/sessions";
const NOTHING: &str = "/holdfast-doctor/nothing";
/// The last one is where the recipe for nginx has its check.
const PRIVATE: [&str; 5] = [METRICS, SESSIONS, "/verify/nginx", "/verify/caddy", "/_holdfast_check"];

#[cfg(test)]
mod tests {
    use super::{
        super::seen::tests::{problem, seen},
        *,
    };

    #[test]
    fn a_year_is_the_least() {
        let read = |value: &str| has_hsts(&seen(200, &[(HSTS, value)], ""));
        for value in
            ["max-age=31536000", "includeSubDomains; Max-Age=63072000; preload", "max-age=\"31536000\""]
        {
            assert!(read(value), "{value}");
        }
        for value in ["", "max-age=0", "max-age=31535999", "includeSubDomains", "max-age=x"] {
            assert!(!read(value), "{value}");
        }
        assert!(!has_hsts(&seen(200, &[], "")));
    }

    #[test]
    fn times_are_compared_with_a_span() {
        let at = UnixTime::from_secs;
        assert_eq!(parse_date("Sun, 22 Nov 2026 10:00:00 GMT"), Some(at(1_795_341_600)));
        assert_eq!(parse_date("yesterday"), None);
        assert_eq!(distance(at(5), at(4), at(6)), Duration::ZERO);
        assert_eq!(distance(at(1), at(4), at(6)), Duration::from_secs(3));
        assert_eq!(distance(at(9), at(4), at(6)), Duration::from_secs(3));
    }

    #[test]
    fn the_internal_listener_is_told_by_its_words() {
        let is_internal = |path: &str, seen: &Seen| is_internal_answer(path, seen, Some("no_credential"));
        assert!(is_internal("/verify/nginx", &problem(403, "gateway_secret")));
        assert!(!is_internal_answer(
            "/verify/nginx",
            &problem(403, "gateway_secret"),
            Some("gateway_secret")
        ));
        assert!(is_internal(SESSIONS, &problem(401, "unauthorized")));
        assert!(is_internal(METRICS, &seen(200, &[], "holdfast_checks_total 1")));
        assert!(is_internal("/x", &seen(200, &[("holdfast-session", "hs_a")], "")));
        for sound in
            [problem(401, "no_credential"), problem(404, "not_found"), seen(404, &[], "nothing here")]
        {
            assert!(PRIVATE.iter().all(|path| !is_internal(path, &sound)), "{sound:?}");
        }
        assert!(!is_internal("/x", &seen(401, &[("holdfast-session", "")], "")));
    }
}
