//! Soft lock: a session that nobody uses is kept for its user, and opened by a new login alone (NIST SP 800-63B-4 §2.2.3).

use anyhow::Result;
use holdfast_tests::server::{Answer, COOKIE, Device, Granted, HINT, Login, ORIGIN, Server, Settings, TOKEN};
use reqwest::Method;
use serde_json::{Value, json};

const HOUR: u64 = 3600;

/// AAL2, with cookies that live long enough to tell a lock from an expired cookie.
fn settings() -> Settings {
    Settings::default().set("session.profile", "nist-aal2").set("session.bound_cookie", "23h")
}

async fn state_of(server: &Server, id: &str) -> Result<(String, Value, Value)> {
    let session = server.session(id).await?.expect(200)?;
    Ok((
        session.text_at("/state")?.to_owned(),
        session.at("/locked").clone(),
        session.at("/end_reason").clone(),
    ))
}

async fn regenerate(server: &Server, id: &str, body: Value) -> Result<Answer> {
    server.app(Method::POST, &format!("/v1/sessions/{id}/regenerate")).json(&body).send().await
}

/// The time, as the server tells it.
async fn now(server: &Server) -> Result<String> {
    let login = server.login("clock").await?;
    Ok(server.session(&login.id).await?.text_at("/created_at")?.to_owned())
}

#[tokio::test]
async fn an_unused_session_is_locked_and_not_ended() -> Result<()> {
    let server = Server::with(settings()).await?;
    let bound = server.bind("alice").await?;
    server.advance(HOUR - 1);
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    assert_eq!(state_of(&server, &bound.id).await?.1, json!(false));
    server.advance(HOUR);
    for _ in 0..3 {
        let answer = server.check(&bound.cookie).await?;
        assert_eq!((answer.verdict(), answer.at("/status")), (("step_up", "idle_expired"), &json!(401)));
        assert_eq!(answer.at("/request_headers"), &json!([]), "a locked session gives nobody an identity");
        assert_eq!(answer.text_at("/session/id")?, bound.id, "the app must know which session to open");
        server.advance(60);
    }
    assert_eq!(state_of(&server, &bound.id).await?, ("active".to_owned(), json!(true), Value::Null));
    let listed = server.app(Method::GET, "/v1/sessions?state=active").send().await?.expect(200)?;
    assert_eq!(listed.at("/sessions/0/locked"), &json!(true));
    let denied = "holdfast_checks_total{decision=\"step_up\",reason=\"idle_expired\"}";
    assert_eq!(server.metric(denied).await?, 3);
    Ok(())
}

/// Without the switch everything is as it was, with a profile too.
#[tokio::test]
async fn without_it_a_session_ends_at_idle() -> Result<()> {
    for settings in
        [settings().set("session.soft_lock", "false"), settings().set("session.profile", "nist-aal1")]
    {
        let server = Server::with(settings.set("session.idle", "1h")).await?;
        let bound = server.bind("alice").await?;
        server.advance(HOUR);
        assert_eq!(server.check(&bound.cookie).await?.verdict(), ("deny", "idle_expired"));
        assert_eq!(state_of(&server, &bound.id).await?, ("ended".to_owned(), json!(false), json!("idle")));
        regenerate(&server, &bound.id, json!({ "auth": {} })).await?.expect(404)?;
    }
    Ok(())
}

#[tokio::test]
async fn the_device_keeps_its_key_and_opens_nothing() -> Result<()> {
    let server = Server::with(settings()).await?;
    let mut bound = server.bind("alice").await?;
    server.advance(HOUR);
    for _ in 0..3 {
        server.renew(&mut bound).await?;
        assert_eq!(server.check(&bound.cookie).await?.verdict(), ("step_up", "idle_expired"));
        server.advance(600);
    }
    let session = server.session(&bound.id).await?.expect(200)?;
    assert_eq!((session.text_at("/binding/method")?, session.at("/binding/proofs")), ("dbsc", &json!(4)));
    Ok(())
}

