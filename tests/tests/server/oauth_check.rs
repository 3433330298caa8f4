//! Requests with a bound token: what a gateway and an app are told, and what the client is.

use anyhow::Result;
use futures_util::future::join_all;
use holdfast_tests::server::{
    Answer, CLIENT, CONFIDENTIAL_CLIENT, COOKIE, Device, Granted, ORIGIN, OTHER_ORIGIN, OTHER_TOKEN, Proof,
    Server, Settings, tampered,
};
use reqwest::Method;
use serde_json::{Value, json};

const ALGS: &str = "algs=\"ES256 EdDSA PS256\"";

/// V01, V02.
#[tokio::test]
async fn a_proof_is_taken_once() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let proof = server.proof(&granted);
    let first = server.call(&granted, &proof).await?;
    assert_eq!((first.verdict(), first.at("/response_headers")), (("allow", "ok"), &json!([])));
    let headers: Vec<(String, String)> = serde_json::from_value(first.at("/request_headers").clone())?;
    assert_eq!(headers[0], ("Holdfast-User".to_owned(), "alice".to_owned()));
    assert_eq!(headers[1], ("Holdfast-Session".to_owned(), granted.id.clone()));
    assert_eq!(headers[2], ("Holdfast-Binding".to_owned(), "software".to_owned()));
    assert_eq!(headers[4], ("Holdfast-Client".to_owned(), CLIENT.to_owned()));
    assert_eq!(headers[5], ("Holdfast-Scope".to_owned(), "read write".to_owned()));
    refused(&server.call(&granted, &proof).await?, "invalid_dpop_proof")?;
    let rejected = server.audit().wait_for("session.denied", 1).await?;
    assert_eq!((&rejected[0]["rule"], &rejected[0]["session"]), (&json!("P-23"), &json!(granted.id)));
    Ok(())
}

/// V03.
#[tokio::test]
async fn of_64_copies_at_once_one_passes() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let proof = server.proof(&granted).sign(&granted.device);
    let authorization = format!("DPoP {}", granted.access_token);
    let proofs = [proof.as_str()];
    let answers = join_all((0..64).map(|_| server.check_token(&authorization, &proofs))).await;
    let answers = answers.into_iter().collect::<Result<Vec<_>>>()?;
    let allowed = answers.iter().filter(|answer| answer.verdict() == ("allow", "ok")).count();
    assert_eq!(allowed, 1);
    assert_eq!(
        answers.iter().filter(|answer| answer.verdict() == ("deny", "invalid_dpop_proof")).count(),
        63
    );
    Ok(())
}

/// V06: one client cannot use up another one's identifiers.
#[tokio::test]
async fn identifiers_belong_to_their_key() -> Result<()> {
    let server = Server::start().await?;
    for user in ["alice", "bob"] {
        let granted = server.grant(user).await?;
        let proof = server.proof(&granted).claim("jti", "the same");
        assert_eq!(server.call(&granted, &proof).await?.verdict(), ("allow", "ok"), "{user}");
    }
    Ok(())
}

/// V08: in no second is a proof taken again.
#[tokio::test]
async fn a_proof_is_remembered_as_long_as_it_would_be_accepted() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let proof = server.proof(&granted).claim("iat", server.now() + 14);
    assert_eq!(server.call(&granted, &proof).await?.verdict(), ("allow", "ok"));
    for second in 0..=120 {
        let answer = server.call(&granted, &proof).await?;
        assert_eq!(answer.at("/decision"), &json!("deny"), "second {second}");
        server.advance(1);
    }
    Ok(())
}

