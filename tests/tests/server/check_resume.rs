//! The one reload: a link from another site arrives without the bound cookie (C08).

use anyhow::{Context as _, Result};
use holdfast_tests::server::{Answer, COOKIE, HINT, ORIGIN, Server};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_foreign_link_is_sent_to_reload_once() -> Result<()> {
    let server = Server::start().await?;
    for site in ["cross-site", "same-site"] {
        let answer =
            open(&server, "GET", "/a?x=1&y=%C3%A9+z#f", Some(HINT), [site, "navigate", "document"]).await?;
        assert_eq!(
            (answer.verdict(), answer.at("/status")),
            (("deny", "no_credential"), &json!(307)),
            "{site}"
        );
        let location = header(&answer, "Location").context("no Location")?;
        assert!(location.starts_with("/_holdfast/resume?to="), "{location}");

        let page = server.public(Method::GET, &location).send().await?.expect(200)?;
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(page.text.contains("0;url=/a?x=1&amp;y=%C3%A9+z\""), "{}", page.text);
        assert!(!page.text.contains("<script"), "no page of ours needs script");
    }
    // The reload is a navigation from our own origin, and is answered as it stands.
    let again = open(&server, "GET", "/a", Some(HINT), ["same-origin", "navigate", "document"]).await?;
    assert_eq!((again.at("/status"), header(&again, "Location")), (&json!(401), None));
    Ok(())
}

#[tokio::test]
async fn nothing_else_is_sent_anywhere() -> Result<()> {
    let server = Server::start().await?;
    for (method, hint, fetch) in [
        ("GET", None, ["cross-site", "navigate", "document"]),
        ("POST", Some(HINT), ["cross-site", "navigate", "document"]),
        ("GET", Some(HINT), ["same-origin", "navigate", "document"]),
        ("GET", Some(HINT), ["none", "navigate", "document"]),
        ("GET", Some(HINT), ["cross-site", "cors", "empty"]),
        ("GET", Some(HINT), ["cross-site", "no-cors", "image"]),
        ("GET", Some(HINT), ["cross-site", "navigate", "iframe"]),
        ("GET", Some(HINT), ["", "", ""]),
    ] {
        let answer = open(&server, method, "/a", hint, fetch).await?;
        assert_eq!(
            (answer.at("/status"), header(&answer, "Location")),
            (&json!(401), None),
            "{method} {fetch:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_cookie_that_is_there_and_dead_is_not_reloaded() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let bound = server.bind_login(&login).await?;
    server.check(&bound.cookie).await?;
    let headers = json!([
        ["Cookie", format!("{COOKIE}={}; {HINT}=1", login.cookie)],
        ["Sec-Fetch-Site", "cross-site"],
        ["Sec-Fetch-Mode", "navigate"],
        ["Sec-Fetch-Dest", "document"],
    ]);
    let answer = server.ask(json!({ "headers": headers })).await?;
    assert_eq!((answer.verdict(), answer.at("/status")), (("deny", "cookie_superseded"), &json!(401)));
    Ok(())
}

#[tokio::test]
async fn an_address_that_leads_elsewhere_is_not_reloaded() -> Result<()> {
    let server = Server::start().await?;
    for path in ["//evil.example/", "/\\evil.example/"] {
        let answer = open(&server, "GET", path, Some(HINT), ["cross-site", "navigate", "document"]).await?;
        let location = header(&answer, "Location");
        assert_eq!((answer.at("/status"), location), (&json!(401), None), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn the_page_leads_to_its_own_origin_or_nowhere() -> Result<()> {
    let server = Server::start().await?;
    for to in [
        "",
        "orders",
        "//evil.example/",
        "/%5Cevil.example",
        "%2F%2Fevil.example",
        "/%09/evil.example",
        "%5C/evil",
        "https://evil.example/",
        "javascript:alert(1)",
        "/a%0D%0ASet-Cookie:%20a=b",
        "/%00",
        "/a%20b",
        "/%FF",
        "/_holdfast/resume?to=/x",
        "/_holdfast/logout",
    ] {
        let answer = server.public(Method::GET, &format!("/_holdfast/resume?to={to}")).send().await?;
        assert_eq!((answer.status, answer.is_problem()), (400, true), "{to}: {}", answer.text);
    }
    for query in ["", "?", "?too=/x", "?to=/x&to=/y", "?to=/x&next=/y"] {
        let answer = server.public(Method::GET, &format!("/_holdfast/resume{query}")).send().await?;
        assert_eq!((answer.status, answer.is_problem()), (400, true), "{query}");
    }
    let long = format!("/_holdfast/resume?to=/{}", "a".repeat(3000));
    assert_eq!(server.public(Method::GET, &long).send().await?.status, 400);
    Ok(())
}

#[tokio::test]
async fn the_page_cannot_be_made_to_run_anything() -> Result<()> {
    let server = Server::start().await?;
    let hostile = "/%22%3E%3Cscript%3Ealert(1)%3C/script%3E'";
    let page =
        server.public(Method::GET, &format!("/_holdfast/resume?to={hostile}")).send().await?.expect(200)?;
    assert!(page.text.contains("url=/&quot;&gt;&lt;script&gt;"), "{}", page.text);
    assert!(!page.text.contains("<script"), "{}", page.text);
    let policy = page.header("content-security-policy").context("no policy")?;
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    Ok(())
}

/// Opens a path of the shop with fetch metadata; an empty word leaves its header out.
async fn open(
    server: &Server,
    method: &str,
    path: &str,
    hint: Option<&str>,
    fetch: [&str; 3],
) -> Result<Answer> {
    let names = ["Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"];
    let mut headers: Vec<_> = names
        .into_iter()
        .zip(fetch)
        .filter(|(_, word)| !word.is_empty())
        .map(|(name, word)| json!([name, word]))
        .collect();
    headers.extend(hint.map(|name| json!(["Cookie", format!("{name}=1")])));
    server.ask(json!({ "method": method, "url": format!("{ORIGIN}{path}"), "headers": headers })).await
}

fn header(answer: &Answer, name: &str) -> Option<String> {
    let headers: Vec<(String, String)> =
        serde_json::from_value(answer.at("/response_headers").clone()).ok()?;
    headers.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}
