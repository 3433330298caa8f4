//! Generations of cookies: which of them is good, and for how long.

use anyhow::Result;
use holdfast_tests::server::{COOKIE, ORIGIN, Server, Settings, tampered};
use reqwest::Method;

/// C02: requests cross rotations on the wire.
#[tokio::test]
async fn the_cookie_before_is_good_for_the_overlap() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    let before = bound.cookie.clone();
    server.renew(&mut bound).await?;
    assert_ne!(bound.cookie, before);

    server.advance(29);
    assert_eq!(server.check(&before).await?.verdict(), ("allow", "ok"));
    server.advance(1);
    assert_eq!(server.check(&before).await?.verdict(), ("deny", "cookie_superseded"));
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn the_overlap_is_the_operators_choice() -> Result<()> {
    let server = Server::with(Settings::default().set("session.cookie_overlap", "5s")).await?;
    let mut bound = server.bind("alice").await?;
    let before = bound.cookie.clone();
    server.renew(&mut bound).await?;
    server.advance(4);
    assert_eq!(server.check(&before).await?.verdict(), ("allow", "ok"));
    server.advance(1);
    assert_eq!(server.check(&before).await?.verdict(), ("deny", "cookie_superseded"));
    Ok(())
}

#[tokio::test]
async fn two_rotations_back_is_dead_at_once() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    let old = bound.cookie.clone();
    server.renew(&mut bound).await?;
    server.renew(&mut bound).await?;
    assert_eq!(server.check(&old).await?.verdict(), ("deny", "cookie_superseded"));
    Ok(())
}

/// C05, and what §5.2 of dbsc.md says about the race.
#[tokio::test]
async fn the_login_cookie_lives_until_the_first_bound_one_is_seen() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let bound = server.bind_login(&login).await?;
    server.advance(59);
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("allow", "ok"), "nothing bound was seen yet");
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("deny", "cookie_superseded"));
    Ok(())
}

/// C04.
#[tokio::test]
async fn the_login_cookie_dies_a_minute_after_binding_in_any_case() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    server.advance(10);
    server.bind_login(&login).await?;
    server.advance(59);
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    server.advance(1);
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("deny", "cookie_superseded"));
    Ok(())
}

#[tokio::test]
async fn a_refused_bound_cookie_confirms_nothing() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let bound = server.bind_login(&login).await?;
    let tampered = tampered(&bound.cookie);
    server.check(&tampered).await?;
    server.check_with(&bound.cookie, serde_json::json!({ "binding": "attested" })).await?;
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn the_death_of_the_login_cookie_survives_a_restart() -> Result<()> {
    let server = Server::with(Settings::default().on_disk()).await?;
    let login = server.login("alice").await?;
    let bound = server.bind_login(&login).await?;
    server.check(&bound.cookie).await?;
    let server = server.restart().await?;
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("deny", "cookie_superseded"));
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn a_copy_in_use_is_reported_once_per_use() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    let copy = bound.cookie.clone();
    server.renew(&mut bound).await?;
    server.check(&copy).await?;
    server.advance(31);
    let headers =
        serde_json::json!([["Cookie", format!("__Host-holdfast={copy}")], ["User-Agent", "thief/1"]]);
    server.ask(serde_json::json!({ "headers": headers, "client_ip": "198.51.100.9" })).await?;

    let stale = server.audit().wait_for("cookie.stale", 1).await?;
    assert_eq!(stale.len(), 1, "within the overlap it was no copy");
    assert_eq!(stale[0]["session"], bound.id.as_str());
    assert_eq!(
        (&stale[0]["client_ip"], &stale[0]["user_agent"]),
        (&"198.51.100.9".into(), &"thief/1".into())
    );
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"), "the owner is not harmed");
    Ok(())
}

