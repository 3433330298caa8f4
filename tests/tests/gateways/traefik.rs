//! Traefik's `ForwardAuth`: the requests that its documentation and its source promise, byte for byte.
//!
//! Traefik 3 sends `GET` to the one address, every header of the client's, and its own `X-Forwarded-Method`, `-Proto`,
//! `-Host`, `-Port`, `-Uri` and `-For` in place of the client's. Go writes `Host` and `User-Agent` first and the others
//! in the order of their names.

use anyhow::Result;
use holdfast_tests::server::{COOKIE, GATEWAY_SECRET, HINT, ORIGIN};

use crate::house::House;
use crate::raw;

#[tokio::test]
async fn an_allowed_request_gets_an_identity() -> Result<()> {
    let house = House::start("traefik", &[]).await?;
    let login = house.api.login("alice").await?;
    for method in ["GET", "HEAD", "POST", "DELETE", "PROPFIND"] {
        let answer = ask(&house, method, "/orders?x=1&y=%2F", &cookie(&login.cookie), "").await?;
        assert_eq!(raw::status(&answer)?, 200, "{answer}");
        assert_eq!(raw::header(&answer, "holdfast-user"), ["alice"]);
        assert_eq!(raw::header(&answer, "holdfast-session"), [login.id.as_str()]);
        for name in
            ["holdfast-binding", "holdfast-assertion", "holdfast-client", "holdfast-scope", "holdfast-issuer"]
        {
            assert_eq!(
                raw::header(&answer, name).len(),
                1,
                "{name}: a missing one is what the client has sent"
            );
        }
        // Traefik brings no header of an allowed answer to the browser but cookies that are named.
        assert!(raw::header(&answer, "set-cookie").is_empty());
    }
    let checked = house.audit().wait_for("session.checked", 5).await?;
    assert!(checked.iter().all(|event| event["client_ip"] == "203.0.113.7"), "{checked:?}");
    Ok(())
}

#[tokio::test]
async fn a_refused_request_gets_what_the_browser_is_to_see() -> Result<()> {
    let house = House::start("traefik", &[]).await?;
    let script = ask(&house, "GET", "/orders", "", "Accept: application/json\r\n").await?;
    assert_eq!(raw::status(&script)?, 401, "{script}");
    assert_eq!(raw::header(&script, "content-type"), ["application/problem+json"]);
    assert_eq!(raw::header(&script, "www-authenticate").len(), 1);

    // In full: without preserveLocationHeader, Traefik makes a relative address one of Holdfast's.
    let page = ask(&house, "GET", "/orders?x=1", "", NAVIGATION).await?;
    assert!(matches!(raw::status(&page)?, 302 | 303), "{page}");
    assert_eq!(raw::header(&page, "location"), [format!("{ORIGIN}/login?return_to=/orders%3Fx%3D1")]);

    let link = ask(&house, "GET", "/orders?x=1", &format!("Cookie: {HINT}=1\r\n"), NAVIGATION).await?;
    assert_eq!(raw::status(&link)?, 307, "{link}");
    assert_eq!(raw::header(&link, "location"), [format!("{ORIGIN}/_holdfast/resume?to=/orders%3Fx%3D1")]);

    let bound = house.api.bind("alice").await?;
    house.advance(301);
    let proof = ask(&house, "POST", "/account/cards", &cookie(&bound.cookie), NAVIGATION).await?;
    assert_eq!((raw::status(&proof)?, raw::header(&proof, "set-cookie").len()), (307, 1), "{proof}");
    assert_eq!(raw::header(&proof, "location"), [format!("{ORIGIN}/account/cards")]);
    for answer in [script, page, link, proof] {
        assert_eq!(raw::header(&answer, "cache-control"), ["no-store"]);
        assert_eq!(raw::header(&answer, "holdfast-user"), [""], "{answer}");
    }
    Ok(())
}

/// CVE-2026-35051 and its kin: what Traefik leaves of the client's own headers has no say.
#[tokio::test]
async fn what_the_client_adds_has_no_say() -> Result<()> {
    let house =
        House::start("traefik", &[("ROUTES__1__PATH", "/public/"), ("ROUTES__1__PUBLIC", "true")]).await?;
    let forged = "X-Forwarded-Prefix: /public\r\nX-Forwarded-Server: public\r\nX-Original-Url: /public/x\r\n\
                  X-Real-Ip: 198.51.100.9\r\nForwarded: for=198.51.100.9;host=other.example\r\n";
    assert_eq!(raw::status(&ask(&house, "GET", "/public/x", "", forged).await?)?, 200);
    assert_eq!(raw::status(&ask(&house, "GET", "/orders", "", forged).await?)?, 401);

    let login = house.api.login("alice").await?;
    for alias in ["Holdfast_user", "Holdfast.user", "Holdfast_Scope", "Holdfast.Gateway.Secret"] {
        let answer =
            ask(&house, "GET", "/orders", &cookie(&login.cookie), &format!("{alias}: root\r\n")).await?;
        assert_eq!(raw::status(&answer)?, 403, "{alias}");
        assert!(raw::header(&answer, "holdfast-user").iter().all(|user| user.is_empty()), "{alias}");
    }
    for doubled in [
        "X-Forwarded-Uri: /public/x\r\n",
        "X-Forwarded-Method: OPTIONS\r\n",
        "Holdfast-Gateway-Secret: x\r\n",
    ] {
        let answer = ask(&house, "GET", "/orders", &cookie(&login.cookie), doubled).await?;
        assert_eq!(raw::status(&answer)?, 403, "{doubled}");
    }
    Ok(())
}

/// The request of a browser at 203.0.113.7, as Traefik hands it on.
async fn ask(house: &House, method: &str, target: &str, cookie: &str, more: &str) -> Result<String> {
    let address = house.internal();
    let request = format!(
        "GET /verify/traefik HTTP/1.1\r\nHost: {address}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
         Connection: close\r\n{cookie}Holdfast-Gateway-Secret: {GATEWAY_SECRET}\r\n{more}\
         X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Host: shop.example\r\nX-Forwarded-Method: {method}\r\n\
         X-Forwarded-Port: 443\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Uri: {target}\r\n\
         Accept-Encoding: gzip\r\n\r\n"
    );
    raw::over_tcp(address, &request).await
}

fn cookie(value: &str) -> String {
    format!("Cookie: a=b; {COOKIE}={value}\r\n")
}

const NAVIGATION: &str = "Accept: text/html,*/*;q=0.8\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n\
                          Sec-Fetch-Site: cross-site\r\n";
