//! The browser against a server that can be made to answer anything.

mod fake;

use std::time::Duration;

use fake::{Fake, bound};
use http::Method;

use super::*;
use crate::canned::Canned;

fn kinds(browser: &Browser) -> Vec<String> {
    let name = |happening: &Happening| match happening {
        Happening::Ended { why, .. } => why.clone(),
        Happening::Postponed { reason, .. } => (*reason).to_owned(),
        Happening::Refreshed { .. } => "refreshed".to_owned(),
        Happening::Registered { .. } => "registered".to_owned(),
        Happening::RegistrationFailed { why } => why.to_string(),
    };
    browser.happenings().iter().map(name).collect()
}

#[tokio::test]
async fn a_login_is_bound_and_pages_carry_the_bound_cookie() {
    let fake = Fake::start().await;
    let mut browser = bound(&fake).await;
    fake.visit(&mut browser, "/page").await;
    assert_eq!(kinds(&browser), ["registered"]);
    let register = fake.seen("/_holdfast/dbsc/register").remove(0);
    assert_eq!(register.method, Method::POST);
    for (name, value) in
        [("origin", fake.origin()), ("sec-fetch-site", "same-origin"), ("content-length", "0")]
    {
        assert_eq!(register.header(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(register.header("host").as_deref(), Some("shop.example"));
    for absent in ["accept-language", "content-type", "referer", "authorization", SESSION_ID] {
        assert_eq!(register.header(absent), None, "{absent}");
    }
    let page = fake.seen("/page").remove(0);
    assert!(page.header("cookie").unwrap().contains("__Host-bound=1"));
    assert_eq!(page.header(SKIPPED), None);
}

#[tokio::test]
async fn a_missing_cookie_holds_the_request_until_it_is_refreshed() {
    let fake = Fake::start().await;
    let mut browser = bound(&fake).await;
    browser.jar_mut().remove("__Host-bound");
    fake.visit(&mut browser, "/page").await;
    let refreshes = fake.seen(REFRESH);
    let proofs: Vec<bool> = refreshes.iter().map(|seen| seen.header(RESPONSE).is_some()).collect();
    assert_eq!(proofs, [false, true], "a bare request, then the answer to its challenge");
    assert!(refreshes.iter().all(|seen| seen.header(SESSION_ID).as_deref() == Some("sid")));
    assert!(fake.seen("/page").remove(0).header("cookie").unwrap().contains("__Host-bound"));

    browser.jar_mut().remove("__Host-bound");
    fake.visit(&mut browser, "/page").await;
    assert_eq!(fake.seen(REFRESH).len(), 3, "the next challenge came with the 200");
}

#[tokio::test]
async fn a_cookie_with_two_minutes_left_is_refreshed_beside_the_request() {
    let fake = Fake::start().await;
    let mut browser = bound(&fake).await;
    fake.clock.advance(Duration::from_secs(600 - 121));
    fake.visit(&mut browser, "/page").await;
    assert_eq!(fake.seen(REFRESH).len(), 0);
    fake.clock.advance(Duration::from_secs(1));
    fake.visit(&mut browser, "/page").await;
    let paths = fake.paths();
    assert_eq!(paths.last_chunk::<3>().unwrap(), &["/page", REFRESH, REFRESH]);
}

#[tokio::test]
async fn a_failed_proactive_refresh_is_not_repeated() {
    let fake = Fake::start().await;
    let mut browser = bound(&fake).await;
    fake.clock.advance(Duration::from_secs(600 - 60));
    fake.answer_with([Canned::status(503)]);
    fake.visit(&mut browser, "/page").await;
    fake.visit(&mut browser, "/page").await;
    assert_eq!(fake.seen(REFRESH).len(), 1);
    assert_eq!(fake.seen("/page").last().unwrap().header(SKIPPED), None);
}

#[tokio::test]
async fn answers_that_keep_the_session() {
    let skipped = |reason: &str| Some(format!(r#"{reason};session_identifier="sid""#));
    let cases = [
        (Canned::status(200), None, "refreshed"),
        (Canned::status(204), None, "refreshed"),
        (Canned::status(200).body(fake::INSTRUCTIONS), None, "refreshed"),
        (Canned::status(500), skipped("server_error"), "server_error"),
        (Canned::status(503), skipped("server_error"), "server_error"),
        (Canned::status(407), skipped("unreachable"), "unreachable"),
        (
            Canned::status(302).with("location", "http://shop.example/x"),
            skipped("unreachable"),
            "unreachable",
        ),
    ];
    for (answer, skipped, happening) in cases {
        let (fake, browser) = refreshed_with([answer.clone()]).await;
        assert_eq!(kinds(&browser), ["registered", happening], "{answer:?}");
        assert_eq!(browser.sessions().len(), 1, "{answer:?}");
        assert_eq!(fake.seen("/page").remove(0).header(SKIPPED), skipped, "{answer:?}");
    }
}

#[tokio::test]
async fn answers_that_delete_the_session() {
    let challenge = |value: &str| Canned::status(403).with(CHALLENGE, value);
    let cases = [
        (Canned::status(200).body("OK"), "InvalidConfigJson"),
        (Canned::status(200).body("{}"), "InvalidSessionId"),
        (Canned::status(200).body(fake::OTHER_ID), "MismatchedSessionId"),
        (Canned::status(200).body(fake::TERMINATION), "ServerRequestedTermination"),
        (Canned::status(403), "InvalidChallenge"),
        (challenge(r#""c";id="other""#), "InvalidChallenge"),
        (challenge(r#""c""#), "InvalidChallenge"),
        (challenge(r#""c";id="sid","#), "InvalidChallenge"),
        (Canned::status(401).with(CHALLENGE, r#""c";id="sid""#), "PersistentHttpError"),
        (Canned::status(400), "PersistentHttpError"),
        (Canned::status(404), "PersistentHttpError"),
        (Canned::status(429), "PersistentHttpError"),
        (Canned::status(304), "PersistentHttpError"),
    ];
    for (answer, why) in cases {
        let (fake, browser) = refreshed_with([answer.clone()]).await;
        assert_eq!(kinds(&browser), ["registered", why], "{answer:?}");
        assert!(browser.sessions().is_empty(), "{answer:?}");
        let page = fake.seen("/page").remove(0);
        assert_eq!(page.header(SKIPPED), None, "a terminated session is not skipped: {answer:?}");
    }
}

#[tokio::test]
async fn a_redirect_to_a_login_page_deletes_the_session() {
    let redirect = Canned::status(302).with("location", "/html");
    let (_, browser) = refreshed_with([redirect]).await;
    assert_eq!(kinds(&browser), ["registered", "InvalidConfigJson"]);
}

#[tokio::test]
async fn challenges_without_end_are_one_bare_and_four_signed_requests() {
    let forever = (0..9).map(|n| Canned::status(403).with(CHALLENGE, &format!(r#""c{n}";id="sid""#)));
    let (fake, browser) = refreshed_with(forever).await;
    let proofs: Vec<bool> = fake.seen(REFRESH).iter().map(|seen| seen.header(RESPONSE).is_some()).collect();
    assert_eq!(proofs, [false, true, true, true, true]);
    assert_eq!(kinds(&browser), ["registered", "TooManyChallenges"]);
}

#[tokio::test]
async fn a_signature_for_the_same_challenge_is_sent_again_unchanged() {
    let fake = Fake::start().await;
    let mut browser = bound(&fake).await;
    let done = || Canned::status(200);
    fake.answer_with([Canned::status(403).with(CHALLENGE, r#""c";id="sid""#), done(), done()]);
    browser.refresh("sid").await.unwrap();
    browser.refresh("sid").await.unwrap();
    let proofs: Vec<_> = fake.seen(REFRESH).iter().map(|seen| seen.header(RESPONSE)).collect();
    assert!(proofs[1].is_some());
    assert_eq!(proofs[1], proofs[2]);
}

#[tokio::test]
async fn six_signatures_in_nine_minutes_and_no_more() {
    let fake = Fake::start().await;
    let mut browser = bound(&fake).await;
    for _ in 0..5 {
        assert_eq!(browser.refresh("sid").await.unwrap(), Refresh::Done);
    }
    let asked = fake.seen(REFRESH).len();
    let refused = browser.refresh("sid").await.unwrap();
    assert_eq!(refused, Refresh::Postponed(Reason::QuotaExceeded));
    assert_eq!(fake.seen(REFRESH).len(), asked, "the endpoint is not called at all");
    fake.clock.advance(Duration::from_secs(9 * 60));
    assert_eq!(browser.refresh("sid").await.unwrap(), Refresh::Done);
}

#[tokio::test]
async fn the_fourth_server_error_starts_a_pause() {
    let fake = Fake::start().await;
    let mut browser = bound(&fake).await;
    fake.answer_with((0..4).map(|_| Canned::status(503)));
    for _ in 0..4 {
        let outcome = browser.refresh("sid").await.unwrap();
        assert_eq!(outcome, Refresh::Postponed(Reason::ServerError));
    }
    let paused = browser.refresh("sid").await.unwrap();
    assert_eq!(paused, Refresh::Postponed(Reason::Unreachable));
    assert_eq!(fake.seen(REFRESH).len(), 4);
    fake.clock.advance(Duration::from_secs(1));
    assert_eq!(browser.refresh("sid").await.unwrap(), Refresh::Done);
}

#[tokio::test]
async fn a_link_from_another_site_causes_no_refresh() {
    let fake = Fake::start().await;
    let mut browser = bound(&fake).await;
    browser.jar_mut().remove("__Host-bound");
    browser.visit(Visit::link_from("news.example.org", fake.url("/page"))).await.unwrap();
    assert!(fake.seen(REFRESH).is_empty());
    let page = fake.seen("/page").remove(0);
    assert_eq!(page.header("sec-fetch-site").as_deref(), Some("cross-site"));
    assert_eq!(page.header(SKIPPED), None);
}

#[tokio::test]
async fn a_credential_with_other_attributes_refreshes_each_time() {
    let fake = Fake::start().await;
    fake.set_bound_cookie("__Host-bound=1; Max-Age=600; Path=/; Secure; SameSite=Lax");
    let mut browser = bound(&fake).await;
    fake.visit(&mut browser, "/page").await;
    assert_eq!(fake.seen(REFRESH).len(), 2, "HttpOnly is missing from the cookie");
}

#[tokio::test]
async fn a_failed_registration_is_silent() {
    let cases = [
        (Canned::status(200), "EmptySessionConfig"),
        (Canned::status(200).body("{}"), "InvalidSessionId"),
        (Canned::status(403), "RegistrationAttemptedChallenge"),
        (Canned::status(404), "PersistentHttpError"),
        (Canned::status(503), "TransientHttpError"),
    ];
    for (answer, why) in cases {
        let fake = Fake::start().await;
        fake.answer_with([answer]);
        let mut browser = fake.browser();
        fake.visit(&mut browser, "/login").await;
        fake.visit(&mut browser, "/page").await;
        assert_eq!(kinds(&browser), [why]);
        assert_eq!(fake.seen("/_holdfast/dbsc/register").len(), 1);
    }
}

#[tokio::test]
async fn clear_site_data_ends_sessions_and_storage_leaves_cookies() {
    let fake = Fake::start().await;
    let mut browser = bound(&fake).await;
    fake.visit(&mut browser, "/clear").await;
    assert_eq!(kinds(&browser), ["registered", "StoragePartitionCleared"]);
    assert!(browser.jar().named("__Host-bound", fake.clock.now()).is_some());
}

#[tokio::test]
async fn after_a_restart_the_first_refresh_is_bare() {
    let fake = Fake::start().await;
    let mut browser = bound(&fake).await;
    browser.refresh("sid").await.unwrap();
    let memory = browser.memory().unwrap();
    let mut again = fake.browser().with_memory(memory).await;
    let jwk = browser.session("sid").unwrap().key.jwk().clone();
    assert_eq!(again.session("sid").unwrap().key.jwk(), &jwk);
    let before = fake.seen(REFRESH).len();
    assert_eq!(again.refresh("sid").await.unwrap(), Refresh::Done);
    let refreshes = fake.seen(REFRESH);
    let proofs: Vec<bool> = refreshes[before..].iter().map(|seen| seen.header(RESPONSE).is_some()).collect();
    assert_eq!(proofs, [false, true]);
}

/// Binds, loses the cookie, and opens a page while the refresh endpoint answers as told.
async fn refreshed_with(answers: impl IntoIterator<Item = Canned>) -> (Fake, Browser) {
    let fake = Fake::start().await;
    let mut browser = bound(&fake).await;
    browser.jar_mut().remove("__Host-bound");
    fake.answer_with(answers);
    fake.visit(&mut browser, "/page").await;
    (fake, browser)
}

use crate::clock::Clock as _;
use crate::wire::{RESPONSE, SESSION_ID};

const REFRESH: &str = "/_holdfast/dbsc/refresh";
