//! What is suspected of a request, what is done about it, and how it is told.

use anyhow::{Context as _, Result};
use holdfast_tests::server::{COOKIE, GATEWAY_SECRET, Login, ORIGIN, Server, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use super::scene::{CHROME, DATA_CENTRE, FIREFOX, HOME, NEW_YORK, OFFICE, at, enforcing, with};

#[tokio::test]
async fn a_bound_session_that_moves_proves_its_key_and_goes_on() -> Result<()> {
    let server = enforcing(Settings::default()).await?;
    let login = at(HOME, CHROME).login(&server).await?;
    let mut bound = at(HOME, CHROME).bind(&server, &login).await?;
    assert_eq!(at(HOME, CHROME).check(&server, &bound.cookie).await?.verdict(), ("allow", "ok"));

    server.advance(120);
    let moved = at(NEW_YORK, CHROME).check(&server, &bound.cookie).await?;
    assert_eq!(moved.verdict(), ("reprove", "risk_reprove"));
    assert_eq!(moved.at("/status"), &json!(307));
    let headers = moved.at("/response_headers").to_string();
    assert!(headers.contains("\"/orders\"") && headers.contains("Max-Age=0"), "{headers}");
    assert!(moved.text_at("/detail")?.contains("another place"));
    let denied = server.audit().wait_for("session.denied", 1).await?;
    let detail = denied[0]["detail"].as_str().context("a refusal has a sentence")?;
    let begins = "The policy \"bound-elsewhere\" asks the device for a proof because of travel.impossible with a score of 100, from \
                  GB AS2856 to US AS";
    assert!(detail.starts_with(begins), "{detail}");
    assert!(detail.contains("; network.changed with a score of 70, from GB "), "{detail}");

    at(NEW_YORK, CHROME).refresh(&server, &mut bound).await?;
    assert_eq!(at(NEW_YORK, CHROME).check(&server, &bound.cookie).await?.verdict(), ("allow", "ok"));
    assert_eq!(at(NEW_YORK, CHROME).check(&server, &bound.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn a_thief_with_a_copied_cookie_gets_nowhere_and_the_owner_notices_nothing() -> Result<()> {
    let server = enforcing(Settings::default()).await?;
    let login = at(HOME, CHROME).login(&server).await?;
    let mut bound = at(HOME, CHROME).bind(&server, &login).await?;
    for _ in 0..20 {
        server.advance(45);
        at(HOME, CHROME).refresh(&server, &mut bound).await?;
        assert_eq!(at(HOME, CHROME).check(&server, &bound.cookie).await?.verdict(), ("allow", "ok"));
        for thief in [at(NEW_YORK, CHROME), at(OFFICE, CHROME), at(HOME, FIREFOX), at(HOME, "curl/8.5.0")] {
            let answer = thief.check(&server, &bound.cookie).await?;
            assert_eq!(answer.verdict(), ("reprove", "risk_reprove"), "{}", answer.text);
        }
    }
    // In a quarter of an hour each policy is told of twice, however many requests it objects to.
    let told = server.audit().wait_for("risk.raised", 2).await?;
    assert!(told.len() <= 8, "{} times of 80", told.len());
    assert!(told.iter().all(|event| event["session"] == json!(bound.id) && event["user"] == "alice"));
    Ok(())
}

#[tokio::test]
async fn without_a_key_the_user_authenticates_and_the_place_is_theirs() -> Result<()> {
    let server = enforcing(Settings::default().set("session.unbound", "allow")).await?;
    let login = at(HOME, FIREFOX).login(&server).await?;
    assert_eq!(at(HOME, FIREFOX).check(&server, &login.cookie).await?.verdict(), ("allow", "ok"));
    server.advance(60);
    for _ in 0..2 {
        let moved = at(OFFICE, FIREFOX).check(&server, &login.cookie).await?;
        assert_eq!(moved.verdict(), ("step_up", "risk_step_up"));
        assert_eq!(moved.at("/status"), &json!(401));
    }
    // The owner at home is not asked for it.
    assert_eq!(at(HOME, FIREFOX).check(&server, &login.cookie).await?.verdict(), ("allow", "ok"));

    let path = format!("/v1/sessions/{}/regenerate", login.id);
    let again =
        server.app(Method::POST, &path).json(&json!({ "auth": { "amr": ["pwd", "otp"] } })).send().await?;
    let again = holdfast_tests::server::Login::read(again.expect(201)?)?;
    assert_eq!(at(OFFICE, FIREFOX).check(&server, &again.cookie).await?.verdict(), ("allow", "ok"));
    assert_eq!(at(OFFICE, FIREFOX).check(&server, &login.cookie).await?.verdict(), ("deny", "session_ended"));
    Ok(())
}

#[tokio::test]
async fn a_session_in_two_impossible_places_ends_if_nothing_binds_it() -> Result<()> {
    let server = enforcing(Settings::default().set("session.unbound", "allow")).await?;
    let login = at(HOME, FIREFOX).login(&server).await?;
    at(HOME, FIREFOX).check(&server, &login.cookie).await?;
    server.advance(300);
    let stolen = at(NEW_YORK, FIREFOX).check(&server, &login.cookie).await?;
    assert_eq!(stolen.verdict(), ("deny", "risk_revoked"));
    assert_eq!(stolen.at("/session/state"), "ended");
    assert_eq!(stolen.at("/session/end_reason"), "risk");
    assert!(stolen.at("/session/ended_at").is_string());
    assert_eq!(server.session(&login.id).await?.text_at("/end_reason")?, "risk");
    assert_eq!(at(HOME, FIREFOX).check(&server, &login.cookie).await?.verdict(), ("deny", "session_ended"));
    let ended = server.audit().wait_for("session.ended", 1).await?;
    assert_eq!(ended[0]["reason"], "risk");
    Ok(())
}

#[tokio::test]
async fn unless_it_is_asked_for_it_is_only_told() -> Result<()> {
    let server = with(Settings::default().set("session.unbound", "allow")).await?;
    let login = at(HOME, FIREFOX).login(&server).await?;
    at(HOME, FIREFOX).check(&server, &login.cookie).await?;
    server.advance(300);
    for _ in 0..3 {
        let moved = at(NEW_YORK, "curl/8.5.0").check(&server, &login.cookie).await?;
        assert_eq!(moved.verdict(), ("allow", "ok"));
    }
    let raised = server.audit().wait_for("risk.raised", 1).await?;
    let policies = raised[0]["risk"]["policies"].as_array().context("no policies")?;
    assert!(policies.iter().any(|hit| hit["id"] == "unbound-impossible" && hit["mode"] == "observe"));
    server.audit().wait_for("session.checked", 4).await?;
    assert_eq!(server.audit().named("risk.raised").len(), 1, "it is told once");
    assert!(server.metric("holdfast_policy_objections_total{policy=\"unbound-impossible\",decision=\"revoke\",mode=\"observe\"}").await? >= 1);
    Ok(())
}

#[tokio::test]
async fn the_reason_of_a_step_up_is_in_one_event() -> Result<()> {
    let server = enforcing(Settings::default().set("session.unbound", "allow")).await?;
    let login = at(HOME, FIREFOX).login(&server).await?;
    at(HOME, FIREFOX).check(&server, &login.cookie).await?;
    server.advance(60);
    at(OFFICE, FIREFOX).check(&server, &login.cookie).await?;
    let denied = server.audit().wait_for("session.denied", 1).await?;
    let event = &denied[0];
    assert_eq!(
        (&event["user"], &event["decision"], &event["reason"]),
        (&json!("alice"), &json!("step_up"), &json!("risk_step_up"))
    );
    assert_eq!(event["client_ip"], OFFICE);
    let signals = event["risk"]["signals"].as_array().context("no signals")?;
    let changed = signals.iter().find(|signal| signal["name"] == "network.changed").context("not told")?;
    assert_eq!(changed["score"], 40);
    assert_eq!(
        (&changed["factors"]["from"], &changed["factors"]["to"]),
        (&json!("GB AS2856"), &json!("GB AS5378"))
    );
    let policies = event["risk"]["policies"].as_array().context("no policies")?;
    let decisive = policies.iter().find(|hit| hit["decision"] == "step_up").context("no policy")?;
    assert_eq!((&decisive["id"], &decisive["mode"]), (&json!("unbound-elsewhere"), &json!("enforce")));
    Ok(())
}

#[tokio::test]
async fn posture_is_heard_at_the_next_check() -> Result<()> {
    let server = enforcing(Settings::default()).await?;
    let login =
        at(HOME, CHROME).login_with(&server, json!({ "client": { "device_id": "laptop-7" } })).await?;
    let bound = at(HOME, CHROME).bind(&server, &login).await?;
    assert_eq!(at(HOME, CHROME).check(&server, &bound.cookie).await?.verdict(), ("allow", "ok"));
    let posture = "/v1/devices/laptop-7/posture";
    let tell = async |compliant: bool| {
        let told = json!({ "compliant": compliant, "source": "edr" });
        server.app(Method::PUT, posture).json(&told).send().await?.expect(200)
    };
    tell(false).await?;
    let broken = at(HOME, CHROME).check(&server, &bound.cookie).await?;
    assert_eq!(broken.verdict(), ("deny", "policy_denied"));
    assert!(broken.text_at("/detail")?.contains("does not comply"));
    tell(true).await?;
    assert_eq!(at(HOME, CHROME).check(&server, &bound.cookie).await?.verdict(), ("allow", "ok"));
    // By the thumbprint of the key, too.
    let key = server.session(&bound.id).await?.text_at("/binding/key_thumbprint")?.to_owned();
    let path = format!("/v1/devices/{key}/posture");
    server.app(Method::PUT, &path).json(&json!({ "compliant": false })).send().await?.expect(200)?;
    assert_eq!(at(HOME, CHROME).check(&server, &bound.cookie).await?.verdict(), ("deny", "policy_denied"));
    server.app(Method::DELETE, &path).send().await?;
    assert_eq!(at(HOME, CHROME).check(&server, &bound.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn an_export_is_noticed_by_its_requests_and_by_its_bytes() -> Result<()> {
    let settings = Settings::default().route(0, "/export/", &[("tags", "export")]);
    let server = enforcing(settings).await?;
    let login = at(HOME, CHROME).login(&server).await?;
    let bound = at(HOME, CHROME).bind(&server, &login).await?;
    let mut verdicts = Vec::new();
    for _ in 0..45 {
        let answer = at(HOME, CHROME).check_at(&server, &bound.cookie, "/export/all").await?;
        verdicts.push(answer.verdict().0.to_owned());
    }
    assert!(verdicts.iter().take(30).all(|verdict| verdict == "allow"));
    assert_eq!(verdicts.last().map(String::as_str), Some("step_up"));

    server.advance(61);
    assert_eq!(at(HOME, CHROME).check(&server, &bound.cookie).await?.verdict(), ("allow", "ok"));
    let usage = format!("/v1/sessions/{}/usage", bound.id);
    let report = async |body: Value| server.app(Method::POST, &usage).json(&body).send().await;
    report(json!({ "bytes": 200_u64 << 20 })).await?.expect(204)?;
    server.advance(1);
    let much = at(HOME, CHROME).check_at(&server, &bound.cookie, "/export/all").await?;
    assert_eq!(much.verdict(), ("step_up", "risk_step_up"));
    report(json!({ "bytes": 2.0 })).await?.expect(204)?;
    let odd =
        [json!(-1), json!(-1.0), json!("5"), json!(1.5), json!(1e300), json!(9_007_199_254_740_992_u64)];
    let odd = odd.map(|bytes| json!({ "bytes": bytes }));
    for body in odd.into_iter().chain([json!({}), json!({ "bytes": 1, "more": 2 })]) {
        report(body).await?.expect(400)?;
    }
    let nobody = "/v1/sessions/hs_AAAAAAAAAAAAAAAAAAAAAA/usage";
    server.app(Method::POST, nobody).json(&json!({ "bytes": 1 })).send().await?.expect(404)?;
    Ok(())
}

#[tokio::test]
async fn bytes_are_heard_at_once_although_nothing_else_has_changed() -> Result<()> {
    let server = enforcing(Settings::default()).await?;
    let login = at(HOME, CHROME).login(&server).await?;
    let bound = at(HOME, CHROME).bind(&server, &login).await?;
    assert_eq!(at(HOME, CHROME).check(&server, &bound.cookie).await?.verdict(), ("allow", "ok"));
    let usage = format!("/v1/sessions/{}/usage", bound.id);
    server.app(Method::POST, &usage).json(&json!({ "bytes": 200_u64 << 20 })).send().await?.expect(204)?;
    let much = at(HOME, CHROME).check(&server, &bound.cookie).await?;
    assert_eq!(much.verdict(), ("step_up", "risk_step_up"));
    Ok(())
}

#[tokio::test]
async fn what_is_usual_for_a_user_outlives_a_restart() -> Result<()> {
    let folder_settings = Settings::default().on_disk().set("session.unbound", "allow");
    let mut server = enforcing(folder_settings).await?;
    for _ in 0..2 {
        let login = at(OFFICE, FIREFOX).login(&server).await?;
        at(OFFICE, FIREFOX).check(&server, &login.cookie).await?;
        server.advance(24 * 3600);
    }
    server.stop().await;
    let server = server.restart().await?;
    let login = at(HOME, FIREFOX).login(&server).await?;
    at(HOME, FIREFOX).check(&server, &login.cookie).await?;
    server.advance(600);
    assert_eq!(at(OFFICE, FIREFOX).check(&server, &login.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

/// A proxy has passed a login on and bound a key of its own; its session is worth nothing, and waits for a restart.
#[tokio::test]
async fn what_was_suspected_of_a_login_outlives_a_restart() -> Result<()> {
    let mut server = enforcing(Settings::default().on_disk()).await?;
    let thief = at(DATA_CENTRE, CHROME);
    let login = thief.login(&server).await?;
    let mut bound = thief.bind(&server, &login).await?;
    assert_eq!(thief.check(&server, &bound.cookie).await?.verdict(), ("step_up", "risk_step_up"));
    server.stop().await;
    let server = server.restart().await?;
    thief.refresh(&server, &mut bound).await?;
    assert_eq!(thief.check(&server, &bound.cookie).await?.verdict(), ("step_up", "risk_step_up"));
    // Another id changes nothing; a login does.
    let path = format!("/v1/sessions/{}/regenerate", bound.id);
    let again = server.app(Method::POST, &path).json(&json!({})).send().await?.expect(201)?;
    let mut next = thief.bind(&server, &Login::read(again)?).await?;
    assert_eq!(thief.check(&server, &next.cookie).await?.verdict(), ("step_up", "risk_step_up"));
    server.advance(60);
    thief.refresh(&server, &mut next).await?;
    let auth = json!({ "auth": { "amr": ["pwd", "otp"] } });
    let path = format!("/v1/sessions/{}/regenerate", next.id);
    let again = server.app(Method::POST, &path).json(&auth).send().await?.expect(201)?;
    let last = thief.bind(&server, &Login::read(again)?).await?;
    assert_eq!(thief.check(&server, &last.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn gateways_are_told_in_their_own_way() -> Result<()> {
    let settings = Settings::default().set("apps.0.step_up_url", "/again");
    let server = enforcing(settings.set("session.unbound", "allow")).await?;
    let login = at(HOME, CHROME).login(&server).await?;
    let bound = at(HOME, CHROME).bind(&server, &login).await?;
    at(HOME, CHROME).check(&server, &bound.cookie).await?;
    let caddy = async |server: &Server, cookie: &str, agent: &str| {
        let call =
            server.internal(Method::GET, "/verify/caddy").header("holdfast-gateway-secret", GATEWAY_SECRET);
        let call = call.header("x-forwarded-method", "GET").header("x-forwarded-uri", "/orders?x=1");
        let call = call.header("x-forwarded-host", "shop.example").header("x-forwarded-proto", "https");
        let call = call.header("x-forwarded-for", NEW_YORK).header("user-agent", agent);
        let call = call.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
        call.header("accept", "text/html").header("cookie", &format!("{COOKIE}={cookie}")).send().await
    };
    let told = caddy(&server, &bound.cookie, CHROME).await?;
    assert_eq!((told.status, told.header("location")), (307, Some("/orders?x=1")));
    assert_eq!(
        (told.header("holdfast-reason"), told.header("holdfast-decision")),
        (Some("risk_reprove"), Some("reprove"))
    );
    assert!(told.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")));
    assert_eq!(told.header("holdfast-user"), Some(""));

    let other = at(HOME, FIREFOX).login_with(&server, json!({ "user": "bob" })).await?;
    at(HOME, FIREFOX).check(&server, &other.cookie).await?;
    server.advance(3600 * 7);
    let login = at(HOME, FIREFOX).login_with(&server, json!({ "user": "bob" })).await?;
    at(HOME, FIREFOX).check(&server, &login.cookie).await?;
    server.advance(600);
    let path = format!("{ORIGIN}/orders");
    let told =
        server.internal(Method::GET, "/verify/nginx").header("holdfast-gateway-secret", GATEWAY_SECRET);
    let told = told.header("x-original-url", &path).header("x-original-method", "GET");
    let told = told
        .header("x-forwarded-for", OFFICE)
        .header("user-agent", FIREFOX)
        .cookie(&login.cookie)
        .send()
        .await?;
    assert_eq!((told.status, told.header("holdfast-reason")), (401, Some("risk_step_up")));
    Ok(())
}
