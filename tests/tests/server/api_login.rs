//! `POST /v1/sessions`: what an app gets for its login response, and what it may say.

use anyhow::Result;
use holdfast_tests::server::{COOKIE, Device, HINT, OTHER_TOKEN, Server, Settings, tampered};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_login_is_answered_as_the_contract_says() -> Result<()> {
    let server = Server::start().await?;
    let login = server
        .login_with(json!({
            "user": "alice",
            "auth": { "acr": "urn:example:mfa", "amr": ["pwd", "otp"], "auth_time": "2026-11-22T09:59:00Z" },
            "client": { "ip": "203.0.113.7", "user_agent": "Mozilla/5.0 …", "device_id": "laptop-7" },
            "attributes": { "groups": ["staff"] },
        }))
        .await?;

    let session = login.answer.at("/session");
    assert!(login.id.starts_with("hs_") && login.id.len() == 25, "{}", login.id);
    let expected = json!({
        "id": login.id, "app": "shop", "user": "alice", "state": "active", "locked": false, "end_reason": null,
        "created_at": "2026-11-22T10:00:00.000Z", "last_seen_at": "2026-11-22T10:00:00.000Z",
        "idle_expires_at": "2026-11-22T11:00:00.000Z", "expires_at": "2026-11-23T10:00:00.000Z",
        "ended_at": null,
        "binding": { "method": "none", "level": "none", "algorithm": null, "key_thumbprint": null,
                     "bound_at": null, "last_proof_at": null, "proofs": 0 },
        "auth": { "acr": "urn:example:mfa", "amr": ["pwd", "otp"], "auth_time": "2026-11-22T09:59:00.000Z" },
        "client": { "ip": "203.0.113.7", "user_agent": "Mozilla/5.0 …", "device_id": "laptop-7" },
        "attributes": { "groups": ["staff"] },
    });
    assert_eq!(session, &expected);
    Ok(())
}

#[tokio::test]
async fn response_headers_come_in_their_order_and_are_complete() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;

    let headers: Vec<(String, String)> =
        serde_json::from_value(login.answer.at("/response_headers").clone())?;
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Set-Cookie", "Set-Cookie", "Secure-Session-Registration", "Cache-Control"]);
    let attributes = "Path=/; Secure; HttpOnly; SameSite=Lax";
    // An unbound session is restricted to eight hours, and so is its cookie.
    assert_eq!(headers[0].1, format!("{COOKIE}={}; Max-Age=28800; {attributes}", login.cookie));
    assert!(headers[0].1.len() <= 4096);
    assert_eq!(headers[1].1, format!("{HINT}=1; Max-Age=86400; {attributes}"));
    assert_eq!(headers[3].1, "no-store");
    // H01, H03: the offer was read by a strict parser already.
    assert_eq!(login.offer.algorithms, ["ES256", "RS256"]);
    assert_eq!(login.offer.path, "/_holdfast/dbsc/register");
    assert!(login.offer.challenge.len() >= 22 && login.offer.challenge.is_ascii());
    assert_eq!(login.answer.header("cache-control"), Some("no-store"));
    Ok(())
}

#[tokio::test]
async fn no_two_logins_share_anything() -> Result<()> {
    let server = Server::start().await?;
    let (one, two) = (server.login("alice").await?, server.login("alice").await?);
    assert_ne!(one.id, two.id);
    assert_ne!(one.cookie, two.cookie);
    assert_ne!(one.offer.challenge, two.offer.challenge);
    assert_ne!(one.offer.authorization, two.offer.authorization);
    Ok(())
}

#[tokio::test]
async fn the_offer_names_the_configured_algorithms_alone() -> Result<()> {
    let server = Server::with(Settings::default().set("dbsc.algorithms", "RS256")).await?;
    assert_eq!(server.login("alice").await?.offer.algorithms, ["RS256"]);
    Ok(())
}

