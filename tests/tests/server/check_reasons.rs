//! `POST /v1/check`: every reason, with the clock moved to where it is true.

use anyhow::Result;
use holdfast_tests::server::{COOKIE, HINT, Login, ORIGIN, OTHER_ORIGIN, OTHER_TOKEN, Server, Settings};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn an_allowed_request_gets_its_identity() -> Result<()> {
    let server = Server::start().await?;
    let bound = server.bind("Zoë").await?;
    let answer = server.check(&bound.cookie).await?;

    assert_eq!(answer.verdict(), ("allow", "ok"));
    assert_eq!((answer.at("/status"), answer.at("/response_headers")), (&json!(200), &json!([])));
    assert_eq!(answer.text_at("/session/id")?, bound.id);
    let headers: Vec<(String, String)> = serde_json::from_value(answer.at("/request_headers").clone())?;
    assert_eq!(headers[0], ("Holdfast-User".to_owned(), "Zoë".to_owned()));
    assert_eq!(headers[1], ("Holdfast-Session".to_owned(), bound.id));
    assert_eq!(headers[2], ("Holdfast-Binding".to_owned(), "hardware".to_owned()));
    assert_eq!(headers[3].0, "Holdfast-Assertion");
    assert_eq!(headers[3].1.split('.').count(), 3);
    let of_clients: Vec<_> =
        headers[4..].iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let nothing = [("Holdfast-Client", ""), ("Holdfast-Scope", ""), ("Holdfast-Issuer", "")];
    assert_eq!(of_clients, nothing, "a browser is no client");
    Ok(())
}

#[tokio::test]
async fn a_denied_request_gets_no_identity() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    server.revoke(&login.id).await?;
    let answer = server.check(&login.cookie).await?;
    assert_eq!(answer.verdict(), ("deny", "session_ended"));
    assert_eq!((answer.at("/status"), answer.at("/request_headers")), (&json!(401), &json!([])));
    assert_eq!(answer.text_at("/session/end_reason")?, "revoked");
    Ok(())
}

#[tokio::test]
async fn no_cookie_is_no_credential() -> Result<()> {
    let server = Server::start().await?;
    for cookies in [
        None,
        Some(""),
        Some("a=b"),
        Some("__host-holdfast=x"),
        Some("__Host-holdfast2=x"),
        Some("x__Host-holdfast=x"),
        Some("__Host-holdfast-hint=1"),
        Some("a=1,__Host-holdfast=x"),
        Some("__Host-holdfast"),
    ] {
        let headers: Vec<_> = cookies.iter().map(|cookies| ["Cookie", cookies]).collect();
        let answer = server.ask(json!({ "headers": headers })).await?;
        assert_eq!(answer.verdict(), ("deny", "no_credential"), "{cookies:?}");
        assert_eq!((answer.at("/status"), answer.at("/session")), (&json!(401), &Value::Null));
    }
    Ok(())
}

/// C09, and whatever else was not sealed here.
#[tokio::test]
async fn what_was_not_sealed_here_is_a_bad_cookie() -> Result<()> {
    let server = Server::start().await?;
    let stranger = Server::start().await?;
    let bound = server.bind("alice").await?;
    let foreign = stranger.bind("alice").await?;
    let cookie = &bound.cookie;
    let mut forged = vec![
        String::new(),
        "x".to_owned(),
        foreign.cookie,
        bound.id.clone(),
        bound.challenge.clone(),
        format!("{cookie}="),
        format!("{cookie} "),
        format!("\"{cookie}\""),
        format!("A{cookie}"),
        cookie[1..].to_owned(),
        "A".repeat(cookie.len()),
        "é".repeat(70),
        "A".repeat(60_000),
    ];
    for index in (0..cookie.len()).step_by(7) {
        let other = if &cookie[index..=index] == "A" { "B" } else { "A" };
        forged.push(format!("{}{other}{}", &cookie[..index], &cookie[index + 1..]));
    }
    for value in forged {
        let verdict = server.check(&value).await?;
        // White space around a value belongs to the header and not to the cookie.
        let expected = if value.trim() == cookie { ("allow", "ok") } else { ("deny", "bad_cookie") };
        assert_eq!(verdict.verdict(), expected, "{value:?}");
    }
    Ok(())
}

