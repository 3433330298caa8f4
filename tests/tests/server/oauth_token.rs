//! The token endpoint: codes, refresh tokens, and what becomes of those that two have used.

use anyhow::Result;
use base64::Engine as _;
use futures_util::future::join_all;
use holdfast_tests::server::{
    Answer, CLIENT, CLIENT_SECRET, CONFIDENTIAL_CLIENT, Device, ORIGIN, Proof, REDIRECT_URI, Server,
    Settings, TOKEN_URL, VERIFIER, base64url,
};
use reqwest::Method;
use serde_json::{Value, json};

/// T01.
#[tokio::test]
async fn a_code_becomes_bound_tokens() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let answer = &granted.answer;
    assert_eq!(answer.text_at("/token_type")?, "DPoP");
    assert_eq!((answer.at("/expires_in"), answer.text_at("/scope")?), (&json!(600), "read write"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let (header, claims) = parts(&granted.access_token)?;
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
    assert_eq!(claims["cnf"]["jkt"], granted.device.thumbprint());
    for (name, value) in [("iss", ORIGIN), ("aud", ORIGIN), ("sub", "alice"), ("client_id", CLIENT)] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_eq!((&claims["sid"], &claims["scope"]), (&json!(granted.id), &json!("read write")));
    let lifetime = claims["exp"].as_u64().unwrap_or(0) - claims["iat"].as_u64().unwrap_or(0);
    assert_eq!(lifetime, 600);
    let jwks = server.public(Method::GET, "/_holdfast/jwks").send().await?.expect(200)?;
    let keys = jwks.at("/keys").as_array().cloned().unwrap_or_default();
    assert!(
        keys.iter().any(|key| key["kid"] == header["kid"]) && keys.iter().all(|key| key.get("d").is_none())
    );

    let session = server.session(&granted.id).await?.expect(200)?;
    assert_eq!(session.text_at("/binding/method")?, "dpop");
    assert_eq!(session.text_at("/binding/key_thumbprint")?, granted.device.thumbprint());
    server.audit().wait_for("session.bound", 1).await?;
    Ok(())
}

/// X02, R01: and the session of a client is seen, counted and ended where every session is.
#[tokio::test]
async fn a_grant_is_a_session_among_the_users_others() -> Result<()> {
    let server = Server::start().await?;
    let browser = server.bind("alice").await?;
    let granted = server.grant("alice").await?;
    let listed = server.app(Method::GET, "/v1/sessions?user=alice").send().await?.expect(200)?;
    assert_eq!(listed.at("/sessions").as_array().map(Vec::len), Some(2));
    assert_eq!(server.call(&granted, &server.proof(&granted)).await?.verdict(), ("allow", "ok"));
    let ended = server.app(Method::DELETE, "/v1/users/alice/sessions").send().await?.expect(200)?;
    assert_eq!(ended.at("/ended"), &json!(2));
    let refused = server.call(&granted, &server.proof(&granted)).await?;
    assert_eq!(refused.verdict(), ("deny", "session_ended"));
    assert_eq!(server.rotate(&granted, &granted.refresh_token).await?.status, 400);
    assert_eq!(server.check(&browser.cookie).await?.verdict(), ("deny", "session_ended"));
    Ok(())
}

#[tokio::test]
async fn a_code_is_for_one_client_one_address_one_verifier_and_one_minute() -> Result<()> {
    let server = Server::start().await?;
    let device = Device::new()?;
    let good = |code: &str| -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "authorization_code".into()),
            ("client_id", CLIENT.into()),
            ("code", code.into()),
            ("redirect_uri", REDIRECT_URI.into()),
            ("code_verifier", VERIFIER.into()),
        ]
    };
    let authorized = server.authorize("alice", json!({})).await?.expect(201)?;
    let code = authorized.text_at("/code")?.to_owned();
    for (name, value) in [
        ("redirect_uri", Some("https://spa.example/callback/")),
        ("redirect_uri", None),
        ("code_verifier", Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl")),
        ("code_verifier", Some("short")),
        ("code_verifier", None),
    ] {
        let mut form = good(&code);
        form.retain(|(key, _)| *key != name);
        form.extend(value.map(|value| (name, value.to_owned())));
        let answer = post(&server, &form, &device).await?;
        refused(&answer, 400, "invalid_grant");
    }
    let mut other = good(&code);
    other[1].1 = CONFIDENTIAL_CLIENT.into();
    other.push(("client_secret", CLIENT_SECRET.into()));
    refused(&post(&server, &other, &device).await?, 400, "invalid_grant");
    // None of that has used it up.
    assert_eq!(post(&server, &good(&code), &device).await?.status, 200);

    let late = server.authorize("alice", json!({})).await?.expect(201)?;
    server.advance(60);
    refused(&post(&server, &good(late.text_at("/code")?), &device).await?, 400, "invalid_grant");
    assert_eq!(server.session(late.text_at("/session/id")?).await?.text_at("/state")?, "ended");
    for code in ["", "x", &"A".repeat(code.len())] {
        let status = post(&server, &good(code), &device).await?.status;
        assert_eq!(status, 400, "{code}");
    }
    Ok(())
}

