//! Clients that are slow, silent or many: they lose their place, and those who watch the server keep theirs.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast_tests::server::{Api, Server, Settings};
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

/// The patience of these tests is as short as the configuration allows.
async fn impatient() -> Result<Server> {
    let settings = ["header", "body", "write", "idle"]
        .iter()
        .fold(Settings::default(), |settings, name| settings.set(&format!("limits.{name}_timeout"), "1s"));
    Server::with(settings).await
}

#[tokio::test]
async fn a_request_that_drips_is_ended() -> Result<()> {
    let server = impatient().await?;
    let head = "POST /_holdfast/oauth/token HTTP/1.1\r\nHost: shop.example\r\n";
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\n";
    let json = "POST /v1/check HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hft_shop\r\nContent-Length: 60000\r\n\r\n";
    let refresh =
        "POST /_holdfast/dbsc/refresh HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 100000\r\n\r\n";
    for (limit, address, text, answered) in [
        ("header_timeout", server.public_addr(), head.to_owned(), None),
        ("body_timeout", server.public_addr(), format!("{head}{form}"), Some("HTTP/1.1 400")),
        ("body_timeout", server.internal_addr(), json.to_owned(), Some("HTTP/1.1 413")),
        // Whatever an endpoint does with a body, it does not wait for one that it needs not.
        ("", server.public_addr(), refresh.to_owned(), Some("HTTP/1.1 400")),
    ] {
        let before = if limit.is_empty() { 0 } else { met(&server, limit).await? };
        let answer = timeout(PATIENCE, drip(address, &text)).await.context(text.clone())??;
        match answered {
            Some(status) => assert!(answer.starts_with(status), "{text}: {answer}"),
            None => assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}"),
        }
        if !limit.is_empty() {
            becomes(&server, limit, before + 1).await?;
        }
    }
    Ok(())
}

/// Sends the text, then a byte every fifth of a second, and gives what comes back until the connection is closed.
async fn drip(address: SocketAddr, text: &str) -> Result<String> {
    let (mut from, mut to) = TcpStream::connect(address).await?.into_split();
    to.write_all(text.as_bytes()).await?;
    let dripping = tokio::spawn(async move {
        while to.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(200)).await;
        }
    });
    let mut answer = Vec::new();
    // A connection that is closed over a byte on its way is reset.
    let _closed = from.read_to_end(&mut answer).await;
    dripping.abort();
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn who_takes_no_answers_is_given_up() -> Result<()> {
    let server = impatient().await?;
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    let mut stream = socket.connect(server.public_addr()).await?;
    // Many questions in one go, and no look at the answers: soon neither side can write.
    let questions = "GET /_holdfast/jwks HTTP/1.1\r\nHost: shop.example\r\n\r\n".repeat(50_000);
    let asked = timeout(PATIENCE, stream.write_all(questions.as_bytes())).await?;
    becomes(&server, "write_timeout", 1).await?;
    drop(asked);
    // So many questions at once are too much to do, and some that come after them may be turned away for a moment.
    until(async || Ok(server.public(Method::GET, "/_holdfast/jwks").send().await?.status == 200)).await
}

/// One request may be answered at a time: health, readiness and metrics are, whatever else goes on.
#[tokio::test]
async fn more_requests_than_allowed_are_turned_away_but_not_those_of_watchers() -> Result<()> {
    let server = Server::with(Settings::default().set("limits.requests", "1")).await?;
    for (address, head, path) in [
        (
            server.public_addr(),
            "POST /_holdfast/oauth/token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            "/_holdfast/jwks",
        ),
        (
            server.internal_addr(),
            "POST /v1/check HTTP/1.1\r\nAuthorization: Bearer hft_shop\r\n",
            "/_holdfast/jwks",
        ),
    ] {
        let is_public = address == server.public_addr();
        let ask = async |path: &str| {
            let call =
                if is_public { server.public(Method::GET, path) } else { server.internal(Method::GET, path) };
            call.send().await
        };
        let mut held = TcpStream::connect(address).await?;
        held.write_all(format!("{head}Host: x\r\nContent-Length: 10\r\n\r\n").as_bytes()).await?;
        let listener = if is_public { "public" } else { "internal" };
        // The one who asks for the metrics is answered on the internal listener himself.
        let expected = if is_public { 1 } else { 2 };
        until(async || {
            Ok(server.metric(&format!("holdfast_requests_in_flight{{listener=\"{listener}\"}}")).await?
                == expected)
        })
        .await?;
        let answer = ask(path).await?;
        assert_eq!(
            (answer.status, answer.code(), answer.header("retry-after")),
            (503, "overloaded", Some("1"))
        );
        let end = if is_public {
            server.public(Method::POST, "/_holdfast/logout")
        } else {
            server.internal(Method::DELETE, "/v1/sessions/AAAAAAAAAAAAAAAAAAAAAA")
        };
        assert_ne!(end.send().await?.status, 503, "what ends a session is not turned away");
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(server.internal(Method::GET, path).send().await?.status, 200, "{path}");
        }
        drop(held);
        until(async || Ok(ask(path).await?.status == 200)).await?;
    }
    assert!(met(&server, "requests").await? >= 2);
    Ok(())
}

