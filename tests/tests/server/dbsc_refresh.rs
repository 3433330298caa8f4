//! `POST /_holdfast/dbsc/refresh`: rows F01 to F18, H06, H12, H15, H19, H20, E01 to E03 of the conformance checks.

use anyhow::{Context as _, Result};
use holdfast_tests::server::{Answer, Bound, COOKIE, Device, HINT, OPERATOR_TOKEN, ORIGIN, Server, Settings};
use reqwest::Method;
use serde_json::json;

/// F01, F02, H06: two round trips the first time, one ever after.
#[tokio::test]
async fn a_refresh_asks_for_a_proof_and_takes_it() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    server.advance(700);
    let asked = asks_for_proof("bare", &bound.id, server.refresh(&bound.id, None).await?)?;

    let old = bound.cookie.clone();
    bound.challenge = asked;
    let answer = server.renew(&mut bound).await?;
    refreshed(&bound, &answer)?;
    assert_ne!(bound.cookie, old);
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    for _ in 0..3 {
        server.advance(500);
        let answer = server.renew(&mut bound).await?;
        refreshed(&bound, &answer)?;
    }
    assert_eq!(server.session(&bound.id).await?.at("/binding/proofs"), 5);
    assert_eq!(server.audit().wait_for("session.refreshed", 4).await?.len(), 4);
    Ok(())
}

/// F03: several challenges are out at once.
#[tokio::test]
async fn every_challenge_of_the_current_generation_is_good() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    let one = server.refresh(&bound.id, None).await?.challenge(&bound.id).context("one")?;
    let two = server.refresh(&bound.id, None).await?.challenge(&bound.id).context("two")?;
    assert!(one != two && one != bound.challenge);
    bound.challenge = one;
    server.renew(&mut bound).await?;
    // The other one is now the one just before: a race, not an attack.
    let (cookie, proof) = (bound.cookie.clone(), bound.device.refresh(&two));
    let answer = server.refresh(&bound.id, Some(&proof)).await?.expect(200)?;
    assert_eq!(answer.cookie(COOKIE).as_deref(), Some(cookie.as_str()));
    assert_eq!(server.session(&bound.id).await?.at("/binding/proofs"), 2, "it moves nothing");
    Ok(())
}

/// F05: a lost answer is given again as it was, for as long as the old cookie is good.
#[tokio::test]
async fn a_repeated_proof_gets_the_same_cookie_and_no_longer_life() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    let proof = bound.device.refresh(&bound.challenge);
    server.renew(&mut bound).await?;
    server.advance(29);
    let again = server.refresh(&bound.id, Some(&proof)).await?.expect(200)?;
    assert_eq!(again.cookie(COOKIE).as_deref(), Some(bound.cookie.as_str()));
    assert!(again.all("set-cookie")[0].contains("; Max-Age=571;"), "{:?}", again.all("set-cookie"));
    server.advance(1);
    asks_for_proof("30 s later", &bound.id, server.refresh(&bound.id, Some(&proof)).await?)?;
    assert_eq!(server.session(&bound.id).await?.at("/binding/proofs"), 2);
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