/// V09: nor after a restart, which has forgotten it.
#[tokio::test]
async fn a_restart_makes_no_proof_new() -> Result<()> {
    let server = Server::with(Settings::default().on_disk()).await?;
    let granted = server.grant("alice").await?;
    let proofs: Vec<_> =
        [0, 10, 15].map(|ahead| server.proof(&granted).claim("iat", server.now() + ahead)).into();
    for proof in &proofs {
        assert_eq!(server.call(&granted, proof).await?.verdict(), ("allow", "ok"));
    }
    let server = server.restart().await?;
    for _ in 0..20 {
        for proof in &proofs {
            refused(&server.call(&granted, proof).await?, "use_dpop_nonce")?;
        }
        server.advance(1);
    }
    // The client itself is helped: with a nonce at once, without one as soon as its clock shows that it is younger.
    let asked = server.call(&granted, &server.proof(&granted).claim("iat", server.now() - 10)).await?;
    let nonce = asked.told("DPoP-Nonce")?.unwrap_or_default();
    let other = server.proof(&granted);
    assert_eq!(
        server.call(&granted, &other).await?.verdict(),
        ("allow", "ok"),
        "made 20 seconds after the start"
    );
    let proof = server.proof(&granted).claim("nonce", nonce.as_str());
    assert_eq!(server.call(&granted, &proof).await?.verdict(), ("allow", "ok"));
    let server = server.restart().await?;
    let earlier = server.proof(&granted).claim("nonce", nonce);
    refused(&server.call(&granted, &earlier).await?, "use_dpop_nonce")?;
    let rotated = server.rotate(&granted, &granted.refresh_token).await?;
    assert_eq!(rotated.at("/error"), &json!("use_dpop_nonce"), "the same at the token endpoint");
    Ok(())
}

/// V10 to V49 by what they break: the rules have vectors of their own; this is what HTTP makes of them.
#[tokio::test]
async fn bad_proofs_are_refused_and_use_up_nothing() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let good = || server.proof(&granted);
    let jti = "kept";
    for (what, proof) in [
        ("typ", good().header("typ", "JWT")),
        ("alg", good().header("alg", "RS256")),
        ("jwk", good().header("jwk", Value::Null)),
        ("no jti", good().without("jti")),
        ("empty jti", good().claim("jti", "")),
        ("no htm", good().without("htm")),
        ("no htu", good().without("htu")),
        ("no iat", good().without("iat")),
        ("no ath", good().without("ath")),
        ("method in lower case", good().claim("htm", "get")),
        ("other method", good().claim("htm", "POST")),
        ("other path", good().claim("htu", format!("{ORIGIN}/orders/"))),
        ("other origin", good().claim("htu", format!("{OTHER_ORIGIN}/orders"))),
        ("userinfo", good().claim("htu", "https://a@shop.example/orders")),
        ("ath of another token", good().over("another")),
        ("expired", good().claim("exp", server.now() - 60)),
        ("iat is a text", good().claim("iat", "1")),
    ] {
        let answer =
            server.call(&granted, &proof.claim("jti", if what.contains("jti") { "" } else { jti })).await?;
        refused(&answer, "invalid_dpop_proof").map_err(|error| error.context(what))?;
    }
    for iat in
        [json!(0), json!(-1), json!(1e300), json!(i64::MIN), json!(i64::MAX), json!(server.now() * 1000)]
    {
        let answer = server.call(&granted, &good().claim("iat", iat.clone())).await?;
        assert_eq!(answer.at("/status"), &json!(401), "{iat}");
    }
    let answer = server.call(&granted, &good().claim("jti", jti)).await?;
    assert_eq!(answer.verdict(), ("allow", "ok"), "none of them has used the identifier up");
    Ok(())
}

/// V25 to V29: the description names what is missing.
#[tokio::test]
async fn the_challenge_names_the_missing_claim() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    for claim in ["jti", "htm", "htu", "iat", "ath"] {
        let answer = server.call(&granted, &server.proof(&granted).without(claim)).await?;
        let challenge = answer.told("WWW-Authenticate")?.unwrap_or_default();
        assert!(challenge.contains(claim), "{challenge}");
    }
    Ok(())
}

/// V40, V41: the edges of what a clock may show.
#[tokio::test]
async fn clocks_may_be_off_by_so_much() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    server.advance(500);
    for off in [-75_i64, -10, 0, 8, 15] {
        let iat = i64::try_from(server.now())? + off;
        let answer = server.call(&granted, &server.proof(&granted).claim("iat", iat)).await?;
        assert_eq!(answer.verdict(), ("allow", "ok"), "{off}");
    }
    for off in [-76_i64, 16, -3600, 3600] {
        let iat = i64::try_from(server.now())? + off;
        let answer = server.call(&granted, &server.proof(&granted).claim("iat", iat)).await?;
        refused(&answer, "use_dpop_nonce")?;
        assert_eq!(answer.told("DPoP-Nonce")?.map(|nonce| nonce.is_empty()), Some(false));
    }
    Ok(())
}

