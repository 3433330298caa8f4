//! Sessions that are used from elsewhere, with policies in force: what they are asked for, what clears it, and what the
//! audit trail says of it.

use anyhow::{Context as _, Result, ensure};
use holdfast_tests::mmdb::Mmdb;
use holdfast_tests::server::{Answer, Bound, COOKIE, Login, ORIGIN, Server, Settings};
use reqwest::Method;
use serde_json::{Value, json};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const HOME: &str = "81.2.69.142";
const AWAY: &str = "9.9.9.9";

fn settings(mode: &str) -> Settings {
    Settings::default().behind_gateways().set("policy.mode", mode)
}

async fn login(server: &Server, user: &str) -> Result<Login> {
    let client = json!({ "ip": HOME, "user_agent": FIREFOX });
    server.login_with(json!({ "user": user, "client": client, "auth": { "amr": ["pwd"] } })).await
}

/// The shop asks about a request from this address, by a browser that asks for pages.
async fn visit(server: &Server, cookie: &str, from: &str) -> Result<Answer> {
    let headers = json!([
        ["Cookie", format!("{COOKIE}={cookie}")],
        ["User-Agent", FIREFOX],
        ["Sec-Fetch-Mode", "navigate"]
    ]);
    server.ask(json!({ "headers": headers, "client_ip": from })).await
}

/// A post of the browser from this address, through a gateway; through one that does not tell it, without one.
async fn post(server: &Server, path: &str, from: Option<&str>, headers: &[(&str, &str)]) -> Result<Answer> {
    let call = server.browser(path).header("user-agent", FIREFOX);
    let call = from.into_iter().fold(call, |call, from| call.header("x-forwarded-for", from));
    headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
}

async fn bind(server: &Server, login: &Login, from: &str) -> Result<Bound> {
    let device = holdfast_tests::server::Device::new()?;
    let proof = device.registration(&login.offer);
    let proof = [("secure-session-response", proof.as_str())];
    let answer = post(server, "/_holdfast/dbsc/register", Some(from), &proof).await?.expect(200)?;
    Bound::read(&login.id, device, &answer)
}

async fn refresh(server: &Server, bound: &mut Bound, from: Option<&str>) -> Result<()> {
    let (id, proof) = (bound.id.clone(), bound.device.refresh(&bound.challenge));
    let headers = [("sec-secure-session-id", id.as_str()), ("secure-session-response", proof.as_str())];
    let answer = post(server, "/_holdfast/dbsc/refresh", from, &headers).await?.expect(200)?;
    bound.take(&answer)
}

#[tokio::test]
async fn why_was_alice_stepped_up_at_10_03() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let city = |continent: &str, country: &str, at: (f64, f64)| {
        json!({ "continent": { "code": continent }, "country": { "iso_code": country },
            "location": { "accuracy_radius": 20, "latitude": at.0, "longitude": at.1 } })
    };
    let cities = Mmdb::new("GeoLite2-City")
        .row("81.2.69.0/24", city("EU", "GB", (51.5, -0.1)))
        .row("9.9.9.0/24", city("EU", "FR", (48.9, 2.3)));
    cities.write(&folder.path().join("city.mmdb"))?;
    let asns = Mmdb::new("GeoLite2-ASN")
        .row("81.2.69.0/24", json!({ "autonomous_system_number": 20_712 }))
        .row("9.9.9.0/24", json!({ "autonomous_system_number": 3215 }));
    asns.write(&folder.path().join("asn.mmdb"))?;
    let settings = settings("enforce").set("risk.city", "city.mmdb").set("risk.asn", "asn.mmdb");
    let server = Server::in_folder(folder, settings).await?;

    let [alice, bob] = [login(&server, "alice").await?, login(&server, "bob").await?];
    for cookie in [&alice.cookie, &bob.cookie] {
        assert_eq!(visit(&server, cookie, HOME).await?.verdict(), ("allow", "ok"));
    }
    server.advance(180);
    assert_eq!(visit(&server, &alice.cookie, AWAY).await?.verdict(), ("step_up", "risk_step_up"));
    assert_eq!(visit(&server, &bob.cookie, HOME).await?.verdict(), ("allow", "ok"));
    server.audit().wait_for("session.denied", 1).await?;

    // The analyst asks for one kind of event of one user, and needs nothing else.
    let page =
        server.app(Method::GET, "/v1/events?user=alice&event=session.denied").send().await?.expect(200)?;
    let [event] = page.at("/events").as_array().context("events")?.as_slice() else {
        anyhow::bail!("{}", page.text)
    };
    let at = |pointer: &str| event.pointer(pointer).unwrap_or(&Value::Null);
    // When, who, in which session, from where, and with what.
    ensure!(at("/time").as_str().is_some_and(|time| time.starts_with("2026-11-22T10:03:00")), "{event}");
    assert_eq!(
        (at("/user"), at("/session"), at("/app")),
        (&json!("alice"), &json!(alice.id), &json!("shop"))
    );
    assert_eq!((at("/client_ip"), at("/user_agent")), (&json!(AWAY), &json!(FIREFOX)));
    assert_eq!(at("/binding"), "none", "no device could be asked");
    // What was decided, and the word that the answer had.
    assert_eq!((at("/decision"), at("/reason")), (&json!("step_up"), &json!("risk_step_up")));
    // What was suspected, how strongly, and from what.
    let signals = at("/risk/signals").as_array().context("signals")?;
    let changed = signals.iter().find(|signal| signal.get("name") == Some(&json!("network.changed")));
    let factors = changed.and_then(|signal| signal.get("factors")).context("factors")?;
    assert_eq!(changed.and_then(|signal| signal.get("score")), Some(&json!(70)));
    assert_eq!(factors, &json!({ "how": "another country", "from": "GB AS20712", "to": "FR AS3215" }));
    assert_eq!(at("/risk/score"), 70);
    // Which policies decided, whether they were in force, and what else they saw.
    let policies = at("/risk/policies").as_array().context("policies")?;
    let decided = json!({ "id": "unbound-elsewhere", "decision": "step_up", "mode": "enforce" });
    ensure!(policies.contains(&decided), "{event}");
    assert_eq!(at("/risk/situation/network/country"), "FR");
    assert_eq!(at("/risk/situation/network/usual"), false);
    assert_eq!(at("/risk/ages"), &json!({ "session": 180, "auth": 180 }));
    assert_eq!(at("/risk/request/method"), "GET");
    Ok(())
}

