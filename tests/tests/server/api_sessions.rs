//! Reading, listing, regenerating and ending sessions.

use std::collections::BTreeSet;

use anyhow::Result;
use holdfast_tests::server::{Answer, Login, OPERATOR_TOKEN, OTHER_TOKEN, Server, Settings, TOKEN};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_bound_session_shows_its_key_and_nothing_secret() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    server.advance(5);
    server.renew(&mut bound).await?;

    let session = server.session(&bound.id).await?.expect(200)?;
    let expected = json!({
        "method": "dbsc", "level": "hardware", "algorithm": "ES256",
        "key_thumbprint": bound.device.thumbprint(), "bound_at": "2026-11-22T10:00:00.000Z",
        "last_proof_at": "2026-11-22T10:00:05.000Z", "proofs": 2,
    });
    assert_eq!(session.at("/binding"), &expected);
    assert!(!session.text.contains(&bound.cookie));
    Ok(())
}

#[tokio::test]
async fn only_its_app_and_operators_see_a_session() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let path = format!("/v1/sessions/{}", login.id);
    for (token, status) in [(TOKEN, 200), (OTHER_TOKEN, 404), (OPERATOR_TOKEN, 200)] {
        let answer = server.with_token(token, Method::GET, &path).send().await?;
        assert_eq!(answer.status, status, "{token}");
    }
    let foreign = server.with_token(OTHER_TOKEN, Method::GET, &path).send().await?;
    let unknown = server.session("hs_AAAAAAAAAAAAAAAAAAAAAA").await?;
    assert_eq!(foreign.text, unknown.text, "what is not yours is as unknown as what is not there");
    Ok(())
}

#[tokio::test]
async fn strange_ids_are_unknown_ids() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    for id in [
        "hs_AAAAAAAAAAAAAAAAAAAAAA",
        "hs_",
        "x",
        "..%2F..%2Fetc%2Fpasswd",
        "%00",
        "hs_%C3%A9",
        &format!("{}%20", login.id),
        &login.id.to_uppercase(),
        &"A".repeat(4000),
    ] {
        let answer = server.session(id).await?;
        assert_eq!((answer.status, answer.is_problem()), (404, true), "{id}: {}", answer.text);
        let delete = server.app(Method::DELETE, &format!("/v1/sessions/{id}")).send().await?;
        assert_eq!(delete.status, 204, "{id}");
    }
    let answer = server.session("%FF").await?;
    assert!(matches!(answer.status, 400 | 404) && answer.is_problem(), "{}", answer.text);
    Ok(())
}

