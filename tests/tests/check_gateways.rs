//! `/verify/*`: each kind of proxy has one source of truth, and nobody else is believed.

use anyhow::{Context as _, Result};
use holdfast_tests::server::{Answer, COOKIE, Call, GATEWAY_SECRET, HINT, ORIGIN, Server, Settings};
use reqwest::Method;

const IDENTITY: [&str; 7] = [
    "holdfast-user",
    "holdfast-session",
    "holdfast-binding",
    "holdfast-assertion",
    "holdfast-client",
    "holdfast-scope",
    "holdfast-issuer",
];

/// How each kind asks for `GET https://shop.example/orders?x=1`.
fn asks(server: &Server) -> Vec<(&'static str, Call)> {
    let forwarded = |path| {
        server
            .gateway(Method::GET, path)
            .header("x-forwarded-method", "GET")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "shop.example")
            .header("x-forwarded-uri", "/orders?x=1")
    };
    vec![
        ("nginx", nginx(server, &format!("{ORIGIN}/orders?x=1"))),
        ("caddy", forwarded("/verify/caddy")),
        ("traefik", forwarded("/verify/traefik")),
        ("haproxy", forwarded("/verify/haproxy")),
        ("envoy", envoy(server, Method::GET, "/orders?x=1")),
    ]
}

fn nginx(server: &Server, url: &str) -> Call {
    server
        .gateway(Method::GET, "/verify/nginx")
        .header("x-original-method", "GET")
        .header("x-original-url", url)
}

fn envoy(server: &Server, method: Method, path: &str) -> Call {
    server
        .gateway(method, &format!("/verify/envoy{path}"))
        .header("host", "shop.example")
        .header("x-forwarded-proto", "https")
}

async fn server() -> Result<Server> {
    Server::with(Settings::default().behind_gateways().with_assertions()).await
}

#[tokio::test]
async fn an_assertion_is_signed_only_where_it_is_wanted() -> Result<()> {
    let server = Server::with(Settings::default().behind_gateways()).await?;
    let bound = server.bind("alice").await?;
    for (kind, call) in asks(&server) {
        let answer = call.cookie(&bound.cookie).header("x-forwarded-for", "203.0.113.7").send().await?;
        assert_eq!((answer.status, answer.header("holdfast-user")), (200, Some("alice")), "{kind}");
        assert_eq!(answer.header("holdfast-assertion"), Some(""), "{kind}: there, and empty");
    }
    Ok(())
}

#[tokio::test]
async fn allowed_requests_carry_every_identity_header() -> Result<()> {
    let server = server().await?;
    let bound = server.bind("Zoë").await?;
    for (kind, call) in asks(&server) {
        let answer = call.cookie(&bound.cookie).header("x-forwarded-for", "203.0.113.7").send().await?;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{kind}");
        let user = answer.headers.get("holdfast-user").map(|value| value.as_bytes());
        assert_eq!(user, Some("Zoë".as_bytes()), "{kind}");
        assert_eq!(answer.header("holdfast-session"), Some(bound.id.as_str()), "{kind}");
        assert_eq!(answer.header("holdfast-binding"), Some("hardware"), "{kind}");
        assert!(answer.header("holdfast-assertion").is_some_and(|jwt| jwt.split('.').count() == 3), "{kind}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{kind}");
        assert!(answer.all("set-cookie").is_empty(), "{kind}: most gateways lose or mangle it");
    }
    let checked = server.audit().wait_for("session.checked", 5).await?;
    assert!(checked.iter().all(|event| event["client_ip"] == "203.0.113.7"), "{checked:?}");
    Ok(())
}

#[tokio::test]
async fn unbound_sessions_say_none() -> Result<()> {
    let server = server().await?;
    let login = server.login("alice").await?;
    for (kind, call) in asks(&server) {
        let answer = call.cookie(&login.cookie).send().await?.expect(200)?;
        assert_eq!(answer.header("holdfast-binding"), Some("none"), "{kind}");
    }
    Ok(())
}

