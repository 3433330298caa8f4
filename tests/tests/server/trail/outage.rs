//! Sinks that are away, hang, fail or lie: nothing is lost, and no request waits.

use std::time::{Duration, Instant};

use anyhow::Result;
use holdfast_tests::server::{OPERATOR_TOKEN, Server, Settings};
use reqwest::Method;
use serde_json::Value;

use super::receiver::{Mood, Receiver};
use super::{sink, webhook, write_secret};

async fn metric(server: &Server, name: &str) -> Result<u64> {
    server.metric(&format!("holdfast_audit_sink_{name}{{sink=\"siem\"}}")).await
}

fn logins(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .filter(|line| line["event"] == "session.created")
        .filter_map(|line| line["user"].as_str())
        .collect()
}

/// Whatever it does, it is told everything afterwards, and the checks go on meanwhile.
#[tokio::test]
async fn a_sink_that_is_ill_misses_nothing_and_slows_nobody() -> Result<()> {
    for mood in [Mood::Hangs, Mood::Answers(500), Mood::Answers(429), Mood::Answers(400), Mood::Redirects] {
        let (folder, receiver) = (tempfile::tempdir()?, Receiver::start(mood).await?);
        let secret = write_secret(folder.path())?;
        let settings = sink(Settings::default(), 0, &webhook(&receiver.url, &secret));
        let server = Server::in_folder(folder, settings).await?;
        let began = Instant::now();
        for number in 0..20 {
            let login = server.login(&format!("user-{number}")).await?;
            assert_eq!(server.check(&login.cookie).await?.verdict().0, "allow");
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{mood:?}: {:?}", began.elapsed());
        while receiver.asked() == 0 || metric(&server, "failures_total").await? == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(
            (metric(&server, "failing").await?, metric(&server, "events_total").await?),
            (1, 0),
            "{mood:?}"
        );
        assert!(metric(&server, "lag_lines").await? >= 40 && metric(&server, "lag_bytes").await? > 4000);
        receiver.becomes(Mood::Well);
        let lines = receiver.wait_for(|line| line["user"] == "user-19").await?;
        let expected: Vec<_> = (0..20).map(|number| format!("user-{number}")).collect();
        assert_eq!(logins(&lines), expected, "{mood:?}");
        while metric(&server, "lag_lines").await? > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!((metric(&server, "failing").await?, metric(&server, "lost_total").await?), (0, 0));
    }
    Ok(())
}

#[tokio::test]
async fn a_sink_that_babbles_has_been_told() -> Result<()> {
    let (folder, receiver) = (tempfile::tempdir()?, Receiver::start(Mood::Babbles).await?);
    let secret = write_secret(folder.path())?;
    let server =
        Server::in_folder(folder, sink(Settings::default(), 0, &webhook(&receiver.url, &secret))).await?;
    for number in 0..20 {
        server.login(&format!("user-{number}")).await?;
    }
    let lines = receiver.wait_for(|line| line["user"] == "user-19").await?;
    assert_eq!(logins(&lines).len(), 20);
    Ok(())
}

/// Down when the server stops, down while it is started again, and told everything when it comes back.
#[tokio::test]
async fn an_outage_over_a_restart_loses_nothing() -> Result<()> {
    let (folder, receiver) = (tempfile::tempdir()?, Receiver::start(Mood::Well).await?);
    let secret = write_secret(folder.path())?;
    let settings = sink(Settings::default().on_disk(), 0, &webhook(&receiver.url, &secret));
    let server = Server::in_folder(folder, settings).await?;
    server.login("first").await?;
    receiver.wait_for(|line| line["user"] == "first").await?;
    receiver.becomes(Mood::Answers(503));
    server.login("second").await?;
    let mut server = server.restart().await?;
    server.login("third").await?;
    receiver.becomes(Mood::Well);
    let lines = receiver.wait_for(|line| line["user"] == "third").await?;
    assert_eq!(logins(&lines), ["first", "second", "third"]);
    server.stop().await;
    let seqs: Vec<_> = receiver.lines().iter().filter_map(|line| line["seq"].as_u64()).collect();
    assert!(
        seqs.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "no line is left out, none comes twice: {seqs:?}"
    );
    assert_eq!(receiver.lines().last().map(|line| line["event"].clone()), Some("audit.checkpoint".into()));
    Ok(())
}

/// A sink of another name is told from now on; one that goes is forgotten.
#[tokio::test]
async fn a_reload_changes_who_is_told() -> Result<()> {
    let (folder, [one, two]) =
        (tempfile::tempdir()?, [Receiver::start(Mood::Well).await?, Receiver::start(Mood::Well).await?]);
    let secret = write_secret(folder.path())?;
    let named = |receiver: &Receiver, name: &'static str| {
        let mut keys: Vec<(String, String)> = webhook(&receiver.url, &secret)
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        keys[0].1 = name.to_owned();
        let keys: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        sink(Settings::default(), 0, &keys)
    };
    let server = Server::in_folder(folder, named(&one, "siem")).await?;
    server.login("alice").await?;
    one.wait_for(|line| line["user"] == "alice").await?;
    server.reload(named(&two, "other")).await?;
    server.login("bob").await?;
    let told = two.wait_for(|line| line["user"] == "bob").await?;
    assert_eq!(logins(&told), ["bob"], "it is new");
    assert!(metric(&server, "failing").await.is_err(), "the former one is forgotten");
    // The same name at another address goes on where it was.
    server.reload(named(&one, "other")).await?;
    server.login("carol").await?;
    assert_eq!(logins(&one.wait_for(|line| line["user"] == "carol").await?), ["alice", "carol"]);
    server.reload(Settings::default()).await?;
    let asked = (one.asked(), two.asked());
    server.login("dave").await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((one.asked(), two.asked()), asked);
    Ok(())
}

/// There is room for so much; what is beyond is told, counted and skipped.
#[tokio::test]
async fn what_does_not_fit_is_told() -> Result<()> {
    let (folder, receiver) = (tempfile::tempdir()?, Receiver::start(Mood::Answers(503)).await?);
    let secret = write_secret(folder.path())?;
    let settings = Settings::default().set("audit.rotate_size", "64KiB").set("audit.keep", "1");
    let settings = settings.set("audit.hold", "128KiB").set("session.max_per_user", "100000");
    let server = Server::in_folder(folder, sink(settings, 0, &webhook(&receiver.url, &secret))).await?;
    for number in 0..1000 {
        server.login(&format!("user-{number}")).await?;
    }
    receiver.becomes(Mood::Well);
    let lines = receiver.wait_for(|line| line["user"] == "user-999").await?;
    server.audit().wait_for("audit.sink_lost", 0).await?;
    let lost = metric(&server, "lost_total").await?;
    let told = u64::try_from(logins(&lines).len())?;
    assert!(lost > 100 && told + lost >= 1000, "{told} told, {lost} lost");
    let page = server
        .with_token(OPERATOR_TOKEN, Method::GET, "/v1/events?event=audit.sink_lost&limit=1000")
        .send()
        .await?;
    let said = page.expect(200)?;
    let details: Vec<_> = said.at("/events").as_array().into_iter().flatten().collect();
    assert!(
        details
            .iter()
            .all(|event| event["detail"].as_str().is_some_and(|text| text.starts_with("siem: lines ")))
    );
    Ok(())
}