/// V32 to V35.
#[tokio::test]
async fn spellings_of_one_request_are_one_request() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    for htu in [
        "https://shop.example/orders?other=1",
        "https://shop.example/orders#f",
        "HTTPS://SHOP.EXAMPLE:443/orders",
        "https://shop.example/x/../%6frders",
    ] {
        let answer = server.call(&granted, &server.proof(&granted).claim("htu", htu)).await?;
        assert_eq!(answer.verdict(), ("allow", "ok"), "{htu}");
    }
    for method in ["QUERY", "PROPFIND"] {
        let proof = server.proof(&granted).claim("htm", method).sign(&granted.device);
        let headers = [["Authorization", &format!("dPOP  {}", granted.access_token)], ["DPoP", &proof]];
        let answer = server
            .ask(json!({ "method": method, "url": format!("{ORIGIN}/orders"), "headers": headers }))
            .await?;
        assert_eq!(answer.verdict(), ("allow", "ok"), "{method}");
    }
    Ok(())
}

/// V49, V50, V54, V55, V57: what is wrong with the token.
#[tokio::test]
async fn a_stolen_token_is_worth_nothing() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let token = &granted.access_token;
    let thief = Device::new()?;
    let own = Proof::new(&thief, "GET", &format!("{ORIGIN}/orders"), server.now()).over(token);
    let answer = server.check_token(&format!("DPoP {token}"), &[&own.sign(&thief)]).await?;
    refused(&answer, "invalid_token")?;
    assert!(answer.told("WWW-Authenticate")?.is_some_and(|value| value.contains("Invalid DPoP key binding")));
    // The owner's key in the header, the thief's signature.
    let forged = server.proof(&granted).sign(&thief);
    refused(&server.check_token(&format!("DPoP {token}"), &[&forged]).await?, "invalid_dpop_proof")?;
    refused(&server.check_token(&format!("DPoP {token}"), &[]).await?, "invalid_dpop_proof")?;
    let proof = || server.proof(&granted).sign(&granted.device);
    refused(
        &server.check_token(&format!("DPoP {token}"), &[&proof(), &proof()]).await?,
        "invalid_dpop_proof",
    )?;
    for proofs in [vec![], vec![proof()]] {
        let proofs: Vec<_> = proofs.iter().map(String::as_str).collect();
        refused(&server.check_token(&format!("Bearer {token}"), &proofs).await?, "invalid_token")?;
    }
    for bad in [tampered(token), "x".to_owned(), "a.b.c".to_owned(), token.to_uppercase()] {
        let proof = server.proof(&granted).over(&bad).sign(&granted.device);
        refused(&server.check_token(&format!("DPoP {bad}"), &[&proof]).await?, "invalid_token")?;
    }
    server.advance(600);
    refused(&server.call(&granted, &server.proof(&granted)).await?, "invalid_token")?;
    Ok(())
}

#[tokio::test]
async fn what_is_no_credential_of_ours_is_none_at_all() -> Result<()> {
    let server = Server::start().await?;
    for authorization in ["Bearer of-the-app-itself", "Basic eA==", "Digest a, b", "DPoP", ""] {
        let answer = server.check_token(authorization, &[]).await?;
        assert_eq!(answer.verdict(), ("deny", "no_credential"), "{authorization}");
        assert_eq!(
            answer.told("WWW-Authenticate")?.as_deref(),
            Some(&*format!("DPoP {ALGS}")),
            "{authorization}"
        );
    }
    // An app may use the field for itself beside our cookie.
    let bound = server.bind("alice").await?;
    let cookie = format!("{COOKIE}={}", bound.cookie);
    let headers = [["Cookie", &cookie], ["Authorization", "Bearer of-the-app-itself"]];
    assert_eq!(server.ask(json!({ "headers": headers })).await?.verdict(), ("allow", "ok"));
    let granted = server.grant("bob").await?;
    let bearer = format!("Bearer {}", granted.access_token);
    let headers = [["Cookie", &cookie], ["Authorization", &bearer]];
    refused(&server.ask(json!({ "headers": headers })).await?, "invalid_token")?;
    for spelled in ["bearer\t", "Basic x, Bearer ", "BEARER  "] {
        let bearer = format!("{spelled}{}", granted.access_token);
        let headers = [["Cookie", &cookie], ["Authorization", &bearer]];
        refused(&server.ask(json!({ "headers": headers })).await?, "invalid_token")?;
    }
    let headers = [["Cookie", &cookie], ["Authorization", &bearer], ["Authorization", "Basic eA=="]];
    refused(&server.ask(json!({ "headers": headers })).await?, "invalid_token")?;
    let dpop = format!("DPoP {}", granted.access_token);
    let headers = [["Authorization", &dpop], ["Authorization", "Basic eA=="]];
    let two = server.ask(json!({ "headers": headers })).await?;
    assert!(
        two.told("WWW-Authenticate")?.is_some_and(|value| value.contains("invalid_request")),
        "{}",
        two.text
    );
    Ok(())
}