/// RFC 9449 §10: a code that was asked for with a key is redeemed with it.
#[tokio::test]
async fn a_code_may_name_its_key() -> Result<()> {
    let server = Server::start().await?;
    let (device, thief) = (Device::new()?, Device::new()?);
    let more = json!({ "dpop_jkt": device.thumbprint() });
    let code = server.authorize("alice", more).await?.expect(201)?.text_at("/code")?.to_owned();
    let stolen = server.redeem(&code, &server.token_proof(&thief).sign(&thief)).await?;
    refused(&stolen, 400, "invalid_grant");
    server.redeem(&code, &server.token_proof(&device).sign(&device)).await?.expect(200)?;
    Ok(())
}

/// RFC 6749 §4.1.2: what a code began ends when it comes again, whoever brings it.
#[tokio::test]
async fn a_code_that_comes_twice_ends_what_it_began() -> Result<()> {
    for by_thief in [false, true] {
        let server = Server::start().await?;
        let (device, thief) = (Device::new()?, Device::new()?);
        let authorized = server.authorize("alice", json!({})).await?.expect(201)?;
        let code = authorized.text_at("/code")?;
        server.redeem(code, &server.token_proof(&device).sign(&device)).await?.expect(200)?;
        let second = if by_thief { &thief } else { &device };
        let again = server.redeem(code, &server.token_proof(second).sign(second)).await?;
        refused(&again, 400, "invalid_grant");
        let session = server.session(authorized.text_at("/session/id")?).await?;
        assert_eq!(session.text_at("/end_reason")?, "revoked");
        server.audit().wait_for("token.reused", 1).await?;
    }
    Ok(())
}

/// A code stands in histories and logs: once its minute is over it is no way to log anybody out.
#[tokio::test]
async fn an_old_code_ends_nothing() -> Result<()> {
    let server = Server::start().await?;
    let (device, finder) = (Device::new()?, Device::new()?);
    let authorized = server.authorize("alice", json!({})).await?.expect(201)?;
    let code = authorized.text_at("/code")?;
    server.redeem(code, &server.token_proof(&device).sign(&device)).await?.expect(200)?;
    server.advance(60);
    refused(&server.redeem(code, &server.token_proof(&finder).sign(&finder)).await?, 400, "invalid_grant");
    assert_eq!(server.session(authorized.text_at("/session/id")?).await?.text_at("/state")?, "active");
    Ok(())
}

/// Codes that nobody has come with yet send no browser away; redeemed ones count as sessions.
#[tokio::test]
async fn codes_count_when_they_are_redeemed() -> Result<()> {
    let server = Server::with(Settings::default().set("session.max_per_user", "2")).await?;
    let browser = server.bind("alice").await?;
    for _ in 0..5 {
        server.authorize("alice", json!({})).await?.expect(201)?;
    }
    assert_eq!(server.check(&browser.cookie).await?.verdict(), ("allow", "ok"));
    for _ in 0..2 {
        server.advance(1);
        server.grant("alice").await?;
    }
    assert_eq!(server.session(&browser.id).await?.text_at("/end_reason")?, "user_cap");
    Ok(())
}

