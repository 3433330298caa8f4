//! `POST /_holdfast/dbsc/register`: rows R01 to R35 and J01 to J03 of the conformance checks.

use anyhow::{Context as _, Result};
use client_sim::key::{Algorithm, DeviceKey};
use client_sim::wire::proof::{self, Claims};
use holdfast_tests::server::{Answer, Bound, COOKIE, Device, HINT, ORIGIN, Server, Settings};
use reqwest::Method;
use serde_json::{Value, json};

/// R01, R32, J01 to J03, H08.
#[tokio::test]
async fn a_good_proof_binds_the_session_without_any_cookie() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let device = Device::new()?;
    let answer = server.register(&device.registration(&login.offer)).await?.expect(200)?;

    let expected = json!({
        "session_identifier": login.id,
        "refresh_url": "/_holdfast/dbsc/refresh",
        "scope": { "origin": ORIGIN, "include_site": false },
        "credentials": [{ "type": "cookie", "name": COOKIE, "attributes": "Path=/; Secure; HttpOnly; SameSite=Lax" }],
    });
    assert_eq!(answer.json(), &expected);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let bound = Bound::read(&login.id, device, &answer)?;
    let set_cookies = answer.all("set-cookie");
    let attributes = answer.text_at("/credentials/0/attributes")?;
    assert_eq!(set_cookies[0], format!("{COOKIE}={}; Max-Age=600; {attributes}", bound.cookie));
    assert_eq!(answer.cookie(HINT).as_deref(), Some("1"));
    assert!(bound.cookie != login.cookie && set_cookies[0].len() <= 4096);
    let session = server.session(&login.id).await?;
    assert_eq!(session.text_at("/binding/key_thumbprint")?, bound.device.thumbprint());
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

/// R02, by a client of the simulator's.
#[tokio::test]
async fn an_rsa_key_is_as_good() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let key = DeviceKey::software(Algorithm::Rs256)?;
    let claims = Claims {
        aud: None,
        authorization: Some(&login.offer.authorization),
        jti: Some(&login.offer.challenge),
    };
    let answer = server.register(&proof::registration(&key, &claims).await?).await?.expect(200)?;
    assert_eq!(server.session(&login.id).await?.text_at("/binding/algorithm")?, "RS256");
    let next = answer.challenge(&login.id).context("no challenge")?;
    let claims = Claims { jti: Some(&next), ..Claims::default() };
    server.refresh(&login.id, Some(&proof::refresh(&key, &claims).await?)).await?.expect(200)?;
    Ok(())
}