#[tokio::test]
async fn dead_cookies_are_no_key_to_the_public_endpoints() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let bound = server.bind_login(&login).await?;
    server.check(&bound.cookie).await?;
    let own = server.public(Method::GET, "/_holdfast/session").cookie(&login.cookie).send().await?;
    assert_eq!((own.status, own.code()), (401, "cookie_superseded"));
    server.browser("/_holdfast/logout").cookie(&login.cookie).send().await?.expect(204)?;
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"), "a copy logs nobody out");
    Ok(())
}

/// L01 for checks: the audit file names sessions and never what opens them.
#[tokio::test]
async fn the_audit_trail_holds_no_credential() -> Result<()> {
    let mut server = Server::start().await?;
    let login = server.login("alice").await?;
    let mut bound = server.bind_login(&login).await?;
    let first = bound.cookie.clone();
    let proof = bound.device.refresh(&bound.challenge);
    server.check(&login.cookie).await?;
    server.renew(&mut bound).await?;
    let answer = server.check(&bound.cookie).await?;
    server.refresh(&bound.id, Some("x.y.z")).await?;
    server.browser("/_holdfast/logout").cookie(&bound.cookie).send().await?;
    server.stop().await;

    let trail = server.audit().text();
    let assertion = answer.at("/request_headers/3/1").as_str().unwrap_or_default().to_owned();
    let (challenge, code) = (&login.offer.challenge, &login.offer.authorization);
    for secret in
        [&login.cookie, &first, &bound.cookie, &proof, &assertion, challenge, code, &bound.challenge]
    {
        assert!(!secret.is_empty() && !trail.contains(secret.as_str()));
    }
    // What the trail says of itself is no event of a session, and has members of its own.
    let is_own =
        |line: &serde_json::Value| line["event"].as_str().is_some_and(|name| name.starts_with("audit."));
    let events: Vec<_> = server.audit().events().into_iter().filter(|line| !is_own(line)).collect();
    let names: Vec<String> =
        events.iter().filter_map(|line| line["event"].as_str().map(str::to_owned)).collect();
    let expected = [
        "config.loaded",
        "session.created",
        "session.bound",
        "session.checked",
        "session.refreshed",
        "session.checked",
        "proof.rejected",
        "session.ended",
    ];
    assert_eq!(names, expected);
    for line in events {
        let members = line.as_object().map(|line| line.keys().cloned().collect::<Vec<_>>());
        let known = "app binding client_ip decision detail event hash prev reason request_id risk rule seq session tags \
                     time trace_id user user_agent";
        let mut members = members.unwrap_or_default();
        members.sort();
        assert_eq!(members.join(" "), known);
    }
    Ok(())
}

/// A neighbour's cookie may hold any bytes. It must not hide the session, least of all from a logout.
#[tokio::test]
async fn a_neighbours_cookie_hides_nothing() -> Result<()> {
    let server = Server::with(Settings::default().behind_gateways()).await?;
    for neighbour in [&b"theme=\xc3\xa9"[..], b"theme=\xe9\xff"] {
        let bound = server.bind("alice").await?;
        let field = [neighbour, format!("; {COOKIE}={}", bound.cookie).as_bytes()].concat();
        let asked = server.nginx("GET", &format!("{ORIGIN}/orders")).bytes("cookie", &field);
        assert_eq!(asked.send().await?.expect(200)?.header("holdfast-user"), Some("alice"));
        server.public(Method::POST, "/_holdfast/logout").bytes("cookie", &field).send().await?.expect(204)?;
        assert_eq!(server.session(&bound.id).await?.at("/state"), "ended");
    }
    Ok(())
}

/// Whatever a client calls itself, a line of the trail stays a line.
#[tokio::test]
async fn a_long_agent_fills_no_trail() -> Result<()> {
    let server = Server::with(Settings::default().behind_gateways()).await?;
    let call = server.nginx("GET", &format!("{ORIGIN}/orders")).header("user-agent", &"\"".repeat(60_000));
    call.send().await?.expect(401)?;
    let denied = server.audit().wait_for("session.denied", 1).await?;
    assert_eq!(denied[0]["user_agent"].as_str().map(str::len), Some(512));
    Ok(())
}