#[tokio::test]
async fn two_different_cookies_are_refused_and_two_equal_ones_are_one() -> Result<()> {
    let server = Server::start().await?;
    let (bound, planted) = (server.bind("alice").await?, server.bind("mallory").await?);
    let own = format!("{COOKIE}={}", bound.cookie);
    let foreign = format!("{COOKIE}={}", planted.cookie);
    let ask = async |lines: &[String]| {
        let headers: Vec<_> = lines.iter().map(|line| ["cookie", line]).collect();
        server.ask(json!({ "headers": headers })).await
    };
    for lines in [
        vec![format!("{own}; {foreign}")],
        vec![own.clone(), foreign.clone()],
        vec![format!("{foreign}; a=b; {own}")],
        vec![format!("{own}; {COOKIE}=")],
        vec![format!("{COOKIE}=; {own}")],
        vec![own.clone(), own.clone(), foreign.clone()],
    ] {
        assert_eq!(ask(&lines).await?.verdict(), ("deny", "duplicate_cookie"), "{lines:?}");
    }
    for lines in
        [vec![own.clone(), own.clone()], vec![format!("{own};{own}")], vec![format!("a=b;\t{own} ;c=d")]]
    {
        assert_eq!(ask(&lines).await?.verdict(), ("allow", "ok"), "{lines:?}");
    }
    Ok(())
}

/// C01: the server's clock ends a cookie.
#[tokio::test]
async fn a_bound_cookie_lives_ten_minutes_to_the_second() -> Result<()> {
    let server = Server::start().await?;
    let bound = server.bind("alice").await?;
    server.advance(599);
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    server.advance(1);
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("deny", "cookie_expired"));
    let answer = server.refresh(&bound.id, None).await?.expect(403)?;
    assert!(answer.challenge(&bound.id).is_some(), "the session itself lives on");
    Ok(())
}

#[tokio::test]
async fn a_session_unused_for_an_hour_ends() -> Result<()> {
    let server = Server::with(Settings::default().set("session.bound_cookie", "2h")).await?;
    let bound = server.bind("alice").await?;
    server.advance(3599);
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    server.advance(3599);
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"), "a check is a use");
    let mut other = server.bind("bob").await?;
    server.renew(&mut other).await?;
    server.advance(3600);
    assert_eq!(server.check(&other.cookie).await?.verdict(), ("deny", "idle_expired"));
    let session = server.session(&other.id).await?;
    assert_eq!((session.text_at("/state")?, session.text_at("/end_reason")?), ("ended", "idle"));
    let proof = other.device.refresh(&other.challenge);
    server.refresh(&other.id, Some(&proof)).await?.expect(404)?;
    Ok(())
}

#[tokio::test]
async fn looking_at_a_session_is_no_use_of_it() -> Result<()> {
    let server = Server::with(Settings::default().set("session.bound_cookie", "2h")).await?;
    let bound = server.bind("alice").await?;
    for _ in 0..4 {
        server.advance(900);
        server.session(&bound.id).await?;
        server.public(Method::GET, "/_holdfast/session").cookie(&bound.cookie).send().await?;
        server.check_with(&bound.cookie, json!({ "binding": "attested" })).await?;
    }
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("deny", "idle_expired"));
    Ok(())
}

#[tokio::test]
async fn a_day_is_the_end_whatever_happens() -> Result<()> {
    let server = Server::with(Settings::default().set("session.bound_cookie", "48h")).await?;
    let mut bound = server.bind("alice").await?;
    for _ in 0..47 {
        server.advance(1800);
        assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
        server.renew(&mut bound).await?;
    }
    server.advance(1800);
    let expected = server.check(&bound.cookie).await?;
    // A cookie never outlives its session, so the cookie says it first.
    assert!(
        matches!(expected.verdict(), ("deny", "absolute_expired" | "cookie_expired")),
        "{}",
        expected.text
    );
    assert_eq!(server.session(&bound.id).await?.text_at("/end_reason")?, "absolute");
    Ok(())
}

/// The reason `absolute_expired` needs a cookie that outlives its session: the login cookie of a session that has
/// become restricted does.
#[tokio::test]
async fn an_unbound_session_ends_after_its_shorter_day() -> Result<()> {
    let settings =
        Settings::default().set("session.unbound_idle", "8h").set("session.unbound_absolute", "8h");
    let server = Server::with(settings.set("session.idle", "9h")).await?;
    let login = server.login("alice").await?;
    server.advance(8 * 3600 - 1);
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    server.advance(1);
    let answer = server.check(&login.cookie).await?;
    assert!(matches!(answer.verdict(), ("deny", "absolute_expired" | "cookie_expired")), "{}", answer.text);
    Ok(())
}

#[tokio::test]
async fn the_operator_may_shorten_the_day_of_sessions_that_are_there() -> Result<()> {
    let server = Server::with(Settings::default().on_disk().set("session.unbound", "allow")).await?;
    let login = server.login("alice").await?;
    let settings = Settings::default().on_disk().set("session.unbound", "allow");
    let server =
        server.restart_with(settings.set("session.absolute", "30m").set("session.idle", "20m")).await?;
    server.advance(1000);
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    server.advance(800);
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("deny", "absolute_expired"));
    Ok(())
}