#[tokio::test]
async fn an_ended_session_is_readable_for_a_day() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    server.revoke(&login.id).await?;
    let ended = server.session(&login.id).await?.expect(200)?;
    assert_eq!(
        (ended.text_at("/state")?, ended.text_at("/end_reason")?, ended.text_at("/ended_at")?),
        ("ended", "revoked", "2026-11-22T10:00:00.000Z")
    );
    server.advance(24 * 3600 - 1);
    server.session(&login.id).await?.expect(200)?;
    server.advance(1);
    // Forgetting is done by a sweep in real time, soon.
    for _ in 0..500 {
        if server.session(&login.id).await?.status == 404 {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    anyhow::bail!("the session is still readable")
}

#[tokio::test]
async fn sessions_are_listed_newest_first_page_by_page() -> Result<()> {
    let server = Server::start().await?;
    let mut expected = Vec::new();
    for number in 0..7 {
        expected.insert(0, server.login(&format!("user-{number}")).await?.id);
        server.advance(1);
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = list(&server, &format!("limit=3{cursor}")).await?;
        seen.extend(ids(&page));
        match page.at("/next_cursor").as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
        // Whoever logs in meanwhile is newer than the cursor and disturbs no page.
        server.login("late").await?;
    }
    assert_eq!(seen, expected);
    Ok(())
}

#[tokio::test]
async fn ties_are_neither_lost_nor_shown_twice() -> Result<()> {
    let server = Server::start().await?;
    let mut expected = BTreeSet::new();
    for number in 0..10 {
        expected.insert(server.login(&format!("user-{number}")).await?.id);
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = list(&server, &format!("limit=1{cursor}")).await?;
        seen.extend(ids(&page));
        let Some(next) = page.at("/next_cursor").as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 10);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
    Ok(())
}

#[tokio::test]
async fn lists_are_filtered_by_app_user_and_state() -> Result<()> {
    let server = Server::start().await?;
    let alice = server.login("alice").await?;
    let idle = server.login("bob").await?;
    let revoked = server.login("alice").await?;
    server.revoke(&revoked.id).await?;
    let other = server.with_token(OTHER_TOKEN, Method::POST, "/v1/sessions");
    let other = Login::read(other.json(&json!({ "user": "alice" })).send().await?.expect(201)?)?;
    server.advance(1000);
    let fresh = server.login("carol").await?;

    // The clock ends sessions whether or not anybody has written it down.
    let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    for (query, expected) in [
        ("", set(&[&alice.id, &idle.id, &revoked.id, &fresh.id])),
        ("user=alice", set(&[&alice.id, &revoked.id])),
        ("state=active", set(&[&fresh.id])),
        ("state=ended", set(&[&alice.id, &idle.id, &revoked.id])),
        ("user=alice&state=active", set(&[])),
        ("user=nobody", set(&[])),
        ("user=alice%27%20OR%201%3D1", set(&[])),
    ] {
        let page = list(&server, query).await?;
        assert_eq!(ids(&page).into_iter().collect::<BTreeSet<_>>(), expected, "{query}");
        assert_eq!(page.at("/next_cursor"), &Value::Null);
    }
    let everything = server.with_token(OPERATOR_TOKEN, Method::GET, "/v1/sessions?user=alice").send().await?;
    let expected = set(&[&alice.id, &revoked.id, &other.id]);
    assert_eq!(ids(&everything).into_iter().collect::<BTreeSet<_>>(), expected);
    Ok(())
}

#[tokio::test]
async fn slips_in_a_list_query_are_told() -> Result<()> {
    let server = Server::start().await?;
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=ten",
        "limit=99999999999999999999",
        "state=dead",
        "state=",
        "cursor=x",
        "cursor=",
        "cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D",
        "cursor=../../x",
        "usr=alice",
        "limit=1&limit=2",
    ] {
        let answer = server.app(Method::GET, &format!("/v1/sessions?{query}")).send().await?;
        assert_eq!((answer.status, answer.is_problem()), (400, true), "{query}: {}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn regenerating_keeps_user_and_limit_and_nothing_else() -> Result<()> {
    let server = Server::start().await?;
    let attributes = json!({ "groups": ["staff"] });
    let first = server.login_with(json!({ "user": "alice", "attributes": attributes })).await?;
    let bound = server.bind_login(&first).await?;
    server.advance(60);
    let next = regenerate(&server, &first.id, json!({})).await?;

    assert_ne!(next.id, first.id);
    let session = next.answer.at("/session");
    assert_eq!((&session["user"], &session["attributes"]), (&json!("alice"), &attributes));
    assert_eq!(session["binding"]["method"], "none");
    assert_eq!(session["created_at"], "2026-11-22T10:01:00.000Z");
    assert_eq!(session["expires_at"], "2026-11-23T10:00:00.000Z", "the limit counts from the login");
    let old = server.session(&first.id).await?;
    assert_eq!((old.text_at("/state")?, old.text_at("/end_reason")?), ("ended", "regenerated"));
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("deny", "session_ended"));
    server.bind_login(&next).await?;
    Ok(())
}

#[tokio::test]
async fn a_step_up_begins_the_limit_anew() -> Result<()> {
    let server = Server::start().await?;
    let first = server.login_with(json!({ "user": "alice", "auth": { "amr": ["pwd"] } })).await?;
    server.advance(60);
    let next = regenerate(&server, &first.id, json!({ "auth": { "amr": ["pwd", "otp"] } })).await?;
    assert_eq!(next.answer.text_at("/session/expires_at")?, "2026-11-23T10:01:00.000Z");
    assert_eq!(next.answer.text_at("/session/auth/auth_time")?, "2026-11-22T10:01:00.000Z");
    assert_eq!(next.answer.at("/session/auth/amr"), &json!(["pwd", "otp"]));
    let step_up = json!({ "max_auth_age": "5s" });
    assert_eq!(server.check_with(&next.cookie, step_up).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn regenerating_for_ever_outlives_no_limit() -> Result<()> {
    let server = Server::start().await?;
    let mut id = server.bind("alice").await?.id;
    for _ in 0..47 {
        server.advance(30 * 60);
        let next = regenerate(&server, &id, json!({})).await?;
        server.bind_login(&next).await?;
        id = next.id;
    }
    server.advance(30 * 60);
    let answer = server.app(Method::POST, &format!("/v1/sessions/{id}/regenerate")).send().await?;
    assert_eq!(answer.status, 404, "a day is over");
    assert_eq!(server.session(&id).await?.text_at("/end_reason")?, "absolute");
    Ok(())
}

#[tokio::test]
async fn nothing_follows_from_an_ended_or_foreign_session() -> Result<()> {
    let server = Server::start().await?;
    let (ended, alive) = (server.login("alice").await?, server.login("alice").await?);
    server.revoke(&ended.id).await?;
    for (token, id, status) in [
        (TOKEN, ended.id.as_str(), 404),
        (OTHER_TOKEN, &alive.id, 404),
        (OPERATOR_TOKEN, &alive.id, 403),
        (TOKEN, "hs_AAAAAAAAAAAAAAAAAAAAAA", 404),
        (TOKEN, "x", 404),
    ] {
        let path = format!("/v1/sessions/{id}/regenerate");
        let answer = server.with_token(token, Method::POST, &path).json(&json!({})).send().await?;
        assert_eq!((answer.status, answer.is_problem()), (status, true), "{token} {id}");
    }
    let wrong = server.app(Method::POST, &format!("/v1/sessions/{}/regenerate", alive.id));
    assert_eq!(wrong.json(&json!({ "user": "root" })).send().await?.status, 400);
    assert_eq!(server.check(&alive.cookie).await?.verdict(), ("allow", "ok"));
    assert_eq!(server.metric("holdfast_sessions").await?, 2);
    Ok(())
}

#[tokio::test]
async fn ending_is_idempotent_and_shy() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let path = format!("/v1/sessions/{}", login.id);
    let foreign = server.with_token(OTHER_TOKEN, Method::DELETE, &path).send().await?.expect(204)?;
    assert_eq!(foreign.text, "");
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("allow", "ok"), "not yours to end");
    for _ in 0..3 {
        server.revoke(&login.id).await?;
        assert_eq!(server.check(&login.cookie).await?.verdict(), ("deny", "session_ended"));
        server.advance(10);
    }
    let ended = server.session(&login.id).await?;
    assert_eq!(ended.text_at("/ended_at")?, "2026-11-22T10:00:00.000Z", "the first end stays");
    server.revoke("hs_AAAAAAAAAAAAAAAAAAAAAA").await?;
    Ok(())
}

#[tokio::test]
async fn a_user_is_logged_out_everywhere_but_here() -> Result<()> {
    let server = Server::start().await?;
    let mut logins = Vec::new();
    for _ in 0..4 {
        logins.push(server.login("a/b c").await?);
    }
    let bystander = server.login("bob").await?;
    let here = &logins[0];
    let path = format!("/v1/users/a%2Fb%20c/sessions?except={}", here.id);
    let answer = server.app(Method::DELETE, &path).send().await?.expect(200)?;
    assert_eq!(answer.json(), &json!({ "ended": 3 }));
    assert_eq!(server.app(Method::DELETE, &path).send().await?.json(), &json!({ "ended": 0 }));
    for login in [here, &bystander] {
        assert_eq!(server.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    }
    for login in &logins[1..] {
        assert_eq!(server.check(&login.cookie).await?.verdict(), ("deny", "session_ended"));
        assert_eq!(server.session(&login.id).await?.text_at("/end_reason")?, "revoked");
    }
    Ok(())
}

#[tokio::test]
async fn a_slip_in_except_ends_nobody() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    for query in ["except=hs_x", "except=", "exept=hs_AAAAAAAAAAAAAAAAAAAAAA"] {
        let path = format!("/v1/users/alice/sessions?{query}");
        let answer = server.app(Method::DELETE, &path).send().await?;
        assert_eq!((answer.status, answer.is_problem()), (400, true), "{query}");
    }
    assert_eq!(server.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn an_app_ends_its_own_users_alone_and_an_operator_everywhere() -> Result<()> {
    let server = Server::start().await?;
    let shop = server.login("alice").await?;
    let path = "/v1/users/alice/sessions";
    let foreign = server.with_token(OTHER_TOKEN, Method::DELETE, path).send().await?.expect(200)?;
    assert_eq!(foreign.json(), &json!({ "ended": 0 }));
    assert_eq!(server.check(&shop.cookie).await?.verdict(), ("allow", "ok"));
    let operator = server.with_token(OPERATOR_TOKEN, Method::DELETE, path).send().await?;
    assert_eq!(operator.json(), &json!({ "ended": 1 }));
    Ok(())
}

/// E02: and it holds over a restart.
#[tokio::test]
async fn everybody_out_is_for_operators_and_for_good() -> Result<()> {
    let server = Server::with(Settings::default().on_disk()).await?;
    let (unbound, bound) = (server.login("alice").await?, server.bind("bob").await?);
    let answer = server.app(Method::DELETE, "/v1/sessions").send().await?;
    assert_eq!((answer.status, answer.code()), (403, "forbidden"));
    assert_eq!(server.check(&unbound.cookie).await?.verdict(), ("allow", "ok"));

    server.with_token(OPERATOR_TOKEN, Method::DELETE, "/v1/sessions").send().await?.expect(204)?;
    let server = server.restart().await?;
    for cookie in [&unbound.cookie, &bound.cookie] {
        assert_eq!(server.check(cookie).await?.verdict(), ("deny", "session_ended"));
    }
    let proof = bound.device.refresh(&bound.challenge);
    server.refresh(&bound.id, Some(&proof)).await?.expect(404)?;
    let late = holdfast_tests::server::Device::new()?;
    assert!(server.register(&late.registration(&unbound.offer)).await?.status >= 400);
    assert_eq!(server.session(&bound.id).await?.text_at("/end_reason")?, "revoked");
    server.advance(1);
    let again = server.login("alice").await?;
    assert_eq!(server.check(&again.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

async fn list(server: &Server, query: &str) -> Result<Answer> {
    server.app(Method::GET, &format!("/v1/sessions?{query}")).send().await?.expect(200)
}

fn ids(page: &Answer) -> Vec<String> {
    let sessions = page.at("/sessions").as_array().cloned().unwrap_or_default();
    sessions.iter().filter_map(|session| session["id"].as_str().map(str::to_owned)).collect()
}

async fn regenerate(server: &Server, id: &str, body: Value) -> Result<Login> {
    let call = server.app(Method::POST, &format!("/v1/sessions/{id}/regenerate")).json(&body);
    Login::read(call.send().await?.expect(201)?)
}
