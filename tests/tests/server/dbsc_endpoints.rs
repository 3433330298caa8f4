//! The other public endpoints: the own session, logging out, and what every public answer carries.

use std::net::SocketAddr;

use anyhow::Result;
use holdfast_tests::server::{COOKIE, HINT, ORIGIN, Server, Settings};
use holdfast_tests::{Authority, http};
use reqwest::Method;

#[tokio::test]
async fn a_page_sees_its_own_session() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let own =
        async |cookie: &str| server.public(Method::GET, "/_holdfast/session").cookie(cookie).send().await;
    let before = own(&login.cookie).await?.expect(200)?;
    assert_eq!((before.text_at("/id")?, before.text_at("/binding/level")?), (login.id.as_str(), "none"));
    let bound = server.bind_login(&login).await?;
    let after = own(&bound.cookie).await?.expect(200)?;
    assert_eq!(after.text_at("/binding/level")?, "hardware");
    assert_eq!(after.json(), server.session(&login.id).await?.json());
    assert_eq!(after.header("cache-control"), Some("no-store"));
    assert!(!after.text.contains(&bound.cookie));
    Ok(())
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_see() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    server.revoke(&login.id).await?;
    for (cookie, code) in [
        (None, "no_credential"),
        (Some(format!("{COOKIE}=x")), "bad_cookie"),
        (Some(format!("{COOKIE}=x; {COOKIE}=y")), "duplicate_cookie"),
        (Some(format!("{COOKIE}={}", login.cookie)), "session_ended"),
        (Some(format!("{HINT}=1")), "no_credential"),
    ] {
        let call = server.public(Method::GET, "/_holdfast/session");
        let answer = cookie.iter().fold(call, |call, cookie| call.header("cookie", cookie)).send().await?;
        assert_eq!((answer.status, answer.code(), answer.is_problem()), (401, code, true), "{cookie:?}");
    }
    Ok(())
}

/// E01.
#[tokio::test]
async fn logging_out_ends_the_session_and_takes_both_cookies() -> Result<()> {
    let server = Server::start().await?;
    let bound = server.bind("alice").await?;
    let answer = server.browser("/_holdfast/logout").cookie(&bound.cookie).send().await?.expect(204)?;
    let gone = |name| format!("{name}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(answer.all("set-cookie"), [gone(COOKIE), gone(HINT)]);
    assert!(answer.header("clear-site-data").is_none());
    assert_eq!(server.session(&bound.id).await?.text_at("/end_reason")?, "logout");
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("deny", "session_ended"));
    let proof = bound.device.refresh(&bound.challenge);
    server.refresh(&bound.id, Some(&proof)).await?.expect(404)?;
    server.browser("/_holdfast/logout").cookie(&bound.cookie).send().await?.expect(204)?;
    server.browser("/_holdfast/logout").send().await?.expect(204)?;
    Ok(())
}

/// A page that stood open for a while still logs its user out, though its cookie has expired meanwhile; an older copy
/// does not.
#[tokio::test]
async fn an_expired_cookie_logs_out_if_it_is_the_last_one() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    let older = bound.cookie.clone();
    server.renew(&mut bound).await?;
    server.advance(601);
    server.browser("/_holdfast/logout").cookie(&older).send().await?.expect(204)?;
    assert_eq!(server.session(&bound.id).await?.text_at("/state")?, "active");
    server.browser("/_holdfast/logout").cookie(&bound.cookie).send().await?.expect(204)?;
    assert_eq!(server.session(&bound.id).await?.text_at("/end_reason")?, "logout");
    Ok(())
}

#[tokio::test]
async fn site_data_is_cleared_only_if_configured() -> Result<()> {
    let server = Server::with(Settings::default().set("session.clear_site_data", "true")).await?;
    let bound = server.bind("alice").await?;
    let answer = server.browser("/_holdfast/logout").cookie(&bound.cookie).send().await?.expect(204)?;
    assert_eq!(answer.header("clear-site-data"), Some("\"storage\""));
    Ok(())
}

