//! What clients and resources find out, and how tokens are looked up and given back.

use anyhow::Result;
use base64::Engine as _;
use holdfast_tests::server::{
    Answer, CLIENT, CLIENT_SECRET, CONFIDENTIAL_CLIENT, Call, ORIGIN, OTHER_ORIGIN, OTHER_TOKEN, Server,
    TOKEN, tampered,
};
use reqwest::Method;
use serde_json::json;

/// M01, M02.
#[tokio::test]
async fn the_metadata_says_what_is_so() -> Result<()> {
    let server = Server::start().await?;
    for (host, origin) in [("shop.example", ORIGIN), ("other.example", OTHER_ORIGIN)] {
        let get = |path: &str| server.public(Method::GET, path).header("host", host).send();
        let issuer = get("/.well-known/oauth-authorization-server").await?.expect(200)?;
        assert_eq!(issuer.text_at("/issuer")?, origin);
        assert_eq!(issuer.text_at("/token_endpoint")?, format!("{origin}/_holdfast/oauth/token"));
        assert_eq!(issuer.at("/dpop_signing_alg_values_supported"), &json!(["ES256", "EdDSA", "PS256"]));
        assert_eq!(issuer.at("/code_challenge_methods_supported"), &json!(["S256"]));
        for name in ["revocation_endpoint", "introspection_endpoint", "jwks_uri"] {
            assert!(issuer.text_at(&format!("/{name}"))?.starts_with(origin), "{name}");
        }
        let resource = get("/.well-known/oauth-protected-resource").await?.expect(200)?;
        assert_eq!(resource.text_at("/resource")?, origin);
        assert_eq!(resource.at("/authorization_servers"), &json!([origin]));
        assert_eq!(resource.at("/dpop_bound_access_tokens_required"), &json!(true));
    }
    let unknown = server.public(Method::GET, "/.well-known/oauth-authorization-server");
    assert_eq!(unknown.header("host", "evil.example").send().await?.status, 421);
    let jwks = server.public(Method::GET, "/_holdfast/jwks").send().await?.expect(200)?;
    assert_eq!(jwks.at("/keys").as_array().map(Vec::len), Some(3), "the last, this and the next");
    Ok(())
}

/// The next key is published before it signs, and the last one stays until its tokens are dead.
#[tokio::test]
async fn keys_rotate_by_themselves() -> Result<()> {
    let server = Server::start().await?;
    let week = 7 * 24 * 3600;
    server.advance(week - server.now() % week - 300);
    let granted = server.grant("alice").await?;
    let before = server.public(Method::GET, "/_holdfast/jwks").send().await?;
    server.advance(300);
    let after = server.public(Method::GET, "/_holdfast/jwks").send().await?;
    assert_eq!(after.at("/keys/0"), before.at("/keys/1"));
    assert_eq!(after.at("/keys/1"), before.at("/keys/2"));
    assert_eq!(server.call(&granted, &server.proof(&granted)).await?.verdict(), ("allow", "ok"));
    let rotated = server.rotate(&granted, &granted.refresh_token).await?.expect(200)?;
    let kid = |token: &str| -> Result<String> {
        let header = token.split('.').next().unwrap_or_default();
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header)?;
        Ok(serde_json::from_slice::<serde_json::Value>(&header)?["kid"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    };
    assert_eq!(kid(&granted.access_token)?, before.text_at("/keys/1/kid")?);
    assert_eq!(kid(rotated.text_at("/access_token")?)?, after.text_at("/keys/1/kid")?);
    Ok(())
}

/// X03 to X05.
#[tokio::test]
async fn introspection_tells_those_who_may_know() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let ask = |token: &str| {
        introspect(&server).form(&[("token", token)]).header("authorization", &bearer(TOKEN)).send()
    };
    let active = ask(&granted.access_token).await?.expect(200)?;
    for (pointer, value) in [
        ("/active", json!(true)),
        ("/token_type", json!("DPoP")),
        ("/cnf/jkt", json!(granted.device.thumbprint())),
        ("/sub", json!("alice")),
        ("/client_id", json!(CLIENT)),
        ("/scope", json!("read write")),
        ("/aud", json!(ORIGIN)),
        ("/iss", json!(ORIGIN)),
        ("/sid", json!(granted.id)),
    ] {
        assert_eq!(active.at(pointer), &value, "{pointer}");
    }
    assert_eq!(active.header("cache-control"), Some("no-store"));
    assert_eq!(ask(&granted.refresh_token).await?.at("/active"), &json!(true));
    for token in [&tampered(&granted.access_token), &tampered(&granted.refresh_token), "x"] {
        inactive(&ask(token).await?);
    }
    // Another app's back end and another client learn nothing, and a client without a secret may not even ask.
    let other = introspect(&server).form(&[("token", &granted.access_token)]);
    inactive(&other.header("authorization", &bearer(OTHER_TOKEN)).send().await?);
    let other =
        introspect(&server).form(&[("token", &granted.access_token)]).header("authorization", &basic());
    inactive(&other.send().await?);
    for form in [
        vec![("token", &*granted.access_token), ("client_id", CLIENT)],
        vec![("token", &*granted.access_token)],
        vec![("token", &*granted.access_token), ("client_id", CONFIDENTIAL_CLIENT), ("client_secret", "x")],
    ] {
        let answer = introspect(&server).form(&form).send().await?;
        assert_eq!((answer.status, answer.at("/error")), (401, &json!("invalid_client")), "{}", answer.text);
    }
    let call = introspect(&server).form(&[("token", "x")]).header("authorization", &bearer("wrong"));
    let stranger = call.send().await?.expect(401)?;
    assert_eq!(stranger.header("www-authenticate"), Some("Bearer realm=\"holdfast\""));
    let rotated = server.rotate(&granted, &granted.refresh_token).await?.expect(200)?;
    server.advance(60);
    inactive(&ask(&granted.refresh_token).await?);
    server.advance(540);
    inactive(&ask(&granted.access_token).await?);
    assert_eq!(ask(rotated.text_at("/refresh_token")?).await?.at("/active"), &json!(true));
    server.revoke(&granted.id).await?;
    inactive(&ask(rotated.text_at("/refresh_token")?).await?);
    Ok(())
}

