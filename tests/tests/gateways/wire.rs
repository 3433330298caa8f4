//! What a client may write on the wire to get around a recipe: headers for the connection alone, a tunnel, another name,
//! names with odd signs.

use anyhow::{Result, ensure};
use holdfast_tests::server::COOKIE;

use crate::app::Seen;
use crate::gate::Gate;
use crate::proxy::{Configuration, Places, Proxy};
use crate::{raw, through_each_proxy};

through_each_proxy!(
    the_client_takes_no_header_of_the_gateway_away,
    an_upgrade_is_no_tunnel_past_the_check,
    the_app_is_asked_under_its_own_name_alone,
    a_name_with_any_sign_stays_outside,
    nobody_writes_his_own_address,
);

/// Proxies drop what `Connection` names (RFC 9110 §7.6.1), and some do so after the gateway has set it.
async fn the_client_takes_no_header_of_the_gateway_away(proxy: Proxy) -> Result<()> {
    connection(Configuration::published(proxy)?).await
}

async fn connection(recipe: Configuration) -> Result<()> {
    let Some(gate) = behind(&recipe).await? else { return Ok(()) };
    let alice = gate.login("alice").await?;
    let cookie = format!("Cookie: {COOKIE}={}\r\n", alice.cookie);
    send(&gate, "/orders", &format!("{cookie}Connection: close\r\n")).await?;
    let usual = identity(&gate.app.last()?);
    ensure!(usual.contains(&("holdfast-user".to_owned(), "alice".to_owned())), "{usual:?}");
    for connection in [
        "Connection: close, Holdfast-Client, Holdfast-Scope, Holdfast-Issuer\r\n",
        "Connection: close, holdfast-user\r\n",
        "Connection: close\r\nConnection: HOLDFAST-SESSION\r\n",
    ] {
        let before = gate.app.seen().len();
        send(&gate, "/orders", &format!("{cookie}{connection}")).await?;
        for seen in gate.app.seen().iter().skip(before) {
            ensure!(identity(seen) == usual, "{connection}: {seen:?}");
        }
    }
    Ok(())
}

/// What follows an upgrade to HTTP/2 without TLS is seen by nobody but the app.
async fn an_upgrade_is_no_tunnel_past_the_check(proxy: Proxy) -> Result<()> {
    upgrade(Configuration::published(proxy)?).await
}

async fn upgrade(recipe: Configuration) -> Result<()> {
    let proxy = recipe.proxy();
    let Some(gate) = behind(&recipe).await? else { return Ok(()) };
    let alice = gate.login("alice").await?;
    let upgrade = |token: &str| {
        format!(
            "Cookie: {COOKIE}={}\r\nConnection: close, Upgrade, HTTP2-Settings\r\n{token}\
             HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
            alice.cookie
        )
    };
    for token in [
        "Upgrade: h2c\r\n",
        "Upgrade: H2C\r\n",
        "Upgrade: h2c, websocket\r\n",
        "Upgrade: websocket, h2c\r\n",
        "Upgrade: h2c\r\nUpgrade: websocket\r\n",
        "Upgrade: websocket\r\nUpgrade: h2c\r\n",
    ] {
        for path in ["/orders", "/login"] {
            send(&gate, path, &upgrade(token)).await?;
        }
    }
    for seen in gate.app.seen() {
        let asked = seen.all("upgrade").concat().to_ascii_lowercase();
        ensure!(!asked.contains("h2c"), "{seen:?}");
    }
    // The other two recipes have no WebSockets.
    if matches!(proxy, Proxy::Caddy | Proxy::Haproxy) {
        send(&gate, "/orders", &upgrade("Upgrade: websocket\r\n")).await?;
        ensure!(gate.app.last()?.all("upgrade") == ["websocket"], "{:?}", gate.app.last()?);
    }
    Ok(())
}

/// The check is about `shop.example`, and so is what the app gets.
async fn the_app_is_asked_under_its_own_name_alone(proxy: Proxy) -> Result<()> {
    host(Configuration::published(proxy)?).await
}

