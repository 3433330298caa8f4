//! Envoy's `ext_authz` over HTTP: the requests that its documentation promises, byte for byte.
//!
//! Envoy asks with the client's own method and path, below the prefix, with `Host`, `Content-Length: 0`, the headers
//! that `allowed_headers` names and those of `headers_to_add`. Names are in lower case.

use anyhow::Result;
use holdfast_tests::server::{COOKIE, GATEWAY_SECRET, HINT};

use crate::house::House;
use crate::raw;

#[tokio::test]
async fn an_allowed_request_gets_an_identity() -> Result<()> {
    let house = House::start("envoy", &[]).await?;
    let login = house.api.login("alice").await?;
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PROPFIND"] {
        for target in ["/", "/orders?x=1", "/verify/envoy/x"] {
            let answer = ask(&house, method, target, &cookie(&login.cookie)).await?;
            assert_eq!(raw::status(&answer)?, 200, "only 200 is a yes: {answer}");
            assert_eq!(raw::header(&answer, "holdfast-user"), ["alice"]);
            assert_eq!(raw::header(&answer, "holdfast-session"), [login.id.as_str()]);
            for name in [
                "holdfast-binding",
                "holdfast-assertion",
                "holdfast-client",
                "holdfast-scope",
                "holdfast-issuer",
            ] {
                assert_eq!(
                    raw::header(&answer, name).len(),
                    1,
                    "{name}: a missing one is what the client has sent"
                );
            }
            assert!(raw::header(&answer, "set-cookie").is_empty());
        }
    }
    // use_remote_address appends; what stands to the left of the last one is the client's word.
    let checked = house.audit().wait_for("session.checked", 18).await?;
    assert!(checked.iter().all(|event| event["client_ip"] == "203.0.113.7"), "{checked:?}");
    Ok(())
}

#[tokio::test]
async fn a_refused_request_gets_what_the_browser_is_to_see() -> Result<()> {
    let house = House::start("envoy", &[]).await?;
    let script = ask(&house, "GET", "/orders", "accept: application/json\r\n").await?;
    assert_eq!(raw::status(&script)?, 401, "{script}");
    assert_eq!(raw::header(&script, "content-type"), ["application/problem+json"]);
    assert_eq!(raw::header(&script, "www-authenticate").len(), 1);

    let page = ask(&house, "GET", "/orders?x=1", NAVIGATION).await?;
    assert!(matches!(raw::status(&page)?, 302 | 303), "{page}");
    assert_eq!(raw::header(&page, "location"), ["/login?return_to=/orders%3Fx%3D1"]);

    let link = ask(&house, "GET", "/orders?x=1", &format!("{NAVIGATION}cookie: {HINT}=1\r\n")).await?;
    assert_eq!(raw::status(&link)?, 307, "{link}");
    assert_eq!(raw::header(&link, "location"), ["/_holdfast/resume?to=/orders%3Fx%3D1"]);

    let bound = house.api.bind("alice").await?;
    house.advance(301);
    let proof =
        ask(&house, "POST", "/account/cards", &format!("{NAVIGATION}{}", cookie(&bound.cookie))).await?;
    assert_eq!((raw::status(&proof)?, raw::header(&proof, "set-cookie").len()), (307, 1), "{proof}");
    assert_eq!(raw::header(&proof, "location"), ["/account/cards"]);
    for answer in [script, page, link, proof] {
        assert_eq!(raw::header(&answer, "cache-control"), ["no-store"]);
        assert_eq!(raw::header(&answer, "holdfast-user"), [""], "{answer}");
    }
    Ok(())
}

#[tokio::test]
async fn what_the_client_adds_has_no_say() -> Result<()> {
    let house =
        House::start("envoy", &[("ROUTES__1__PATH", "/public/"), ("ROUTES__1__PUBLIC", "true")]).await?;
    assert_eq!(raw::status(&ask(&house, "GET", "/public/x", "").await?)?, 200);
    for forged in [
        "x-envoy-original-path: /public/x\r\n",
        "x-envoy-original-method: OPTIONS\r\n",
        "x-forwarded-uri: /public/x\r\n",
        "x-forwarded-prefix: /public\r\n",
        "x-forwarded-host: other.example\r\n",
        "x-original-url: https://shop.example/public/x\r\n",
        "x-http-method-override: OPTIONS\r\n",
    ] {
        assert_eq!(raw::status(&ask(&house, "GET", "/orders", forged).await?)?, 401, "{forged}");
    }
    let login = house.api.login("alice").await?;
    for alias in ["holdfast_user", "holdfast.user", "holdfast_scope"] {
        let answer =
            ask(&house, "GET", "/orders", &format!("{}{alias}: root\r\n", cookie(&login.cookie))).await?;
        assert_eq!(raw::status(&answer)?, 403, "{alias}");
        assert!(raw::header(&answer, "holdfast-user").iter().all(|user| user.is_empty()), "{alias}");
    }
    Ok(())
}

/// The request of a browser at 203.0.113.7, as Envoy asks about it.
async fn ask(house: &House, method: &str, target: &str, more: &str) -> Result<String> {
    let request = format!(
        "{method} /verify/envoy{target} HTTP/1.1\r\nhost: shop.example\r\ncontent-length: 0\r\n\
         holdfast-gateway-secret: {GATEWAY_SECRET}\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64)\r\n{more}\
         x-forwarded-for: 198.51.100.9, 203.0.113.7\r\nx-envoy-expected-rq-timeout-ms: 2000\r\nconnection: close\r\n\r\n"
    );
    raw::over_tcp(house.internal(), &request).await
}

fn cookie(value: &str) -> String {
    format!("cookie: a=b; {COOKIE}={value}\r\n")
}

const NAVIGATION: &str = "accept: text/html,*/*;q=0.8\r\nsec-fetch-dest: document\r\nsec-fetch-mode: navigate\r\n\
                          sec-fetch-site: cross-site\r\n";
