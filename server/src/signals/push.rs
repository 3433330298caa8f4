//! Posts what waits to one receiver, in order, until it is taken (RFC 8935).

use std::{sync::Arc, time::Duration};

use holdfast_ssf::{MEDIA_TYPE, poll::SetErr};
use http::StatusCode;
use reqwest::Url;

use super::{
    http::{Post, post},
    stream::Waiting,
    transmitter::{SentOutcome, StreamReceiver, Transmitter},
};
use crate::{house::Holdfast, live::Live};

/// Pushes until the task is dropped. One token at a time: the next one goes when this one was taken.
pub(super) async fn push_forever(receiver: Arc<StreamReceiver>, live: Arc<Live>) {
    let mut failures: u32 = 0;
    loop {
        let house = Arc::clone(&live.now().house);
        let Some(transmitter) = &house.signals.transmitter else { return };
        let Some((waiting, endpoint, authorization)) = receiver.slot.next_push() else {
            drop(house);
            receiver.slot.to_push.notified().await;
            continue;
        };
        let outcome = send(transmitter, &receiver, &waiting, &endpoint, authorization.as_deref()).await;
        house.metrics.signal_sent(outcome.counted());
        tell(&house, &receiver, &outcome, failures);
        match outcome {
            Outcome::Delivered | Outcome::Rejected(_) => {
                failures = 0;
                // A restart might send it again, which harms nobody.
                let _later = receiver.slot.settle(&house.store, &[&waiting.jti]).await;
            }
            Outcome::Failed(_) => {
                failures = failures.saturating_add(1);
                drop(house);
                tokio::time::sleep(pause(failures)).await;
            }
        }
    }
}

/// What became of one attempt.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Delivered,
    /// It may go well another time.
    Failed(String),
    /// The receiver will never take it.
    Rejected(String),
}

async fn send(
    transmitter: &Transmitter,
    receiver: &StreamReceiver,
    waiting: &Waiting,
    endpoint: &str,
    authorization: Option<&str>,
) -> Outcome {
    // Judged again: what the configuration allowed when the stream was made it may not allow now.
    if !may_push_to(endpoint, &receiver.config.push_endpoints) {
        return Outcome::Failed("its endpoint is not in push_endpoints any more".to_owned());
    }
    let posted = Post {
        url: endpoint,
        authorization,
        media: MEDIA_TYPE,
        body: waiting.token.as_bytes().to_vec(),
        patience: PATIENCE,
        most_bytes: MOST_BYTES,
    };
    match post(&transmitter.client, posted).await {
        Ok((status, bytes)) => judge(status, &bytes),
        Err(what) => Outcome::Failed(what),
    }
}

/// Only an answer that RFC 8935 has for it makes a token go for good: a gateway in between may say anything else.
fn judge(status: StatusCode, bytes: &[u8]) -> Outcome {
    if matches!(status, StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT) {
        return Outcome::Delivered;
    }
    let error = serde_json::from_slice::<SetErr>(bytes).ok().filter(|_| status == StatusCode::BAD_REQUEST);
    match error {
        // The receiver knows neither us nor our key: that can be mended, and then the token is good.
        Some(SetErr { err, .. })
            if matches!(&*err, "authentication_failed" | "access_denied" | "invalid_key") =>
        {
            Outcome::Failed(format!("it answers 400 {err}"))
        }
        Some(SetErr { err, .. }) => Outcome::Rejected(err.chars().take(64).collect()),
        None => Outcome::Failed(format!("it answers {}", status.as_u16())),
    }
}

/// Whether an address lies below one that the configuration names: of the same scheme, host and port, with the whole parts of
/// its path in the same places. Read as the client that fetches it reads it.
pub(crate) fn may_push_to(endpoint: &str, allowed: &[String]) -> bool {
    // Whatever two readers may read differently is nobody's address: `%2e` is a dot to some, and `..;x` two dots.
    let is_dots = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
    let is_plain = endpoint.bytes().all(|byte| byte.is_ascii_graphic())
        && !endpoint.contains(['#', '@', '\\', '%'])
        && endpoint.split('?').next().is_some_and(|path| !path.split('/').any(is_dots));
    let Some(endpoint) = Some(endpoint).filter(|_| is_plain).and_then(|text| Url::parse(text).ok()) else {
        return false;
    };
    allowed.iter().filter_map(|prefix| Url::parse(prefix).ok()).any(|prefix| is_below(&endpoint, &prefix))
}