/// After a restart a proof for this endpoint, which names no token, may be older than whatever comes with it.
#[tokio::test]
async fn a_restart_makes_no_proof_for_tokens_new() -> Result<()> {
    let server = Server::with(Settings::default().on_disk()).await?;
    let granted = server.grant("alice").await?;
    let old = server.token_proof(&granted.device).sign(&granted.device);
    let first = server.refresh_token(&granted.refresh_token, &old).await?.expect(200)?;
    let first = first.text_at("/refresh_token")?.to_owned();
    let server = server.restart().await?;
    server.advance(20);
    let second = server.rotate(&granted, &first).await?.expect(200)?;
    let answer = server.refresh_token(second.text_at("/refresh_token")?, &old).await?;
    refused(&answer, 400, "use_dpop_nonce");
    assert_eq!(server.session(&granted.id).await?.text_at("/state")?, "active");
    Ok(())
}

/// A rotation of the root key between two workers must not look like a theft.
#[tokio::test]
async fn a_root_key_may_rotate_while_tokens_do() -> Result<()> {
    let server = Server::with(Settings::default().on_disk()).await?;
    let granted = server.grant("alice").await?;
    let early = server.rotate(&granted, &granted.refresh_token).await?.expect(200)?;
    std::fs::rename(server.folder().join("root.key"), server.folder().join("former.key"))?;
    let settings = Settings::default().on_disk().set("secrets.previous_root_key_files", "former.key");
    let server = server.restart_with(settings).await?;
    server.advance(20);
    let late = server.rotate(&granted, &granted.refresh_token).await?.expect(200)?;
    let (early, late) = (early.text_at("/refresh_token")?, late.text_at("/refresh_token")?);
    let next = server.rotate(&granted, early).await?.expect(200)?;
    let again = server.rotate(&granted, late).await?.expect(200)?;
    assert_eq!(next.text_at("/refresh_token")?, again.text_at("/refresh_token")?);
    Ok(())
}

/// What somebody else's key is refused, is not remembered either: nobody fills our memory with grants that are not theirs.
#[tokio::test]
async fn a_thiefs_proof_is_not_worth_remembering() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let thief = Device::new()?;
    let proof = server.token_proof(&thief).sign(&thief);
    for _ in 0..2 {
        refused(&server.refresh_token(&granted.refresh_token, &proof).await?, 400, "invalid_grant");
    }
    let other = [
        ("grant_type", "refresh_token"),
        ("client_id", CONFIDENTIAL_CLIENT),
        ("client_secret", CLIENT_SECRET),
        ("refresh_token", &granted.refresh_token),
    ];
    refused(&server.token(&other, Some(&proof)).await?, 400, "invalid_grant");
    server.audit().wait_for("token.stolen", 3).await?;
    refused(
        &server.token(&[("grant_type", "refresh_token"), ("client_id", "x")], None).await?,
        401,
        "invalid_client",
    );
    server.audit().wait_for("client.rejected", 1).await?;
    Ok(())
}

#[tokio::test]
async fn one_of_many_redemptions_at_once_wins_and_then_nobody() -> Result<()> {
    let server = Server::start().await?;
    let device = Device::new()?;
    let authorized = server.authorize("alice", json!({})).await?.expect(201)?;
    let code = authorized.text_at("/code")?;
    let proofs: Vec<_> = (0..16).map(|_| server.token_proof(&device).sign(&device)).collect();
    let answers = join_all(proofs.iter().map(|proof| server.redeem(code, proof))).await;
    let answers = answers.into_iter().collect::<Result<Vec<_>>>()?;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(server.session(authorized.text_at("/session/id")?).await?.text_at("/state")?, "ended");
    Ok(())
}

