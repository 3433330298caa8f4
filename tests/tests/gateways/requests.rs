//! What every recipe does with plain requests, by HTTP/1.1 and HTTP/2.

use anyhow::{Result, ensure};
use holdfast_tests::server::{Answer, Bound, Call, Device, HINT, ORIGIN};
use reqwest::Method;

use crate::gate::Gate;
use crate::proxy::Proxy;
use crate::{raw, through_each_proxy};

through_each_proxy!(
    the_app_learns_who_is_there,
    the_check_hears_what_tells_clients_apart,
    the_login_page_is_open_and_nobody_is_there,
    refusals_come_in_the_shape_that_clients_understand,
    the_device_proves_its_key_when_a_route_demands_it,
    what_holdfast_owns_is_not_behind_the_check,
    cookies_come_in_crumbs_and_not_twice,
    an_outage_lets_nothing_through,
    plain_http_is_sent_to_https,
);

async fn the_app_learns_who_is_there(proxy: Proxy) -> Result<()> {
    let Some(gate) = Gate::published(proxy).await? else { return Ok(()) };
    // A name that another product took for two mail addresses (GHSA-c5c4-8r6x-56w3) is a name.
    for user in ["alice", "mallory@evil.example@shop.example"] {
        let login = gate.login(user).await?;
        for call in gate.gets("/cookies?x=1&y=%2F") {
            let forged = call.header("holdfast-user", "root").header("Holdfast-Scope", "admin");
            let forged =
                forged.header("holdfast-gateway-secret", "guess").header("x-forwarded-for", "198.51.100.9");
            let answer = forged.cookie(&login.cookie).send().await?.expect(200)?;
            assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
            assert_eq!(answer.all("set-cookie").len(), 2, "the app's own cookies, each on its own line");

            let seen = gate.app.last()?;
            assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/cookies?x=1&y=%2F"));
            assert_eq!(seen.all("holdfast-user"), [user]);
            assert_eq!(seen.all("holdfast-session"), [login.id.as_str()]);
            assert_eq!(seen.all("holdfast-binding"), ["none"]);
            assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"]);
            assert_eq!(seen.all("x-forwarded-proto"), ["https"]);
            for name in ["holdfast-assertion", "holdfast-client", "holdfast-scope", "holdfast-issuer"] {
                assert!(matches!(seen.all(name).as_slice(), [] | [""]), "{name}: {:?}", seen.all(name));
            }
            assert!(!seen.names().contains(&"holdfast-gateway-secret".to_owned()), "{:?}", seen.names());
        }
    }
    let posted = gate.request(Method::POST, "/orders").cookie(&gate.login("alice").await?.cookie).body("a=b");
    posted.send().await?.expect(200)?;
    assert_eq!(gate.app.last()?.method, "POST");
    Ok(())
}

/// A thief with the right `User-Agent` gives themselves away by what browsers send beside it. The proxy must not keep that from
/// the check.
async fn the_check_hears_what_tells_clients_apart(proxy: Proxy) -> Result<()> {
    let Some(gate) = Gate::published(proxy).await? else { return Ok(()) };
    let login = gate.login("alice").await?;
    let browser = |call: Call, platform: &str, languages: &str| {
        let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36";
        let brands = r#""Chromium";v="146", "Google Chrome";v="146", "Not_A Brand";v="24""#;
        let call =
            call.header("user-agent", agent).header("sec-ch-ua", brands).header("sec-ch-ua-mobile", "?0");
        let call = call.header("sec-ch-ua-platform", platform).header("accept-language", languages);
        call.cookie(&login.cookie)
    };
    for (platform, languages) in [("\"Windows\"", "en-GB,en;q=0.9"), ("\"Android\"", "pl-PL,pl;q=0.9")] {
        for call in gate.gets("/orders") {
            browser(call, platform, languages).send().await?.expect(200)?;
        }
    }
    let checked = gate.house.audit().wait_for("session.checked", 4).await?;
    let signals = |event: &serde_json::Value| event["risk"]["signals"].to_string();
    assert!(checked.iter().take(2).all(|event| !signals(event).contains("agent.changed")), "{checked:#?}");
    for event in checked.iter().skip(2) {
        for part in ["agent.changed", "languages", "hints_contradict"] {
            assert!(signals(event).contains(part), "{part}: {event:#}");
        }
    }
    Ok(())
}