#[tokio::test]
async fn only_a_user_is_required() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let session = login.answer.at("/session");
    assert_eq!(session["client"], json!({ "ip": null, "user_agent": null, "device_id": null }));
    assert_eq!(session["attributes"], json!({}));
    assert_eq!(session["auth"]["acr"], Value::Null);
    assert_eq!(session["auth"]["amr"], json!([]));
    assert_eq!(session["auth"]["auth_time"], "2026-11-22T10:00:00.000Z");
    Ok(())
}

#[tokio::test]
async fn users_are_1_to_256_bytes_that_a_header_can_carry() -> Result<()> {
    let server = Server::start().await?;
    for user in ["a", &"x".repeat(256), "Zoë", "urn:user:1/2", "a b", &"é".repeat(128)] {
        assert_eq!(server.login(user).await?.answer.text_at("/session/user")?, user);
    }
    let long = "x".repeat(257);
    for user in ["", " alice", "alice\t", "a\nb", "a\u{0}b", "\u{7f}", &long, &"é".repeat(129)] {
        let answer = server.app(Method::POST, "/v1/sessions").json(&json!({ "user": user })).send().await?;
        assert_eq!(answer.status, 400, "{user:?}");
        assert!(answer.is_problem(), "{user:?}: {}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_login_is_told_and_nothing_begins() -> Result<()> {
    let server = Server::start().await?;
    let many: Vec<String> = (0..17).map(|n| n.to_string()).collect();
    for body in [
        json!({}),
        json!({ "user": null }),
        json!({ "user": 7 }),
        json!({ "user": "a", "role": "admin" }),
        json!({ "user": "a", "auth": { "level": 3 } }),
        json!({ "user": "a", "auth": { "amr": "pwd" } }),
        json!({ "user": "a", "auth": { "amr": many } }),
        json!({ "user": "a", "auth": { "amr": ["x".repeat(129)] } }),
        json!({ "user": "a", "auth": { "acr": "é".repeat(257) } }),
        json!({ "user": "a", "auth": { "auth_time": "yesterday" } }),
        json!({ "user": "a", "auth": { "auth_time": 1_795_341_600 } }),
        json!({ "user": "a", "client": { "ip": "203.0.113.700" } }),
        json!({ "user": "a", "client": { "ip": "203.0.113.7:80" } }),
        json!({ "user": "a", "attributes": [] }),
        json!({ "user": "a", "attributes": "x" }),
        json!({ "user": "a", "attributes": { "x": "y".repeat(4096) } }),
        json!({ "user": "a", "attributes": { "groups": ["staff", 7] } }),
        json!({ "user": "a", "attributes": { "groups": "staff" } }),
        json!({ "user": "a", "attributes": { "groups": null } }),
        json!({ "user": "a", "attributes": { "groups": [""] } }),
        json!({ "user": "a", "attributes": { "groups": ["x".repeat(129)] } }),
        json!({ "user": "a", "attributes": { "groups": vec!["x"; 65] } }),
        json!({ "user": "a", "previous_cookie": 1 }),
    ] {
        let answer = server.app(Method::POST, "/v1/sessions").json(&body).send().await?;
        assert_eq!((answer.status, answer.is_problem()), (400, true), "{body}: {}", answer.text);
    }
    assert_eq!(server.metric("holdfast_sessions").await?, 0);
    Ok(())
}

#[tokio::test]
async fn the_session_before_a_login_is_replaced() -> Result<()> {
    let server = Server::start().await?;
    let planted = server.bind("mallory").await?;
    let login = server.login_with(json!({ "user": "alice", "previous_cookie": planted.cookie })).await?;

    assert_ne!(login.id, planted.id);
    let old = server.session(&planted.id).await?;
    assert_eq!((old.text_at("/state")?, old.text_at("/end_reason")?), ("ended", "replaced"));
    assert_eq!(server.check(&planted.cookie).await?.verdict(), ("deny", "session_ended"));
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn the_cookie_of_the_rotation_before_speaks_for_its_session_a_moment_longer() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    let before = bound.cookie.clone();
    server.renew(&mut bound).await?;
    server.login_with(json!({ "user": "alice", "previous_cookie": before })).await?;
    assert_eq!(server.session(&bound.id).await?.text_at("/end_reason")?, "replaced");
    Ok(())
}

#[tokio::test]
async fn a_cookie_that_speaks_for_nobody_replaces_nothing() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let mut bound = server.bind_login(&login).await?;
    server.check(&bound.cookie).await?;
    let stale = bound.cookie.clone();
    server.renew(&mut bound).await?;
    server.advance(31);

    let tampered = tampered(&bound.cookie);
    for dead in [&login.cookie, &stale, &tampered, "", "x", "\u{0}", &bound.cookie.to_uppercase()] {
        let again = server.login_with(json!({ "user": "mallory", "previous_cookie": dead })).await?;
        assert_eq!(server.session(&bound.id).await?.text_at("/state")?, "active", "{dead:?}");
        server.revoke(&again.id).await?;
    }
    Ok(())
}

/// The browser that logs in again after a pause sends what it has.
#[tokio::test]
async fn an_expired_cookie_still_names_the_session_that_a_login_replaces() -> Result<()> {
    let server = Server::start().await?;
    let bound = server.bind("alice").await?;
    server.advance(601);
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("deny", "cookie_expired"));
    server.login_with(json!({ "user": "alice", "previous_cookie": bound.cookie })).await?;
    assert_eq!(server.session(&bound.id).await?.text_at("/end_reason")?, "replaced");
    Ok(())
}