async fn host(recipe: Configuration) -> Result<()> {
    let proxy = recipe.proxy();
    let Some(gate) = behind(&recipe).await? else { return Ok(()) };
    let alice = gate.login("alice").await?;
    let cookie = format!("Cookie: {COOKIE}={}\r\nConnection: close\r\n", alice.cookie);
    for host in [
        "other.example",
        "127.0.0.1",
        "shop.example.other.example",
        "other.example,shop.example",
        "shop.example, other.example",
        "other.example:443",
    ] {
        for path in ["/orders", "/login", "/_holdfast/session"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n");
            let answer = raw::over_tls(&gate.authority, gate.proxy.https, &request).await?;
            // Caddy has an empty page for names that it does not know.
            let refused = matches!(raw::status(&answer)?, 400 | 421) || proxy == Proxy::Caddy;
            ensure!(refused && !answer.contains("alice"), "{host}{path}: {answer}");
        }
    }
    ensure!(gate.app.seen().is_empty(), "{:?}", gate.app.seen());
    for request in [
        format!("GET /orders HTTP/1.1\r\nHost: shop.example:1\r\n{cookie}\r\n"),
        format!("GET /orders HTTP/1.1\r\nHost: SHOP.example\r\n{cookie}\r\n"),
        format!("GET /orders HTTP/1.0\r\n{cookie}\r\n"),
        format!("GET https://other.example/orders HTTP/1.1\r\nHost: shop.example\r\n{cookie}\r\n"),
        format!("GET https://shop.example/orders HTTP/1.1\r\nHost: other.example\r\n{cookie}\r\n"),
    ] {
        raw::over_tls(&gate.authority, gate.proxy.https, &request).await?;
    }
    for seen in gate.app.seen() {
        let hosts = seen.all("host");
        let named = hosts.first().and_then(|host| host.split(':').next()).unwrap_or_default();
        ensure!(hosts.len() == 1 && named.eq_ignore_ascii_case("shop.example"), "{seen:?}");
    }
    Ok(())
}

/// Some back ends read whatever is no letter as the same sign.
async fn a_name_with_any_sign_stays_outside(proxy: Proxy) -> Result<()> {
    names(Configuration::published(proxy)?).await
}

async fn names(recipe: Configuration) -> Result<()> {
    let Some(gate) = behind(&recipe).await? else { return Ok(()) };
    let alice = gate.login("alice").await?;
    // All that a name may have (RFC 9110 §5.6.2), beside the one that ours have.
    for sign in "!#$%&'*+.^_`|~".chars() {
        for name in ["Holdfast User", "holdfast scope", "Holdfast Gateway Secret"] {
            let forged = format!("{}: root\r\nConnection: close\r\n", name.replace(' ', &sign.to_string()));
            send(&gate, "/login", &forged).await?;
            send(&gate, "/orders", &format!("Cookie: {COOKIE}={}\r\n{forged}", alice.cookie)).await?;
        }
    }
    for seen in gate.app.seen() {
        let strange = seen.names().into_iter().find(|name| {
            name.strip_prefix("holdfast").is_some_and(|rest| !rest.starts_with('-'))
                || name.contains("secret")
        });
        ensure!(strange.is_none() && seen.as_cgi("holdfast-user") != "root", "{seen:?}");
    }
    Ok(())
}

/// Limits go by the address that the proxy tells, on each of the ways to Holdfast and to the app.
async fn nobody_writes_his_own_address(proxy: Proxy) -> Result<()> {
    address(Configuration::published(proxy)?).await
}

