//! Who asks too much is told so, and nobody else feels it.

use anyhow::Result;
use holdfast_tests::server::{Answer, COOKIE, Server, Settings};
use reqwest::Method;

/// A stranger may ask three times, and then once a second.
async fn strict() -> Result<Server> {
    Server::with(
        Settings::default()
            .behind_gateways()
            .set("limits.address_rate", "1")
            .set("limits.address_burst", "3"),
    )
    .await
}

async fn asks(server: &Server, method: Method, path: &str, client: &str) -> Result<Answer> {
    server.public(method, path).header("x-forwarded-for", client).send().await
}

async fn met(server: &Server, limit: &str) -> Result<u64> {
    server.metric(&format!("holdfast_limited_total{{limit=\"{limit}\"}}")).await
}

#[tokio::test]
async fn every_public_endpoint_has_a_limit_and_none_of_the_two_for_browsers_answers_429() -> Result<()> {
    let endpoints = [
        (Method::POST, "/_holdfast/dbsc/register", 503),
        (Method::POST, "/_holdfast/dbsc/refresh", 503),
        (Method::GET, "/_holdfast/session", 429),
        (Method::POST, "/_holdfast/logout", 429),
        (Method::GET, "/_holdfast/resume?to=/", 429),
        (Method::GET, "/_holdfast/jwks", 429),
        (Method::POST, "/_holdfast/oauth/token", 429),
        (Method::POST, "/_holdfast/oauth/revoke", 429),
        (Method::POST, "/_holdfast/oauth/introspect", 429),
        (Method::GET, "/_holdfast/oauth/nonce", 429),
        (Method::GET, "/.well-known/oauth-authorization-server", 429),
        (Method::GET, "/.well-known/oauth-protected-resource", 429),
        (Method::GET, "/nothing/here", 429),
    ];
    let server = strict().await?;
    for (number, (method, path, status)) in endpoints.into_iter().enumerate() {
        let client = format!("203.0.113.{number}");
        for _ in 0..3 {
            let answer = asks(&server, method.clone(), path, &client).await?;
            assert!(answer.status != 429 && answer.status != 503, "{path}: {}", answer.text);
        }
        let answer = asks(&server, method, path, &client).await?;
        assert_eq!((answer.status, answer.code()), (status, "rate_limited"), "{path}");
        assert!(answer.is_problem(), "{}", answer.text);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("set-cookie"), None, "nothing is taken away");
    }
    assert_eq!(met(&server, "address").await?, 13);
    Ok(())
}

#[tokio::test]
async fn who_is_limited_is_so_by_network_and_for_a_while() -> Result<()> {
    let server = strict().await?;
    let status = async |client: &str| {
        Ok::<_, anyhow::Error>(asks(&server, Method::GET, "/_holdfast/jwks", client).await?.status)
    };
    for client in ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::3"] {
        assert_eq!(status(client).await?, 200);
    }
    assert_eq!(status("2001:db8:1:2::4").await?, 429, "one household has one limit");
    assert_eq!(status("2001:db8:1:3::4").await?, 200);
    assert_eq!(status("203.0.113.1").await?, 200);
    server.advance(1);
    assert_eq!((status("2001:db8:1:2::4").await?, status("2001:db8:1:2::4").await?), (200, 429));
    // What the client writes into the field itself stands left of what the gateway writes.
    assert_eq!(status("198.51.100.1, 2001:db8:1:2::4").await?, 429);
    for _ in 0..20 {
        let answer = server.public(Method::GET, "/_holdfast/jwks").send().await?;
        assert_eq!(answer.status, 200, "a gateway that speaks for itself");
    }
    Ok(())
}

/// An office, and somebody in it who floods: the browser gets 503 and keeps its session.
#[tokio::test]
async fn a_browser_behind_a_busy_address_keeps_its_session() -> Result<()> {
    let server = strict().await?;
    let mut bound = server.bind("alice").await?;
    let refresh = async |server: &Server, proof: &str| {
        let call = server.browser("/_holdfast/dbsc/refresh").header("x-forwarded-for", "203.0.113.9");
        call.header("sec-secure-session-id", &bound.id).header("secure-session-response", proof).send().await
    };
    for _ in 0..30 {
        asks(&server, Method::GET, "/_holdfast/jwks", "203.0.113.9").await?;
    }
    let proof = bound.device.refresh(&bound.challenge);
    assert_eq!(refresh(&server, &proof).await?.status, 503);
    assert_eq!(
        server.check(&bound.cookie).await?.verdict(),
        ("allow", "ok"),
        "apps and gateways are not limited"
    );
    server.advance(1);
    let answer = refresh(&server, &proof).await?.expect(200)?;
    bound.take(&answer)?;
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn a_session_has_a_limit_that_only_its_owner_can_use_up() -> Result<()> {
    let settings = Settings::default().set("limits.session_rate", "1").set("limits.session_burst", "3");
    let server = Server::with(settings).await?;
    let mut bound = server.bind("alice").await?;
    for _ in 0..20 {
        assert_eq!(server.refresh(&bound.id, None).await?.status, 403, "knowing the id uses nothing up");
        let forged = bound.device.refresh("a challenge of nobody's");
        assert_eq!(server.refresh(&bound.id, Some(&forged)).await?.status, 403);
    }
    let own = async || {
        let call = server.public(Method::GET, "/_holdfast/session");
        call.header("cookie", &format!("{COOKIE}={}", bound.cookie)).send().await
    };
    for _ in 0..3 {
        assert_eq!(own().await?.status, 200);
    }
    let answer = own().await?;
    assert_eq!(
        (answer.status, answer.code(), answer.header("retry-after")),
        (503, "rate_limited", Some("1"))
    );
    assert_eq!(met(&server, "session").await?, 1);
    // A thief with a copy of the cookie has used that up, and is no hindrance to the owner.
    let proof = bound.device.refresh(&bound.challenge);
    for _ in 0..3 {
        let answer = server.refresh(&bound.id, Some(&proof)).await?.expect(200)?;
        bound.take(&answer)?;
    }
    assert_eq!(server.refresh(&bound.id, Some(&proof)).await?.status, 503);
    server.advance(1);
    server.renew(&mut bound).await?;
    assert!(server.audit().named("store.unavailable").is_empty(), "a client that hurries is no outage");
    Ok(())
}

#[tokio::test]
async fn who_hurries_with_refresh_tokens_is_slowed_down_and_keeps_them() -> Result<()> {
    let settings = Settings::default().set("limits.session_rate", "1").set("limits.session_burst", "2");
    let server = Server::with(settings).await?;
    let granted = server.grant("alice").await?;
    let next = server.rotate(&granted, &granted.refresh_token).await?.expect(200)?;
    let next = next.text_at("/refresh_token")?;
    assert_eq!(server.rotate(&granted, next).await?.status, 503);
    server.advance(1);
    server.rotate(&granted, next).await?.expect(200)?;
    Ok(())
}

/// A proxy that ends TLS and is not named as a gateway has one address for everybody.
#[tokio::test]
async fn without_a_named_proxy_nobody_is_limited_by_the_proxys_address() -> Result<()> {
    let settings = Settings::default().set("limits.address_rate", "1").set("limits.address_burst", "1");
    let server = Server::with(settings).await?;
    for _ in 0..10 {
        assert_eq!(server.public(Method::GET, "/_holdfast/jwks").send().await?.status, 200);
    }
    assert_eq!(met(&server, "address").await?, 0);
    Ok(())
}