async fn the_login_page_is_open_and_nobody_is_there(proxy: Proxy) -> Result<()> {
    let Some(gate) = Gate::published(proxy).await? else { return Ok(()) };
    for call in gate.gets("/login?return_to=/orders") {
        let call = IDENTITY.iter().fold(call, |call, name| call.header(name, "root"));
        let answer = call.header("holdfast-gateway-secret", "guess").send().await?.expect(200)?;
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
        let seen = gate.app.last()?;
        assert_eq!(seen.target, "/login?return_to=/orders");
        let ours: Vec<_> = seen.names().into_iter().filter(|name| name.starts_with("holdfast")).collect();
        assert!(ours.iter().all(|name| seen.all(name) == [""]), "{seen:?}");
    }
    // What comes back from the app's one call reaches the browser as it is.
    let login = gate.request(Method::POST, "/login").form(&[("user", "alice"), ("return_to", "/orders")]);
    let answer = login.send().await?.expect(303)?;
    assert_eq!(answer.all("set-cookie").len(), 2);
    let offer = answer.header("secure-session-registration").unwrap_or_default();
    holdfast_tests::server::Offer::read(offer)?;
    Ok(())
}

async fn refusals_come_in_the_shape_that_clients_understand(proxy: Proxy) -> Result<()> {
    let Some(gate) = Gate::published(proxy).await? else { return Ok(()) };
    for call in gate.gets("/orders?x=1") {
        let answer = call.header("accept", "application/json").send().await?.expect(401)?;
        common(&answer);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.code(), "no_credential");
        let challenges = answer.all("www-authenticate");
        assert!(matches!(challenges.as_slice(), [one] if one.starts_with("DPoP algs=")), "{challenges:?}");
    }
    for call in gate.gets("/orders?x=1") {
        let answer = navigation(call, "none").send().await?;
        common(&answer);
        assert_eq!(location(&answer)?, "/login?return_to=/orders%3Fx%3D1");
    }
    for call in gate.gets("/orders?x=1") {
        let answer = navigation(call, "cross-site").header("cookie", &format!("{HINT}=1")).send().await?;
        common(&answer);
        let to = location(&answer)?;
        assert_eq!(to, "/_holdfast/resume?to=/orders%3Fx%3D1");
        let page = gate.get(&to).send().await?.expect(200)?;
        assert!(page.text.contains("0;url=/orders?x=1\""), "{}", page.text);
    }
    assert!(gate.app.seen().is_empty(), "{:?}", gate.app.seen());
    Ok(())
}

async fn the_device_proves_its_key_when_a_route_demands_it(proxy: Proxy) -> Result<()> {
    let Some(gate) = Gate::published(proxy).await? else { return Ok(()) };
    let mut bound = gate.house.api.bind("alice").await?;
    let call = |cookie: &str| navigation(gate.get("/account/cards?x=1"), "same-origin").cookie(cookie);
    call(&bound.cookie).send().await?.expect(200)?;

    gate.house.advance(301);
    let answer = call(&bound.cookie).send().await?.expect(307)?;
    common(&answer);
    assert_eq!(location(&answer)?, "/account/cards?x=1");
    let cookies = answer.all("set-cookie");
    assert!(matches!(cookies.as_slice(), [one] if one.starts_with("__Host-holdfast=;")), "{cookies:?}");
    // Elsewhere the same proof is fresh enough.
    gate.get("/orders").cookie(&bound.cookie).send().await?.expect(200)?;

    gate.house.api.renew(&mut bound).await?;
    call(&bound.cookie).send().await?.expect(200)?;
    Ok(())
}

async fn what_holdfast_owns_is_not_behind_the_check(proxy: Proxy) -> Result<()> {
    let Some(gate) = Gate::published(proxy).await? else { return Ok(()) };
    let login = gate.login("alice").await?;
    let device = Device::new()?;
    let post = |path| gate.request(Method::POST, path).header("content-length", "0");

    let proof = device.registration(&login.offer);
    let registered =
        post("/_holdfast/dbsc/register").header("secure-session-response", &proof).send().await?;
    assert_eq!(registered.all("set-cookie").len(), 2);
    let mut bound = Bound::read(&login.id, device, &registered.expect(200)?)?;

    let id = bound.id.clone();
    let refresh = || post("/_holdfast/dbsc/refresh").header("sec-secure-session-id", &id);
    let asked = refresh().send().await?.expect(403)?;
    assert_eq!(asked.header("content-type"), Some("application/problem+json"));
    assert!(asked.challenge(&id).is_some(), "{:?}", asked.headers);
    let proof = bound.device.refresh(&bound.challenge);
    bound.take(&refresh().header("secure-session-response", &proof).send().await?.expect(200)?)?;
    let unknown = "hs_AAAAAAAAAAAAAAAAAAAAAA";
    let gone = post("/_holdfast/dbsc/refresh").header("sec-secure-session-id", unknown).send().await?;
    assert_eq!(gone.expect(404)?.header("content-type"), Some("application/problem+json"));

    gate.get("/_holdfast/session").send().await?.expect(401)?;
    let own = gate.get("/_holdfast/session").cookie(&bound.cookie).send().await?.expect(200)?;
    assert_eq!(own.at("/user"), "alice");
    for (document, member) in [
        ("/.well-known/oauth-authorization-server", "/issuer"),
        ("/.well-known/oauth-protected-resource", "/resource"),
    ] {
        let answer = gate.get(document).send().await?.expect(200)?;
        assert_eq!(answer.at(member), ORIGIN);
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    }
    assert!(gate.app.seen().is_empty(), "{:?}", gate.app.seen());
    Ok(())
}

