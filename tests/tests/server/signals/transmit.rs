//! What a receiver is told, by whichever way, and in which order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing::post};
use holdfast_tests::server::{Answer, Server, Settings};
use http::{HeaderMap, StatusCode};
use reqwest::Method;
use serde_json::{Value, json};

use super::*;

/// Fetches at once, and acknowledges what is named.
async fn poll(server: &Server, id: &str, ack: &[&str]) -> Result<Answer> {
    let body = json!({ "returnImmediately": true, "ack": ack });
    as_receiver(server, Method::POST, &format!("poll/{id}")).json(&body).send().await?.expect(200)
}

fn tokens(answer: &Answer) -> Vec<(String, String)> {
    let sets = answer.at("/sets").as_object().cloned().unwrap_or_default();
    sets.into_iter().map(|(jti, token)| (jti, token.as_str().unwrap_or_default().to_owned())).collect()
}

/// Waits for so many events, and gives what they tell of whom, sorted.
async fn waiting(server: &Server, id: &str, count: usize) -> Result<Vec<(String, String)>> {
    let mut told = Vec::new();
    until("the events wait", async || {
        told = tokens(&poll(server, id, &[]).await?);
        Ok(told.len() >= count)
    })
    .await?;
    let mut told: Vec<_> = told.iter().map(|(_, token)| told_by(token)).collect::<Result<_>>()?;
    told.sort();
    Ok(told)
}

fn events(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(kind, user)| ((*kind).to_owned(), (*user).to_owned())).collect()
}

#[tokio::test]
async fn what_happens_to_sessions_is_told_and_signed() -> Result<()> {
    let server = Server::with(telling(Settings::default())).await?;
    let id = stream(&server, json!({})).await?;
    let body = json!({ "user": "alice", "client": { "device_id": "laptop" }, "auth": { "amr": ["pwd"] } });
    let alice = server.login_with(body).await?;
    let path = format!("/v1/sessions/{}/regenerate", alice.id);
    let auth = json!({ "auth": { "acr": "urn:example:mfa", "amr": ["pwd", "otp"] } });
    let next = server.app(Method::POST, &path).json(&auth).send().await?.expect(201)?;
    let next = next.text_at("/session/id")?.to_owned();
    server.app(Method::DELETE, &format!("/v1/sessions/{next}")).send().await?.expect(204)?;
    let expected = [
        ("assurance-level-change", "alice"),
        ("session-established", "alice"),
        ("session-established", "alice"),
        ("session-revoked", "alice"),
    ];
    assert_eq!(waiting(&server, &id, 4).await?, events(&expected));
    let answer = poll(&server, &id, &[]).await?;
    let jwks = server.public(Method::GET, "/_holdfast/ssf/jwks").send().await?;
    for (jti, token) in tokens(&answer) {
        let (header, claims) = parts_of(&token)?;
        assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("secevent+jwt")));
        assert_eq!(header["kid"], *jwks.at("/keys/0/kid"));
        assert_eq!(
            (&claims["iss"], &claims["aud"], &claims["jti"]),
            (&json!(HERE), &json!(THERE), &json!(jti))
        );
        assert_eq!(
            (&claims["iat"], &claims["exp"], &claims["sub"]),
            (&json!(server.now()), &Value::Null, &Value::Null)
        );
        assert_eq!(claims["sub_id"]["user"], json!({ "format": "iss_sub", "iss": HERE, "sub": "alice" }));
        let event =
            claims["events"].as_object().and_then(|events| events.values().next()).context("an event")?;
        assert!(event["reason_admin"]["en"].as_str().is_some_and(|reason| !reason.is_empty()), "{event}");
        assert_eq!(event["event_timestamp"], server.now());
        verify(&token, jwks.at("/keys/0"))?;
        if claims["events"][SESSION_REVOKED].is_object() {
            assert_eq!(claims["sub_id"]["session"], json!({ "format": "opaque", "id": next }));
            assert_eq!(event["initiating_entity"], "admin");
        }
        let assurance =
            &claims["events"]["https://schemas.openid.net/secevent/caep/event-type/assurance-level-change"];
        if assurance.is_object() {
            assert_eq!(assurance["current_level"], "urn:example:mfa");
            assert_eq!(claims["sub_id"]["device"]["id"], "laptop");
        }
    }
    Ok(())
}