/// V58: the very next check says no, though the token was just seen.
#[tokio::test]
async fn revocation_is_at_once() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    assert_eq!(server.call(&granted, &server.proof(&granted)).await?.verdict(), ("allow", "ok"));
    server.revoke(&granted.id).await?;
    let answer = server.call(&granted, &server.proof(&granted)).await?;
    assert_eq!(answer.verdict(), ("deny", "session_ended"));
    assert!(
        answer
            .told("WWW-Authenticate")?
            .is_some_and(|value| value.starts_with("DPoP error=\"invalid_token\""))
    );
    let everyone = server.grant("bob").await?;
    server.with_token(holdfast_tests::server::OPERATOR_TOKEN, Method::DELETE, "/v1/sessions").send().await?;
    assert_eq!(server.call(&everyone, &server.proof(&everyone)).await?.verdict(), ("deny", "session_ended"));
    Ok(())
}

/// A token is good where its audience says, and nowhere else.
#[tokio::test]
async fn the_audience_says_where_a_token_is_good() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let at_other = |granted: &Granted| {
        let proof = Proof::new(&granted.device, "GET", &format!("{OTHER_ORIGIN}/a"), server.now());
        let proof = proof.over(&granted.access_token).sign(&granted.device);
        let headers = json!([["Authorization", format!("DPoP {}", granted.access_token)], ["DPoP", proof]]);
        let question = json!({ "method": "GET", "url": format!("{OTHER_ORIGIN}/a"), "headers": headers });
        server.with_token(OTHER_TOKEN, Method::POST, "/v1/check").json(&question).send()
    };
    refused(&at_other(&granted).await?, "invalid_token")?;

    let more = json!({ "client_id": CONFIDENTIAL_CLIENT, "scope": "read", "code_challenge": null,
        "audience": OTHER_ORIGIN });
    let code = server.authorize("alice", more).await?.expect(201)?;
    let device = Device::new()?;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", CONFIDENTIAL_CLIENT),
        ("client_secret", holdfast_tests::server::CLIENT_SECRET),
        ("code", code.text_at("/code")?),
        ("redirect_uri", holdfast_tests::server::REDIRECT_URI),
    ];
    let answer = server.token(&form, Some(&server.token_proof(&device).sign(&device))).await?.expect(200)?;
    let elsewhere = Granted {
        id: code.text_at("/session/id")?.to_owned(),
        access_token: answer.text_at("/access_token")?.to_owned(),
        refresh_token: answer.text_at("/refresh_token")?.to_owned(),
        device,
        answer,
    };
    assert_eq!(at_other(&elsewhere).await?.verdict(), ("allow", "ok"));
    refused(&server.call(&elsewhere, &server.proof(&elsewhere)).await?, "invalid_token")?;
    Ok(())
}

#[tokio::test]
async fn requirements_hold_for_clients_too() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    server.advance(400);
    let ask = |require: Value| {
        let proof = server.proof(&granted).sign(&granted.device);
        let headers = json!([["Authorization", format!("DPoP {}", granted.access_token)], ["DPoP", proof]]);
        server.ask(json!({ "url": format!("{ORIGIN}/orders"), "headers": headers, "require": require }))
    };
    let stepped = ask(json!({ "max_auth_age": "5m" })).await?;
    assert_eq!(stepped.verdict(), ("step_up", "auth_too_old"));
    let challenge = stepped.told("WWW-Authenticate")?.unwrap_or_default();
    assert!(challenge.contains("insufficient_user_authentication"), "{challenge}");
    assert_eq!(ask(json!({ "binding": "hardware" })).await?.verdict(), ("step_up", "binding_required"));
    let fresh = ask(json!({ "binding": "software", "max_proof_age": "1s" })).await?;
    assert_eq!(fresh.verdict(), ("allow", "ok"), "no proof is fresher than the one that comes along");
    Ok(())
}