#[tokio::test]
async fn a_login_opens_it_under_a_new_id() -> Result<()> {
    let server = Server::with(settings()).await?;
    let bound = server.bind("alice").await?;
    server.advance(2 * HOUR);
    let answer = regenerate(&server, &bound.id, json!({ "auth": { "amr": ["pin"] } })).await?.expect(201)?;
    assert_eq!((answer.at("/session/locked"), answer.text_at("/session/user")?), (&json!(false), "alice"));
    let next = Login::read(answer)?;
    assert_eq!(server.check(&next.cookie).await?.verdict(), ("allow", "ok"));
    let before = server.check(&bound.cookie).await?;
    assert_eq!(
        (before.verdict(), before.text_at("/session/end_reason")?),
        (("deny", "session_ended"), "regenerated")
    );
    let rebound = server.bind_login(&next).await?;
    assert_eq!(server.check(&rebound.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

/// What is not a login since the last use is refused, and leaves the session as it is.
#[tokio::test]
async fn nothing_but_a_login_opens_it() -> Result<()> {
    let server = Server::with(settings()).await?;
    let bound = server.bind("alice").await?;
    server.advance(600);
    let stale = now(&server).await?;
    server.advance(1);
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    server.advance(HOUR);
    let fresh = now(&server).await?;
    server.advance(5);
    for body in [json!({}), json!({ "auth": null }), json!({ "auth": { "acr": "mfa", "auth_time": stale } })]
    {
        let answer = regenerate(&server, &bound.id, body.clone()).await?.expect(409)?;
        assert!(answer.is_problem() && answer.code() == "session_locked", "{body}: {}", answer.text);
        assert_eq!(state_of(&server, &bound.id).await?.1, json!(true), "{body}");
    }
    server.check(&bound.cookie).await?;
    server.public(Method::GET, "/_holdfast/session").cookie(&bound.cookie).send().await?.expect(401)?;
    server
        .app(Method::POST, &format!("/v1/sessions/{}/usage", bound.id))
        .json(&json!({ "bytes": 1 }))
        .send()
        .await?;
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("step_up", "idle_expired"));
    regenerate(&server, &bound.id, json!({ "auth": { "auth_time": fresh } })).await?.expect(201)?;
    Ok(())
}

/// A lock is a stay, not a pardon: the absolute limit holds, and everybody who may end a session still may.
#[tokio::test]
async fn a_locked_session_still_ends() -> Result<()> {
    let server = Server::with(settings()).await?;
    let (late, left) = (server.bind("alice").await?, server.bind("bob").await?);
    let (gone, moved) = (server.bind("carol").await?, server.bind("dan").await?);
    server.advance(2 * HOUR);
    let logout = server.public(Method::POST, "/_holdfast/logout").cookie(&left.cookie).send().await?;
    logout.expect(204)?;
    assert_eq!(state_of(&server, &left.id).await?.2, json!("logout"));
    server.revoke(&gone.id).await?;
    assert_eq!(server.check(&gone.cookie).await?.verdict(), ("deny", "session_ended"));
    server.login_with(json!({ "user": "dan", "previous_cookie": moved.cookie })).await?;
    assert_eq!(state_of(&server, &moved.id).await?.2, json!("replaced"));
    server.advance(22 * HOUR);
    assert_eq!(state_of(&server, &late.id).await?, ("ended".to_owned(), json!(false), json!("absolute")));
    regenerate(&server, &late.id, json!({ "auth": {} })).await?.expect(404)?;
    server.refresh(&late.id, Some(&late.device.refresh(&late.challenge))).await?.expect(404)?;
    Ok(())
}

/// An old copy of the cookie is no credential: it does not learn of the lock, and logs nobody out of it.
#[tokio::test]
async fn an_old_copy_learns_and_ends_nothing() -> Result<()> {
    let server = Server::with(settings()).await?;
    let mut bound = server.bind("alice").await?;
    let copy = bound.cookie.clone();
    for _ in 0..2 {
        server.renew(&mut bound).await?;
        server.advance(60);
    }
    server.advance(HOUR);
    assert_eq!(server.check(&copy).await?.verdict(), ("deny", "cookie_superseded"));
    server.public(Method::POST, "/_holdfast/logout").cookie(&copy).send().await?.expect(204)?;
    assert_eq!(state_of(&server, &bound.id).await?, ("active".to_owned(), json!(true), Value::Null));
    Ok(())
}

/// A session without a key is locked as well, by its shorter limit, and lives no longer for it.
#[tokio::test]
async fn a_session_without_a_key_is_locked_by_its_shorter_limit() -> Result<()> {
    let server = Server::with(settings()).await?;
    let login = server.login("alice").await?;
    server.advance(15 * 60);
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("step_up", "idle_expired"));
    let answer = server.register(&Device::new()?.registration(&login.offer)).await?;
    assert_eq!(answer.status, 403, "its offer has long ended: {}", answer.text);
    server.advance(8 * HOUR);
    let answer = server.check(&login.cookie).await?;
    assert!(matches!(answer.verdict(), ("deny", "absolute_expired" | "cookie_expired")), "{}", answer.text);
    Ok(())
}

#[tokio::test]
async fn a_person_is_sent_to_the_step_up_page() -> Result<()> {
    let settings =
        settings().behind_gateways().set("apps.0.step_up_url", "/again").set("apps.0.login_url", "/login");
    let server = Server::with(settings.route(0, "= /again", &[("public", "true")])).await?;
    let bound = server.bind("alice").await?;
    server.advance(HOUR);
    for (kind, call) in server.kinds(&Method::GET, "/orders") {
        let navigation = call.cookie(&bound.cookie).header("sec-fetch-mode", "navigate").send().await?;
        let place = navigation.header("location").or(navigation.header("holdfast-redirect"));
        assert!(place.is_some_and(|place| place.ends_with("/again?return_to=/orders")), "{kind}: {place:?}");
        assert_eq!(navigation.header("holdfast-decision"), Some("step_up"), "{kind}");
        assert_eq!(navigation.header("holdfast-user"), Some(""), "{kind}");
    }
    for (kind, call) in server.kinds(&Method::GET, "/orders") {
        let script = call.cookie(&bound.cookie).send().await?;
        assert_eq!((script.status, script.header("holdfast-reason")), (401, Some("idle_expired")), "{kind}");
    }
    // The page itself is for anybody, and nobody's.
    let page =
        server.nginx("GET", &format!("{ORIGIN}/again")).cookie(&bound.cookie).send().await?.expect(200)?;
    assert_eq!((page.header("holdfast-user"), page.header("holdfast-reason")), (Some(""), None));
    let allowed = "holdfast_checks_total{decision=\"allow\",reason=\"idle_expired\"}";
    assert_eq!(server.metric(allowed).await?, 1);
    Ok(())
}

/// An OAuth client is told by RFC 9470 to ask its user again; that it refreshes is no use by the user.
#[tokio::test]
async fn an_oauth_client_is_told_to_ask_its_user() -> Result<()> {
    let server = Server::with(settings().set("apps.0.step_up_acr", "urn:example:mfa")).await?;
    let granted = server.grant("alice").await?;
    server.advance(HOUR);
    let proof = server.token_proof(&granted.device).sign(&granted.device);
    let refreshed = server.refresh_token(&granted.refresh_token, &proof).await?.expect(200)?;
    let granted = Granted { access_token: refreshed.text_at("/access_token")?.to_owned(), ..granted };
    let asked = server.public(Method::POST, "/_holdfast/oauth/introspect");
    let asked = asked.form(&[("token", &granted.access_token)]);
    let told = asked.header("authorization", &format!("Bearer {TOKEN}")).send().await?.expect(200)?;
    assert_eq!(told.json(), &json!({ "active": false }), "a token that opens nothing is not active");
    for _ in 0..2 {
        let proof = server.proof(&granted).sign(&granted.device);
        let answer = server.check_token(&format!("DPoP {}", granted.access_token), &[&proof]).await?;
        assert_eq!(answer.verdict(), ("step_up", "idle_expired"));
        let challenge = answer.told("WWW-Authenticate")?.unwrap_or_default();
        assert!(challenge.starts_with("DPoP error=\"insufficient_user_authentication\""), "{challenge}");
        assert!(challenge.contains(", max_age=\"0\""), "{challenge}");
        assert!(!challenge.contains("acr_values"), "one factor is enough: {challenge}");
    }
    Ok(())
}

/// What the browser holds of a session without a key is gone when it is closed; what the device guards may stay.
#[tokio::test]
async fn bearer_cookies_do_not_outlive_the_browser() -> Result<()> {
    for (settings, is_persistent) in [
        (settings(), false),
        (settings().set("session.unbound_persistent", "true"), true),
        (Settings::default(), true),
        (Settings::default().set("session.unbound_persistent", "false"), false),
    ] {
        let settings = settings.set("session.justification", "kiosks restart their browsers at night");
        let server = Server::with(settings).await?;
        let login = server.login("alice").await?;
        let headers: Vec<(String, String)> =
            serde_json::from_value(login.answer.at("/response_headers").clone())?;
        let cookie = |name: &str| {
            let begins = format!("{name}=");
            headers.iter().find(|(_, value)| value.starts_with(&begins)).map(|(_, value)| value.clone())
        };
        let session = cookie(COOKIE).unwrap_or_default();
        assert_eq!(session.contains("Max-Age="), is_persistent, "{session}");
        assert!(session.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{session}");
        assert!(cookie(HINT).is_some_and(|hint| hint.contains("Max-Age=")), "the hint is no secret");
        let device = Device::new()?;
        let answer = server.register(&device.registration(&login.offer)).await?.expect(200)?;
        assert!(answer.all("set-cookie")[0].contains("Max-Age="), "the device guards this one");
    }
    Ok(())
}