/// R01, R03, R04.
#[tokio::test]
async fn refresh_tokens_rotate_and_a_lost_answer_is_given_again() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let first = &granted.refresh_token;
    server.advance(300);
    let second = server.rotate(&granted, first).await?.expect(200)?;
    let successor = second.text_at("/refresh_token")?.to_owned();
    assert_ne!(successor, *first);
    let (_, claims) = parts(second.text_at("/access_token")?)?;
    assert_eq!(claims["cnf"]["jkt"], granted.device.thumbprint());
    server.advance(59);
    let again = server.rotate(&granted, first).await?.expect(200)?;
    assert_eq!(again.text_at("/refresh_token")?, successor, "the same one");
    let third = server.rotate(&granted, &successor).await?.expect(200)?;
    assert_ne!(third.text_at("/refresh_token")?, successor);
    // The first one is now two behind: whoever brings it did not just lose an answer.
    refused(&server.rotate(&granted, first).await?, 400, "invalid_grant");
    assert_eq!(server.session(&granted.id).await?.text_at("/end_reason")?, "revoked");
    refused(&server.rotate(&granted, third.text_at("/refresh_token")?).await?, 400, "invalid_grant");
    let reused = server.audit().wait_for("token.reused", 1).await?;
    assert_eq!(reused[0]["session"], granted.id);
    Ok(())
}

#[tokio::test]
async fn an_old_refresh_token_ends_the_session() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    server.rotate(&granted, &granted.refresh_token).await?.expect(200)?;
    server.advance(60);
    refused(&server.rotate(&granted, &granted.refresh_token).await?, 400, "invalid_grant");
    assert_eq!(server.session(&granted.id).await?.text_at("/end_reason")?, "revoked");
    Ok(())
}

/// R02: a copied token without its key changes nothing for its owner, and is told of.
#[tokio::test]
async fn a_stolen_refresh_token_is_worth_nothing() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let thief = Device::new()?;
    for token in [
        &granted.refresh_token,
        &server.rotate(&granted, &granted.refresh_token).await?.text_at("/refresh_token")?.to_owned(),
    ] {
        for _ in 0..2 {
            let answer = server.refresh_token(token, &server.token_proof(&thief).sign(&thief)).await?;
            refused(&answer, 400, "invalid_grant");
        }
        server.advance(61);
    }
    let stolen = server.audit().wait_for("token.stolen", 4).await?;
    assert!(stolen.iter().all(|event| event["session"] == granted.id && event["user"] == "alice"));
    assert_eq!(server.session(&granted.id).await?.text_at("/state")?, "active");
    Ok(())
}

#[tokio::test]
async fn two_workers_with_one_key_get_one_successor() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let answers = join_all((0..16).map(|_| server.rotate(&granted, &granted.refresh_token))).await;
    let answers = answers.into_iter().collect::<Result<Vec<_>>>()?;
    let successors: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| answer.text_at("/refresh_token").unwrap_or_default()).collect();
    assert_eq!((answers.iter().all(|answer| answer.status == 200), successors.len()), (true, 1));
    Ok(())
}

