//! `[[routes]]`: who may pass where, and what is demanded.

use anyhow::{Context as _, Result};
use holdfast_tests::server::{Answer, COOKIE, IDENTITY, ORIGIN, Proof, Server, Settings};
use reqwest::Method;
use serde_json::{Value, json};

fn settings() -> Settings {
    Settings::default()
        .behind_gateways()
        .route(0, "= /login", &[("public", "true"), ("tags", "login,open")])
        .route(1, "/public/", &[("public", "true"), ("methods", "GET")])
        .route(2, "/", &[("public", "true"), ("methods", "OPTIONS")])
        .route(3, "/admin/", &[("require.binding", "hardware"), ("tags", "admin")])
        .route(4, "/transfer", &[("require.max_proof_age", "1m")])
        .route(5, "/api/**", &[("require.scope", "admin")])
        .route(6, "/settings", &[("require.max_auth_age", "5m")])
}

#[tokio::test]
async fn a_public_route_lets_anybody_through_as_nobody() -> Result<()> {
    let server = Server::with(settings()).await?;
    for cookie in [None, Some("x")] {
        for (kind, call) in server.kinds(&Method::GET, "/public/logo.svg?x=1") {
            let call = cookie.into_iter().fold(call, |call, cookie| call.cookie(cookie));
            nobody(kind, &call.header("holdfast-user", "root").send().await?);
        }
    }
    let answer = ask(&server, "GET", "/login", &[], json!({})).await?;
    assert_eq!((answer.verdict(), answer.at("/session")), (("allow", "no_credential"), &Value::Null));
    let headers: Vec<(String, String)> = serde_json::from_value(answer.at("/request_headers").clone())?;
    assert!(headers.len() == 7 && headers.iter().all(|(_, value)| value.is_empty()), "{headers:?}");
    assert!(server.metric(r#"holdfast_checks_total{decision="allow",reason="no_credential"}"#).await? >= 6);
    Ok(())
}

#[tokio::test]
async fn whoever_has_a_session_is_known_on_a_public_route_too() -> Result<()> {
    let server = Server::with(settings()).await?;
    let bound = server.bind("alice").await?;
    for (kind, call) in server.kinds(&Method::GET, "/public/") {
        let answer = call.cookie(&bound.cookie).send().await?.expect(200)?;
        assert_eq!(answer.header("holdfast-user"), Some("alice"), "{kind}");
        assert_eq!(answer.header("holdfast-session"), Some(bound.id.as_str()), "{kind}");
    }
    Ok(())
}

/// A credential that is not good makes nobody of its bearer, and the trail says so.
#[tokio::test]
async fn a_bad_credential_on_a_public_route_is_let_through_and_told() -> Result<()> {
    let server = Server::with(settings()).await?;
    let bound = server.bind("alice").await?;
    server.revoke(&bound.id).await?;
    for (kind, call) in server.kinds(&Method::GET, "/public/") {
        nobody(kind, &call.cookie(&bound.cookie).send().await?);
    }
    let cookie = format!("{COOKIE}={}", bound.cookie);
    let answer = ask(&server, "GET", "/login", &[["Cookie", &cookie]], json!({})).await?;
    assert_eq!((answer.verdict(), answer.at("/session")), (("allow", "session_ended"), &Value::Null));
    let told = server.audit().wait_for("request.anonymous", 6).await?;
    let last = told.last().context("no event")?;
    assert_eq!((&last["reason"], &last["user"]), (&json!("session_ended"), &json!("alice")));
    assert_eq!((&last["session"], &last["tags"]), (&json!(bound.id), &json!(["login", "open"])));
    assert!(server.audit().wait_for("session.checked", 0).await?.is_empty(), "no use of a session");
    Ok(())
}

#[tokio::test]
async fn a_bad_proof_on_a_public_route_is_no_identity() -> Result<()> {
    let server = Server::with(settings()).await?;
    let granted = server.grant("alice").await?;
    let url = format!("{ORIGIN}/public/");
    let good = || Proof::new(&granted.device, "GET", &url, server.now()).over(&granted.access_token);
    let thief = holdfast_tests::server::Device::new()?;
    let stolen = Proof::new(&thief, "GET", &url, server.now()).over(&granted.access_token).sign(&thief);
    let used = good().sign(&granted.device);
    let authorization = format!("DPoP {}", granted.access_token);
    let known = server
        .nginx("GET", &url)
        .header("authorization", &authorization)
        .header("dpop", &used)
        .send()
        .await?;
    assert_eq!(known.header("holdfast-user"), Some("alice"), "a good one is");
    for (authorization, proof) in [
        (authorization.clone(), Some(used)),
        (authorization.clone(), Some(stolen)),
        (authorization.clone(), Some(good().claim("htm", "POST").sign(&granted.device))),
        (authorization.clone(), Some("x".to_owned())),
        (authorization, None),
        (format!("Bearer {}", granted.access_token), None),
    ] {
        for (kind, call) in server.kinds(&Method::GET, "/public/") {
            let call = call.header("authorization", &authorization);
            let call = proof.iter().fold(call, |call, proof| call.header("dpop", proof));
            nobody(kind, &call.send().await?);
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_a_route_demands_holds_for_gateways_and_apps() -> Result<()> {
    let server = Server::with(settings()).await?;
    let login = server.login("alice").await?;
    for (kind, call) in server.kinds(&Method::POST, "/admin/users") {
        let answer = call.cookie(&login.cookie).send().await?;
        let told = (answer.status, answer.header("holdfast-decision"), answer.header("holdfast-reason"));
        assert_eq!(told, (401, Some("step_up"), Some("binding_required")), "{kind}");
    }
    let cookie = format!("{COOKIE}={}", login.cookie);
    for target in ["/admin", "/admin/", "/admin/x", "/%61dmin?x"] {
        let answer = ask(&server, "GET", target, &[["Cookie", &cookie]], json!({})).await?;
        assert_eq!(answer.verdict(), ("step_up", "binding_required"), "{target}");
    }
    let bound = server.bind_login(&login).await?;
    for (kind, call) in server.kinds(&Method::POST, "/admin/users") {
        call.cookie(&bound.cookie).send().await?.expect(200).context(kind)?;
    }
    server.advance(301);
    let cookie = format!("{COOKIE}={}", bound.cookie);
    for (require, target, verdict) in [
        (json!({}), "/settings", ("step_up", "auth_too_old")),
        (json!({ "max_auth_age": "1h" }), "/settings", ("step_up", "auth_too_old")),
        (json!({ "max_auth_age": "1h" }), "/orders", ("allow", "ok")),
        (json!({ "binding": "attested" }), "/admin", ("step_up", "binding_required")),
        (json!({ "max_auth_age": "4m" }), "/admin", ("step_up", "auth_too_old")),
    ] {
        let answer = ask(&server, "GET", target, &[["Cookie", &cookie]], require.clone()).await?;
        assert_eq!(answer.verdict(), verdict, "{target} {require}");
    }
    Ok(())
}

/// Whoever asks may demand more than a public route does.
#[tokio::test]
async fn a_demand_of_the_app_ends_what_is_public() -> Result<()> {
    let server = Server::with(settings()).await?;
    let answer = ask(&server, "GET", "/public/", &[], json!({ "binding": "none" })).await?;
    assert_eq!(answer.verdict(), ("deny", "no_credential"));
    let answer = ask(&server, "GET", "/public/", &[], json!({ "scope": "read" })).await?;
    assert_eq!(answer.verdict(), ("deny", "no_credential"));
    Ok(())
}

/// The device proves its key at once: 307 and the cookie gone, or for nginx 401 with both in headers that it can copy.
#[tokio::test]
async fn a_proof_can_be_demanded_now() -> Result<()> {
    let server = Server::with(settings()).await?;
    let bound = server.bind("alice").await?;
    server.advance(61);
    for (kind, call) in server.kinds(&Method::POST, "/transfer?to=bob") {
        let answer = call.cookie(&bound.cookie).send().await?;
        let told = (answer.status, answer.header("location"), answer.header("holdfast-redirect"));
        let here = Some("/transfer?to=bob");
        let expected = match kind {
            "nginx" => (401, None, here),
            "traefik" => (307, Some("https://shop.example/transfer?to=bob"), None),
            _ => (307, here, None),
        };
        assert_eq!(told, expected, "{kind}");
        assert_eq!(answer.header("holdfast-decision"), Some("reprove"), "{kind}");
        let cookies = answer.all("set-cookie");
        assert!(cookies.len() == 1 && cookies[0].starts_with(&format!("{COOKIE}=; ")), "{kind}: {cookies:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_scope_can_be_demanded_of_clients() -> Result<()> {
    let server = Server::with(settings()).await?;
    let granted = server.grant("alice").await?;
    let proof = |target: &str| {
        let url = format!("{ORIGIN}{target}");
        Proof::new(&granted.device, "GET", &url, server.now())
            .over(&granted.access_token)
            .sign(&granted.device)
    };
    let authorization = format!("DPoP {}", granted.access_token);
    let call = |target: &str| {
        let call = server.nginx("GET", &format!("{ORIGIN}{target}")).header("authorization", &authorization);
        call.header("dpop", &proof(target))
    };
    let answer = call("/api/v1/x").send().await?;
    assert_eq!((answer.status, answer.header("holdfast-reason")), (403, Some("insufficient_scope")));
    assert!(
        answer.header("www-authenticate").is_some_and(|text| text.contains("scope=\"admin\"")),
        "{answer:?}"
    );
    call("/orders").send().await?.expect(200)?;
    Ok(())
}

/// GHSA-pxq7-h93f-9jrg, GHSA-7rh7-c77v-6434: neither query nor fragment nor a spelling makes a path public.
#[tokio::test]
async fn nothing_but_the_path_makes_a_request_public() -> Result<()> {
    let server = Server::with(settings()).await?;
    for target in
        ["/orders?x=/public/", "/orders?/public/", "/publican", "/Public/", "/x/public/", "/login/x", "/"]
    {
        for (kind, call) in as_written(&server, target) {
            assert_eq!(call.send().await?.status, 401, "{kind} {target}");
        }
    }
    for (method, status) in [("GET", 200), ("HEAD", 200), ("POST", 401), ("OPTIONS", 200), ("DELETE", 401)] {
        let answer = server.nginx(method, &format!("{ORIGIN}/public/x")).send().await?;
        assert_eq!(answer.status, status, "{method}");
    }
    Ok(())
}

/// What servers differ about is nobody's to pass: not as public, and not as the weaker of two routes.
#[tokio::test]
async fn the_ambiguous_is_refused_and_explained() -> Result<()> {
    let server = Server::with(settings()).await?;
    let bound = server.bind("alice").await?;
    for target in [
        "/public/..%2forders",
        "/public%2f..%2forders",
        "/public/..%5corders",
        "/public/%252e%252e/orders",
        "/public/..;/orders",
        "/public;/orders",
        "/public/%00",
        "/public/%c0%ae%c0%ae/orders",
        "/public/%zz",
        "/public/../../orders",
        // A gateway hands these on as they came, and an app may resolve them or not.
        "/public/../orders",
        "/public/%2e%2e/orders",
        "/admin/../public/x",
        "/admin/%2E%2e/public/x",
        "/public/./x",
        "/public/.",
        "//public/admin/users",
        "//x/admin/users",
        "/public//x",
        "/admin//",
        "/admin%2fusers",
        "/admin;x",
    ] {
        for (kind, call) in as_written(&server, target) {
            let answer = call.cookie(&bound.cookie).send().await?;
            let told = (answer.status, answer.header("holdfast-reason"), answer.is_problem());
            assert_eq!(told, (403, Some("policy_denied"), true), "{kind} {target}");
            let detail = answer.text_at("/detail")?;
            assert!(detail.starts_with("The policy does not allow this request: "), "{detail}");
        }
    }
    for url in ["/public#/../orders", "/orders#/public/"] {
        let answer = server.nginx("GET", &format!("{ORIGIN}{url}")).cookie(&bound.cookie).send().await?;
        assert_eq!((answer.status, answer.header("holdfast-reason")), (403, Some("policy_denied")), "{url}");
    }
    let answer = server.nginx("get", &format!("{ORIGIN}/public/")).send().await?;
    assert_eq!(answer.status, 403, "a method that some servers write in capitals");
    let denied = server.audit().wait_for("session.denied", 1).await?;
    assert!(denied[0]["detail"].as_str().is_some_and(|detail| detail.contains("encoded")), "{denied:?}");
    // Another app has no routes: there is nothing that a spelling could get around.
    let answer = server.nginx("GET", "https://other.example/a%2fb;c").send().await?;
    assert_eq!((answer.status, answer.header("holdfast-reason")), (401, Some("no_credential")));
    Ok(())
}

/// A preflight comes without cookies; a public route for OPTIONS lets it reach the app.
#[tokio::test]
async fn preflights_pass_where_a_route_says_so() -> Result<()> {
    let server = Server::with(settings()).await?;
    let other = Server::with(Settings::default().behind_gateways()).await?;
    for (target, status) in [("/orders", 200), ("/admin/x", 200)] {
        for (kind, call) in server.kinds(&Method::OPTIONS, target) {
            let call =
                call.header("origin", "https://evil.example").header("access-control-request-method", "POST");
            assert_eq!(call.send().await?.status, status, "{kind} {target}");
        }
    }
    for (kind, call) in other.kinds(&Method::OPTIONS, "/orders") {
        assert_eq!(call.send().await?.status, 401, "{kind}: like any request, where no route says otherwise");
    }
    Ok(())
}

#[tokio::test]
async fn tags_are_in_the_trail() -> Result<()> {
    let server = Server::with(settings()).await?;
    let bound = server.bind("alice").await?;
    server.nginx("GET", &format!("{ORIGIN}/admin/x")).cookie(&bound.cookie).send().await?.expect(200)?;
    server.nginx("GET", &format!("{ORIGIN}/orders")).cookie(&bound.cookie).send().await?.expect(200)?;
    let checked = server.audit().wait_for("session.checked", 2).await?;
    assert_eq!((&checked[0]["tags"], &checked[1]["tags"]), (&json!(["admin"]), &Value::Null));
    Ok(())
}

/// The kinds that can be asked about this target: the client of the tests resolves dot segments in its own addresses.
fn as_written(server: &Server, target: &str) -> Vec<(&'static str, holdfast_tests::server::Call)> {
    let is_dots =
        |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    let has_dots = target.split(['/', '?']).any(is_dots);
    server.kinds(&Method::GET, target).into_iter().filter(|(kind, _)| *kind != "envoy" || !has_dots).collect()
}

async fn ask(
    server: &Server,
    method: &str,
    target: &str,
    headers: &[[&str; 2]],
    require: Value,
) -> Result<Answer> {
    let url = format!("{ORIGIN}{target}");
    server.ask(json!({ "method": method, "url": url, "headers": headers, "require": require })).await
}

/// 200, and every identity header there and empty.
fn nobody(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 200, "{what}: {}", answer.text);
    for name in IDENTITY {
        assert_eq!(answer.header(name), Some(""), "{what} {name}");
    }
}