#[tokio::test]
async fn restricted_sessions_idle_out_sooner() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    server.advance(899);
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    server.advance(900);
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("deny", "idle_expired"));
    Ok(())
}

#[tokio::test]
async fn allowed_unbound_sessions_live_like_others() -> Result<()> {
    let server = Server::with(Settings::default().set("session.unbound", "allow")).await?;
    let login = server.login("alice").await?;
    assert!(login.answer.text.contains("Max-Age=86400"));
    server.advance(3599);
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    server.advance(3600);
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("deny", "idle_expired"));
    Ok(())
}

#[tokio::test]
async fn denied_unbound_sessions_have_their_window() -> Result<()> {
    let server = Server::with(Settings::default().set("session.unbound", "deny")).await?;
    let (late, prompt) = (server.login("alice").await?, server.bind("bob").await?);
    server.advance(59);
    assert_eq!(server.check(&late.cookie).await?.verdict(), ("allow", "ok"));
    server.advance(1);
    let answer = server.check(&late.cookie).await?;
    assert_eq!((answer.verdict(), answer.at("/status")), (("deny", "binding_overdue"), &json!(401)));
    assert_eq!(server.check(&prompt.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn a_forgotten_session_is_unknown() -> Result<()> {
    // Two servers with one root key and two stores: what one sealed, the other has never heard of.
    let known = Server::start().await?;
    let folder = tempfile::tempdir()?;
    std::fs::copy(known.folder().join("root.key"), folder.path().join("root.key"))?;
    let forgetful = Server::in_folder(folder, Settings::default()).await?;
    let bound = known.bind("alice").await?;
    assert_eq!(forgetful.check(&bound.cookie).await?.verdict(), ("deny", "session_unknown"));
    let own = forgetful.public(Method::GET, "/_holdfast/session").cookie(&bound.cookie).send().await?;
    assert_eq!((own.status, own.code()), (401, "session_unknown"));
    Ok(())
}

#[tokio::test]
async fn another_apps_session_is_unknown() -> Result<()> {
    let server = Server::start().await?;
    let other =
        server.with_token(OTHER_TOKEN, Method::POST, "/v1/sessions").json(&json!({ "user": "alice" }));
    let other = Login::read(other.send().await?.expect(201)?)?;
    assert_eq!(server.check(&other.cookie).await?.verdict(), ("deny", "session_unknown"));
    assert_eq!(server.check(&other.cookie).await?.at("/session"), &Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_cookie_is_good_on_its_own_origin_alone() -> Result<()> {
    let server = Server::start().await?;
    let bound = server.bind("alice").await?;
    let headers = json!([["Cookie", format!("{COOKIE}={}", bound.cookie)]]);
    for url in [
        format!("{OTHER_ORIGIN}/"),
        "http://shop.example/".to_owned(),
        format!("{ORIGIN}.evil/"),
        format!("{ORIGIN}:8443/"),
        "https://user@shop.example/".to_owned(),
        format!("{ORIGIN}@evil/"),
    ] {
        let answer = server.ask(json!({ "url": url, "headers": headers })).await?;
        assert_eq!(
            (answer.verdict(), answer.at("/status")),
            (("deny", "policy_denied"), &json!(403)),
            "{url}"
        );
        assert_eq!(answer.at("/request_headers"), &json!([]));
    }
    for url in [ORIGIN.to_owned(), format!("{ORIGIN}:443/a"), "HTTPS://SHOP.EXAMPLE/a".to_owned()] {
        let answer = server.ask(json!({ "url": url, "headers": headers })).await?;
        assert_eq!(answer.verdict(), ("allow", "ok"), "{url}");
    }
    Ok(())
}

#[tokio::test]
async fn requirements_that_are_not_met_ask_for_more() -> Result<()> {
    let server = Server::start().await?;
    let (login, bound) = (server.login("alice").await?, server.bind("bob").await?);
    server.advance(30);
    for (cookie, require, expected) in [
        (&login.cookie, json!({ "binding": "software" }), ("step_up", "binding_required")),
        (&login.cookie, json!({ "binding": "none" }), ("allow", "ok")),
        (&login.cookie, json!({ "max_proof_age": "1h" }), ("step_up", "proof_too_old")),
        (&bound.cookie, json!({ "binding": "hardware" }), ("allow", "ok")),
        (&bound.cookie, json!({ "binding": "attested" }), ("step_up", "binding_required")),
        (&bound.cookie, json!({ "max_auth_age": "30s" }), ("allow", "ok")),
        (&bound.cookie, json!({ "max_auth_age": "29s" }), ("step_up", "auth_too_old")),
        (&bound.cookie, json!({ "max_proof_age": "30s" }), ("allow", "ok")),
        (&bound.cookie, json!({ "max_proof_age": "29s" }), ("reprove", "proof_too_old")),
    ] {
        let answer = server.check_with(cookie, require.clone()).await?;
        assert_eq!(answer.verdict(), expected, "{require}");
        let status = match expected.0 {
            "allow" => 200,
            "reprove" => 307,
            _ => 401,
        };
        assert_eq!(answer.at("/status"), &json!(status), "{require}");
        assert_eq!(answer.at("/request_headers") == &json!([]), status != 200, "{require}");
    }
    // The trail says what was demanded, and what there was.
    let denied = server.audit().wait_for("session.denied", 5).await?;
    let details: Vec<_> = denied.iter().map(|event| event["detail"].as_str().unwrap_or_default()).collect();
    assert_eq!(
        details,
        [
            "The request needs a session that is bound at the level software, and this one is at none.",
            "The request needs a proof by the device of the last 3600 seconds, and the session has no key.",
            "The request needs a session that is bound at the level attested, and this one is at hardware.",
            "The request needs a login of the last 29 seconds, and the user's was 30 seconds ago.",
            "The request needs a proof by the device of the last 29 seconds, and the last one was 30 seconds ago.",
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_proof_that_is_too_old_is_asked_for_anew() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    server.advance(61);
    let require = json!({ "max_proof_age": "1m" });
    let answer = server.check_with(&bound.cookie, require.clone()).await?;
    let expired = format!("{COOKIE}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax");
    let expected =
        json!([["Cache-Control", "no-store"], ["Location", "/orders?x=1"], ["Set-Cookie", expired]]);
    assert_eq!(answer.at("/response_headers"), &expected);
    server.renew(&mut bound).await?;
    assert_eq!(server.check_with(&bound.cookie, require).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn wrong_questions_are_told_from_denied_ones() -> Result<()> {
    let server = Server::start().await?;
    let url = format!("{ORIGIN}/");
    for question in [
        json!({}),
        json!({ "method": "GET" }),
        json!({ "method": "", "url": url }),
        json!({ "method": "GET /", "url": url }),
        json!({ "method": "GET", "url": "/orders" }),
        json!({ "method": "GET", "url": "" }),
        json!({ "method": "GET", "url": url, "headers": { "Cookie": "a=b" } }),
        json!({ "method": "GET", "url": url, "headers": [["Cookie"]] }),
        json!({ "method": "GET", "url": url, "headers": [["Cookie", "a", "b"]] }),
        json!({ "method": "GET", "url": url, "client_ip": "not an address" }),
        json!({ "method": "GET", "url": url, "require": { "binding": "strong" } }),
        json!({ "method": "GET", "url": url, "require": { "max_auth_age": "5" } }),
        json!({ "method": "GET", "url": url, "require": { "max_proof_age": "-1s" } }),
        json!({ "method": "GET", "url": url, "require": { "bindng": "hardware" } }),
        json!({ "method": "GET", "url": url, "cookie": "x" }),
    ] {
        let answer = server.app(Method::POST, "/v1/check").json(&question).send().await?;
        assert_eq!((answer.status, answer.is_problem()), (400, true), "{question}: {}", answer.text);
    }
    Ok(())
}

/// C06, C07, H17, H18: saying that a refresh was skipped is counted and believed in nothing.
#[tokio::test]
async fn skipped_refreshes_are_counted_and_grant_nothing() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let bound = server.bind_login(&login).await?;
    server.check(&bound.cookie).await?;
    let three = r#"unreachable;session_identifier="a", server_error;session_identifier="b", quota_exceeded"#;
    for (skipped, cookie, expected) in [
        (three, None, ("deny", "no_credential")),
        (three, Some(&login.cookie), ("deny", "cookie_superseded")),
        (three, Some(&bound.cookie), ("allow", "ok")),
        ("unreachable;;", None, ("deny", "no_credential")),
        ("\"", Some(&bound.cookie), ("allow", "ok")),
    ] {
        let cookies =
            cookie.map_or_else(|| format!("{HINT}=1"), |value| format!("{COOKIE}={value}; {HINT}=1"));
        let headers = json!([["Secure-Session-Skipped", skipped], ["Cookie", cookies]]);
        let answer = server.ask(json!({ "headers": headers })).await?;
        assert_eq!(answer.verdict(), expected, "{skipped} {cookie:?}");
    }
    for reason in ["unreachable", "server_error", "quota_exceeded"] {
        let line = format!("holdfast_refreshes_skipped_total{{reason=\"{reason}\"}}");
        assert_eq!(server.metric(&line).await?, 3, "{reason}");
    }
    Ok(())
}