fn is_below(endpoint: &Url, prefix: &Url) -> bool {
    let place =
        |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    let path = prefix.path().strip_suffix('/').unwrap_or_else(|| prefix.path());
    endpoint.host().is_some()
        && place(endpoint) == place(prefix)
        && endpoint.path().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Outcome {
    const fn counted(&self) -> SentOutcome {
        match self {
            Self::Delivered => SentOutcome::Delivered,
            Self::Failed(_) => SentOutcome::Failed,
            Self::Rejected(_) => SentOutcome::Rejected,
        }
    }
}

/// An outage is told once, and its end too.
fn tell(house: &Holdfast, receiver: &StreamReceiver, outcome: &Outcome, failures: u32) {
    let (now, name) = (house.clock.now(), &receiver.config.name);
    match outcome {
        Outcome::Delivered if failures > 0 => {
            house.log.info(now, &format!("signals: {name} takes events again"))
        }
        Outcome::Delivered => {}
        Outcome::Failed(what) if failures == 0 => {
            house.log.warn(
                now,
                &format!("signals: {name} takes no events: {what}; they wait, and are sent again"),
            );
        }
        Outcome::Failed(_) => {}
        Outcome::Rejected(err) => {
            house
                .log
                .error(now, &format!("signals: {name} refused an event for good: {}", err.escape_default()));
        }
    }
}

/// Doubles, up to a minute.
fn pause(failures: u32) -> Duration {
    SHORT.saturating_mul(1 << failures.min(9)).min(LONGEST)
}

const PATIENCE: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(125);
const LONGEST: Duration = Duration::from_secs(60);
const MOST_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_of_the_rfc_make_a_token_go() {
        let judged = |status: u16, body: &str| judge(StatusCode::from_u16(status).unwrap(), body.as_bytes());
        assert_eq!(judged(202, ""), Outcome::Delivered);
        for err in ["invalid_request", "invalid_audience", "invalid_issuer", "jti_unknown"] {
            let body = format!(r#"{{"err":"{err}","description":"x"}}"#);
            assert_eq!(judged(400, &body), Outcome::Rejected(err.into()));
        }
        for (status, body) in [
            (400, ""),
            (400, "<html>"),
            (400, r#"{"err":"invalid_key","description":"x"}"#),
            (400, r#"{"err":"authentication_failed"}"#),
            (401, r#"{"err":"invalid_request"}"#),
            (404, r#"{"err":"invalid_request"}"#),
            (302, ""),
            (429, ""),
            (500, ""),
            (503, ""),
        ] {
            assert!(matches!(judged(status, body), Outcome::Failed(_)), "{status} {body}");
        }
    }

    #[test]
    fn only_addresses_of_the_configuration_are_pushed_to() {
        let allowed = ["https://siem.example/events".to_owned(), "https://b.example/".to_owned()];
        for endpoint in [
            "https://siem.example/events",
            "https://siem.example/events/",
            "https://siem.example/events/7?x=1",
            "https://siem.example/events?x=1",
            "https://siem.example/events?x=/../..",
            "https://siem.example:443/events",
            "HTTPS://SIEM.example/events",
            "https://siem.example/events/..x/.y",
            "https://siem.example/events/a;b=../c",
            "https://b.example/anything",
            "https://b.example",
        ] {
            assert!(may_push_to(endpoint, &allowed), "{endpoint}");
        }
        for endpoint in [
            "",
            "https://siem.example/eventsX",
            "https://siem.example/other",
            "http://siem.example/events",
            "https://siem.example.evil.example/events",
            "https://siem.example/events/../admin",
            "https://siem.example/events/%2e%2e/admin",
            "https://siem.example/events/..",
            "https://siem.example/events/..?x=1",
            "https://siem.example/events/.?x=1",
            "https://siem.example/events/a/../../admin?x",
            "https://siem.example/events/.%2e?x",
            "https://siem.example/events/%2E%2E?x",
            "https://siem.example/events/%252e%252e",
            "https://siem.example/..?x",
            "https://siem.example/../events",
            "https://siem.example/events/..;x/../..",
            "https://siem.example/events/..;/admin",
            "https://siem.example/events/..;x=1/admin",
            "https://siem.example/events/.;/admin",
            "https://siem.example:80/events",
            "https://siem.example./events",
            "https://siem.example/Events",
            "https:/siem.example/eventsX",
            "https://?siem.example/events",
            "//siem.example/events",
            "/events",
            "https://b.example@evil.example/",
            "https://b.example.evil.example/",
            "https://b.example:8443/",
            "https://b.example\\@evil.example/",
            "https://b.example/ x",
            "https://b.example/#x",
            "file:///etc/passwd",
            "http://169.254.169.254/",
        ] {
            assert!(!may_push_to(endpoint, &allowed), "{endpoint}");
        }
        assert!(!may_push_to("https://b.example/", &[]));
    }

    #[test]
    fn pauses_grow_and_end() {
        assert!((0..12).map(pause).is_sorted());
        assert_eq!((pause(0), pause(u32::MAX)), (SHORT, LONGEST));
    }
}