/// F04, F06, F09: proofs that do not fit are answered with a challenge and change nothing.
#[tokio::test]
async fn wrong_proofs_get_a_challenge_and_take_nothing_away() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    let mallory = server.bind("mallory").await?;
    let (first, second) = (bound.challenge.clone(), bound.device.refresh(&bound.challenge));
    server.renew(&mut bound).await?;
    server.renew(&mut bound).await?;
    let claim = |rest: &str| format!(r#"{{"jti":"{}"{rest}}}"#, bound.challenge);
    let header = r#"{"alg":"ES256","typ":"dbsc+jwt"}"#;
    let tampered = |proof: &str, index: usize| {
        let other = if &proof[index..=index] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &proof[..index], &proof[index + 1..])
    };
    let good = bound.device.refresh(&bound.challenge);
    for (what, proof) in [
        ("two rotations old", second),
        ("another device's key", mallory.device.refresh(&bound.challenge)),
        ("a thief's own key", Device::new()?.refresh(&bound.challenge)),
        ("another session's challenge", bound.device.refresh(&mallory.challenge)),
        ("a used challenge", bound.device.refresh(&first)),
        ("a made-up challenge", bound.device.refresh(&"A".repeat(110))),
        ("another audience", bound.device.sign(header, &claim(r#","aud":"https://evil.example/""#))),
        ("an audience that is a list", bound.device.sign(header, &claim(r#","aud":[]"#))),
        ("RS256", bound.device.sign(r#"{"alg":"RS256","typ":"dbsc+jwt"}"#, &claim(""))),
        ("alg none", bound.device.sign(r#"{"alg":"none","typ":"dbsc+jwt"}"#, &claim(""))),
        ("one character of the signature", tampered(&good, good.len() - 10)),
        ("a challenge in a longer life", tampered(&good, good.find('.').unwrap_or(0) + 60)),
    ] {
        let challenge = asks_for_proof(what, &bound.id, server.refresh(&bound.id, Some(&proof)).await?)?;
        assert_ne!(challenge, bound.challenge, "{what}: fresh");
        let session = server.session(&bound.id).await?;
        assert_eq!(
            (session.text_at("/state")?, session.at("/binding/proofs")),
            ("active", &json!(3)),
            "{what}"
        );
    }
    server.renew(&mut bound).await.context("the owner is not harmed")?;
    assert!(
        server.audit().wait_for("proof.rejected", 12).await?.iter().all(|event| event["rule"].is_string())
    );
    Ok(())
}

/// Proofs that no browser would send; the session outlives them too.
#[tokio::test]
async fn malformed_proofs_are_refused_without_harm() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    let payload = format!(r#"{{"jti":"{}"}}"#, bound.challenge);
    let with_key = format!(r#"{{"alg":"ES256","jwk":{},"typ":"dbsc+jwt"}}"#, bound.device.jwk());
    for proof in [
        "x".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        bound.device.sign(&with_key, &payload),
        bound.device.sign(r#"{"alg":"ES256","typ":"jwt"}"#, &payload),
        bound.device.sign(r#"{"alg":"ES256","typ":"dbsc+jwt"}"#, "{}"),
        bound.device.sign(r#"{"alg":"ES256","typ":"dbsc+jwt","crit":["x"]}"#, &payload),
        format!("{}=", bound.device.refresh(&bound.challenge)),
        "A".repeat(8193),
        "A".repeat(64 * 1024),
        "\"unterminated".to_owned(),
    ] {
        let answer = server.refresh(&bound.id, Some(&proof)).await?;
        no(&proof[..proof.len().min(40)], &answer);
        assert!(matches!(answer.status, 400 | 403), "{}", answer.status);
    }
    server.renew(&mut bound).await?;
    Ok(())
}

/// F04: a challenge lives five minutes longer than its cookie.
#[tokio::test]
async fn challenges_grow_old_and_sessions_do_not_die_of_it() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    server.advance(899);
    server.renew(&mut bound).await?;
    server.advance(900);
    let proof = bound.device.refresh(&bound.challenge);
    bound.challenge = asks_for_proof("expired", &bound.id, server.refresh(&bound.id, Some(&proof)).await?)?;
    server.renew(&mut bound).await?;
    Ok(())
}

/// F10, F11, F16, H12.
#[tokio::test]
async fn what_is_not_there_is_404_and_the_cookies_go() -> Result<()> {
    let server = Server::start().await?;
    let (bound, unbound) = (server.bind("alice").await?, server.login("bob").await?);
    let proof = bound.device.refresh(&bound.challenge);
    let mut bodies = Vec::new();
    for id in [
        "hs_AAAAAAAAAAAAAAAAAAAAAA",
        "hs_",
        "x",
        "",
        "../../x",
        "hs_AAAAAAAAAAAAAAAAAAAAAA, hs_AAAAAAAAAAAAAAAAAAAAAA",
        &"A".repeat(10_000),
        &unbound.id,
        &bound.id.to_lowercase(),
        &bound.cookie,
    ] {
        for proof in [None, Some(proof.as_str())] {
            let answer = server.refresh(id, proof).await?;
            assert_eq!(answer.status, 404, "{id}: {}", answer.text);
            gone(id, &answer);
            bodies.push(answer.text);
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "unknown, malformed and unbound look alike");
    for call in [
        server.browser("/_holdfast/dbsc/refresh"),
        server
            .browser("/_holdfast/dbsc/refresh")
            .cookie(&bound.cookie)
            .header("secure-session-response", &proof),
        server
            .browser("/_holdfast/dbsc/refresh")
            .header("sec-secure-session-id", &bound.id)
            .header("sec-secure-session-id", "x"),
        server.browser("/_holdfast/dbsc/refresh").bytes("sec-secure-session-id", b"\xff\xff"),
    ] {
        let answer = call.send().await?;
        no("no one id", &answer);
        assert!((400..500).contains(&answer.status), "{}", answer.status);
    }
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

/// A browser may still hold an old session beside the one of a new login, and refreshes both.
#[tokio::test]
async fn an_old_sessions_refresh_leaves_a_newer_ones_cookies() -> Result<()> {
    let server = Server::start().await?;
    let old = server.bind("alice").await?;
    server.revoke(&old.id).await?;
    let new = server.bind("alice").await?;
    let call = server.browser("/_holdfast/dbsc/refresh").header("sec-secure-session-id", &old.id);
    let answer = call.cookie(&new.cookie).send().await?.expect(404)?;
    assert!(answer.all("set-cookie").is_empty(), "{:?}", answer.all("set-cookie"));
    // What nobody sealed belongs to no session, and goes as before.
    let call = server.browser("/_holdfast/dbsc/refresh").header("sec-secure-session-id", &old.id);
    gone("a forged cookie", &call.cookie("x").send().await?.expect(404)?);
    Ok(())
}

/// H12.
#[tokio::test]
async fn ids_come_bare_or_quoted() -> Result<()> {
    let server = Server::start().await?;
    let bound = server.bind("alice").await?;
    for form in ["{}", "\"{}\"", " {} ", "\"{}\";x=1", "{};x=1"] {
        let answer = server.refresh(&form.replace("{}", &bound.id), None).await?;
        asks_for_proof(form, &bound.id, answer)?;
    }
    Ok(())
}

/// F14: a cross-site trigger brings no cookie along; and a cookie that comes along says nothing.
#[tokio::test]
async fn cookies_play_no_part() -> Result<()> {
    let server = Server::start().await?;
    let (mut bound, mallory) = (server.bind("alice").await?, server.bind("mallory").await?);
    let proof = bound.device.refresh(&bound.challenge);
    let call = server.browser("/_holdfast/dbsc/refresh").header("sec-secure-session-id", &bound.id);
    let call = call.header("secure-session-response", &proof).header("cookie", "a=b").cookie(&mallory.cookie);
    let answer = call.send().await?.expect(200)?;
    bound.take(&answer)?;
    assert_eq!(server.check(&bound.cookie).await?.text_at("/session/user")?, "alice");
    Ok(())
}

/// F16, E01 to E03.
#[tokio::test]
async fn after_its_end_a_session_refreshes_no_more() -> Result<()> {
    for how in ["logout", "revoked", "user", "everyone", "regenerated", "replaced", "cap", "idle"] {
        let server = Server::with(Settings::default().set("session.max_per_user", "1")).await?;
        let bound = server.bind("alice").await?;
        let by_id = format!("/v1/sessions/{}", bound.id);
        let end = match how {
            "logout" => server.browser("/_holdfast/logout").cookie(&bound.cookie),
            "revoked" => server.app(Method::DELETE, &by_id),
            "user" => server.app(Method::DELETE, "/v1/users/alice/sessions"),
            "everyone" => server.with_token(OPERATOR_TOKEN, Method::DELETE, "/v1/sessions"),
            "regenerated" => server.app(Method::POST, &format!("{by_id}/regenerate")),
            "replaced" => {
                let body = json!({ "user": "bob", "previous_cookie": bound.cookie });
                server.app(Method::POST, "/v1/sessions").json(&body)
            }
            "cap" => server.app(Method::POST, "/v1/sessions").json(&json!({ "user": "alice" })),
            _ => server.internal(Method::GET, "/healthz"),
        };
        let ended = end.send().await?;
        assert!((200..300).contains(&ended.status), "{how}: {}", ended.text);
        if how == "idle" {
            server.advance(3600);
        }
        for proof in [None, Some(bound.device.refresh(&bound.challenge))] {
            let answer = server.refresh(&bound.id, proof.as_deref()).await?;
            assert_eq!(answer.status, 404, "{how}: {}", answer.text);
            gone(how, &answer);
        }
        assert_eq!(server.check(&bound.cookie).await?.verdict().0, "deny", "{how}");
    }
    Ok(())
}

/// H19, H20.
#[tokio::test]
async fn only_posts_of_the_own_site_are_taken() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    let path = "/_holdfast/dbsc/refresh";
    let proof = bound.device.refresh(&bound.challenge);
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let answer =
            server.public(method.clone(), path).header("sec-secure-session-id", &bound.id).send().await?;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
    for (site, origin) in [
        (Some("cross-site"), Some(ORIGIN)),
        (Some("cross-site"), None),
        (None, Some("https://evil.example")),
        (Some("same-origin"), Some("https://evil.example")),
        (None, Some("null")),
        (Some("nonsense"), None),
    ] {
        let call = server.public(Method::POST, path).header("sec-secure-session-id", &bound.id);
        let call = call.header("secure-session-response", &proof);
        let call = site.into_iter().fold(call, |call, site| call.header("sec-fetch-site", site));
        let call = origin.into_iter().fold(call, |call, origin| call.header("origin", origin));
        // The contract knows one 403, and it brings a challenge: without one a browser would drop its session.
        asks_for_proof(&format!("{site:?} {origin:?}"), &bound.id, call.send().await?)?;
    }
    assert_eq!(server.session(&bound.id).await?.at("/binding/proofs"), 1);
    server.renew(&mut bound).await?;
    Ok(())
}

/// H15, H20: what comes with a proof and is none of ours to read.
#[tokio::test]
async fn bodies_and_queries_are_ignored() -> Result<()> {
    let server = Server::start().await?;
    let bound = server.bind("alice").await?;
    let call = server.public(Method::POST, "/_holdfast/dbsc/refresh?session=x");
    let answer = call.header("sec-secure-session-id", &bound.id).body(vec![b'x'; 10_000]).send().await?;
    asks_for_proof("a body", &bound.id, answer)?;
    for path in [
        "/_holdfast/dbsc/refresh/",
        "/_holdfast/dbsc/refresh/x",
        "/_holdfast/dbsc",
        "/_holdfast//dbsc/refresh",
    ] {
        let answer =
            server.public(Method::POST, path).header("sec-secure-session-id", &bound.id).send().await?;
        assert_eq!((answer.status, answer.is_problem()), (404, true), "{path}");
    }
    Ok(())
}

/// F21, F23 in one: another process with the same key and data takes the proof.
#[tokio::test]
async fn a_challenge_survives_a_restart() -> Result<()> {
    let server = Server::with(Settings::default().on_disk()).await?;
    let mut bound = server.bind("alice").await?;
    let server = server.restart().await?;
    server.renew(&mut bound).await?;
    let repeated = bound.challenge.clone();
    let server = server.restart().await?;
    server.renew(&mut bound).await?;
    let proof = bound.device.refresh(&repeated);
    let server = server.restart().await?;
    let again = server.refresh(&bound.id, Some(&proof)).await?.expect(200)?;
    assert_eq!(again.cookie(COOKIE).as_deref(), Some(bound.cookie.as_str()));
    Ok(())
}

fn refreshed(bound: &Bound, answer: &Answer) -> Result<()> {
    assert_eq!(answer.text_at("/session_identifier")?, bound.id);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let attributes = answer.text_at("/credentials/0/attributes")?;
    let set_cookie = format!("{COOKIE}={}; Max-Age=600; {attributes}", bound.cookie);
    assert_eq!(answer.all("set-cookie").first(), Some(&set_cookie.as_str()));
    assert_eq!(answer.cookie(HINT).as_deref(), Some("1"));
    Ok(())
}

/// 403 with exactly one challenge that a browser takes, and nothing else that it would act upon.
fn asks_for_proof(what: &str, session: &str, answer: Answer) -> Result<String> {
    assert_eq!(answer.status, 403, "{what}: {}", answer.text);
    no(what, &answer);
    answer.challenge(session).with_context(|| format!("{what}: no challenge"))
}

fn gone(what: &str, answer: &Answer) {
    no(what, answer);
    assert!(answer.all("secure-session-challenge").is_empty(), "{what}");
    for name in [COOKIE, HINT] {
        let expired = format!("{name}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert!(
            answer.all("set-cookie").contains(&expired.as_str()),
            "{what}: {:?}",
            answer.all("set-cookie")
        );
    }
}

/// What no refusal of a refresh may be: a cookie, a redirect, HTML, 401 or 429.
fn no(what: &str, answer: &Answer) {
    assert!(!matches!(answer.status, 200..=399 | 401 | 407 | 410 | 429), "{what}: {}", answer.status);
    assert!(answer.is_problem(), "{what}: {}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
    assert!(answer.header("location").is_none() && answer.header("www-authenticate").is_none(), "{what}");
    assert!(answer.cookie(COOKIE).is_none_or(|value| value.is_empty()), "{what}");
}
