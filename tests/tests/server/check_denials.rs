//! What a person is told who may not go on, and what a script is: a page to log in at, or a status.

use anyhow::Result;
use holdfast_tests::server::{Answer, COOKIE, Call, HINT, ORIGIN, Proof, Server, Settings};
use reqwest::Method;
use serde_json::{Value, json};

fn settings() -> Settings {
    Settings::default()
        .behind_gateways()
        .set("apps.0.login_url", "/login?lang=en")
        .set("apps.0.step_up_url", "https://id.example/again")
        .set("apps.0.return_parameter", "next")
        .route(0, "/admin", &[("require.binding", "hardware")])
}

const LOGIN: &str = "/login?lang=en&next=/orders%3Fx%3D1";

/// Status, `Location` and `Holdfast-Redirect` of an answer.
fn told(answer: &Answer) -> (u16, Option<&str>, Option<&str>) {
    (answer.status, answer.header("location"), answer.header("holdfast-redirect"))
}

/// What a gateway of this kind is told, to send a browser there.
fn redirect<'a>(
    kind: &str,
    status: u16,
    place: &'a str,
    in_full: &'a str,
) -> (u16, Option<&'a str>, Option<&'a str>) {
    match kind {
        "nginx" => (401, None, Some(place)),
        "traefik" => (status, Some(in_full), None),
        _ => (status, Some(place), None),
    }
}