#[tokio::test]
async fn denied_requests_say_why_and_carry_empty_identities() -> Result<()> {
    let server = server().await?;
    for (cookie, reason) in [(None, "no_credential"), (Some("x"), "bad_cookie")] {
        for (kind, call) in asks(&server) {
            let call = cookie.into_iter().fold(call, Call::cookie);
            let answer = call.send().await?;
            assert_eq!((answer.status, answer.is_problem()), (401, true), "{kind}: {}", answer.text);
            assert_eq!(answer.header("holdfast-reason"), Some(reason), "{kind}");
            assert_eq!(answer.code(), reason, "{kind}");
            for name in IDENTITY {
                assert_eq!(
                    answer.header(name),
                    Some(""),
                    "{kind} {name}: a missing header keeps the client's"
                );
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn foreign_links_are_redirected_where_the_proxy_passes_it() -> Result<()> {
    let server = server().await?;
    for (kind, call) in asks(&server) {
        let call = call.header("cookie", &format!("{HINT}=1")).header("sec-fetch-site", "cross-site");
        let answer =
            call.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document").send().await?;
        let resume = Some("/_holdfast/resume?to=/orders%3Fx%3D1");
        let expected = match kind {
            "nginx" => (401, None, resume),
            // Traefik takes a path for one of this server's.
            "traefik" => (307, Some("https://shop.example/_holdfast/resume?to=/orders%3Fx%3D1"), None),
            _ => (307, resume, None),
        };
        let told = (answer.status, answer.header("location"), answer.header("holdfast-redirect"));
        assert_eq!(told, expected, "{kind}");
    }
    Ok(())
}

#[tokio::test]
async fn strangers_learn_nothing() -> Result<()> {
    // The secret is right, the address is not.
    let settings = Settings::default().behind_gateways().set("gateways.trusted", "10.0.0.0/8");
    let server = Server::with(settings).await?;
    let bound = server.bind("alice").await?;
    for (kind, call) in asks(&server) {
        let answer = call.cookie(&bound.cookie).header("x-forwarded-for", "10.0.0.1").send().await?;
        refused(kind, &answer);
    }
    Ok(())
}

#[tokio::test]
async fn the_secret_is_needed_once_and_exactly() -> Result<()> {
    let server = server().await?;
    let bound = server.bind("alice").await?;
    let url = format!("{ORIGIN}/");
    for secrets in [
        vec![],
        vec!["".to_owned()],
        vec![GATEWAY_SECRET[1..].to_owned()],
        vec![format!("{GATEWAY_SECRET}x")],
        vec![GATEWAY_SECRET.to_uppercase()],
        vec![GATEWAY_SECRET.to_owned(), GATEWAY_SECRET.to_owned()],
        vec!["x".to_owned(), GATEWAY_SECRET.to_owned()],
    ] {
        for path in ["/verify/nginx", "/verify/caddy", "/verify/traefik", "/verify/haproxy", "/verify/envoy/"]
        {
            let call = server.internal(Method::GET, path).cookie(&bound.cookie);
            let call = call.header("x-original-method", "GET").header("x-original-url", &url);
            let call = call.header("x-forwarded-method", "GET").header("x-forwarded-proto", "https");
            let call = call.header("x-forwarded-host", "shop.example").header("x-forwarded-uri", "/");
            let call =
                secrets.iter().fold(call, |call, secret| call.header("holdfast-gateway-secret", secret));
            refused(path, &call.send().await?);
        }
    }
    Ok(())
}

#[tokio::test]
async fn nobody_is_a_gateway_where_none_is_configured() -> Result<()> {
    let server = Server::start().await?;
    let bound = server.bind("alice").await?;
    for (kind, call) in asks(&server) {
        refused(kind, &call.cookie(&bound.cookie).send().await?);
    }
    Ok(())
}

#[tokio::test]
async fn each_kind_needs_its_own_source_exactly_once() -> Result<()> {
    let server = server().await?;
    let bound = server.bind("alice").await?;
    let nginx = [("x-original-method", "GET"), ("x-original-url", "https://shop.example/")];
    let forwarded = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-uri", "/"),
    ];
    for (path, needed) in [
        ("/verify/nginx", &nginx[..]),
        ("/verify/caddy", &forwarded),
        ("/verify/traefik", &forwarded),
        ("/verify/haproxy", &forwarded),
    ] {
        for missing in 0..needed.len() {
            for twice in [false, true] {
                let mut call = server.gateway(Method::GET, path).cookie(&bound.cookie);
                for (index, (name, value)) in needed.iter().enumerate() {
                    let times = if index != missing {
                        1
                    } else if twice {
                        2
                    } else {
                        0
                    };
                    for _ in 0..times {
                        call = call.header(name, value);
                    }
                }
                refused(&format!("{path} {} twice: {twice}", needed[missing].0), &call.send().await?);
            }
        }
    }
    Ok(())
}

/// GHSA-7x63-xv5r-3p2x: what the client sends for another kind of proxy changes nothing.
#[tokio::test]
async fn headers_of_another_kind_are_ignored() -> Result<()> {
    let server = server().await?;
    let login = server.login("alice").await?;
    for (kind, call) in asks(&server) {
        let mut call = call.cookie(&login.cookie);
        if kind == "nginx" || kind == "envoy" {
            call = call.header("x-forwarded-host", "other.example").header("x-forwarded-uri", "/public");
            call = call.header("x-forwarded-method", "OPTIONS");
        }
        if kind != "nginx" {
            call = call
                .header("x-original-url", "https://other.example/")
                .header("x-original-method", "OPTIONS");
        }
        let call = call.header("x-http-method-override", "OPTIONS").header("forwarded", "host=other.example");
        let call = call.header("x-original-uri", "/public").header("x-rewrite-url", "/public");
        let answer = call.header("x-forwarded-prefix", "/public").send().await?.expect(200)?;
        let claims = claims(&answer)?;
        assert_eq!(claims["htu"], "https://shop.example/orders", "{kind}");
        assert_eq!(claims["htm"], "GET", "{kind}");
    }
    Ok(())
}

#[tokio::test]
async fn addresses_below_no_app_are_denied_by_policy() -> Result<()> {
    let server = server().await?;
    let bound = server.bind("alice").await?;
    for url in [
        "https://evil.example/",
        "http://shop.example/",
        "https://shop.example.evil/",
        "https://shop.example@evil/",
        "//shop.example/",
        "/orders",
        "",
        "shop.example",
        "https://shop.example:8443/",
        "javascript:alert(1)",
        "https://shop.example\\@evil/",
    ] {
        let answer = nginx(&server, url).cookie(&bound.cookie).send().await?;
        assert_eq!((answer.status, answer.is_problem()), (403, true), "{url}");
        assert_eq!(answer.header("holdfast-reason"), Some("policy_denied"), "{url}");
    }
    // Another app of this server is one of its own: the shop's session is unknown there.
    let answer = nginx(&server, "https://other.example/").cookie(&bound.cookie).send().await?;
    assert_eq!((answer.status, answer.header("holdfast-reason")), (401, Some("session_unknown")));
    Ok(())
}

/// GHSA-vjrc-mh2v-45x6, GHSA-x677-9fxg-v5c5: `_` and `.` are `-` to some back ends.
#[tokio::test]
async fn headers_that_imitate_ours_are_refused() -> Result<()> {
    let server = server().await?;
    let bound = server.bind("alice").await?;
    for name in [
        "Holdfast_User",
        "holdfast.user",
        "HOLDFAST_SESSION",
        "Holdfast-Binding_",
        "holdfast_assertion",
        "Holdfast.Gateway_Secret",
    ] {
        for (kind, call) in asks(&server) {
            let answer = call.cookie(&bound.cookie).header(name, "root").send().await?;
            refused(&format!("{kind} {name}"), &answer);
            assert_eq!(answer.header("holdfast-reason"), Some("policy_denied"), "{kind} {name}");
        }
    }
    for (kind, call) in asks(&server) {
        // The proper names are overwritten by the gateway; others are nobody's business.
        let call = call.cookie(&bound.cookie).header("holdfast-user", "root").header("x_request_id", "1");
        let answer = call.send().await?.expect(200)?;
        assert_eq!(answer.header("holdfast-user"), Some("alice"), "{kind}");
    }
    Ok(())
}

#[tokio::test]
async fn the_client_is_the_last_stranger_in_the_chain() -> Result<()> {
    let server = server().await?;
    let login = server.login("alice").await?;
    let mut count = 0;
    for (chain, client) in [
        (vec![], "127.0.0.1"),
        (vec!["203.0.113.7"], "203.0.113.7"),
        (vec!["1.2.3.4, 203.0.113.7"], "203.0.113.7"),
        (vec!["junk, 203.0.113.7, 10.1.2.3"], "203.0.113.7"),
        (vec!["1.2.3.4", "203.0.113.7", "10.1.2.3"], "203.0.113.7"),
        (vec!["2001:db8::1"], "2001:db8::1"),
    ] {
        let call = nginx(&server, &format!("{ORIGIN}/")).cookie(&login.cookie);
        let call = chain.iter().fold(call, |call, value| call.header("x-forwarded-for", value));
        call.send().await?.expect(200)?;
        count += 1;
        let events = server.audit().wait_for("session.checked", count).await?;
        assert_eq!(events.last().context("no event")?["client_ip"], client, "{chain:?}");
    }
    for bad in ["junk", "203.0.113.7, junk", "203.0.113.7:80", "unknown", "_hidden", "203.0.113.7,"] {
        let answer =
            nginx(&server, &format!("{ORIGIN}/")).cookie(&login.cookie).header("x-forwarded-for", bad);
        refused(bad, &answer.send().await?);
    }
    Ok(())
}

/// Everything that a proxy may send: GET, HEAD, and for Envoy whatever the client sent.
#[tokio::test]
async fn methods_are_what_each_proxy_sends() -> Result<()> {
    let server = server().await?;
    let bound = server.bind("alice").await?;
    let forwarded = |path: &str, method| {
        let call = server.gateway(method, path).cookie(&bound.cookie).header("x-forwarded-method", "DELETE");
        let call = call.header("x-forwarded-proto", "https").header("x-forwarded-host", "shop.example");
        call.header("x-forwarded-uri", "/orders/1")
    };
    for path in ["/verify/caddy", "/verify/traefik", "/verify/haproxy"] {
        for method in [Method::GET, Method::HEAD] {
            let answer = forwarded(path, method).send().await?.expect(200)?;
            assert_eq!(claims(&answer)?["htm"], "DELETE", "{path}");
        }
        assert_eq!(forwarded(path, Method::POST).send().await?.status, 405, "{path}");
    }
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        let method: Method = method.parse()?;
        for path in ["", "/", "/orders/1?x=1", "//a//b", "/verify/nginx", "/%2F%2e%2e%2Fx"] {
            let answer =
                envoy(&server, method.clone(), path).cookie(&bound.cookie).send().await?.expect(200)?;
            assert_eq!(claims(&answer)?["htm"], method.as_str(), "{path}");
        }
    }
    Ok(())
}

/// nginx turns anything but 401 and 403 into a 500.
#[tokio::test]
async fn nginx_hears_two_kinds_of_no() -> Result<()> {
    let server = server().await?;
    let login = server.login("alice").await?;
    let bound = server.bind_login(&login).await?;
    server.check(&bound.cookie).await?;
    let cookies = [
        String::new(),
        "x=y".to_owned(),
        format!("{COOKIE}=x"),
        format!("{COOKIE}={}", login.cookie),
        format!("{COOKIE}=a; {COOKIE}=b"),
        format!("{HINT}=1"),
    ];
    for cookie in cookies {
        for url in [format!("{ORIGIN}/"), "https://evil.example/".to_owned(), String::new()] {
            for site in ["cross-site", "same-origin"] {
                let call = nginx(&server, &url).header("cookie", &cookie).header("sec-fetch-site", site);
                let call = call.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
                let answer = call.send().await?;
                assert!(matches!(answer.status, 401 | 403), "{cookie} {url}: {}", answer.status);
            }
        }
    }
    Ok(())
}

/// HTTP/2 spreads cookies over several headers, and proxies put them together again.
#[tokio::test]
async fn cookies_may_come_in_crumbs() -> Result<()> {
    let server = server().await?;
    let bound = server.bind("alice").await?;
    for (kind, call) in asks(&server) {
        let call = call.header("cookie", "a=b").cookie(&bound.cookie).header("cookie", "c=d");
        assert_eq!(call.send().await?.status, 200, "{kind}");
    }
    for (kind, call) in asks(&server) {
        let answer = call.cookie(&bound.cookie).cookie("planted").send().await?;
        assert_eq!(
            (answer.status, answer.header("holdfast-reason")),
            (401, Some("duplicate_cookie")),
            "{kind}"
        );
    }
    Ok(())
}

fn refused(what: &str, answer: &Answer) {
    assert_eq!((answer.status, answer.is_problem()), (403, true), "{what}: {}", answer.text);
    assert!(IDENTITY.iter().all(|name| answer.header(name).unwrap_or_default().is_empty()), "{what}");
    assert!(answer.header("holdfast-reason").is_some(), "{what}: every deny has a reason");
}

fn claims(answer: &Answer) -> Result<serde_json::Value> {
    use base64::Engine as _;
    let jwt = answer.header("holdfast-assertion").context("no assertion")?;
    let claims = jwt.split('.').nth(1).context("no claims")?;
    Ok(serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims)?)?)
}