/// T02 to T05, and FAPI's list: the grant is not touched by a proof that is not taken.
#[tokio::test]
async fn a_bad_proof_uses_up_no_grant() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let device = &granted.device;
    let good = || server.token_proof(device);
    let jwk_with_d = json!({ "kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d" });
    for (what, proof) in [
        ("ath", good().over(&granted.access_token)),
        ("htm", good().claim("htm", "GET")),
        ("htu", good().claim("htu", "https://shop.example/_holdfast/oauth/tokens")),
        ("htu of another origin", good().claim("htu", "https://other.example/_holdfast/oauth/token")),
        ("no jti", good().without("jti")),
        ("no iat", good().without("iat")),
        ("typ", good().header("typ", "JWT")),
        ("alg", good().header("alg", "none")),
        ("private key", good().header("jwk", jwk_with_d)),
        ("crit", good().header("crit", json!(["x"]))),
        ("exp", good().claim("exp", server.now() - 60)),
        ("nbf", good().claim("nbf", server.now() + 60)),
    ] {
        let answer = server.refresh_token(&granted.refresh_token, &proof.sign(device)).await?;
        refused(&answer, 400, "invalid_dpop_proof");
        assert!(answer.header("dpop-nonce").is_none(), "{what}");
    }
    let form =
        [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", &*granted.refresh_token)];
    refused(&server.token(&form, None).await?, 400, "invalid_dpop_proof");
    let two = server.public(Method::POST, "/_holdfast/oauth/token").form(&form);
    let two = two.header("dpop", &good().sign(device)).header("dpop", &good().sign(device)).send().await?;
    refused(&two, 400, "invalid_dpop_proof");
    let proof = good().sign(device);
    server.refresh_token(&granted.refresh_token, &proof).await?.expect(200)?;
    refused(&server.refresh_token(&granted.refresh_token, &proof).await?, 400, "invalid_dpop_proof");
    Ok(())
}

/// T04, N02, N08: a device with a wrong clock is helped by a nonce, and its grant is not used up by asking.
#[tokio::test]
async fn a_nonce_stands_in_for_a_wrong_clock() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let wrong = || Proof::new(&granted.device, "POST", TOKEN_URL, server.now() - 3 * 3600);
    let asked = server.refresh_token(&granted.refresh_token, &wrong().sign(&granted.device)).await?;
    refused(&asked, 400, "use_dpop_nonce");
    let nonce = asked.header("dpop-nonce").unwrap_or_default().to_owned();
    assert_eq!((asked.all("dpop-nonce").len(), asked.header("cache-control")), (1, Some("no-store")));
    let proof = wrong().claim("nonce", nonce.as_str());
    let taken =
        server.refresh_token(&granted.refresh_token, &proof.sign(&granted.device)).await?.expect(200)?;
    assert!(taken.header("dpop-nonce").is_none(), "the nonce is fresh");
    // Whoever has shown one goes on with it.
    let next = taken.text_at("/refresh_token")?.to_owned();
    refused(&server.rotate(&granted, &next).await?, 400, "use_dpop_nonce");
    server.advance(150);
    let proof = server.token_proof(&granted.device).claim("nonce", nonce.as_str());
    let worn = server.refresh_token(&next, &proof.sign(&granted.device)).await?.expect(200)?;
    assert!(worn.header("dpop-nonce").is_some_and(|next| next != nonce));
    server.advance(150);
    let proof = server.token_proof(&granted.device).claim("nonce", nonce);
    let dead = server.refresh_token(worn.text_at("/refresh_token")?, &proof.sign(&granted.device)).await?;
    refused(&dead, 400, "use_dpop_nonce");
    Ok(())
}

#[tokio::test]
async fn nonces_can_be_asked_of_everybody() -> Result<()> {
    let server = Server::with(Settings::default().set("dpop.nonce", "always")).await?;
    let authorized = server.authorize("alice", json!({})).await?.expect(201)?;
    let device = Device::new()?;
    let code = authorized.text_at("/code")?;
    let asked = server.redeem(code, &server.token_proof(&device).sign(&device)).await?;
    refused(&asked, 400, "use_dpop_nonce");
    let wrong = server.token_proof(&device).claim("nonce", "x").sign(&device);
    refused(&server.redeem(code, &wrong).await?, 400, "use_dpop_nonce");
    let number = server.token_proof(&device).claim("nonce", 7).sign(&device);
    refused(&server.redeem(code, &number).await?, 400, "invalid_dpop_proof");
    let nonce = server.public(Method::HEAD, "/_holdfast/oauth/nonce").send().await?.expect(204)?;
    let nonce = nonce.header("dpop-nonce").unwrap_or_default().to_owned();
    let proof = server.token_proof(&device).claim("nonce", nonce).sign(&device);
    server.redeem(code, &proof).await?.expect(200)?;
    Ok(())
}

