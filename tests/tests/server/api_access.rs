//! Who may ask, and in what form: tokens, bodies, and the shape of every refusal.

use anyhow::{Context as _, Result};
use holdfast_tests::server::{OPERATOR_TOKEN, Server, Settings, TOKEN};
use reqwest::Method;
use serde_json::json;

/// The routes of the internal listener that answer anybody who reaches it.
const OPEN: &[&str] =
    &["/v1/audit/jwks", "/healthz", "/readyz", "/metrics", "/openapi.json", "/_holdfast/jwks"];

/// A test that fails when somebody adds a route and forgets its permit.
#[tokio::test]
async fn every_route_needs_a_permit() -> Result<()> {
    let server = Server::with(Settings::default().behind_gateways()).await?;
    let mut asked = 0;
    for (method, path) in routes(&server).await? {
        let is_public = path.starts_with("/_holdfast/") || path.starts_with("/.well-known/");
        // The answer to a HEAD has no body to look at, and the route is the one of GET.
        if OPEN.contains(&path.as_str()) || is_public || method == Method::HEAD {
            continue;
        }
        let answer = server.internal(method.clone(), &path).json(&json!({})).send().await?;
        let expected = if path.starts_with("/verify/") { 403 } else { 401 };
        assert_eq!(
            (answer.status, answer.is_problem()),
            (expected, true),
            "{method} {path}: {}",
            answer.text
        );
        asked += 1;
    }
    assert!(asked >= 13, "only {asked} routes: does /openapi.json still tell all of them?");
    Ok(())
}

#[tokio::test]
async fn the_description_tells_every_route() -> Result<()> {
    let server = Server::start().await?;
    let routes = routes(&server).await?;
    for (method, path) in [
        (Method::POST, "/v1/sessions"),
        (Method::GET, "/v1/sessions"),
        (Method::DELETE, "/v1/sessions"),
        (Method::GET, "/v1/sessions/x"),
        (Method::DELETE, "/v1/sessions/x"),
        (Method::POST, "/v1/sessions/x/regenerate"),
        (Method::DELETE, "/v1/users/x/sessions"),
        (Method::POST, "/v1/check"),
        (Method::GET, "/v1/backup"),
        (Method::POST, "/v1/restore"),
        (Method::GET, "/verify/nginx"),
        (Method::GET, "/verify/caddy"),
        (Method::GET, "/verify/traefik"),
        (Method::GET, "/verify/haproxy"),
        (Method::GET, "/healthz"),
        (Method::GET, "/readyz"),
        (Method::GET, "/metrics"),
        (Method::GET, "/openapi.json"),
        (Method::GET, "/_holdfast/jwks"),
        (Method::POST, "/_holdfast/dbsc/register"),
        (Method::POST, "/_holdfast/dbsc/refresh"),
        (Method::GET, "/_holdfast/session"),
        (Method::POST, "/_holdfast/logout"),
        (Method::GET, "/_holdfast/resume"),
    ] {
        assert!(routes.iter().any(|route| *route == (method.clone(), path.to_owned())), "{method} {path}");
    }
    assert!(routes.iter().any(|(_, path)| path.starts_with("/verify/envoy/")));
    Ok(())
}