#[tokio::test]
async fn another_apps_cookie_replaces_nothing() -> Result<()> {
    let server = Server::start().await?;
    let shop = server.login("alice").await?;
    let body = json!({ "user": "alice", "previous_cookie": shop.cookie });
    server.with_token(OTHER_TOKEN, Method::POST, "/v1/sessions").json(&body).send().await?.expect(201)?;
    assert_eq!(server.session(&shop.id).await?.text_at("/state")?, "active");
    Ok(())
}

#[tokio::test]
async fn the_oldest_session_makes_room() -> Result<()> {
    let server = Server::with(Settings::default().set("session.max_per_user", "2")).await?;
    let mut logins = Vec::new();
    for _ in 0..4 {
        logins.push(server.login("alice").await?);
        server.advance(1);
    }
    let bob = server.login("bob").await?;
    for old in &logins[..2] {
        let session = server.session(&old.id).await?;
        assert_eq!((session.text_at("/state")?, session.text_at("/end_reason")?), ("ended", "user_cap"));
        assert_eq!(server.check(&old.cookie).await?.verdict(), ("deny", "session_ended"));
    }
    for young in logins[2..].iter().chain([&bob]) {
        assert_eq!(server.check(&young.cookie).await?.verdict(), ("allow", "ok"));
    }
    Ok(())
}

#[tokio::test]
async fn an_ended_session_takes_no_room() -> Result<()> {
    let server = Server::with(Settings::default().set("session.max_per_user", "2")).await?;
    let first = server.login("alice").await?;
    let second = server.login("alice").await?;
    server.revoke(&second.id).await?;
    server.login("alice").await?;
    assert_eq!(server.check(&first.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn a_session_of_another_app_takes_no_room() -> Result<()> {
    let server = Server::with(Settings::default().set("session.max_per_user", "1")).await?;
    let shop = server.login("alice").await?;
    let other = server.with_token(OTHER_TOKEN, Method::POST, "/v1/sessions");
    other.json(&json!({ "user": "alice" })).send().await?.expect(201)?;
    assert_eq!(server.check(&shop.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

/// H04, R35: nothing but a login makes an offer, and a new login leaves the others alone.
#[tokio::test]
async fn a_second_login_gets_an_id_of_its_own() -> Result<()> {
    let server = Server::start().await?;
    let first = server.bind("alice").await?;
    let second = server.login("alice").await?;
    let device = Device::new()?;
    server.register(&device.registration(&second.offer)).await?.expect(200)?;
    assert_ne!(first.id, second.id);
    let key = server.session(&first.id).await?;
    assert_eq!(key.text_at("/binding/key_thumbprint")?, first.device.thumbprint());
    assert_eq!(server.check(&first.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}