/// X01, X02.
#[tokio::test]
async fn a_revoked_token_takes_its_session_along() -> Result<()> {
    let server = Server::start().await?;
    let revoke = || server.public(Method::POST, "/_holdfast/oauth/revoke");
    for by_refresh_token in [true, false] {
        let granted = server.grant("alice").await?;
        let token = if by_refresh_token { &granted.refresh_token } else { &granted.access_token };
        let old =
            server.rotate(&granted, &granted.refresh_token).await?.text_at("/refresh_token")?.to_owned();
        let token = if by_refresh_token { &old } else { token };
        // Those who have no business with it are answered the same, and change nothing.
        let other = revoke().form(&[("token", token)]).header("authorization", &basic());
        other.send().await?.expect(200)?;
        let other = revoke().form(&[("token", token)]).header("authorization", &bearer(OTHER_TOKEN));
        other.send().await?.expect(200)?;
        assert_eq!(server.call(&granted, &server.proof(&granted)).await?.verdict(), ("allow", "ok"));
        let hint = if by_refresh_token { "refresh_token" } else { "nonsense" };
        let form = [("token", &**token), ("token_type_hint", hint), ("client_id", CLIENT)];
        if by_refresh_token {
            revoke().form(&form).send().await?.expect(200)?;
        } else {
            // A copied access token is no way to log its user out; the app's back end has something to show.
            let answer = revoke().form(&form).send().await?;
            assert_eq!((answer.status, answer.at("/error")), (400, &json!("unsupported_token_type")));
            assert_eq!(server.call(&granted, &server.proof(&granted)).await?.verdict(), ("allow", "ok"));
            let form = [("token", &**token), ("token_type_hint", hint)];
            revoke().form(&form).header("authorization", &bearer(TOKEN)).send().await?.expect(200)?;
        }
        assert_eq!(
            server.call(&granted, &server.proof(&granted)).await?.verdict(),
            ("deny", "session_ended")
        );
        assert_eq!(server.session(&granted.id).await?.text_at("/end_reason")?, "revoked");
    }
    // Nor is a refresh token that has long been followed by another.
    let granted = server.grant("carol").await?;
    server.rotate(&granted, &granted.refresh_token).await?.expect(200)?;
    server.advance(60);
    let form = [("token", &*granted.refresh_token), ("client_id", CLIENT)];
    revoke().form(&form).send().await?.expect(200)?;
    assert_eq!(server.session(&granted.id).await?.text_at("/state")?, "active");
    for token in ["", "x", "a.b.c"] {
        let expected = if token.is_empty() { 400 } else { 200 };
        let answer = revoke().form(&[("token", token), ("client_id", CLIENT)]).send().await?;
        assert_eq!(answer.status, expected, "{token}");
    }
    assert_eq!(revoke().form(&[("token", "x")]).send().await?.status, 401);
    let granted = server.grant("bob").await?;
    let by_app = revoke().form(&[("token", &granted.access_token)]).header("authorization", &bearer(TOKEN));
    by_app.send().await?.expect(200)?;
    assert_eq!(server.session(&granted.id).await?.text_at("/state")?, "ended");
    Ok(())
}

fn introspect(server: &Server) -> Call {
    server.public(Method::POST, "/_holdfast/oauth/introspect")
}

fn inactive(answer: &Answer) {
    assert_eq!((answer.status, answer.text.as_str()), (200, "{\"active\":false}"));
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn basic() -> String {
    let pair = format!("{CONFIDENTIAL_CLIENT}:{CLIENT_SECRET}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}