#[tokio::test]
async fn a_person_is_sent_to_the_login_page() -> Result<()> {
    let server = Server::with(settings()).await?;
    let bound = server.bind("alice").await?;
    server.revoke(&bound.id).await?;
    let in_full = format!("{ORIGIN}{LOGIN}");
    let html = "text/html,application/xhtml+xml,*/*;q=0.8";
    for (method, status) in [(Method::GET, 302), (Method::HEAD, 302), (Method::POST, 303)] {
        for cookie in [None, Some(&*bound.cookie), Some("x")] {
            for (header, value) in [("sec-fetch-mode", "navigate"), ("accept", html)] {
                for (kind, call) in server.kinds(&method, "/orders?x=1") {
                    let call = cookie.into_iter().fold(call, Call::cookie);
                    let answer = call.header(header, value).send().await?;
                    let expected = redirect(kind, status, LOGIN, &in_full);
                    assert_eq!(told(&answer), expected, "{kind} {method} {cookie:?} {header}");
                    assert!(answer.all("set-cookie").is_empty(), "{kind}");
                    assert_eq!(answer.header("holdfast-user"), Some(""), "{kind}");
                }
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_script_is_told_by_status() -> Result<()> {
    let server = Server::with(settings()).await?;
    for headers in [
        &[][..],
        &[("accept", "*/*")],
        &[("accept", "application/json")],
        &[("accept", "text/html"), ("sec-fetch-mode", "cors")],
        &[("accept", "text/html"), ("sec-fetch-mode", "same-origin")],
        &[("accept", "text/html"), ("sec-fetch-mode", "no-cors")],
        &[("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")],
        &[("sec-fetch-mode", "navigate"), ("sec-fetch-mode", "cors")],
    ] {
        for (kind, call) in server.kinds(&Method::GET, "/orders") {
            let answer =
                headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await?;
            assert_eq!(told(&answer), (401, None, None), "{kind} {headers:?}");
            assert!(answer.is_problem(), "{kind} {headers:?}");
        }
    }
    Ok(())
}

/// A client with an access token has no use for a page, whatever it says that it accepts.
#[tokio::test]
async fn a_client_with_a_token_is_told_by_status() -> Result<()> {
    let server = Server::with(settings()).await?;
    let granted = server.grant("alice").await?;
    let proof = |url: &str| Proof::new(&granted.device, "GET", url, server.now()).over(&granted.access_token);
    let authorization = format!("DPoP {}", granted.access_token);
    let admin = format!("{ORIGIN}/admin");
    for (url, proof) in
        [(format!("{ORIGIN}/orders"), None), (admin.clone(), Some(proof(&admin).sign(&granted.device)))]
    {
        let call = server.nginx("GET", &url).header("authorization", &authorization);
        let call = proof.iter().fold(call, |call, proof| call.header("dpop", proof));
        let answer = call.header("sec-fetch-mode", "navigate").send().await?;
        assert_eq!(told(&answer), (401, None, None), "{url}");
        assert_eq!(answer.all("www-authenticate").len(), 1, "{url}");
    }
    Ok(())
}

#[tokio::test]
async fn the_one_reload_comes_first() -> Result<()> {
    let server = Server::with(settings()).await?;
    let resume = "/_holdfast/resume?to=/orders%3Fx%3D1";
    let in_full = format!("{ORIGIN}{resume}");
    for (site, expected) in [("cross-site", true), ("same-origin", false)] {
        for (kind, call) in server.kinds(&Method::GET, "/orders?x=1") {
            let call = call.header("cookie", &format!("{HINT}=1")).header("sec-fetch-site", site);
            let call = call.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
            let answer = call.send().await?;
            if expected {
                assert_eq!(told(&answer), redirect(kind, 307, resume, &in_full), "{kind}");
            } else {
                assert_eq!(told(&answer), redirect(kind, 302, LOGIN, &format!("{ORIGIN}{LOGIN}")), "{kind}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn who_must_authenticate_again_is_sent_elsewhere() -> Result<()> {
    let server = Server::with(settings()).await?;
    let login = server.login("alice").await?;
    let page = "https://id.example/again?next=/admin/x";
    for (kind, call) in server.kinds(&Method::GET, "/admin/x") {
        let answer = call.cookie(&login.cookie).header("sec-fetch-mode", "navigate").send().await?;
        assert_eq!(told(&answer), redirect(kind, 302, page, page), "{kind}");
        assert_eq!(answer.header("holdfast-decision"), Some("step_up"), "{kind}");
    }
    Ok(())
}

/// Whatever is asked for, the way back leads to the app.
#[tokio::test]
async fn the_way_back_is_local() -> Result<()> {
    let server = Server::with(settings()).await?;
    for (target, page) in [
        ("", "/login?lang=en&next=/"),
        ("?x=1", "/login?lang=en&next=/%3Fx%3D1"),
        ("//evil.example/", "/login?lang=en"),
        ("/\\evil.example/", "/login?lang=en"),
        (
            "/a?next=https://evil.example/&x=%0d%0a",
            "/login?lang=en&next=/a%3Fnext%3Dhttps%3A//evil.example/%26x%3D%250d%250a",
        ),
    ] {
        // The routes of the shop would refuse some of these; the other app has none.
        let call = server.nginx("GET", &format!("https://other.example{target}"));
        let answer = call.header("sec-fetch-mode", "navigate").send().await?;
        assert_eq!(told(&answer), (401, None, None), "{target}: no page is configured for this app");
        let without_routes = Settings::default().behind_gateways().set("apps.0.login_url", "/login?lang=en");
        let server = Server::with(without_routes.set("apps.0.return_parameter", "next")).await?;
        let call = server.nginx("GET", &format!("{ORIGIN}{target}"));
        let answer = call.header("sec-fetch-mode", "navigate").send().await?;
        assert_eq!(told(&answer), (401, None, Some(page)), "{target}");
    }
    let long = format!("{ORIGIN}/{}", "a".repeat(3000));
    let answer = server.nginx("GET", &long).header("sec-fetch-mode", "navigate").send().await?;
    assert_eq!(told(&answer), (401, None, Some("/login?lang=en")));
    Ok(())
}

/// A login page behind the login would be a circle.
#[tokio::test]
async fn the_login_page_is_not_its_own_way_out() -> Result<()> {
    let server = Server::with(settings()).await?;
    for target in ["/login", "/login?lang=de&next=/orders"] {
        for (kind, call) in server.kinds(&Method::GET, target) {
            let answer = call.header("sec-fetch-mode", "navigate").send().await?;
            assert_eq!(told(&answer), (401, None, None), "{kind} {target}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_policy_forbids_is_no_matter_of_a_login() -> Result<()> {
    let server = Server::with(settings()).await?;
    for url in ["https://evil.example/", "https://shop.example/a%2fb"] {
        let answer = server.nginx("GET", url).header("sec-fetch-mode", "navigate").send().await?;
        assert_eq!(told(&answer), (403, None, None), "{url}");
    }
    Ok(())
}

/// An app that asks itself is told the same.
#[tokio::test]
async fn an_app_is_told_the_same() -> Result<()> {
    let server = Server::with(settings()).await?;
    let login = server.login("alice").await?;
    let cookie = format!("{COOKIE}={}", login.cookie);
    let navigate = ["Sec-Fetch-Mode", "navigate"];
    for (method, path, headers, status, location) in [
        ("GET", "/orders?x=1", vec![navigate], 302, Some(LOGIN)),
        ("POST", "/orders?x=1", vec![navigate], 303, Some(LOGIN)),
        ("GET", "/orders?x=1", vec![["Accept", "application/json"]], 401, None),
        (
            "GET",
            "/admin",
            vec![navigate, ["Cookie", &cookie]],
            302,
            Some("https://id.example/again?next=/admin"),
        ),
        ("GET", "/admin", vec![["Cookie", &cookie]], 401, None),
    ] {
        let url = format!("{ORIGIN}{path}");
        let answer = server.ask(json!({ "method": method, "url": url, "headers": headers })).await?;
        assert_eq!(answer.at("/status"), &json!(status), "{method} {path}");
        assert_eq!(answer.told("Location")?.as_deref(), location, "{method} {path}");
        assert_eq!(
            answer.told("WWW-Authenticate")?.is_some(),
            status == 401 && headers.len() == 1 && path != "/admin"
        );
        assert_ne!(answer.at("/decision"), &Value::Null);
    }
    Ok(())
}