#[tokio::test]
async fn what_is_observed_is_told_and_not_done() -> Result<()> {
    let server = Server::with(settings("observe")).await?;
    let alice = login(&server, "alice").await?;
    visit(&server, &alice.cookie, HOME).await?;
    assert_eq!(visit(&server, &alice.cookie, AWAY).await?.verdict(), ("allow", "ok"));
    let raised = server.audit().wait_for("risk.raised", 1).await?.remove(0);
    let policies = raised.pointer("/risk/policies").and_then(Value::as_array).context("policies")?;
    let would = json!({ "id": "unbound-elsewhere", "decision": "step_up", "mode": "observe" });
    ensure!(policies.contains(&would), "{raised}");
    assert_eq!(raised.get("decision"), Some(&json!("allow")));
    ensure!(server.audit().named("session.denied").is_empty(), "nothing is refused");
    Ok(())
}

#[tokio::test]
async fn a_step_up_is_met_by_a_new_login_alone() -> Result<()> {
    let server = Server::with(settings("enforce").set("apps.0.step_up_url", "/again")).await?;
    let alice = login(&server, "alice").await?;
    visit(&server, &alice.cookie, HOME).await?;
    let asked = visit(&server, &alice.cookie, AWAY).await?;
    assert_eq!(asked.verdict(), ("step_up", "risk_step_up"));
    assert_eq!(asked.at("/status"), 302);
    ensure!(asked.text.contains("/again?return_to=/orders%3Fx%3D1"), "{}", asked.text);
    // A script is told by status.
    let script = json!([
        ["Cookie", format!("{COOKIE}={}", alice.cookie)],
        ["User-Agent", FIREFOX],
        ["Sec-Fetch-Mode", "cors"]
    ]);
    let script = server.ask(json!({ "headers": script, "client_ip": AWAY })).await?;
    assert_eq!((script.verdict(), script.at("/status")), (("step_up", "risk_step_up"), &json!(401)));

    let path = |id: &str| format!("/v1/sessions/{id}/regenerate");
    // Another id without a login clears nothing.
    let same =
        Login::read(server.app(Method::POST, &path(&alice.id)).json(&json!({})).send().await?.expect(201)?)?;
    assert_eq!(visit(&server, &same.cookie, AWAY).await?.verdict(), ("step_up", "risk_step_up"));
    let auth = json!({ "auth": { "amr": ["pwd", "otp"] } });
    let next = Login::read(server.app(Method::POST, &path(&same.id)).json(&auth).send().await?.expect(201)?)?;
    assert_eq!(visit(&server, &next.cookie, AWAY).await?.verdict(), ("allow", "ok"));
    // The cookie of before is worth nothing, from wherever.
    for place in [HOME, AWAY] {
        assert_eq!(visit(&server, &alice.cookie, place).await?.verdict(), ("deny", "session_ended"));
    }
    // Whoever took the new one is asked in turn.
    assert_eq!(visit(&server, &next.cookie, "8.8.8.8").await?.verdict(), ("step_up", "risk_step_up"));
    Ok(())
}

