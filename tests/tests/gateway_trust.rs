//! Who is taken for a gateway, what it may say, and what is told of those that are not.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use holdfast_tests::server::{Answer, COOKIE, Call, GATEWAY_SECRET, IDENTITY, ORIGIN, Server, Settings};
use reqwest::Method;
use serde_json::json;

async fn server() -> Result<Server> {
    Server::with(Settings::default().behind_gateways()).await
}

/// 403 with this code, no identity, and a count.
async fn refused(server: &Server, what: &str, call: Call, code: &str) -> Result<Answer> {
    let metric = format!("holdfast_gateway_refused_total{{reason=\"{code}\"}}");
    let before = server.metric(&metric).await?;
    let answer = call.send().await?;
    ensure!((answer.status, answer.code()) == (403, code), "{what}: {} {}", answer.status, answer.text);
    ensure!(answer.is_problem() && answer.header("holdfast-reason") == Some("policy_denied"), "{what}");
    ensure!(IDENTITY.iter().all(|name| answer.header(name).unwrap_or_default().is_empty()), "{what}");
    ensure!(server.metric(&metric).await? == before + 1, "{what} is not counted");
    Ok(answer)
}

#[tokio::test]
async fn every_refusal_is_counted_and_told_once_a_minute() -> Result<()> {
    let server = server().await?;
    for round in 0..2 {
        for _ in 0..20 {
            let stranger =
                server.internal(Method::GET, "/verify/nginx").header("holdfast-gateway-secret", "x");
            refused(&server, "secret", stranger, "gateway_secret").await?;
        }
        refused(&server, "elsewhere", server.nginx("GET", "https://evil.example/"), "policy_denied").await?;
        let told = server.audit().wait_for("gateway.refused", 2 * (round + 1)).await?;
        assert_eq!(told.len(), 2 * (round + 1), "{told:?}");
        let last = &told[2 * round];
        assert_eq!((&last["reason"], &last["client_ip"]), (&json!("gateway_secret"), &json!("127.0.0.1")));
        assert!(last["detail"].as_str().is_some_and(|detail| !detail.contains(GATEWAY_SECRET)));
        server.advance(60);
    }
    Ok(())
}

#[tokio::test]
async fn each_refusal_has_its_code() -> Result<()> {
    let off = Server::start().await?;
    refused(&off, "off", off.nginx("GET", ORIGIN), "gateways_off").await?;
    let elsewhere = Settings::default().behind_gateways().set("gateways.trusted", "10.0.0.0/8");
    let elsewhere = Server::with(elsewhere).await?;
    refused(&elsewhere, "untrusted", elsewhere.nginx("GET", ORIGIN), "gateway_untrusted").await?;
    let server = server().await?;
    let alias = server.nginx("GET", ORIGIN).header("holdfast_user", "root");
    refused(&server, "alias", alias, "policy_denied").await?;
    Ok(())
}

/// GHSA-vjrc-mh2v-45x6, GHSA-x677-9fxg-v5c5 and their kin: every sign that some back end reads as `-`.
#[tokio::test]
async fn names_that_fold_to_ours_are_refused() -> Result<()> {
    let server = server().await?;
    let bound = server.bind("alice").await?;
    for name in [
        "Holdfast_User",
        "holdfast.user",
        "Holdfast~Session",
        "holdfast!binding",
        "Holdfast-User_",
        "holdfast-x.y",
    ] {
        for (kind, call) in server.kinds(&Method::GET, "/") {
            refused(&server, kind, call.cookie(&bound.cookie).header(name, "root"), "policy_denied").await?;
        }
    }
    for name in ["X_Holdfast_User", "holdfastuser", "x_request_id"] {
        for (kind, call) in server.kinds(&Method::GET, "/") {
            let answer = call.cookie(&bound.cookie).header(name, "root").send().await?;
            assert_eq!(
                (answer.status, answer.header("holdfast-user")),
                (200, Some("alice")),
                "{kind} {name}"
            );
        }
    }
    Ok(())
}

/// GHSA-7x63-xv5r-3p2x: a target that names another origin is no target of this one.
#[tokio::test]
async fn parts_of_an_address_cannot_make_another() -> Result<()> {
    let server = server().await?;
    let bound = server.bind("alice").await?;
    let good = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-uri", "/orders"),
    ];
    let call = |name: &str, value: &str| {
        let call = server.gateway(Method::GET, "/verify/traefik").cookie(&bound.cookie);
        good.iter()
            .fold(call, |call, (key, usual)| call.header(key, if *key == name { value } else { usual }))
    };
    for (name, value) in [
        ("x-forwarded-uri", "https://evil.example/"),
        ("x-forwarded-uri", "https://shop.example.evil/"),
        ("x-forwarded-uri", "http://shop.example/"),
        ("x-forwarded-uri", "@evil.example/"),
        ("x-forwarded-uri", ":443/"),
        ("x-forwarded-uri", "orders"),
        ("x-forwarded-uri", "*"),
        ("x-forwarded-host", "shop.example/public"),
        ("x-forwarded-host", "evil.example, shop.example"),
        ("x-forwarded-host", "user@shop.example"),
        ("x-forwarded-host", ""),
        ("x-forwarded-proto", "https,http"),
        ("x-forwarded-proto", "ftp"),
        ("x-forwarded-proto", ""),
        ("x-forwarded-method", ""),
        ("x-forwarded-method", "GET POST"),
        ("x-forwarded-method", "GET,POST"),
        ("x-forwarded-method", "GETGETGETGETGETGETGETGETGETGETGET"),
    ] {
        refused(&server, &format!("{name}: {value}"), call(name, value), "gateway_request").await?;
    }
    for (name, value) in [("x-forwarded-uri", "/orders \u{e9}"), ("x-forwarded-host", "sh\u{f6}p.example")] {
        let bad = call(name, value);
        refused(&server, name, bad, "gateway_request").await?;
    }
    for target in ["/orders", "https://shop.example/orders", "HTTPS://SHOP.EXAMPLE/orders", "", "?x"] {
        call("x-forwarded-uri", target).send().await?.expect(200).context(target.to_owned())?;
    }
    for method in ["", "GET POST", "G@T"] {
        refused(&server, method, server.nginx(method, ORIGIN), "gateway_request").await?;
    }
    Ok(())
}