#[tokio::test]
async fn a_logout_leads_back_into_the_app_or_nowhere() -> Result<()> {
    let server = Server::start().await?;
    for to in ["/", "/bye?x=1", "/a//b"] {
        let bound = server.bind("alice").await?;
        let path = format!("/_holdfast/logout?to={}", to.replace('?', "%3F"));
        let answer = server.browser(&path).cookie(&bound.cookie).send().await?;
        assert_eq!((answer.status, answer.header("location")), (303, Some(to)));
        assert_eq!(server.check(&bound.cookie).await?.verdict().0, "deny");
    }
    for to in [
        "//evil.example",
        "https://evil.example/",
        "/%5Cevil",
        "evil",
        "",
        "/%0d%0aa:b",
        "%2F%2Fevil.example",
    ] {
        let bound = server.bind("alice").await?;
        let answer =
            server.browser(&format!("/_holdfast/logout?to={to}")).cookie(&bound.cookie).send().await?;
        assert_eq!(
            (answer.status, answer.header("location"), answer.is_problem()),
            (400, None, true),
            "{to}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn another_origin_logs_nobody_out() -> Result<()> {
    let server = Server::start().await?;
    let bound = server.bind("alice").await?;
    for (site, origin) in [
        (Some("cross-site"), Some("https://evil.example")),
        (Some("cross-site"), None),
        (Some("same-site"), None),
        (Some("same-site"), Some("https://sub.shop.example")),
        (None, Some("https://evil.example")),
        (None, Some("null")),
        (None, Some("https://other.example")),
        (Some("same-origin"), Some("https://evil.example")),
        (None, Some("http://shop.example")),
        (Some("cross-site"), Some(ORIGIN)),
    ] {
        let call = server.public(Method::POST, "/_holdfast/logout").cookie(&bound.cookie);
        let call = site.into_iter().fold(call, |call, site| call.header("sec-fetch-site", site));
        let call = origin.into_iter().fold(call, |call, origin| call.header("origin", origin));
        let answer = call.send().await?;
        assert_eq!((answer.status, answer.is_problem()), (403, true), "{site:?} {origin:?}");
        assert!(answer.all("set-cookie").is_empty(), "{site:?} {origin:?}: the cookies stay");
    }
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    assert_eq!(
        server.public(Method::GET, "/_holdfast/logout").cookie(&bound.cookie).send().await?.status,
        405
    );
    Ok(())
}

/// A user who was too slow to be bound can still leave.
#[tokio::test]
async fn an_overdue_session_can_be_logged_out() -> Result<()> {
    let server = Server::with(Settings::default().set("session.unbound", "deny")).await?;
    let login = server.login("alice").await?;
    server.advance(61);
    server.browser("/_holdfast/logout").cookie(&login.cookie).send().await?.expect(204)?;
    assert_eq!(server.session(&login.id).await?.text_at("/end_reason")?, "logout");
    Ok(())
}

#[tokio::test]
async fn every_public_answer_keeps_to_itself() -> Result<()> {
    let server = Server::start().await?;
    let bound = server.bind("alice").await?;
    for (method, path) in [
        (Method::POST, "/_holdfast/dbsc/register"),
        (Method::POST, "/_holdfast/dbsc/refresh"),
        (Method::GET, "/_holdfast/session"),
        (Method::GET, "/_holdfast/resume?to=/x"),
        (Method::GET, "/_holdfast/jwks"),
        (Method::POST, "/_holdfast/logout"),
        (Method::GET, "/nowhere"),
        (Method::PUT, "/_holdfast/dbsc/refresh"),
        (Method::GET, "/.well-known/device-bound-sessions"),
    ] {
        let call = server.public(method.clone(), path).cookie(&bound.cookie).header("origin", ORIGIN);
        let answer = call.send().await?;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{method} {path}");
        assert!(answer.header("access-control-allow-origin").is_none(), "{method} {path}");
        assert!(answer.header("strict-transport-security").is_none(), "{method} {path}: this is no TLS");
        let html = answer.header("content-type").is_some_and(|kind| kind.contains("html"));
        assert_eq!(html, path.starts_with("/_holdfast/resume"), "{method} {path}");
    }
    Ok(())
}

#[tokio::test]
async fn tls_promises_to_stay_tls() -> Result<()> {
    let (authority, folder) = (Authority::new()?, tempfile::tempdir()?);
    authority.issue(&["shop.example"])?.write_to(folder.path())?;
    let settings = Settings::default().set("public.tls.cert", "cert.pem").set("public.tls.key", "key.pem");
    let server = Server::in_folder(folder, settings).await?;
    let address: SocketAddr = server.public_addr();
    let client = http::client(&authority)?;
    for path in ["/_holdfast/session", "/_holdfast/jwks", "/nowhere"] {
        let answer = client.get(format!("https://shop.example:{}{path}", address.port())).send().await?;
        let promise = answer.headers().get("strict-transport-security").and_then(|value| value.to_str().ok());
        let seconds =
            promise.and_then(|value| value.strip_prefix("max-age=")?.split(';').next()?.parse::<u64>().ok());
        assert!(seconds >= Some(31_536_000), "{path}: {promise:?}");
    }
    let plain = reqwest::Client::new().get(format!("http://{address}/_holdfast/session")).send().await;
    assert!(plain.is_err() || plain.is_ok_and(|answer| !answer.status().is_success()));
    Ok(())
}