/// Bodies that never come hold places, and one client has an eighth of them: here two of sixteen.
#[tokio::test]
async fn one_client_does_not_hold_the_places_of_all() -> Result<()> {
    let server = Server::with(Settings::default().behind_gateways().set("limits.requests", "16")).await?;
    let ask = async |method, path: &str, client: &str| {
        server.public(method, path).header("x-forwarded-for", client).send().await
    };
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\n";
    let mut held = Vec::new();
    for path in ["token", "revoke"] {
        let mut stream = TcpStream::connect(server.public_addr()).await?;
        let head = format!(
            "POST /_holdfast/oauth/{path} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.7\r\n{form}"
        );
        stream.write_all(head.as_bytes()).await?;
        held.push(stream);
    }
    until(async || Ok(server.metric("holdfast_requests_in_flight{listener=\"public\"}").await? == 2)).await?;
    for (method, path) in [(Method::GET, "/_holdfast/jwks"), (Method::POST, "/_holdfast/oauth/revoke")] {
        let answer = ask(method, path, "203.0.113.7").await?;
        assert_eq!((answer.status, answer.code()), (503, "overloaded"), "{path}");
    }
    assert_ne!(ask(Method::POST, "/_holdfast/logout", "203.0.113.7").await?.status, 503, "who logs out may");
    assert_eq!(ask(Method::GET, "/_holdfast/jwks", "203.0.113.8").await?.status, 200, "others have theirs");
    assert_eq!(met(&server, "requests_per_address").await?, 2);
    drop(held);
    until(async || Ok(ask(Method::GET, "/_holdfast/jwks", "203.0.113.7").await?.status == 200)).await
}

#[tokio::test]
async fn a_full_listener_lets_the_next_one_wait_for_a_place() -> Result<()> {
    let server = Server::with(Settings::default().set("limits.connections", "2")).await?;
    let question = b"GET /_holdfast/jwks HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.public_addr()).await?;
        stream.write_all(question).await?;
        assert!(timeout(PATIENCE, stream.read(&mut [0; 100])).await?? > 0);
        held.push(stream);
    }
    let mut third = TcpStream::connect(server.public_addr()).await?;
    third.write_all(question).await?;
    let mut buffer = [0; 100];
    assert!(timeout(Duration::from_millis(300), third.read(&mut buffer)).await.is_err(), "there is no place");
    assert_eq!(met(&server, "connections").await?, 1);
    drop(held);
    assert!(timeout(PATIENCE, third.read(&mut buffer)).await?? > 0, "now there is");
    Ok(())
}

async fn met(api: &Api, limit: &str) -> Result<u64> {
    api.metric(&format!("holdfast_limited_total{{limit=\"{limit}\"}}")).await
}

async fn becomes(api: &Api, limit: &str, count: u64) -> Result<()> {
    until(async || Ok(met(api, limit).await? >= count)).await.with_context(|| format!("{limit} {count}"))
}

/// Waits for something that happens on another task, and soon.
async fn until(mut happened: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..500 {
        if happened().await? {
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
    ensure!(false, "it did not happen");
    Ok(())
}

/// Far more than the second that these servers have.
const PATIENCE: Duration = Duration::from_secs(20);
