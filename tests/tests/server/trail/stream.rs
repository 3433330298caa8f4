//! `GET /v1/events/stream`: server-sent events.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast_tests::http::plain_client;
use holdfast_tests::server::{OPERATOR_TOKEN, OTHER_TOKEN, Server, Settings, TOKEN};
use reqwest::{Method, Response};
use tokio::time::timeout;

/// A listener, and what it has received.
struct Listener {
    response: Response,
    text: String,
}

impl Listener {
    async fn open(server: &Server, token: &str, query: &str, last: Option<&str>) -> Result<Self> {
        let address = format!("http://{}/v1/events/stream{query}", server.internal_addr());
        let mut request = plain_client()?.get(address).bearer_auth(token);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await?;
        ensure!(response.status() == 200, "{}", response.status());
        ensure!(response.headers()["content-type"] == "text/event-stream");
        ensure!(response.headers()["cache-control"] == "no-store");
        Ok(Self { response, text: String::new() })
    }

    /// Reads until the text has this; `None` if the stream ends first.
    async fn until(&mut self, part: &str) -> Result<Option<()>> {
        while !self.text.contains(part) {
            let chunk = timeout(PATIENCE, self.response.chunk())
                .await
                .with_context(|| format!("no {part}: {}", self.text))?;
            let Some(chunk) = chunk? else { return Ok(None) };
            self.text.push_str(std::str::from_utf8(&chunk)?);
        }
        Ok(Some(()))
    }

    /// The id of the last event.
    fn last_id(&self) -> String {
        self.text.rsplit("id: ").next().and_then(|rest| rest.lines().next()).unwrap_or_default().to_owned()
    }
}

#[tokio::test]
async fn events_come_as_they_are_written() -> Result<()> {
    let server = Server::start().await?;
    server.login("before").await?;
    server.audit().wait_for("session.created", 1).await?;
    let mut all = Listener::open(&server, OPERATOR_TOKEN, "", None).await?;
    let mut own = Listener::open(&server, TOKEN, "?user=bob", None).await?;
    let mut other = Listener::open(&server, OTHER_TOKEN, "", None).await?;
    server.login("alice").await?;
    server.login("bob").await?;
    all.until("\"user\":\"bob\"").await?.context("ended")?;
    own.until("\"user\":\"bob\"").await?.context("ended")?;
    assert!(
        all.text.contains("\"user\":\"alice\"") && !all.text.contains("\"user\":\"before\""),
        "{}",
        all.text
    );
    assert!(!own.text.contains("\"user\":\"alice\""), "{}", own.text);
    let block: Vec<_> = own.text.lines().take(3).collect();
    assert!(
        block[0].starts_with("id: ")
            && block[1] == "event: session.created"
            && block[2].starts_with("data: {")
    );

    // A new listener takes up where the last one ended.
    let id = own.last_id();
    drop(own);
    server.login("carol").await?;
    let mut resumed = Listener::open(&server, TOKEN, "", Some(&id)).await?;
    resumed.until("\"user\":\"carol\"").await?.context("ended")?;
    assert!(!resumed.text.contains("\"user\":\"bob\""), "{}", resumed.text);
    // What is beyond the end is waited for; nothing is told from the beginning.
    let mut beyond = Listener::open(&server, TOKEN, "?after=1000000", None).await?;
    assert!(timeout(Duration::from_millis(300), beyond.until("event:")).await.is_err(), "{}", beyond.text);
    let mut from_the_beginning = Listener::open(&server, TOKEN, "?after=0", None).await?;
    from_the_beginning.until("\"user\":\"carol\"").await?.context("ended")?;
    assert!(from_the_beginning.text.contains("\"user\":\"before\""));
    assert!(
        timeout(Duration::from_millis(300), other.until("event:")).await.is_err(),
        "another app's: {}",
        other.text
    );
    Ok(())
}

#[tokio::test]
async fn a_new_configuration_and_the_end_end_it() -> Result<()> {
    let mut server = Server::start().await?;
    let mut listener = Listener::open(&server, TOKEN, "", None).await?;
    server.reload(Settings::default()).await?;
    assert!(listener.until("never").await?.is_none(), "who may listen is judged anew");
    let mut listener = Listener::open(&server, TOKEN, "", None).await?;
    let stopped = tokio::time::Instant::now();
    server.stop().await;
    assert!(listener.until("never").await?.is_none());
    assert!(stopped.elapsed() < Duration::from_secs(8), "a listener must not hold up the end");
    Ok(())
}

#[tokio::test]
async fn there_are_so_many_places() -> Result<()> {
    let server = Server::start().await?;
    let mut listeners = Vec::new();
    for _ in 0..16 {
        listeners.push(Listener::open(&server, TOKEN, "", None).await?);
    }
    let full = server.app(Method::GET, "/v1/events/stream").send().await?;
    assert_eq!(
        (full.status, full.code(), full.header("retry-after")),
        (503, "too_many_listeners", Some("10"))
    );
    // An app has taken its quarter, and nothing of others.
    listeners.push(Listener::open(&server, OTHER_TOKEN, "", None).await?);
    listeners.push(Listener::open(&server, OPERATOR_TOKEN, "", None).await?);
    drop(listeners);
    for attempt in 0.. {
        server.login("somebody").await?;
        if Listener::open(&server, TOKEN, "", None).await.is_ok() {
            break;
        }
        ensure!(attempt < 200, "a place is not given back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (query, id) in [
        ("?after=x", None),
        ("?after=9223372036854775808", None),
        ("?limit=3", None),
        ("", Some("x")),
        ("", Some("-1")),
        ("", Some("9223372036854775808")),
    ] {
        let mut call = server.app(Method::GET, &format!("/v1/events/stream{query}"));
        if let Some(id) = id {
            call = call.header("last-event-id", id);
        }
        let answer = call.send().await?;
        assert_eq!((answer.status, answer.code()), (400, "bad_request"), "{query} {id:?}");
    }
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(20);