#[tokio::test]
async fn a_proof_from_there_is_all_that_a_bound_session_is_asked_for() -> Result<()> {
    let server = Server::with(settings("enforce")).await?;
    let alice = login(&server, "alice").await?;
    let mut bound = bind(&server, &alice, HOME).await?;
    assert_eq!(visit(&server, &bound.cookie, HOME).await?.verdict(), ("allow", "ok"));
    let asked = visit(&server, &bound.cookie, AWAY).await?;
    assert_eq!((asked.verdict(), asked.at("/status")), (("reprove", "risk_reprove"), &json!(307)));
    let headers = asked.at("/response_headers").to_string();
    ensure!(headers.contains("/orders?x=1") && headers.contains("Max-Age=0"), "{headers}");

    let stolen = bound.cookie.clone();
    refresh(&server, &mut bound, Some(AWAY)).await?;
    assert_eq!(visit(&server, &bound.cookie, AWAY).await?.verdict(), ("allow", "ok"));
    let checked = server.audit().wait_for("session.checked", 2).await?.pop().context("no event")?;
    let signals = checked.pointer("/risk/signals").and_then(Value::as_array).context("signals")?;
    let cleared = signals.iter().find(|signal| signal.get("name") == Some(&json!("network.changed")));
    let factors = cleared.and_then(|signal| signal.get("factors")).context("factors")?;
    assert_eq!((factors.get("cleared_by"), factors.get("was")), (Some(&json!("proof")), Some(&json!(40))));

    // A thief with the fresh cookie, elsewhere: he is asked, and has nothing to answer with.
    for cookie in [&bound.cookie, &stolen] {
        for _ in 0..3 {
            assert_eq!(visit(&server, cookie, "8.8.8.8").await?.verdict(), ("reprove", "risk_reprove"));
        }
    }
    assert_eq!(
        visit(&server, &bound.cookie, AWAY).await?.verdict(),
        ("allow", "ok"),
        "the owner notices nothing"
    );
    Ok(())
}

#[tokio::test]
async fn a_gateway_with_two_addresses_for_one_client_sends_nobody_in_circles() -> Result<()> {
    let server = Server::with(settings("enforce")).await?;
    let alice = login(&server, "alice").await?;
    let mut bound = bind(&server, &alice, HOME).await?;
    visit(&server, &bound.cookie, HOME).await?;
    let mut verdicts = Vec::new();
    for _ in 0..4 {
        verdicts.push(visit(&server, &bound.cookie, AWAY).await?.text_at("/reason")?.to_owned());
        // The gateway does not say for whom it hands the refresh on.
        refresh(&server, &mut bound, None).await?;
    }
    assert_eq!(verdicts, ["risk_reprove", "risk_reprove", "risk_step_up", "risk_step_up"]);
    let denied = server.audit().wait_for("session.denied", 3).await?;
    let detail = denied.get(2).and_then(|event| event.get("detail")).and_then(Value::as_str);
    ensure!(detail.is_some_and(|detail| detail.contains("holdfast doctor")), "{denied:?}");
    // At home nothing is asked, and a login is good for the place where its session is used.
    assert_eq!(visit(&server, &bound.cookie, HOME).await?.verdict(), ("allow", "ok"));
    let path = format!("/v1/sessions/{}/regenerate", bound.id);
    let auth = json!({ "auth": { "amr": ["pwd"] } });
    let next = Login::read(server.app(Method::POST, &path).json(&auth).send().await?.expect(201)?)?;
    assert_eq!(visit(&server, &next.cookie, AWAY).await?.verdict(), ("allow", "ok"));
    Ok(())
}

/// Each way by which a gateway is told.
#[tokio::test]
async fn gateways_are_told_in_their_own_ways() -> Result<()> {
    let server = Server::with(settings("enforce")).await?;
    let alice = login(&server, "alice").await?;
    let bound = bind(&server, &alice, HOME).await?;
    visit(&server, &bound.cookie, HOME).await?;
    for (kind, call) in server.kinds(&Method::POST, "/orders?x=1") {
        let call = call.cookie(&bound.cookie).header("x-forwarded-for", AWAY).header("user-agent", FIREFOX);
        let answer = call.send().await?;
        let place = answer.header("location").or_else(|| answer.header("holdfast-redirect"));
        let expected =
            if kind == "traefik" { format!("{ORIGIN}/orders?x=1") } else { "/orders?x=1".to_owned() };
        assert_eq!(place, Some(expected.as_str()), "{kind}");
        assert_eq!(answer.status, if kind == "nginx" { 401 } else { 307 }, "{kind}");
        assert_eq!(answer.header("holdfast-decision"), Some("reprove"), "{kind}");
        assert_eq!(answer.cookie(COOKIE).as_deref(), Some(""), "{kind}");
    }
    Ok(())
}