/// A scope is enforced where it is asked for, and a browser has none.
#[tokio::test]
async fn a_scope_covers_what_is_asked_for_or_the_answer_is_no() -> Result<()> {
    let server = Server::start().await?;
    let code = server.authorize("alice", json!({ "scope": "read" })).await?.expect(201)?;
    let device = Device::new()?;
    let answer = server.redeem(code.text_at("/code")?, &server.token_proof(&device).sign(&device)).await?;
    let granted = Granted {
        id: code.text_at("/session/id")?.to_owned(),
        access_token: answer.text_at("/access_token")?.to_owned(),
        refresh_token: answer.text_at("/refresh_token")?.to_owned(),
        device,
        answer,
    };
    let proof = server.proof(&granted).sign(&granted.device);
    let ask = |scope: &str| {
        let headers = json!([["Authorization", format!("DPoP {}", granted.access_token)], ["DPoP", &proof]]);
        let require = json!({ "scope": scope });
        server.ask(json!({ "url": format!("{ORIGIN}/orders"), "headers": headers, "require": require }))
    };
    for scope in ["write", "read write", "rea"] {
        let answer = ask(scope).await?;
        assert_eq!((answer.verdict(), answer.at("/status")), (("deny", "insufficient_scope"), &json!(403)));
        let challenge = answer.told("WWW-Authenticate")?.unwrap_or_default();
        assert_eq!(challenge, format!("DPoP error=\"insufficient_scope\", scope=\"{scope}\", {ALGS}"));
    }
    assert_eq!(ask("read").await?.verdict(), ("allow", "ok"), "the refusals have used up nothing");
    let bound = server.bind("alice").await?;
    assert_eq!(
        server.check_with(&bound.cookie, json!({ "scope": "write" })).await?.verdict(),
        ("allow", "ok")
    );
    let bad = json!({ "method": "GET", "url": ORIGIN, "require": { "scope": "a\"b" } });
    assert_eq!(server.app(Method::POST, "/v1/check").json(&bad).send().await?.status, 400);
    Ok(())
}

/// What a client was granted stays what it was granted: no cookie comes of it, by whatever protocol.
#[tokio::test]
async fn no_grant_becomes_a_browsers_session() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    for proof in [None, Some(granted.device.refresh("x"))] {
        let answer = server.refresh(&granted.id, proof.as_deref()).await?;
        assert_eq!((answer.status, answer.challenge(&granted.id)), (404, None), "{}", answer.text);
        assert!(answer.cookie(COOKIE).is_none_or(|value| value.is_empty()));
    }
    assert_eq!(server.call(&granted, &server.proof(&granted)).await?.verdict(), ("allow", "ok"));
    server.rotate(&granted, &granted.refresh_token).await?.expect(200)?;
    Ok(())
}

/// Queries are no part of a proof, whatever browsers put there and however long they are.
#[tokio::test]
async fn any_query_is_let_through() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    for query in ["q={a|b}", "q=`^", &"q".repeat(5000)] {
        let proof = server.proof(&granted).sign(&granted.device);
        let headers = json!([["Authorization", format!("DPoP {}", granted.access_token)], ["DPoP", proof]]);
        let answer =
            server.ask(json!({ "url": format!("{ORIGIN}/orders?{query}"), "headers": headers })).await?;
        assert_eq!(answer.verdict(), ("allow", "ok"), "{}", &query[..5]);
    }
    Ok(())
}

/// N04, N08, N10, and the downgrade of RFC 9449 §11.3.
#[tokio::test]
async fn whoever_has_shown_a_nonce_goes_on_with_it() -> Result<()> {
    let server = Server::start().await?;
    let granted = server.grant("alice").await?;
    let asked = server.call(&granted, &server.proof(&granted).claim("iat", 1)).await?;
    let nonce = asked.told("DPoP-Nonce")?.unwrap_or_default();
    for _ in 0..50 {
        let proof = server.proof(&granted).claim("nonce", nonce.as_str()).claim("iat", 1);
        let answer = server.call(&granted, &proof).await?;
        assert_eq!((answer.verdict(), answer.told("DPoP-Nonce")?), (("allow", "ok"), None));
    }
    refused(&server.call(&granted, &server.proof(&granted)).await?, "use_dpop_nonce")?;
    server.advance(151);
    let proof = server.proof(&granted).claim("nonce", nonce.as_str());
    let worn = server.call(&granted, &proof).await?;
    assert_eq!(worn.verdict(), ("allow", "ok"));
    let next = worn.told("DPoP-Nonce")?.unwrap_or_default();
    assert!(!next.is_empty() && next != nonce);
    server.advance(149);
    refused(&server.call(&granted, &server.proof(&granted).claim("nonce", nonce)).await?, "use_dpop_nonce")?;
    // A nonce of another client's key, and one that is made up.
    let other = server.grant("bob").await?;
    refused(
        &server.call(&other, &server.proof(&other).claim("nonce", next.as_str())).await?,
        "use_dpop_nonce",
    )?;
    refused(
        &server.call(&other, &server.proof(&other).claim("nonce", tampered(&next))).await?,
        "use_dpop_nonce",
    )?;
    refused(&server.call(&other, &server.proof(&other).claim("nonce", 7)).await?, "invalid_dpop_proof")?;
    assert_eq!(
        server.call(&granted, &server.proof(&granted).claim("nonce", next)).await?.verdict(),
        ("allow", "ok")
    );
    Ok(())
}

