//! Input that nobody means well with: no 5xx, no panic, no memory spent on strangers.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use holdfast_tests::server::{Server, Settings};
use reqwest::Method;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// 10^5 ids that were never issued: refreshed, and asked about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_cost_no_memory() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let crowd = join_all((0..STRANGERS / BATCH).map(|batch| {
        let server = &server;
        async move {
            let requests = (0..BATCH).map(|number| {
                let id = id(batch * BATCH + number);
                format!("POST /_holdfast/dbsc/refresh HTTP/1.1\r\nHost: a\r\nSec-Secure-Session-Id: {id}\r\nContent-Length: 0\r\n\r\n")
            });
            pipeline(server.public_addr(), requests.collect(), "HTTP/1.1 404").await
        }
    }));
    for result in crowd.await {
        result?;
    }
    let crowd = join_all((0..STRANGERS / BATCH / 5).map(|batch| {
        let server = &server;
        async move {
            let requests = (0..BATCH).map(|number| {
                let cookie = id(batch * BATCH + number).repeat(5);
                let headers = json!([["Cookie", format!("__Host-holdfast={cookie}")]]);
                let body = json!({ "method": "GET", "url": "https://shop.example/", "headers": headers }).to_string();
                let length = body.len();
                format!("POST /v1/check HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer hft_shop\r\nContent-Length: {length}\r\n\r\n{body}")
            });
            pipeline(server.internal_addr(), requests.collect(), "HTTP/1.1 200").await
        }
    }));
    for result in crowd.await {
        result?;
    }
    assert_eq!(server.metric("holdfast_sessions").await?, 1);
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    unhurt(&server).await
}

#[tokio::test]
async fn proofs_of_64_kb_are_refused_before_they_are_read() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    let long = "A".repeat(64 * 1024);
    for proof in [long.clone(), format!("{long}.{long}.{long}")[..100_000].to_owned(), format!("\"{long}\"")]
    {
        for answer in [server.register(&proof).await?, server.refresh(&bound.id, Some(&proof)).await?] {
            assert!((400..500).contains(&answer.status) && answer.is_problem(), "{}", answer.status);
        }
    }
    server.renew(&mut bound).await?;
    unhurt(&server).await
}

#[tokio::test]
async fn headers_need_not_be_text() -> Result<()> {
    let server = Server::with(Settings::default().behind_gateways()).await?;
    let mut bound = server.bind("alice").await?;
    let bytes: &[u8] = b"\xff\xfe\x80abc";
    for name in [
        "secure-session-response",
        "sec-secure-session-id",
        "cookie",
        "origin",
        "sec-fetch-site",
        "secure-session-skipped",
        "user-agent",
        "x-forwarded-for",
        "authorization",
        "content-type",
        "x-original-url",
        "holdfast-gateway-secret",
        "x-original-method",
        "accept",
        "x-forwarded-host",
    ] {
        for (method, path) in [
            (Method::POST, "/_holdfast/dbsc/register"),
            (Method::POST, "/_holdfast/dbsc/refresh"),
            (Method::GET, "/_holdfast/session"),
            (Method::POST, "/_holdfast/logout"),
            (Method::GET, "/_holdfast/resume?to=/x"),
        ] {
            let answer = server.public(method, path).bytes(name, bytes).send().await?;
            assert!(answer.status < 500, "{name} {path}: {}", answer.status);
        }
        for path in ["/v1/sessions", "/verify/nginx", "/verify/caddy", "/verify/envoy/x", "/metrics"] {
            let answer = server.gateway(Method::GET, path).bytes(name, bytes).send().await?;
            assert!(answer.status < 500, "{name} {path}: {}", answer.status);
        }
    }
    server.renew(&mut bound).await?;
    unhurt(&server).await
}

#[tokio::test]
async fn headers_may_be_many_or_long() -> Result<()> {
    let server = Server::start().await?;
    let bound = server.bind("alice").await?;
    for count in [90, 1000, 10_000] {
        let filler: String = (0..count).map(|number| format!("x-{number}: {number}\r\n")).collect();
        let request = format!(
            "POST /_holdfast/dbsc/refresh HTTP/1.1\r\nHost: a\r\nConnection: close\r\nSec-Secure-Session-Id: {}\r\nContent-Length: 0\r\n{filler}\r\n",
            bound.id
        );
        let status = raw(&server, request.as_bytes()).await?;
        assert!(matches!(status, None | Some(400..=499)), "{count}: {status:?}");
    }
    for length in [1000, 100_000, 200_000, 2_000_000] {
        for request in [
            format!("GET /{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "a".repeat(length)),
            format!(
                "GET /_holdfast/session HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: {}\r\n\r\n",
                "a=b; ".repeat(length / 5)
            ),
        ] {
            let status = raw(&server, request.as_bytes()).await?;
            assert!(matches!(status, None | Some(400..=499)), "{length}: {status:?}");
        }
    }
    unhurt(&server).await
}

#[tokio::test]
async fn what_is_no_http_is_let_go() -> Result<()> {
    let server = Server::start().await?;
    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\0\0\0\0", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", b"G\xc3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /_holdfast/logout HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST /_holdfast/logout HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /_holdfast/logout HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /_holdfast/logout HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET http://127.0.0.1/_holdfast/session HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let status = raw(&server, request).await?;
        assert!(status.is_none_or(|status| status < 500), "{request:?}: {status:?}");
    }
    unhurt(&server).await
}