async fn address(recipe: Configuration) -> Result<()> {
    let Some(mut gate) = behind(&recipe).await? else { return Ok(()) };
    let alice = gate.login("alice").await?;
    // The app takes the place of Holdfast's public listener, to show what arrives there.
    let places = Places { public: gate.app.address, ..gate.places() };
    gate.replace(recipe.start(places, &gate.authority).await?)?;
    for path in [
        "/_holdfast/session",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource",
        "/login",
        "/orders",
    ] {
        let before = gate.app.seen().len();
        let call = gate.get(path).cookie(&alice.cookie);
        call.header("x-forwarded-for", "198.51.100.9, 192.0.2.1").send().await?.expect(200)?;
        ensure!(gate.app.seen().len() == before + 1, "{path}");
        let seen = gate.app.last()?;
        ensure!(seen.all("x-forwarded-for") == ["127.0.0.1"], "{path}: {seen:?}");
    }
    Ok(())
}

/// Tests that a story fails where the recipe lacks what it is about: a test that could not fail would prove nothing.
macro_rules! without {
    ($($name:ident: $story:ident of $proxy:ident, $changes:expr);+ $(;)?) => {
        $(
            #[tokio::test]
            async fn $name() -> Result<()> {
                let mut recipe = Configuration::published(Proxy::$proxy)?;
                for (from, to) in $changes {
                    recipe.change(from, to)?;
                }
                let Some(_gate) = behind(&recipe).await? else { return Ok(()) };
                ensure!($story(recipe).await.is_err(), "nothing happens");
                Ok(())
            }
        )+
    };
}

without! {
    apache_needs_a_look_at_connection: connection of Apache, [("find(\"holdfast\"", "find(\"nothing\"")];
    apache_needs_a_host_that_refuses: host of Apache, [(
        "<VirtualHost *:443>\n    ServerName refused",
        "<VirtualHost 127.0.0.1:9>\n    ServerName refused",
    )];
    caddy_needs_a_look_at_connection: connection of Caddy, [("Connection (?i)holdfast", "Connection nothing")];
    caddy_needs_a_look_at_upgrades: upgrade of Caddy, [("\trequest_header @no_websocket -Upgrade\n", "")];
    caddy_needs_every_upgrade_in_one: upgrade of Caddy, [("\trequest_header @websocket Upgrade websocket\n", "")];
    caddy_needs_every_sign: names of Caddy, [("request_header -Holdfast*", "request_header -Holdfast-*")];
    haproxy_needs_a_look_at_upgrades: upgrade of Haproxy, [("http-request del-header Upgrade ", "#")];
    haproxy_needs_every_upgrade_in_one: upgrade of Haproxy, [("http-request set-header Upgrade ", "#")];
    haproxy_needs_every_sign: names of Haproxy, [("^holdfast[^a-z0-9] ", "^holdfast[-_.] ")];
    haproxy_needs_a_look_at_the_host: host of Haproxy, [("http-request deny deny_status 421", "#")];
    haproxy_needs_the_whole_host: host of Haproxy, [("req.fhdr(host)", "req.hdr(host)")];
    nginx_needs_a_server_that_refuses: host of Nginx, [
        ("listen 443 ssl http2;", "listen 443 ssl http2 for_all;"),
        ("http2 default_server;", "http2;"),
        ("for_all", "default_server"),
    ];
    nginx_needs_an_address: address of Nginx, [("proxy_set_header X-Forwarded-For $remote_addr;", "")];
}

/// What stands behind this recipe; `None` when its proxy is not installed.
async fn behind(recipe: &Configuration) -> Result<Option<Gate>> {
    Gate::with(recipe.proxy(), Some(recipe.clone()), &[]).await
}

/// Sends a `GET` whose further headers are `more`.
async fn send(gate: &Gate, path: &str, more: &str) -> Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n{more}\r\n");
    raw::over_tls(&gate.authority, gate.proxy.https, &request).await
}

/// What the app was told of the user, in one order. An assertion would differ each time; there is none.
fn identity(seen: &Seen) -> Vec<(String, String)> {
    let mut names: Vec<_> = seen.names().into_iter().filter(|name| name.starts_with("holdfast-")).collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), seen.all(&name).concat())).collect()
}