/// By another reading of the key than the server's own.
fn verify(token: &str, jwk: &Value) -> Result<()> {
    let (input, signature) = token.rsplit_once('.').context("a signature")?;
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap_or_default());
    let key = RsaPublicKeyComponents { n: number("n")?, e: number("e")? };
    let signature = URL_SAFE_NO_PAD.decode(signature)?;
    let fits = key.verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &signature);
    fits.map_err(|_| anyhow::anyhow!("the signature does not fit"))
}

#[tokio::test]
async fn what_is_acknowledged_goes_and_the_rest_stays() -> Result<()> {
    let server = Server::with(telling(Settings::default()).on_disk()).await?;
    let id = stream(&server, json!({})).await?;
    for user in ["a", "b", "c"] {
        server.login(user).await?;
    }
    waiting(&server, &id, 3).await?;
    let all = tokens(&poll(&server, &id, &[]).await?);
    let of = |user: &str| all.iter().find(|(_, token)| told_by(token).is_ok_and(|(_, who)| who == user));
    let jti = |user| of(user).map(|(jti, _)| jti.clone()).context("a token");
    poll(&server, &id, &[&jti("b")?, "unknown", ""]).await?;
    let server = server.restart().await?;
    let left = waiting(&server, &id, 2).await?;
    assert_eq!(left, events(&[("session-established", "a"), ("session-established", "c")]));
    // An error is an answer too: the token is not sent again.
    let body = json!({ "returnImmediately": true, "setErrs": { jti("a")?: { "err": "invalid_request", "description": "x" } } });
    let answer =
        as_receiver(&server, Method::POST, &format!("poll/{id}")).json(&body).send().await?.expect(200)?;
    assert_eq!(tokens(&answer).len(), 1);
    let few = json!({ "maxEvents": 0, "returnImmediately": true });
    let none =
        as_receiver(&server, Method::POST, &format!("poll/{id}")).json(&few).send().await?.expect(200)?;
    assert_eq!((tokens(&none).len(), none.at("/moreAvailable")), (0, &json!(true)));
    let metrics = server.internal(Method::GET, "/metrics").send().await?.text;
    assert!(metrics.contains("holdfast_signals_waiting 1"), "{metrics}");
    Ok(())
}

#[tokio::test]
async fn whoever_waits_is_answered_when_something_happens() -> Result<()> {
    let server = Server::with(telling(Settings::default())).await?;
    let id = stream(&server, json!({})).await?;
    let patient = as_receiver(&server, Method::POST, &format!("poll/{id}")).json(&json!({})).send();
    let login = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        server.login("alice").await
    };
    let began = std::time::Instant::now();
    let (answer, _login) = tokio::try_join!(patient, login)?;
    assert_eq!(tokens(&answer).len(), 1);
    assert!(
        began.elapsed() < std::time::Duration::from_secs(20),
        "it did not wait for the end of its patience"
    );
    Ok(())
}

