//! `Holdfast-Assertion`, verified as an app would: with the published keys and another implementation.

#![expect(clippy::indexing_slicing, reason = "a claim that is missing fails the test")]

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_tests::server::{Answer, COOKIE, Login, ORIGIN, Server, Settings, thumbprint_of};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn an_assertion_says_who_asks_for_what() -> Result<()> {
    let server = Server::start().await?;
    let auth =
        json!({ "acr": "urn:example:mfa", "amr": ["pwd", "otp"], "auth_time": "2026-11-22T09:59:00Z" });
    let login = server.login_with(json!({ "user": "Zoë", "auth": auth })).await?;
    let bound = server.bind_login(&login).await?;
    server.advance(7);
    let answer = ask(&server, &bound.cookie, "POST", "/orders?secret=1#x").await?;

    let claims = verified(&server, &assertion(&answer)?).await?;
    let (now, began) = (server.now(), server.now() - 67);
    let expected = json!({
        "iss": claims["iss"], "aud": ORIGIN, "sub": "Zoë", "sid": bound.id, "bnd": "hardware",
        "acr": "urn:example:mfa", "amr": ["pwd", "otp"], "auth_time": began, "iat": now, "exp": now + 60,
        "htm": "POST", "htu": format!("{ORIGIN}/orders"),
    });
    assert_eq!(claims, expected);
    assert!(claims["iss"].is_string());
    Ok(())
}

#[tokio::test]
async fn an_assertion_of_a_plain_login_is_honest_about_it() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let claims = verified(&server, &assertion(&server.check(&login.cookie).await?)?).await?;
    assert_eq!((&claims["bnd"], &claims["acr"], &claims["amr"]), (&json!("none"), &Value::Null, &json!([])));
    assert_eq!(claims["auth_time"], server.now());
    Ok(())
}

/// An assertion may be handed out more than once; what it says must stay true, and it must live long enough to be used.
#[tokio::test]
async fn an_assertion_is_fresh_whenever_it_is_handed_out() -> Result<()> {
    let server = Server::start().await?;
    let mut bound = server.bind("alice").await?;
    for second in 0..130 {
        if second == 77 {
            server.renew(&mut bound).await?;
        }
        let claims = verified(&server, &assertion(&server.check(&bound.cookie).await?)?).await?;
        let (iat, exp) = (claims["iat"].as_u64().unwrap_or(0), claims["exp"].as_u64().unwrap_or(0));
        assert!(exp - iat <= 60 && iat <= server.now() && exp > server.now(), "second {second}: {claims}");
        server.advance(1);
    }
    Ok(())
}

#[tokio::test]
async fn method_path_and_level_are_of_this_request() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let mut seen = Vec::new();
    for (method, path) in [("GET", "/a"), ("POST", "/a"), ("GET", "/b"), ("GET", ""), ("GET", "/a")] {
        let claims =
            verified(&server, &assertion(&ask(&server, &login.cookie, method, path).await?)?).await?;
        let path = if path.is_empty() { "/" } else { path };
        assert_eq!((&claims["htm"], &claims["htu"]), (&json!(method), &json!(format!("{ORIGIN}{path}"))));
        assert_eq!(claims["bnd"], "none");
        seen.push(claims["htu"].clone());
    }
    let bound = server.bind_login(&login).await?;
    let claims = verified(&server, &assertion(&ask(&server, &bound.cookie, "GET", "/a").await?)?).await?;
    assert_eq!(claims["bnd"], "hardware", "binding shows at once");
    Ok(())
}

#[tokio::test]
async fn the_keys_are_the_same_on_both_listeners_and_public() -> Result<()> {
    let server = Server::start().await?;
    let internal = server.internal(Method::GET, "/_holdfast/jwks").send().await?.expect(200)?;
    let public = server.public(Method::GET, "/_holdfast/jwks").send().await?.expect(200)?;
    assert_eq!(internal.json(), public.json());
    let keys = public.at("/keys").as_array().context("no keys")?.clone();
    assert_eq!(keys.len(), 3, "the last, this and the next");
    for key in keys {
        assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("EC"), &json!("P-256"), &json!("ES256")));
        assert_eq!(key["kid"], thumbprint_of(&key));
        assert!(key.get("d").is_none(), "the private half");
    }
    Ok(())
}