async fn cookies_come_in_crumbs_and_not_twice(proxy: Proxy) -> Result<()> {
    let Some(gate) = Gate::published(proxy).await? else { return Ok(()) };
    let (alice, mallory) = (gate.login("alice").await?, gate.login("mallory").await?);
    // HTTP/2 spreads cookies over several fields (RFC 9113 §8.2.3); HTTP/1.1 has one (RFC 6265 §5.4).
    let [_one, two] = gate.gets("/orders");
    two.header("cookie", "a=b").cookie(&alice.cookie).header("cookie", "c=d").send().await?.expect(200)?;
    assert_eq!(gate.app.last()?.all("holdfast-user"), ["alice"]);

    let reached = gate.app.seen().len();
    for call in gate.gets("/orders") {
        let answer = call.cookie(&mallory.cookie).cookie(&alice.cookie).send().await?.expect(401)?;
        // Apache joins two fields of HTTP/1.1 with a comma, and then it is one cookie that nobody has sealed.
        assert!(matches!(answer.code(), "duplicate_cookie" | "bad_cookie"), "{}", answer.text);
    }
    assert_eq!(gate.app.seen().len(), reached);
    Ok(())
}

async fn an_outage_lets_nothing_through(proxy: Proxy) -> Result<()> {
    let Some(mut gate) = Gate::published(proxy).await? else { return Ok(()) };
    let login = gate.login("alice").await?;
    gate.house.stop().await;
    for call in gate.gets("/orders") {
        let answer = call.cookie(&login.cookie).send().await?;
        assert!((500..600).contains(&answer.status), "{}: {}", answer.status, answer.text);
    }
    assert!(gate.app.seen().is_empty(), "{:?}", gate.app.seen());
    // Our outage is not the browser's guilt: it keeps its session over 5xx.
    let refresh =
        gate.request(Method::POST, "/_holdfast/dbsc/refresh").header("sec-secure-session-id", &login.id);
    let answer = refresh.header("content-length", "0").send().await?;
    assert!((500..600).contains(&answer.status), "{}: {}", answer.status, answer.text);
    gate.get("/login").send().await?.expect(200)?;
    Ok(())
}

async fn plain_http_is_sent_to_https(proxy: Proxy) -> Result<()> {
    let Some(gate) = Gate::published(proxy).await? else { return Ok(()) };
    gate.proxy.listens(gate.proxy.http).await?;
    let request = "GET /orders?x=1 HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    let answer = raw::over_tcp(gate.proxy.http, request).await?;
    assert_eq!(raw::status(&answer)?, 308, "{answer}");
    assert_eq!(raw::header(&answer, "location"), ["https://shop.example/orders?x=1"]);
    Ok(())
}

/// What every refusal has.
fn common(answer: &Answer) {
    assert_eq!(answer.all("strict-transport-security"), ["max-age=31536000"], "{:?}", answer.headers);
    assert_eq!(answer.all("cache-control"), ["no-store"], "{:?}", answer.headers);
}

/// A browser opens a page.
fn navigation(call: Call, site: &str) -> Call {
    let call = call.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
    call.header("sec-fetch-site", site).header("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
}

/// Where an answer leads, on the app's own origin.
fn location(answer: &Answer) -> Result<String> {
    ensure!(matches!(answer.status, 302 | 303 | 307), "{}: {}", answer.status, answer.text);
    let [location] = answer.all("location").try_into().map_err(|all| anyhow::anyhow!("{all:?}"))?;
    Ok(location.strip_prefix(ORIGIN).unwrap_or(location).to_owned())
}

const IDENTITY: [&str; 7] = [
    "holdfast-user",
    "holdfast-session",
    "holdfast-binding",
    "holdfast-assertion",
    "holdfast-client",
    "holdfast-scope",
    "holdfast-issuer",
];
