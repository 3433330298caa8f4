//! What a session is asked for that turns up elsewhere, what meets it, and what an analyst reads of it.

use anyhow::{Context as _, Result, bail, ensure};
use holdfast_tests::server::{Answer, COOKIE, Login, ORIGIN, Server, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use super::scene::{FIREFOX, HOME, NEW_YORK, OFFICE, at, enforcing};

#[tokio::test]
async fn why_was_alice_stepped_up_at_10_03() -> Result<()> {
    let server = enforcing(Settings::default()).await?;
    let alice = at(HOME, FIREFOX).login(&server).await?;
    let bob = at(HOME, FIREFOX).login_with(&server, json!({ "user": "bob" })).await?;
    for cookie in [&alice.cookie, &bob.cookie] {
        ensure!(at(HOME, FIREFOX).check(&server, cookie).await?.verdict() == ("allow", "ok"));
    }
    server.advance(180);
    at(OFFICE, FIREFOX).check(&server, &alice.cookie).await?;
    at(HOME, FIREFOX).check(&server, &bob.cookie).await?;
    server.audit().wait_for("session.denied", 1).await?;

    // The analyst asks for one kind of event of one user, and needs nothing else.
    let asked = server.app(Method::GET, "/v1/events?user=alice&event=session.denied");
    let page = asked.send().await?.expect(200)?;
    let [event] = page.at("/events").as_array().context("events")?.as_slice() else { bail!("{}", page.text) };
    // When, who, in which session, from where and with what.
    ensure!(event["time"].as_str().is_some_and(|time| time.starts_with("2026-11-22T10:03:00")), "{event}");
    assert_eq!((&event["app"], &event["user"]), (&json!("shop"), &json!("alice")));
    assert_eq!(event["session"], json!(alice.id));
    assert_eq!((&event["client_ip"], &event["user_agent"]), (&json!(OFFICE), &json!(FIREFOX)));
    assert_eq!(event["binding"], "none", "there was no device to ask");
    // What was decided, and the word that the answer had.
    assert_eq!((&event["decision"], &event["reason"]), (&json!("step_up"), &json!("risk_step_up")));
    // What was suspected, how strongly, and from what.
    let risk = &event["risk"];
    let signals = risk["signals"].as_array().context("signals")?;
    let changed = signals.iter().find(|signal| signal["name"] == "network.changed").context("not told")?;
    let factors = json!({ "how": "another operator", "from": "GB AS2856", "to": "GB AS5378" });
    assert_eq!((&changed["score"], &changed["factors"]), (&json!(40), &factors));
    assert_eq!(risk["score"], 40);
    // Which policies decided, whether they were in force, and what they saw.
    let decided = json!({ "id": "unbound-elsewhere", "decision": "step_up", "mode": "enforce" });
    ensure!(risk["policies"].as_array().is_some_and(|hits| hits.contains(&decided)), "{event}");
    assert_eq!(risk["situation"]["network"]["asn"], 5378);
    assert_eq!(risk["situation"]["network"]["country"], "GB");
    // What says nothing is left out: the place is not usual.
    assert_eq!(risk["situation"]["network"]["usual"], Value::Null);
    assert_eq!(risk["ages"], json!({ "session": 180, "auth": 180 }));
    assert_eq!(risk["request"]["method"], "GET");
    // And nobody could use it: what is secret is not in it.
    ensure!(!event.to_string().contains(&alice.cookie), "{event}");
    Ok(())
}

#[tokio::test]
async fn a_person_is_sent_to_log_in_again_and_a_script_is_told() -> Result<()> {
    let server = enforcing(Settings::default().set("apps.0.step_up_url", "/again")).await?;
    let alice = at(HOME, FIREFOX).login(&server).await?;
    at(HOME, FIREFOX).check(&server, &alice.cookie).await?;
    let person = visit(&server, &alice.cookie, "navigate").await?;
    assert_eq!((person.verdict(), person.at("/status")), (("step_up", "risk_step_up"), &json!(302)));
    ensure!(
        person.at("/response_headers").to_string().contains("/again?return_to=/orders"),
        "{}",
        person.text
    );
    let script = visit(&server, &alice.cookie, "cors").await?;
    assert_eq!((script.verdict(), script.at("/status")), (("step_up", "risk_step_up"), &json!(401)));

    // Another id without a login clears nothing, and with one it clears the place where the session is used then.
    let same = regenerate(&server, &alice.id, json!({})).await?;
    assert_eq!(visit(&server, &same.cookie, "cors").await?.verdict(), ("step_up", "risk_step_up"));
    let next = regenerate(&server, &same.id, json!({ "auth": { "amr": ["pwd", "otp"] } })).await?;
    assert_eq!(visit(&server, &next.cookie, "cors").await?.verdict(), ("allow", "ok"));
    // The cookies of before are worth nothing, from wherever; and whoever takes the new one elsewhere is refused in turn.
    for cookie in [&alice.cookie, &same.cookie] {
        for place in [HOME, OFFICE] {
            assert_eq!(at(place, FIREFOX).check(&server, cookie).await?.verdict().0, "deny");
        }
    }
    assert_ne!(at(NEW_YORK, FIREFOX).check(&server, &next.cookie).await?.verdict().0, "allow");
    Ok(())
}

/// A gateway that tells one address of a client for its requests and another one for its proofs.
#[tokio::test]
async fn proofs_from_where_the_session_is_not_become_a_login() -> Result<()> {
    let server = enforcing(Settings::default()).await?;
    let alice = at(HOME, FIREFOX).login(&server).await?;
    let mut bound = at(HOME, FIREFOX).bind(&server, &alice).await?;
    at(HOME, FIREFOX).check(&server, &bound.cookie).await?;
    let mut reasons = Vec::new();
    for _ in 0..4 {
        reasons.push(at(OFFICE, FIREFOX).check(&server, &bound.cookie).await?.text_at("/reason")?.to_owned());
        // This is the gateway's own.
        at("127.0.0.1", FIREFOX).refresh(&server, &mut bound).await?;
    }
    assert_eq!(reasons, ["risk_reprove", "risk_step_up", "risk_step_up", "risk_step_up"]);
    let denied = server.audit().wait_for("session.denied", 4).await?;
    let says = |event: &serde_json::Value| event["detail"].as_str().unwrap_or_default().to_owned();
    let told: Vec<_> = denied.iter().map(|event| says(event).contains("holdfast doctor")).collect();
    assert_eq!(told, [false, true, true, true]);
    let begins = "The policy \"bound-elsewhere\" asks the device for a proof because of ";
    ensure!(denied.iter().all(|event| says(event).starts_with(begins)), "{denied:?}");
    // At home nothing is asked. The login that was asked for ends it where the session is.
    assert_eq!(at(HOME, FIREFOX).check(&server, &bound.cookie).await?.verdict(), ("allow", "ok"));
    let next = regenerate(&server, &bound.id, json!({ "auth": { "amr": ["pwd"] } })).await?;
    assert_eq!(at(OFFICE, FIREFOX).check(&server, &next.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

/// Whoever cannot prove the key is asked for a proof as often as they come, and never let through or asked for less.
#[tokio::test]
async fn a_thief_does_not_wear_the_demand_down() -> Result<()> {
    let server = enforcing(Settings::default()).await?;
    let alice = at(HOME, FIREFOX).login(&server).await?;
    let mut bound = at(HOME, FIREFOX).bind(&server, &alice).await?;
    for round in 0..6 {
        assert_eq!(at(HOME, FIREFOX).check(&server, &bound.cookie).await?.verdict(), ("allow", "ok"));
        for _ in 0..5 {
            let verdict = at(OFFICE, FIREFOX).check(&server, &bound.cookie).await?;
            assert_eq!(verdict.verdict(), ("reprove", "risk_reprove"), "round {round}");
        }
        // The owner's browser refreshes now and then, as browsers do.
        server.advance(300);
        at(HOME, FIREFOX).refresh(&server, &mut bound).await?;
    }
    Ok(())
}

/// A request at the office, as a browser makes it for a page or for a script.
async fn visit(server: &Server, cookie: &str, mode: &str) -> Result<Answer> {
    let fields =
        [["Cookie", &format!("{COOKIE}={cookie}")], ["User-Agent", FIREFOX], ["Sec-Fetch-Mode", mode]];
    let url = format!("{ORIGIN}/orders");
    server.ask(json!({ "url": url, "headers": fields, "client_ip": OFFICE })).await
}

async fn regenerate(server: &Server, id: &str, body: Value) -> Result<Login> {
    let call = server.app(Method::POST, &format!("/v1/sessions/{id}/regenerate")).json(&body);
    Login::read(call.send().await?.expect(201)?)
}