/// R03, R04, R06 to R12, R15, R17, R20, R21, R27, R28: what is wrong with a proof, and nothing else is.
#[tokio::test]
async fn bad_proofs_are_refused_and_take_nothing_away() -> Result<()> {
    let server = Server::with(Settings::default().set("dbsc.algorithms", "ES256")).await?;
    let login = server.login("alice").await?;
    let (device, other) = (Device::new()?, Device::new()?);
    let (jwk, foreign) = (device.jwk(), other.jwk());
    let header = |rest: &str| format!(r#"{{"alg":"ES256","jwk":{jwk},"typ":"dbsc+jwt"{rest}}}"#);
    let with_jwk = |jwk: &str| format!(r#"{{"alg":"ES256","jwk":{jwk},"typ":"dbsc+jwt"}}"#);
    let with_alg = |alg: &str| format!(r#"{{"alg":"{alg}","jwk":{jwk},"typ":"dbsc+jwt"}}"#);
    let offer = &login.offer;
    let payload = format!(r#"{{"authorization":"{}","jti":"{}"}}"#, offer.authorization, offer.challenge);
    let claim = |claims: &str| format!("{{{claims}}}");
    let (jti, code) =
        (format!(r#""jti":"{}""#, offer.challenge), format!(r#""authorization":"{}""#, offer.authorization));
    let private = jwk.replace("\"crv\"", "\"d\":\"AAAA\",\"crv\"");
    let rsa = r#"{"kty":"RSA","e":"AQAB","n":"AQAB"}"#;

    let mut proofs = vec![
        ("R03 RS256", device.sign(&with_alg("RS256"), &payload)),
        ("R04 none", device.sign(&with_alg("none"), &payload)),
        ("R06 HS256", device.sign(&with_alg("HS256"), &payload)),
        ("R07 RSA key", device.sign(&with_jwk(rsa), &payload)),
        ("R08 ES384", device.sign(&with_alg("ES384"), &payload)),
        ("R08 es256", device.sign(&with_alg("es256"), &payload)),
        ("R10 no key", device.sign(r#"{"alg":"ES256","typ":"dbsc+jwt"}"#, &payload)),
        ("R10 key is null", device.sign(&with_jwk("null"), &payload)),
        ("R11 private", device.sign(&with_jwk(&private), &payload)),
        (
            "R12 zeros",
            device.sign(
                &with_jwk(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{0}","y":"{0}"}}"#, "A".repeat(43))),
                &payload,
            ),
        ),
        ("R12 P-384", device.sign(&with_jwk(&jwk.replace("P-256", "P-384")), &payload)),
        ("R15 crit", device.sign(&header(r#","crit":["exp"]"#), &payload)),
        ("R17 another's key", device.sign(&with_jwk(&foreign), &payload)),
        ("R20 no jti", device.sign(&header(""), &claim(&code))),
        ("R20 empty jti", device.sign(&header(""), &claim(&format!(r#"{code},"jti":"""#)))),
        ("R20 jti is a number", device.sign(&header(""), &claim(&format!(r#"{code},"jti":7"#)))),
        (
            "R21 made-up challenge",
            device.sign(&header(""), &claim(&format!(r#"{code},"jti":"{}""#, "A".repeat(100)))),
        ),
        ("R27 no authorization", device.sign(&header(""), &claim(&jti))),
        (
            "R27 other authorization",
            device.sign(&header(""), &claim(&format!(r#"{jti},"authorization":"x""#))),
        ),
        (
            "R27 authorization is a list",
            device.sign(&header(""), &claim(&format!(r#"{jti},"authorization":["x"]"#))),
        ),
        (
            "R28 other aud",
            device.sign(&header(""), &claim(&format!(r#"{jti},{code},"aud":"https://evil.example/""#))),
        ),
        ("typ", device.sign(&with_jwk(&jwk).replace("dbsc+jwt", "JWT"), &payload)),
        ("duplicate jti", device.sign(&header(""), &claim(&format!(r#"{jti},{jti},{code}"#)))),
        ("J array payload", device.sign(&header(""), "[]")),
        ("H15 64 KB", "A".repeat(64 * 1024)),
        ("not a JWS", "x".to_owned()),
        ("four parts", format!("{}.x", device.registration(offer))),
    ];
    let good = device.registration(offer);
    for index in [10, 150, good.len() - 120, good.len() - 20] {
        let other = if &good[index..=index] == "A" { "B" } else { "A" };
        proofs.push(("R17 one character", format!("{}{other}{}", &good[..index], &good[index + 1..])));
    }
    for (what, proof) in proofs {
        refused(what, &server.register(&proof).await?);
        assert_eq!(server.session(&login.id).await?.text_at("/binding/method")?, "none", "{what}");
    }
    server.register(&good).await?.expect(200).context("the challenge is still good after all that")?;
    Ok(())
}

/// R15, R28, and harmless things that a later browser may add.
#[tokio::test]
async fn what_a_browser_may_add_is_no_offence() -> Result<()> {
    let server = Server::start().await?;
    let device = Device::new()?;
    let jwk = device.jwk();
    for (header, claims) in [
        (r#","kid":"x","jku":"http://127.0.0.1:1/","x5u":"http://127.0.0.1:1/""#, String::new()),
        ("", format!(r#","aud":"{ORIGIN}/_holdfast/dbsc/register""#)),
        ("", r#","iat":1,"exp":2,"sub":"root","nonce":{}"#.to_owned()),
    ] {
        let login = server.login("alice").await?;
        let header = format!(r#"{{"alg":"ES256","jwk":{jwk},"typ":"dbsc+jwt"{header}}}"#);
        let (challenge, code) = (&login.offer.challenge, &login.offer.authorization);
        let payload = format!(r#"{{"authorization":"{code}","jti":"{challenge}"{claims}}}"#);
        server.register(&device.sign(&header, &payload)).await?.expect(200)?;
        assert_eq!(server.session(&login.id).await?.text_at("/binding/key_thumbprint")?, device.thumbprint());
    }
    Ok(())
}

/// R22 and the second key.
#[tokio::test]
async fn a_registration_works_once() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let device = Device::new()?;
    let proof = device.registration(&login.offer);
    server.register(&proof).await?.expect(200)?;

    refused("the same again", &server.register(&proof).await?);
    refused("another key", &server.register(&Device::new()?.registration(&login.offer)).await?);
    assert_eq!(server.session(&login.id).await?.text_at("/binding/key_thumbprint")?, device.thumbprint());
    let conflicts = server.audit().wait_for("binding.conflict", 1).await?;
    assert_eq!(
        (conflicts.len(), &conflicts[0]["session"]),
        (1, &Value::from(login.id)),
        "a repetition is none"
    );
    Ok(())
}

/// R24: the challenge lives as long as the window.
#[tokio::test]
async fn an_offer_ends_with_its_window() -> Result<()> {
    let server = Server::with(Settings::default().set("session.registration_window", "20s")).await?;
    let (late, prompt) = (server.login("alice").await?, server.login("bob").await?);
    server.advance(19);
    server.bind_login(&prompt).await?;
    server.advance(1);
    refused("too late", &server.register(&Device::new()?.registration(&late.offer)).await?);
    Ok(())
}

/// R25: challenge and code belong together.
#[tokio::test]
async fn one_logins_code_does_not_fit_anothers_challenge() -> Result<()> {
    let server = Server::start().await?;
    let (alice, mallory) = (server.login("alice").await?, server.login("mallory").await?);
    let mut mixed = alice.offer.clone();
    mixed.authorization = mallory.offer.authorization;
    refused("mixed", &server.register(&Device::new()?.registration(&mixed)).await?);
    Ok(())
}

/// R31, R33, H10, H11: no proof or two of them.
#[tokio::test]
async fn a_session_without_a_key_is_never_made() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let path = "/_holdfast/dbsc/register";
    let good = Device::new()?.registration(&login.offer);
    for (what, call) in [
        ("no proof", server.browser(path)),
        ("only cookies", server.browser(path).header("cookie", &login.cookies())),
        ("empty", server.browser(path).header("secure-session-response", "")),
        (
            "twice",
            server
                .browser(path)
                .header("secure-session-response", &good)
                .header("secure-session-response", &good),
        ),
        (
            "in the body",
            server.browser(path).body(good.clone()).header("content-length", &good.len().to_string()),
        ),
        ("old name", server.browser(path).header("sec-session-response", &good)),
        ("in the query", server.browser(&format!("{path}?proof={good}"))),
        ("bytes", server.browser(path).bytes("secure-session-response", b"\xff\xfe")),
        ("token list", server.browser(path).header("secure-session-response", &format!("\"{good}\", \"x\""))),
    ] {
        // A body with two lengths may also be cut off before it is understood.
        if let Ok(answer) = call.send().await {
            assert!(
                (400..500).contains(&answer.status) && answer.cookie(COOKIE).is_none(),
                "{what}: {}",
                answer.status
            );
        }
        assert_eq!(server.session(&login.id).await?.text_at("/binding/method")?, "none", "{what}");
    }
    Ok(())
}

/// H09: bare as Chromium sends it, quoted as the draft says.
#[tokio::test]
async fn proofs_come_bare_or_quoted() -> Result<()> {
    let server = Server::start().await?;
    for form in ["{}", "\"{}\"", "{};x=1", "\"{}\";x=1"] {
        let login = server.login("alice").await?;
        let proof = Device::new()?.registration(&login.offer);
        let answer = server.register(&form.replace("{}", &proof)).await?;
        assert_eq!(answer.status, 200, "{form}: {}", answer.text);
    }
    Ok(())
}

/// R34, E03.
#[tokio::test]
async fn a_login_that_was_undone_does_not_come_back() -> Result<()> {
    let server = Server::start().await?;
    for how in ["revoked", "logged out", "regenerated", "user", "idle"] {
        let login = server.login(how).await?;
        let by_id = format!("/v1/sessions/{}", login.id);
        match how {
            "revoked" => server.revoke(&login.id).await?,
            "logged out" => {
                drop(server.browser("/_holdfast/logout").cookie(&login.cookie).send().await?.expect(204)?)
            }
            "regenerated" => {
                drop(server.app(Method::POST, &format!("{by_id}/regenerate")).send().await?.expect(201)?);
            }
            "user" => drop(server.app(Method::DELETE, "/v1/users/user/sessions").send().await?.expect(200)?),
            _ => server.advance(3601),
        }
        refused(how, &server.register(&Device::new()?.registration(&login.offer)).await?);
        assert_eq!(server.check(&login.cookie).await?.verdict().0, "deny", "{how}");
    }
    Ok(())
}

/// H19, H20.
#[tokio::test]
async fn only_posts_of_the_own_site_are_taken() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let proof = Device::new()?.registration(&login.offer);
    let path = "/_holdfast/dbsc/register";
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let answer =
            server.public(method.clone(), path).header("secure-session-response", &proof).send().await?;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
        assert!(answer.header("access-control-allow-origin").is_none());
    }
    for (site, origin) in [
        (Some("cross-site"), Some(ORIGIN)),
        (Some("cross-site"), None),
        (None, Some("https://evil.example")),
        (Some("same-origin"), Some("https://evil.example")),
        (None, Some("null")),
        (Some("nonsense"), None),
        (None, Some("http://shop.example")),
        (None, Some("https://shop.example.evil")),
        (None, Some("https://other.example")),
    ] {
        let call = server.public(Method::POST, path).header("secure-session-response", &proof);
        let call = site.into_iter().fold(call, |call, site| call.header("sec-fetch-site", site));
        let call = origin.into_iter().fold(call, |call, origin| call.header("origin", origin));
        refused(&format!("{site:?} {origin:?}"), &call.send().await?);
    }
    assert_eq!(server.session(&login.id).await?.text_at("/binding/method")?, "none");
    server.public(Method::POST, path).header("secure-session-response", &proof).send().await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn the_challenge_of_a_registration_is_good_for_nothing_else() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let bound = server.bind_login(&login).await?;
    let proof = bound.device.refresh(&login.offer.challenge);
    assert_eq!(server.refresh(&bound.id, Some(&proof)).await?.status, 403);
    let fresh = server.login("alice").await?;
    let mut offer = fresh.offer.clone();
    offer.challenge = bound.challenge.clone();
    refused("a refresh challenge", &server.register(&Device::new()?.registration(&offer)).await?);
    assert_eq!(server.check(&login.offer.challenge).await?.verdict(), ("deny", "bad_cookie"));
    Ok(())
}

/// What every refusal of a registration looks like: no cookie, no HTML, nothing that a browser or a proxy acts upon.
fn refused(what: &str, answer: &Answer) {
    assert!(
        (400..500).contains(&answer.status) && !matches!(answer.status, 401 | 407 | 429),
        "{what}: {}",
        answer.status
    );
    assert!(answer.is_problem(), "{what}: {}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
    assert_eq!((answer.cookie(COOKIE), answer.header("location")), (None, None), "{what}");
    assert!(answer.all("secure-session-registration").is_empty(), "{what}: a new offer would be a loop");
    assert!(!answer.text.contains("AAAA"), "{what}: what was sent is not shown again");
}
