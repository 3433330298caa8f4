//! The app of the fifteen minutes in `server/deploy/README.md`, as it is printed there, behind the recipe for nginx.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast_tests::server::{COOKIE, ORIGIN, Offer, TOKEN};
use holdfast_tests::{Prerequisite, ProcessGroup, free_port, require};
use reqwest::Method;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::gate::Gate;
use crate::proxy::{Configuration, Places, Proxy, deploy};

#[tokio::test]
async fn the_printed_app_logs_in_and_out() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Python]) else { return Ok(()) };
    let Some(mut gate) = Gate::published(Proxy::Nginx).await? else { return Ok(()) };
    let app = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let mut command = Command::new("python3");
    command.arg("-c").arg(printed(app, gate.house.internal())?).env("HOLDFAST_TOKEN", TOKEN);
    let running = ProcessGroup::start(&mut command)?;
    while TcpStream::connect(app).await.is_err() {
        anyhow::ensure!(!running.has_exited()?, "the app has ended");
        sleep(Duration::from_millis(20)).await;
    }
    let places = Places { app, ..gate.places() };
    gate.replace(Configuration::published(Proxy::Nginx)?.start(places, &gate.authority).await?)?;

    let form = gate.get("/login?return_to=/orders%3Fx%3D1%27").send().await?.expect(200)?;
    assert!(form.text.contains("name=return_to value='/orders?x=1&#x27;'"), "{}", form.text);
    for (to, wanted) in [
        ("/orders?x=1", "/orders?x=1"),
        ("//other.example", "/"),
        ("/\\other.example", "/"),
        ("/a\r\nSet-Cookie: b=c", "/"),
        ("https://other.example/", "/"),
    ] {
        let login = gate.request(Method::POST, "/login").form(&[("user", "alice"), ("return_to", to)]);
        let answer = login.send().await?.expect(303)?;
        assert_eq!(answer.header("location"), Some(wanted), "{to}");
        Offer::read(answer.header("secure-session-registration").unwrap_or_default())?;
        let set = answer.all("set-cookie");
        let cookie =
            set.iter().find_map(|set| set.strip_prefix(COOKIE)?.strip_prefix('=')?.split(';').next());
        let cookie = cookie.context("no cookie")?.to_owned();

        let page = gate.get("/orders").cookie(&cookie).send().await?.expect(200)?;
        assert!(page.text.contains("hello alice"), "{}", page.text);
        let logout = gate.request(Method::POST, "/_holdfast/logout?to=/").cookie(&cookie);
        let out = logout.header("origin", ORIGIN).send().await?.expect(303)?;
        assert_eq!(out.header("location"), Some("/"));
        gate.get("/orders").cookie(&cookie).send().await?.expect(401)?;
    }
    Ok(())
}

/// The Python of the page, with ports of the test's own.
fn printed(app: SocketAddr, internal: SocketAddr) -> Result<String> {
    let page = std::fs::read_to_string(deploy("README.md"))?;
    let code =
        page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).context("no app")?;
    let code: String =
        code.lines().map(|line| format!("{}\n", line.strip_prefix("   ").unwrap_or(line))).collect();
    let code = code.replace("127.0.0.1:8444", &internal.to_string());
    Ok(code.replace("(\"127.0.0.1\", 8000)", &format!("(\"127.0.0.1\", {})", app.port())))
}