/// F05: through every kind of gateway a client sees 401, one challenge and the nonce.
#[tokio::test]
async fn gateways_pass_on_challenge_and_nonce() -> Result<()> {
    let server = Server::with(Settings::default().behind_gateways()).await?;
    let granted = server.grant("alice").await?;
    let authorization = format!("DPoP {}", granted.access_token);
    for kind in ["nginx", "caddy", "traefik", "haproxy", "envoy"] {
        let ask = |authorization: Option<&str>, proof: Option<Proof>| {
            let call = match kind {
                "nginx" => server
                    .gateway(Method::GET, "/verify/nginx")
                    .header("x-original-method", "GET")
                    .header("x-original-url", &format!("{ORIGIN}/orders?x=1")),
                "envoy" => {
                    server.gateway(Method::GET, "/verify/envoy/orders?x=1").header("host", "shop.example")
                }
                _ => server
                    .gateway(Method::GET, &format!("/verify/{kind}"))
                    .header("x-forwarded-method", "GET")
                    .header("x-forwarded-proto", "https")
                    .header("x-forwarded-host", "shop.example")
                    .header("x-forwarded-uri", "/orders?x=1"),
            };
            let call =
                authorization.into_iter().fold(call, |call, value| call.header("authorization", value));
            proof
                .into_iter()
                .fold(call, |call, proof| call.header("dpop", &proof.sign(&granted.device)))
                .send()
        };
        let good = ask(Some(&authorization), Some(server.proof(&granted))).await?;
        assert_eq!(
            (good.status, good.header("holdfast-user")),
            (200, Some("alice")),
            "{kind}: {}",
            good.text
        );
        for (expected, authorization, proof) in [
            ("use_dpop_nonce", Some(&*authorization), Some(server.proof(&granted).claim("iat", 1))),
            ("invalid_dpop_proof", Some(&*authorization), None),
            ("invalid_dpop_proof", Some(&*authorization), Some(server.proof(&granted).claim("htm", "POST"))),
            ("invalid_token", Some("DPoP x"), Some(server.proof(&granted))),
        ] {
            let answer = ask(authorization, proof).await?;
            assert_eq!((answer.status, answer.header("holdfast-reason")), (401, Some(expected)), "{kind}");
            let [challenge] = answer.all("www-authenticate")[..] else {
                anyhow::bail!("{kind}: one challenge")
            };
            assert!(
                challenge.starts_with(&format!("DPoP error=\"{expected}\", error_description=\"")),
                "{challenge}"
            );
            assert!(challenge.ends_with(ALGS), "{challenge}");
            let nonces = usize::from(expected == "use_dpop_nonce");
            assert_eq!(answer.all("dpop-nonce").len(), nonces, "{kind} {expected}");
            assert_eq!(answer.header("holdfast-user"), Some(""), "{kind}");
        }
        let none = ask(None, None).await?;
        assert_eq!(
            (none.status, none.all("www-authenticate")),
            (401, vec![&*format!("DPoP {ALGS}")]),
            "{kind}"
        );
    }
    Ok(())
}

fn refused(answer: &Answer, error: &str) -> Result<()> {
    assert_eq!((answer.verdict(), answer.at("/status")), (("deny", error), &json!(401)), "{}", answer.text);
    assert_eq!(answer.at("/request_headers"), &json!([]));
    let challenge = answer.told("WWW-Authenticate")?.unwrap_or_default();
    let expected = format!("DPoP error=\"{error}\", error_description=\"");
    assert!(challenge.starts_with(&expected) && challenge.ends_with(ALGS), "{challenge}");
    assert_eq!(answer.told("DPoP-Nonce")?.is_some(), error == "use_dpop_nonce", "{}", answer.text);
    Ok(())
}