#[tokio::test]
async fn hostile_json_is_refused_in_words() -> Result<()> {
    let server = Server::start().await?;
    let nested = |open: &str, close: &str| format!("{}{}", open.repeat(20_000), close.repeat(20_000));
    for body in [
        nested("[", "]"),
        nested("{\"a\":", "}"),
        "9".repeat(60_000),
        format!("{{\"user\":{}}}", "9".repeat(400)),
        "{\"user\":1e400}".to_owned(),
        "{\"user\":\"\\u0000\"}".to_owned(),
        "{\"user\":\"\\ud800\\ud800\"}".to_owned(),
        format!("{{\"user\":\"a\",\"attributes\":{{{}\"z\":1}}}}", "\"a\":1,".repeat(5000)),
        "{\"__proto__\":{\"user\":\"a\"}}".to_owned(),
        "\u{0}".to_owned(),
        "nul".to_owned(),
        "{\"user\":\"a\"}{\"user\":\"b\"}".to_owned(),
        "-".to_owned(),
    ] {
        for path in ["/v1/sessions", "/v1/check", "/v1/sessions/hs_AAAAAAAAAAAAAAAAAAAAAA/regenerate"] {
            let call = server.app(Method::POST, path).header("content-type", "application/json");
            let answer = call.body(body.clone()).send().await?;
            assert!((400..500).contains(&answer.status) && answer.is_problem(), "{path}: {}", answer.text);
            assert!(answer.text.len() < 2000, "an answer need not repeat the question");
        }
    }
    assert_eq!(server.metric("holdfast_sessions").await?, 0);
    unhurt(&server).await
}

/// Strange texts in every place of a question; each is answered, none is believed.
#[tokio::test]
async fn strange_questions_get_plain_answers() -> Result<()> {
    let server = Server::start().await?;
    let bound = server.bind("alice").await?;
    let strange =
        ["", " ", "\u{0}", "\r\nX: y", "é", "🦀", "%00", "../..", "\u{202e}", "'\"<>", &"x".repeat(1000)];
    for text in strange {
        let headers = json!([
            [text, text],
            ["Cookie", text],
            ["User-Agent", text],
            ["Secure-Session-Skipped", text],
            ["Sec-Fetch-Site", text],
            ["Origin", text],
            ["Cookie", format!("__Host-holdfast={}", bound.cookie)],
        ]);
        let question =
            json!({ "method": "GET", "url": format!("https://shop.example/{text}"), "headers": headers });
        let answer = server.app(Method::POST, "/v1/check").json(&question).send().await?;
        assert_eq!(answer.status, 200, "{text:?}: {}", answer.text);
        let question = json!({ "method": text, "url": text });
        assert_eq!(
            server.app(Method::POST, "/v1/check").json(&question).send().await?.status,
            400,
            "{text:?}"
        );
        let login = json!({ "user": "a", "auth": { "acr": text, "amr": [text] }, "client": { "user_agent": text }, "attributes": { text: text } });
        let answer = server.app(Method::POST, "/v1/sessions").json(&login).send().await?;
        assert!(matches!(answer.status, 201 | 400), "{text:?}: {}", answer.text);
    }
    for line in server.audit().wait_for("session.checked", 1).await? {
        ensure!(line.is_object(), "every line is one object");
    }
    unhurt(&server).await
}

/// The server still works, and has answered no 5xx so far.
async fn unhurt(server: &Server) -> Result<()> {
    server.internal(Method::GET, "/readyz").send().await?.expect(200)?;
    for listener in ["public", "internal"] {
        let line = format!("holdfast_requests_total{{listener=\"{listener}\",class=\"5xx\"}}");
        assert_eq!(server.metric(&line).await.unwrap_or(0), 0, "{listener}");
    }
    Ok(())
}

/// Sends requests one after the other on one connection, and sees that every answer begins as expected.
async fn pipeline(address: std::net::SocketAddr, mut requests: Vec<String>, expected: &str) -> Result<()> {
    let count = requests.len();
    let last =
        requests.pop().context("no request")?.replacen("Host: a\r\n", "Host: a\r\nConnection: close\r\n", 1);
    requests.push(last);
    let (mut reader, mut writer) = TcpStream::connect(address).await?.into_split();
    let sending =
        tokio::spawn(async move { writer.write_all(requests.concat().as_bytes()).await.map(|()| writer) });
    let mut answers = Vec::new();
    reader.read_to_end(&mut answers).await?;
    let _writer = sending.await??;
    let answers = String::from_utf8(answers)?;
    ensure!(answers.matches("HTTP/1.1 ").count() == count, "not {count} answers");
    ensure!(answers.matches(expected).count() == count, "another answer than {expected}");
    Ok(())
}

/// Sends bytes and reads until the connection ends; the status, if there was one.
async fn raw(server: &Server, request: &[u8]) -> Result<Option<u16>> {
    let mut stream = TcpStream::connect(server.public_addr()).await?;
    // A server that has seen enough may hang up before it has read everything.
    let _cut_off = stream.write_all(request).await;
    let _closed = stream.shutdown().await;
    let mut answer = Vec::new();
    let _cut_off = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|status| status.parse().ok()))
}

/// A well-formed id that was never issued.
fn id(number: usize) -> String {
    let hash = Sha256::digest(number.to_string().as_bytes());
    format!("hs_{}", URL_SAFE_NO_PAD.encode(hash.first_chunk::<16>().unwrap_or(&[0; 16])))
}

const STRANGERS: usize = 100_000;
const BATCH: usize = 5_000;
