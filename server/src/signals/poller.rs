//! Fetches the events of one transmitter (RFC 8936), again and again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use holdfast_ssf::{
    SetRejection, UnverifiedSet,
    poll::{PollAnswer, PollRequest, SetErr},
};
use http::StatusCode;

use super::{
    http::{Post, post},
    receive::{Receiver, take},
};
use crate::{
    config::ReceiverDelivery,
    context::{Context, RequestIds},
    error::Trouble,
    issuers::client,
    live::Live,
};

/// Polls until the task is dropped. What was taken and not yet acknowledged comes again, and has no second effect.
pub(super) async fn poll_forever(receiver: Arc<Receiver>, live: Arc<Live>, ids: Arc<RequestIds>) {
    let ReceiverDelivery::Poll { url, .. } = &receiver.config.delivery else { return };
    let Ok(client) = client() else { return };
    let authorization = receiver.poll_token.as_ref().map(|token| format!("Bearer {}", token.reveal()));
    let mut request = first_request();
    let mut failures: u32 = 0;
    loop {
        let began = tokio::time::Instant::now();
        let asked = Post {
            url,
            authorization: authorization.as_deref(),
            media: "application/json",
            body: serde_json::to_vec(&request).unwrap_or_default(),
            patience: PATIENCE,
            most_bytes: MOST_BYTES,
        };
        let answer = post(&client, asked).await.and_then(|(status, bytes)| read(status, &bytes));
        match answer {
            Ok(answer) => {
                if failures > 0 {
                    tell(&live, &receiver, "answers again", false);
                }
                let had_some = !answer.sets.is_empty();
                let taken = take_all(&receiver, answer.sets, &live, &ids).await;
                failures = if taken.troubled { failures.saturating_add(1) } else { 0 };
                let had_answers = !(taken.request.ack.is_empty() && taken.request.set_errs.is_empty());
                request = taken.request;
                // What was taken is acknowledged at once. A transmitter that does not wait is not asked without a pause.
                if taken.troubled || (!had_answers && !had_some && began.elapsed() < SHORT) {
                    tokio::time::sleep(pause(failures)).await;
                }
            }
            Err(what) => {
                if failures == 0 {
                    tell(&live, &receiver, &format!("cannot be asked: {what}; it is asked again"), true);
                }
                failures = failures.saturating_add(1);
                tokio::time::sleep(pause(failures)).await;
            }
        }
    }
}

struct TakenAll {
    request: PollRequest,
    /// Something could not be taken for reasons of ours, and is to come again.
    troubled: bool,
}

/// Takes them in the order of the times that they claim: the transmitter sends an object, which has no order.
async fn take_all(
    receiver: &Receiver,
    sets: BTreeMap<String, String>,
    live: &Live,
    ids: &RequestIds,
) -> TakenAll {
    let mut all = TakenAll { request: first_request(), troubled: false };
    let mut sets: Vec<_> = sets.into_iter().collect();
    sets.sort_by_key(|(_, text)| UnverifiedSet::parse(text).ok().and_then(|set| set.claimed_time()));
    for (jti, text) in sets {
        let house = &live.now().house;
        let context = Context::of_our_own(house.clock.now(), ids);
        match take(house, receiver, &text, &context).await {
            Ok(Ok(_taken)) => all.request.ack.push(jti),
            Ok(Err(rejection)) => {
                all.request.set_errs.insert(jti, error_of(rejection));
            }
            Err(trouble) => {
                all.troubled = true;
                tell_of_trouble(live, receiver, &trouble);
            }
        }
    }
    all
}

fn error_of(rejection: SetRejection) -> SetErr {
    SetErr::of(rejection.error(), rejection.says())
}

fn first_request() -> PollRequest {
    PollRequest { max_events: Some(MOST_EVENTS), ..PollRequest::default() }
}

fn read(status: StatusCode, bytes: &[u8]) -> Result<PollAnswer, String> {
    if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
        return Err(format!("it answers {}: the token in poll_token_file is not taken", status.as_u16()));
    }
    if !status.is_success() {
        return Err(format!("it answers {}", status.as_u16()));
    }
    // An answer to an acknowledgement alone may be empty.
    if bytes.is_empty() {
        return Ok(PollAnswer::default());
    }
    serde_json::from_slice(bytes).map_err(|_| "its answer is none of RFC 8936".to_owned())
}

/// Doubles, up to a minute.
fn pause(failures: u32) -> Duration {
    SHORT.saturating_mul(1 << failures.min(7)).min(LONGEST)
}

fn tell(live: &Live, receiver: &Receiver, what: &str, is_trouble: bool) {
    let house = &live.now().house;
    let says = format!("signals: the transmitter of {} {what}", receiver.config.name);
    if is_trouble {
        house.log.warn(house.clock.now(), &says)
    } else {
        house.log.info(house.clock.now(), &says)
    }
}

fn tell_of_trouble(live: &Live, receiver: &Receiver, trouble: &Trouble) {
    let house = &live.now().house;
    let why = match trouble {
        Trouble::Store(unavailable) => unavailable.to_string(),
        Trouble::App
        | Trouble::Busy
        | Trouble::Contention
        | Trouble::Issuer
        | Trouble::Overloaded
        | Trouble::Randomness => trouble.to_string(),
    };
    let says =
        format!("signals: an event for {} was not taken, and will come again: {why}", receiver.config.name);
    house.log.error(house.clock.now(), &says);
}

/// Transmitters hold an empty answer back for half a minute or so.
const PATIENCE: Duration = Duration::from_secs(90);
const SHORT: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);
const MOST_EVENTS: u32 = 100;
const MOST_BYTES: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use holdfast_ssf::DeliveryError;

    use super::*;

    #[test]
    fn answers_are_read_or_told() {
        assert!(read(StatusCode::OK, br#"{"sets":{}}"#).is_ok());
        assert!(read(StatusCode::ACCEPTED, b"").is_ok());
        for (status, bytes, says) in [
            (StatusCode::UNAUTHORIZED, &b""[..], "poll_token_file"),
            (StatusCode::FOUND, b"", "302"),
            (StatusCode::INTERNAL_SERVER_ERROR, b"", "500"),
            (StatusCode::OK, b"<html>", "RFC 8936"),
            (StatusCode::OK, b"{}", "RFC 8936"),
        ] {
            assert!(read(status, bytes).unwrap_err().contains(says), "{status}");
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<_> = (0..9).map(pause).collect();
        assert!(pauses.is_sorted() && pauses[0] == SHORT);
        assert_eq!(pause(u32::MAX), LONGEST);
    }

    #[test]
    fn a_rejection_is_an_error_of_the_rfc() {
        for rejection in SetRejection::ALL {
            let error = error_of(rejection);
            assert!(DeliveryError::ALL.iter().any(|known| known.as_str() == error.err));
            assert!(!error.description.is_empty());
        }
    }
}