#[tokio::test]
async fn a_tampered_assertion_does_not_verify() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let jwt = assertion(&server.check(&login.cookie).await?)?;
    let parts: Vec<&str> = jwt.split('.').collect();
    let forged = json!({ "sub": "root" }).to_string();
    let forged = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(forged), parts[2]);
    assert!(verified(&server, &forged).await.is_err());
    Ok(())
}

/// F23: after a rotation of the root key everything that is out there still works, and nothing new is made with the old.
#[tokio::test]
async fn a_former_root_key_keeps_its_promises() -> Result<()> {
    let server = Server::with(Settings::default().on_disk()).await?;
    let (waiting, mut bound) = (server.login("alice").await?, server.bind("bob").await?);
    let before = assertion(&server.check(&bound.cookie).await?)?;

    let (root, former) = (server.folder().join("root.key"), server.folder().join("former.key"));
    std::fs::rename(&root, &former)?;
    let rotated = Settings::default().on_disk().set("secrets.previous_root_key_files", "former.key");
    let server = server.restart_with(rotated).await?;
    assert_ne!(std::fs::read(&root)?, std::fs::read(&former)?);

    for cookie in [&waiting.cookie, &bound.cookie] {
        assert_eq!(server.check(cookie).await?.verdict(), ("allow", "ok"));
    }
    server.bind_login(&waiting).await?;
    let old_cookie = bound.cookie.clone();
    server.renew(&mut bound).await?;
    server.renew(&mut bound).await?;
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    verified(&server, &before).await.context("an assertion made just before the rotation")?;
    let after = assertion(&server.check(&bound.cookie).await?)?;
    assert_ne!(header_of(&before)?["kid"], header_of(&after)?["kid"]);

    // Without the former key its cookies are as foreign as any.
    let server = server.restart_with(Settings::default().on_disk()).await?;
    assert_eq!(server.check(&old_cookie).await?.verdict(), ("deny", "bad_cookie"));
    assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    server.renew(&mut bound).await?;
    Ok(())
}

async fn ask(server: &Server, cookie: &str, method: &str, path: &str) -> Result<Answer> {
    let headers = json!([["Cookie", format!("{COOKIE}={cookie}")]]);
    server.ask(json!({ "method": method, "url": format!("{ORIGIN}{path}"), "headers": headers })).await
}

fn assertion(answer: &Answer) -> Result<String> {
    assert_eq!(answer.verdict(), ("allow", "ok"), "{}", answer.text);
    Ok(answer.text_at("/request_headers/3/1")?.to_owned())
}

fn header_of(jwt: &str) -> Result<Value> {
    let header = jwt.split('.').next().context("no header")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?)
}

/// The claims, if the signature fits the published key that the header names.
async fn verified(server: &Server, jwt: &str) -> Result<Value> {
    let header = header_of(jwt)?;
    assert_eq!(header["alg"], "ES256");
    let jwks = server.public(Method::GET, "/_holdfast/jwks").send().await?.expect(200)?;
    let keys = jwks.at("/keys").as_array().context("no keys")?.clone();
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).context("no key of this kid")?;
    let mut point = vec![4];
    for coordinate in ["x", "y"] {
        point.extend(URL_SAFE_NO_PAD.decode(key[coordinate].as_str().context("no coordinate")?)?);
    }
    let key = VerifyingKey::from_sec1_bytes(&point)?;
    let (input, signature) = jwt.rsplit_once('.').context("no signature")?;
    key.verify(input.as_bytes(), &Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature)?)?)?;
    let claims = input.split_once('.').context("no claims")?.1;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?)
}

#[tokio::test]
async fn regenerated_sessions_assert_their_new_id() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let path = format!("/v1/sessions/{}/regenerate", login.id);
    let next = Login::read(server.app(Method::POST, &path).send().await?.expect(201)?)?;
    let claims = verified(&server, &assertion(&server.check(&next.cookie).await?)?).await?;
    assert_eq!(claims["sid"], next.id.as_str());
    Ok(())
}