/// More header fields than any browser sends: refused and explained while they can be read, and by HTTP beyond that.
#[tokio::test]
async fn header_bombs_are_refused() -> Result<()> {
    let server = server().await?;
    let bound = server.bind("alice").await?;
    let filler = "a".repeat(8000);
    let bomb = |count: usize| {
        let call = server.nginx("GET", ORIGIN).cookie(&bound.cookie);
        (0..count).fold(call, |call, number| call.header(&format!("x-filler-{number}"), &filler))
    };
    bomb(6).send().await?.expect(200)?;
    let answer = refused(&server, "64 KiB", bomb(9), "gateway_request").await?;
    assert!(answer.text_at("/detail")?.contains("64 KiB"), "{}", answer.text);
    let many = |count: usize| {
        let call = server.nginx("GET", ORIGIN).cookie(&bound.cookie);
        (0..count).fold(call, |call, number| call.header(&format!("x-{number}"), ""))
    };
    for call in [bomb(20), many(200)] {
        // A connection that is closed before all was sent is a refusal as well.
        let status = call.send().await.map_or(431, |answer| answer.status);
        assert_eq!(status, 431);
    }
    server.nginx("GET", ORIGIN).cookie(&bound.cookie).send().await?.expect(200)?;
    Ok(())
}

/// Two names for the host of one request: whoever is behind may believe the other.
#[tokio::test]
async fn a_request_has_one_host() -> Result<()> {
    let server = server().await?;
    let bound = server.bind("alice").await?;
    let ask = |target: &str, hosts: &[&str]| {
        let mut text = format!("GET {target} HTTP/1.1\r\nholdfast-gateway-secret: {GATEWAY_SECRET}\r\n");
        text.push_str(&format!("cookie: {COOKIE}={}\r\nconnection: close\r\n", bound.cookie));
        hosts.iter().for_each(|host| text.push_str(&format!("host: {host}\r\n")));
        raw(server.internal_addr(), text + "\r\n")
    };
    for (target, hosts, status) in [
        ("/verify/envoy/orders", vec!["shop.example"], "200"),
        ("http://shop.example/verify/envoy/orders", vec!["shop.example"], "200"),
        ("http://shop.example/verify/envoy/orders", vec!["other.example"], "403"),
        ("http://other.example/verify/envoy/orders", vec!["shop.example"], "403"),
        ("/verify/envoy/orders", vec!["shop.example", "shop.example"], "40"),
        ("/verify/envoy/orders", vec!["shop.example", "other.example"], "40"),
        ("/verify/envoy/orders", vec!["shop.example, other.example"], "40"),
        ("/verify/envoy/orders", vec![], "40"),
    ] {
        let answer = ask(target, &hosts).await?;
        ensure!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{target} {hosts:?}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn the_unix_socket_is_a_third_way() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("holdfast.sock");
    let text = path.to_str().context("a path")?.to_owned();
    // Nobody may ask over the network.
    let settings = Settings::default().behind_gateways().set("gateways.trusted", "10.0.0.0/8");
    let mut server = Server::with(settings.set("internal.socket", &text)).await?;
    assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o660);
    let bound = server.bind("alice").await?;
    refused(&server, "the network", server.nginx("GET", ORIGIN), "gateway_untrusted").await?;
    let ask = |secret: &str, more: &str| {
        let text = format!(
            "GET /verify/nginx HTTP/1.1\r\nhost: holdfast\r\nconnection: close\r\nholdfast-gateway-secret: {secret}\r\n\
             cookie: {COOKIE}={}\r\nx-original-method: GET\r\nx-original-url: {ORIGIN}/orders\r\n{more}\r\n",
            bound.cookie
        );
        over_socket(&path, text)
    };
    let answer = ask(GATEWAY_SECRET, "").await?;
    ensure!(answer.starts_with("HTTP/1.1 200") && answer.contains("holdfast-user: alice\r\n"), "{answer}");
    let answer = ask(GATEWAY_SECRET, "x-forwarded-for: 1.2.3.4, 203.0.113.7, 10.1.1.1\r\n").await?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let checked = server.audit().wait_for("session.checked", 2).await?;
    assert_eq!(checked[0]["client_ip"], serde_json::Value::Null, "nobody told");
    assert_eq!(checked[1]["client_ip"], json!("203.0.113.7"));
    for (secret, more) in [
        ("x", ""),
        (GATEWAY_SECRET, "x-forwarded-for: junk\r\n"),
        (GATEWAY_SECRET, "holdfast_user: root\r\n"),
    ] {
        let answer = ask(secret, more).await?;
        ensure!(answer.starts_with("HTTP/1.1 403") && !answer.contains("alice"), "{answer}");
    }
    server.stop().await;
    assert!(!path.exists(), "a server that stops takes its file along");
    Ok(())
}

async fn raw(address: std::net::SocketAddr, text: String) -> Result<String> {
    tokio::task::spawn_blocking(move || converse(std::net::TcpStream::connect(address)?, &text)).await?
}

async fn over_socket(path: &Path, text: String) -> Result<String> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || converse(UnixStream::connect(path)?, &text)).await?
}

fn converse(mut stream: impl std::io::Read + std::io::Write, text: &str) -> Result<String> {
    stream.write_all(text.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