#[tokio::test]
async fn open_routes_say_what_they_are_for() -> Result<()> {
    let server = Server::start().await?;
    for path in OPEN {
        let answer = server.internal(Method::GET, path).send().await?;
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_is_one_bearer_header_or_nothing() -> Result<()> {
    let server = Server::start().await?;
    let bearer = format!("Bearer {TOKEN}");
    for headers in [
        vec![],
        vec!["".to_owned()],
        vec!["Bearer".to_owned()],
        vec!["Bearer ".to_owned()],
        vec![TOKEN.to_owned()],
        vec![format!("Basic {TOKEN}")],
        vec![format!("Bearer {TOKEN}x")],
        vec![format!("Bearer {}", &TOKEN[1..])],
        vec![format!("Bearer {}", TOKEN.to_uppercase())],
        vec![format!("Bearer {TOKEN} x")],
        vec![format!("Bearer\t{TOKEN}")],
        vec![bearer.clone(), bearer.clone()],
        vec![bearer.clone(), format!("Bearer {OPERATOR_TOKEN}")],
        vec![format!("{bearer}, {bearer}")],
        vec!["DPoP x".to_owned()],
        vec![format!("Bearer {}", "x".repeat(60_000))],
    ] {
        let mut call = server.internal(Method::GET, "/v1/sessions");
        for value in &headers {
            call = call.header("authorization", value);
        }
        let answer = call.send().await?;
        assert_eq!((answer.status, answer.is_problem()), (401, true), "{headers:?}");
        assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
    }
    let lower =
        server.internal(Method::GET, "/v1/sessions").header("authorization", &format!("bearer {TOKEN}"));
    lower.send().await?.expect(200)?;
    let query = server.internal(Method::GET, &format!("/v1/sessions?access_token={TOKEN}")).send().await?;
    assert_eq!(query.status, 401, "a token in an address is no token");
    Ok(())
}

#[tokio::test]
async fn apps_and_operators_have_their_own_calls() -> Result<()> {
    let server = Server::start().await?;
    for (method, path) in [
        (Method::POST, "/v1/sessions"),
        (Method::POST, "/v1/check"),
        (Method::POST, "/v1/sessions/hs_AAAAAAAAAAAAAAAAAAAAAA/regenerate"),
    ] {
        let answer = server.with_token(OPERATOR_TOKEN, method, path).json(&json!({})).send().await?;
        assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn bodies_end_at_64_kib() -> Result<()> {
    let server = Server::start().await?;
    let padded = |size: usize| {
        let mut body = br#"{"user":"alice"}"#.to_vec();
        body.resize(size, b' ');
        body
    };
    let post = || server.app(Method::POST, "/v1/sessions").header("content-type", "application/json");
    post().body(padded(64 * 1024)).send().await?.expect(201)?;
    let large = post().body(padded(64 * 1024 + 1)).send().await?;
    assert_eq!((large.status, large.is_problem()), (413, true));
    Ok(())
}

#[tokio::test]
async fn a_body_is_json_and_says_so() -> Result<()> {
    let server = Server::start().await?;
    let post = || server.app(Method::POST, "/v1/sessions");
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"]
    {
        let answer = post().header("content-type", kind).body(r#"{"user":"a"}"#).send().await?;
        assert_eq!((answer.status, answer.is_problem()), (415, true), "{kind}");
    }
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        post().header("content-type", kind).body(r#"{"user":"a"}"#).send().await?.expect(201)?;
    }
    let nested = format!(r#"{{"user":"a","attributes":{}1{}}}"#, r#"{"a":"#.repeat(400), "}".repeat(400));
    let arrays =
        format!(r#"{{"user":"a","attributes":{{"a":{}{}}}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\"alice\"",
        r#"{"user":"a"}x"#,
        r#"{"user":"a","user":"b"}"#,
        r#"["browser","a",null,null,null,null,null,null,null,null,null,null,null]"#,
        r#"{"user":"a","client":[null,null]}"#,
        r#"{"user":"a","auth":[null,[],null]}"#,
        r#"{"user":"a",}"#,
        r#"{'user':'a'}"#,
        "\u{feff}{\"user\":\"a\"}",
        r#"{"user":"\ud800"}"#,
        &nested,
        &arrays,
        &"[".repeat(60_000),
    ] {
        let answer = post().header("content-type", "application/json").body(body.to_owned()).send().await?;
        let shown: String = body.chars().take(40).collect();
        assert_eq!((answer.status, answer.is_problem()), (400, true), "{shown}: {}", answer.text);
    }
    let not_text = post().header("content-type", "application/json").body(b"{\"user\":\"\xff\"}".to_vec());
    assert_eq!(not_text.send().await?.status, 400);
    Ok(())
}

#[tokio::test]
async fn every_refusal_is_a_problem_document() -> Result<()> {
    let server = Server::start().await?;
    for (method, path, status) in [
        (Method::GET, "/", 404),
        (Method::GET, "/v2/sessions", 404),
        (Method::GET, "/v1/sessions/", 404),
        (Method::POST, "/v1/sessions/x/y/z", 404),
        (Method::PATCH, "/v1/sessions", 405),
        (Method::PUT, "/v1/sessions/x", 405),
        (Method::GET, "/v1/check", 405),
        (Method::POST, "/healthz", 405),
        (Method::POST, "/verify/nginx", 405),
    ] {
        let answer = server.app(method.clone(), path).send().await?;
        assert_eq!((answer.status, answer.is_problem()), (status, true), "{method} {path}: {}", answer.text);
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
    }
    for (method, path, status) in [
        (Method::GET, "/", 404),
        (Method::GET, "/v1/sessions", 404),
        (Method::POST, "/v1/check", 404),
        (Method::GET, "/metrics", 404),
        (Method::GET, "/verify/nginx", 404),
        (Method::DELETE, "/_holdfast/session", 405),
        (Method::GET, "/_holdfast/logout", 405),
    ] {
        let answer = server.public(method.clone(), path).send().await?;
        assert_eq!((answer.status, answer.is_problem()), (status, true), "{method} {path}: {}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn metrics_count_what_happened() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    server.check(&login.cookie).await?;
    server.check("x").await?;
    assert_eq!(server.metric("holdfast_sessions").await?, 1);
    for (line, count) in [
        (r#"holdfast_checks_total{decision="allow",reason="ok"}"#, 1),
        (r#"holdfast_checks_total{decision="deny",reason="bad_cookie"}"#, 1),
        (r#"holdfast_events_total{event="session.created"}"#, 1),
    ] {
        assert_eq!(server.metric(line).await?, count, "{line}");
    }
    Ok(())
}

/// Method and path of everything that `/openapi.json` describes, with `x` for every variable part.
async fn routes(server: &Server) -> Result<Vec<(Method, String)>> {
    let document = server.internal(Method::GET, "/openapi.json").send().await?.expect(200)?;
    let paths = document.at("/paths").as_object().context("no paths")?.clone();
    let mut routes = Vec::new();
    for (path, operations) in &paths {
        let parts = path.split('/').map(|part| if part.contains('{') { "x" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        for name in operations.as_object().map(|object| object.keys()).into_iter().flatten() {
            if let Ok(method) = name.to_uppercase().parse::<Method>()
                && ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].contains(&method.as_str())
            {
                routes.push((method, path.clone()));
            }
        }
    }
    Ok(routes)
}