#[tokio::test]
async fn whoever_waits_holds_up_no_stop() -> Result<()> {
    let server = Server::with(telling(Settings::default()).on_disk()).await?;
    let id = stream(&server, json!({})).await?;
    let patient =
        tokio::spawn(as_receiver(&server, Method::POST, &format!("poll/{id}")).json(&json!({})).send());
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let began = std::time::Instant::now();
    let server = server.restart().await?;
    assert!(began.elapsed() < std::time::Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(tokens(&patient.await??.expect(200)?).len(), 0);
    // What was noticed just before a stop waits after it.
    server.login("alice").await?;
    let server = server.restart().await?;
    assert_eq!(waiting(&server, &id, 1).await?, events(&[("session-established", "alice")]));
    Ok(())
}

#[tokio::test]
async fn use_is_told_once_in_an_interval() -> Result<()> {
    let presented = "https://schemas.openid.net/secevent/caep/event-type/session-presented";
    let settings = telling(Settings::default()).set("signals.transmitter.presented_interval", "2m");
    let server = Server::with(settings).await?;
    let id = stream(&server, json!({ "events_requested": [presented] })).await?;
    let [alice, bob] = [server.login("alice").await?, server.login("bob").await?];
    for _ in 0..3 {
        server.check(&alice.cookie).await?;
    }
    server.check(&bob.cookie).await?;
    assert_eq!(
        waiting(&server, &id, 2).await?,
        events(&[("session-presented", "alice"), ("session-presented", "bob")])
    );
    server.advance(119);
    server.check(&alice.cookie).await?;
    server.advance(1);
    server.check(&alice.cookie).await?;
    // Had the one in between been told, it would be there before the last one.
    assert_eq!(waiting(&server, &id, 3).await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_receiver_chooses_what_and_of_whom() -> Result<()> {
    let established = "https://schemas.openid.net/secevent/caep/event-type/session-established";
    for (default, listed, expected) in [("all", "remove", "bob"), ("none", "add", "alice")] {
        let settings =
            telling(Settings::default()).set("signals.transmitter.receivers.0.default_subjects", default);
        let server = Server::with(settings).await?;
        let id = stream(&server, json!({ "events_requested": [established] })).await?;
        let subject = json!({ "format": "iss_sub", "iss": HERE, "sub": "alice" });
        let body = json!({ "stream_id": id, "subject": subject, "verified": true });
        let status = if listed == "add" { 200 } else { 204 };
        as_receiver(&server, Method::POST, &format!("subjects/{listed}"))
            .json(&body)
            .send()
            .await?
            .expect(status)?;
        for user in ["alice", "bob"] {
            let login = server.login(user).await?;
            server.app(Method::DELETE, &format!("/v1/sessions/{}", login.id)).send().await?.expect(204)?;
        }
        let verify = json!({ "stream_id": id, "state": "the end" });
        as_receiver(&server, Method::POST, "verify").json(&verify).send().await?.expect(204)?;
        let told = waiting(&server, &id, 2).await?;
        assert_eq!(told, events(&[("session-established", expected), ("verification", "")]), "{default}");
        // And back again.
        let back = if listed == "add" { "remove" } else { "add" };
        let answer =
            as_receiver(&server, Method::POST, &format!("subjects/{back}")).json(&body).send().await?;
        assert!(matches!(answer.status, 200 | 204));
        server.login("alice").await?;
        server.login("bob").await?;
        let more = if default == "all" { 4 } else { 2 };
        assert_eq!(waiting(&server, &id, more).await?.len(), more);
    }
    Ok(())
}

#[tokio::test]
async fn verification_repeats_its_state_and_apps_are_kept_apart() -> Result<()> {
    let server =
        Server::with(telling(Settings::default()).set("signals.transmitter.receivers.0.apps", "other"))
            .await?;
    let id = stream(&server, json!({})).await?;
    server.login("alice").await?;
    let verify = json!({ "stream_id": id, "state": "VGhpcyBpcyBhbg==" });
    as_receiver(&server, Method::POST, "verify").json(&verify).send().await?.expect(204)?;
    waiting(&server, &id, 1).await?;
    let all = tokens(&poll(&server, &id, &[]).await?);
    let [(_, token)] = all.as_slice() else { anyhow::bail!("another app's login was told: {all:?}") };
    let (_, claims) = parts_of(token)?;
    assert_eq!(claims["sub_id"], json!({ "format": "opaque", "id": id }));
    let event = &claims["events"]["https://schemas.openid.net/secevent/ssf/event-type/verification"];
    assert_eq!(event, &json!({ "state": "VGhpcyBpcyBhbg==" }));
    let long = json!({ "stream_id": id, "state": "x".repeat(257) });
    as_receiver(&server, Method::POST, "verify").json(&long).send().await?.expect(400)?;
    Ok(())
}

#[tokio::test]
async fn a_stream_that_is_paused_keeps_and_one_that_is_disabled_drops() -> Result<()> {
    let server = Server::with(telling(Settings::default())).await?;
    let id = stream(&server, json!({})).await?;
    let set = async |status: &str| {
        let body = json!({ "stream_id": id, "status": status });
        as_receiver(&server, Method::POST, "status").json(&body).send().await?.expect(200)
    };
    set("paused").await?;
    server.login("alice").await?;
    assert_eq!(tokens(&poll(&server, &id, &[]).await?).len(), 0);
    set("enabled").await?;
    assert_eq!(waiting(&server, &id, 1).await?, events(&[("session-established", "alice")]));
    set("disabled").await?;
    server.login("bob").await?;
    set("enabled").await?;
    server.login("carol").await?;
    assert_eq!(waiting(&server, &id, 1).await?, events(&[("session-established", "carol")]));
    Ok(())
}

#[tokio::test]
async fn a_stream_that_nobody_empties_is_paused_loudly() -> Result<()> {
    let server = Server::with(telling(Settings::default()).set("signals.transmitter.outbox", "3")).await?;
    let id = stream(&server, json!({})).await?;
    let mut ids = Vec::new();
    for user in ["a", "b", "c", "d", "e"] {
        ids.push(server.login(user).await?.id);
    }
    let lost = async |count: usize| {
        until("the loss is counted", async || {
            let metrics = server.internal(Method::GET, "/metrics").send().await?.text;
            Ok(metrics.contains(&format!("holdfast_signals_sent_total{{outcome=\"lost\"}} {count}")))
        })
        .await
    };
    lost(3).await?;
    // Logins have left room for an end, and have paused nothing.
    let revoke = |id: &str| server.app(Method::DELETE, &format!("/v1/sessions/{id}")).send();
    revoke(&ids[0]).await?.expect(204)?;
    let expected = [("session-established", "a"), ("session-established", "b"), ("session-revoked", "a")];
    assert_eq!(waiting(&server, &id, 3).await?, events(&expected));
    assert!(server.audit().named("signals.paused").is_empty());
    revoke(&ids[1]).await?.expect(204)?;
    let paused = server.audit().wait_for("signals.paused", 1).await?;
    assert!(
        paused[0]["detail"].as_str().is_some_and(|text| text.contains("siem") && text.contains("paused"))
    );
    let status = as_receiver(&server, Method::GET, &format!("status?stream_id={id}")).send().await?;
    assert_eq!(status.at("/status"), "paused");
    assert!(status.text_at("/reason")?.contains("enable it again"));
    let enable = json!({ "stream_id": id, "status": "enabled" });
    as_receiver(&server, Method::POST, "status").json(&enable).send().await?.expect(200)?;
    assert_eq!(waiting(&server, &id, 3).await?.len(), 3, "what waited is still there");
    lost(4).await
}

/// Somebody to whom events are pushed.
#[derive(Clone, Default)]
struct Pushed(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    tokens: Vec<String>,
    authorizations: Vec<String>,
    attempts: usize,
    /// What is answered in place of 202.
    says: Option<(u16, &'static str)>,
}

impl Pushed {
    fn state(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn start(&self) -> Result<String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/events", listener.local_addr()?);
        let router = Router::new().route("/events", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(url)
    }

    fn users(&self) -> Vec<String> {
        let told = self.state().tokens.iter().map(|token| told_by(token)).collect::<Result<Vec<_>>>();
        told.unwrap_or_default().into_iter().map(|(_, user)| user).collect()
    }
}

async fn take(State(pushed): State<Pushed>, headers: HeaderMap, body: String) -> Response {
    let mut state = pushed.state();
    state.attempts += 1;
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    if text("content-type") != "application/secevent+jwt" {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    if let Some((status, says)) = state.says {
        return (StatusCode::from_u16(status).unwrap_or_default(), says).into_response();
    }
    state.authorizations.push(text("authorization"));
    state.tokens.push(body);
    StatusCode::ACCEPTED.into_response()
}

async fn pushing(pushed: &Pushed, settings: Settings) -> Result<(Server, String)> {
    let url = pushed.start().await?;
    let settings = telling(settings).set("signals.transmitter.receivers.0.push_endpoints", &url);
    let server = Server::with(settings).await?;
    let delivery = json!({ "method": "urn:ietf:rfc:8935", "endpoint_url": url, "authorization_header": "Bearer of-theirs" });
    let id = stream(&server, json!({ "delivery": delivery })).await?;
    Ok((server, id))
}

#[tokio::test]
async fn events_are_pushed_in_order_with_the_receivers_secret() -> Result<()> {
    let pushed = Pushed::default();
    let (server, id) = pushing(&pushed, Settings::default()).await?;
    let users: Vec<_> = (0..20).map(|number| format!("user-{number:02}")).collect();
    for user in &users {
        server.login(user).await?;
    }
    until("all are there", async || Ok(pushed.users().len() == 20)).await?;
    assert_eq!(pushed.users(), users);
    assert!(pushed.state().authorizations.iter().all(|value| value == "Bearer of-theirs"));
    assert!(poll(&server, &id, &[]).await.is_err(), "the events of this stream are not to be fetched");
    // Whoever sends back what it has read keeps its secret.
    let read = as_receiver(&server, Method::GET, &format!("stream?stream_id={id}")).send().await?;
    as_receiver(&server, Method::PUT, "stream").json(read.json()).send().await?.expect(200)?;
    server.login("later").await?;
    until("it is there", async || Ok(pushed.users().len() == 21)).await?;
    assert_eq!(pushed.state().authorizations.last().map(String::as_str), Some("Bearer of-theirs"));
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_is_down_gets_everything_in_order_later() -> Result<()> {
    let pushed = Pushed::default();
    let (server, _) = pushing(&pushed, Settings::default().on_disk()).await?;
    pushed.state().says = Some((503, "later"));
    for user in ["a", "b", "c"] {
        server.login(user).await?;
    }
    until("it was tried twice", async || Ok(pushed.state().attempts >= 2)).await?;
    assert_eq!(pushed.users(), Vec::<String>::new());
    // In the middle of it the server goes, and comes again.
    let server = server.restart().await?;
    server.login("d").await?;
    pushed.state().says = None;
    until("all are there", async || Ok(pushed.users().len() >= 4)).await?;
    assert_eq!(pushed.users(), ["a", "b", "c", "d"]);
    Ok(())
}

#[tokio::test]
async fn what_is_refused_for_good_holds_up_nothing() -> Result<()> {
    let pushed = Pushed::default();
    let (server, _) = pushing(&pushed, Settings::default()).await?;
    pushed.state().says = Some((400, r#"{"err":"invalid_request","description":"no"}"#));
    server.login("a").await?;
    until("it was tried", async || Ok(pushed.state().attempts >= 1)).await?;
    let metrics = async || Ok(server.internal(Method::GET, "/metrics").send().await?.text);
    until("it is gone", async || {
        let text: Result<String> = metrics().await;
        Ok(text?.contains("holdfast_signals_sent_total{outcome=\"rejected\"} 1"))
    })
    .await?;
    // A receiver that does not know our key may come to know it.
    pushed.state().says = Some((400, r#"{"err":"invalid_key","description":"no"}"#));
    let before = pushed.state().attempts;
    server.login("b").await?;
    until("it was tried twice", async || Ok(pushed.state().attempts >= before + 2)).await?;
    pushed.state().says = None;
    until("it is there", async || Ok(pushed.users() == ["b"])).await
}

#[tokio::test]
async fn an_endpoint_that_is_no_longer_allowed_gets_nothing() -> Result<()> {
    let pushed = Pushed::default();
    let (server, _) = pushing(&pushed, Settings::default()).await?;
    server.login("a").await?;
    until("it is there", async || Ok(pushed.users().len() == 1)).await?;
    server.reload(telling(Settings::default())).await?;
    server.login("b").await?;
    let metrics = async || Ok(server.internal(Method::GET, "/metrics").send().await?.text);
    until("the attempt is counted", async || {
        let text: Result<String> = metrics().await;
        Ok(!text?.contains("holdfast_signals_sent_total{outcome=\"failed\"} 0"))
    })
    .await?;
    assert_eq!(pushed.state().attempts, 1);
    Ok(())
}