/// R08: with the session end its tokens.
#[tokio::test]
async fn an_idle_grant_is_over() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    server.advance(3600);
    refused(&server.rotate(&granted, &granted.refresh_token).await?, 400, "invalid_grant");
    assert_eq!(server.session(&granted.id).await?.text_at("/end_reason")?, "idle");
    Ok(())
}

/// T08, and what RFC 6749 §5.2 has codes for.
#[tokio::test]
async fn bad_requests_get_the_codes_of_the_rfc() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let proof = || server.token_proof(&granted.device).sign(&granted.device);
    let refresh = granted.refresh_token.as_str();
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("grant_type", "password"), ("client_id", CLIENT)], "unsupported_grant_type"),
        (&[("client_id", CLIENT), ("refresh_token", refresh)], "invalid_request"),
        (&[("grant_type", "refresh_token"), ("client_id", CLIENT)], "invalid_request"),
        (&[("grant_type", "authorization_code"), ("client_id", CLIENT)], "invalid_request"),
        (
            &[
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT),
                ("refresh_token", refresh),
                ("refresh_token", "x"),
            ],
            "invalid_request",
        ),
        (
            &[
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT),
                ("refresh_token", refresh),
                ("scope", "admin"),
            ],
            "invalid_scope",
        ),
        (&[("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", "x")], "invalid_grant"),
    ];
    for (form, error) in cases {
        refused(&server.token(form, Some(&proof())).await?, 400, error);
    }
    for form in [
        &[("grant_type", "refresh_token"), ("refresh_token", refresh)][..],
        &[("grant_type", "refresh_token"), ("client_id", "nobody"), ("refresh_token", refresh)],
        &[
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT),
            ("client_secret", "x"),
            ("refresh_token", refresh),
        ],
        &[("grant_type", "refresh_token"), ("client_id", CONFIDENTIAL_CLIENT), ("refresh_token", refresh)],
    ] {
        refused(&server.token(form, Some(&proof())).await?, 401, "invalid_client");
    }
    let post = || server.public(Method::POST, "/_holdfast/oauth/token").header("dpop", &proof());
    let body = json!({ "grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": refresh });
    refused(&post().json(&body).send().await?, 400, "invalid_request");
    refused(&post().body("grant_type=refresh_token").send().await?, 400, "invalid_request");
    let giant = "x".repeat(70_000);
    refused(&post().form(&[("grant_type", &giant)]).send().await?, 400, "invalid_request");
    assert_eq!(server.public(Method::GET, "/_holdfast/oauth/token").send().await?.status, 405);
    server.rotate(&granted, refresh).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn a_confidential_client_shows_its_secret() -> Result<()> {
    let server = Server::start().await?;
    let device = Device::new()?;
    let more = json!({ "client_id": CONFIDENTIAL_CLIENT, "scope": "read", "code_challenge": null });
    let code = server.authorize("alice", more).await?.expect(201)?.text_at("/code")?.to_owned();
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT_URI)];
    let basic = |secret: &str| {
        let pair = format!("{CONFIDENTIAL_CLIENT}:{secret}");
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    };
    let post = |secret: &str| {
        server
            .public(Method::POST, "/_holdfast/oauth/token")
            .form(&form)
            .header("authorization", &basic(secret))
            .header("dpop", &server.token_proof(&device).sign(&device))
    };
    let refusal = post("wrong").send().await?;
    refused(&refusal, 401, "invalid_client");
    assert!(refusal.header("www-authenticate").is_some_and(|value| value.starts_with("Basic")));
    // A verifier for a code that was asked for without a challenge is a downgrade (RFC 9700 §2.1.1).
    let mut downgrade = form.to_vec();
    downgrade.push(("code_verifier", VERIFIER));
    let call = server.public(Method::POST, "/_holdfast/oauth/token").form(&downgrade);
    let call = call.header("authorization", &basic(CLIENT_SECRET));
    let call = call.header("dpop", &server.token_proof(&device).sign(&device));
    refused(&call.send().await?, 400, "invalid_grant");
    post(CLIENT_SECRET).send().await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn an_app_grants_only_what_is_configured() -> Result<()> {
    let server = Server::start().await?;
    for more in [
        json!({ "client_id": "nobody" }),
        json!({ "client_id": null }),
        json!({ "redirect_uri": "https://spa.example/callback?x" }),
        json!({ "redirect_uri": null }),
        json!({ "scope": "admin" }),
        json!({ "scope": "read admin" }),
        json!({ "audience": "https://other.example" }),
        json!({ "code_challenge": null }),
        json!({ "code_challenge": "plain" }),
        json!({ "code_challenge_method": "plain" }),
        json!({ "dpop_jkt": "x" }),
        json!({ "previous_cookie": "x" }),
        json!({ "kind": "saml" }),
        json!({ "kind": "browser" }),
        json!({ "kind": null, "code_challenge": null }),
        json!({ "nonsense": 1 }),
    ] {
        let answer = server.authorize("alice", more.clone()).await?;
        assert_eq!((answer.status, answer.code()), (400, "bad_request"), "{more}");
    }
    let other = server.with_token(holdfast_tests::server::OTHER_TOKEN, Method::POST, "/v1/sessions");
    let body = json!({ "kind": "oauth", "user": "a", "client_id": CLIENT, "redirect_uri": REDIRECT_URI });
    assert_eq!(other.json(&body).send().await?.status, 400, "a client of another app");
    let listed = server.app(Method::GET, "/v1/sessions").send().await?.expect(200)?;
    assert_eq!(listed.at("/sessions"), &json!([]));
    Ok(())
}

#[tokio::test]
async fn a_grant_is_not_regenerated() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let path = format!("/v1/sessions/{}/regenerate", granted.id);
    assert_eq!(server.app(Method::POST, &path).json(&json!({})).send().await?.status, 404);
    assert_eq!(server.session(&granted.id).await?.text_at("/state")?, "active");
    Ok(())
}

/// F08 of the token endpoint: pages of a client's own origin may call, others may not read.
#[tokio::test]
async fn pages_of_a_clients_own_origin_may_read_the_answers() -> Result<()> {
    let server = Server::start().await?;
    for path in ["token", "revoke", "nonce"] {
        let ask = |origin: &str| {
            let call = server.public(Method::OPTIONS, &format!("/_holdfast/oauth/{path}"));
            call.header("origin", origin).header("access-control-request-method", "POST").send()
        };
        let answer = ask("https://spa.example").await?.expect(204)?;
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://spa.example"), "{path}");
        assert!(answer.header("access-control-allow-headers").is_some_and(|names| names.contains("DPoP")));
        let foreign = ask("https://evil.example").await?.expect(204)?;
        assert_eq!(foreign.header("access-control-allow-origin"), None, "{path}");
    }
    let nonce = server.public(Method::GET, "/_holdfast/oauth/nonce").header("origin", "https://spa.example");
    let nonce = nonce.send().await?.expect(204)?;
    assert_eq!(nonce.header("access-control-expose-headers"), Some("DPoP-Nonce, WWW-Authenticate"));
    assert_eq!((nonce.all("dpop-nonce").len(), nonce.header("cache-control")), (1, Some("no-store")));
    Ok(())
}

fn refused(answer: &Answer, status: u16, error: &str) {
    let says = answer.at("/error_description").as_str().unwrap_or_default();
    assert_eq!((answer.status, answer.at("/error")), (status, &json!(error)), "{}", answer.text);
    assert!(
        !says.is_empty() && says.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\'),
        "{says}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

async fn post(server: &Server, form: &[(&str, String)], device: &Device) -> Result<Answer> {
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.token(&form, Some(&server.token_proof(device).sign(device))).await
}

fn parts(jwt: &str) -> Result<(Value, Value)> {
    let part = |index| -> Result<Value> {
        let text = jwt.split('.').nth(index).unwrap_or_default();
        Ok(serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text)?)?)
    };
    assert_eq!(base64url(b"x"), "eA");
    Ok((part(0)?, part(1)?))
}
