//! Traces: taken from whoever asks, told to whoever goes on, and written where it helps.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::{get, post};
use holdfast_tests::free_port;
use holdfast_tests::server::{Answer, Device, ORIGIN, Server, Settings, Stage};
use http::HeaderMap;
use reqwest::Method;
use serde_json::{Value, json};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn ask(server: &Server, parents: &[&str]) -> Result<Answer> {
    let call = server.gateway(Method::GET, "/verify/nginx").header("x-original-method", "GET");
    let call = call.header("x-original-url", &format!("{ORIGIN}/orders"));
    parents.iter().fold(call, |call, parent| call.header("traceparent", parent)).send().await
}

#[tokio::test]
async fn a_gateway_can_go_on_with_the_trace() -> Result<()> {
    let server = Server::with(Settings::default().behind_gateways()).await?;
    let answer = ask(&server, &[PARENT]).await?;
    let told = answer.header("traceparent").context("no traceparent")?;
    let parts: Vec<_> = told.split('-').collect();
    let ["00", TRACE, span, "00"] = parts.as_slice() else { panic!("{told}: nothing is recorded here") };
    assert!(span.len() == 16 && *span != "b7ad6b7169203331", "a span of its own: {told}");
    let denied = server.audit().wait_for("session.denied", 1).await?;
    assert_eq!(denied.first().and_then(|event| event.get("trace_id")), Some(&json!(TRACE)));
    Ok(())
}

#[tokio::test]
async fn what_is_no_traceparent_is_ignored() -> Result<()> {
    let server = Server::with(Settings::default().behind_gateways()).await?;
    let upper = PARENT.to_uppercase();
    for parents in [
        &[][..],
        &["junk"],
        &[&upper],
        &[PARENT, PARENT],
        &["00-00000000000000000000000000000000-b7ad6b7169203331-01"],
    ] {
        let answer = ask(&server, parents).await?;
        assert_eq!((answer.status, answer.header("traceparent")), (401, None), "{parents:?}");
    }
    let denied = server.audit().wait_for("session.denied", 5).await?;
    assert!(denied.iter().all(|event| event.get("trace_id").is_some_and(Value::is_null)));
    // A browser is told nothing; what it sends is noted.
    let answer =
        server.public(Method::GET, "/_holdfast/session").header("traceparent", PARENT).send().await?;
    assert_eq!(answer.header("traceparent"), None);
    Ok(())
}

#[tokio::test]
async fn the_log_line_of_a_request_has_its_trace() -> Result<()> {
    let mut stage = Stage::new()?;
    stage.config = stage.config.replace("requests = false", "requests = true");
    let server = stage.start().await?;
    for parent in [PARENT, "junk"] {
        stage.api.public(Method::GET, "/_holdfast/session").header("traceparent", parent).send().await?;
    }
    server.stop().await?;
    let log = std::fs::read_to_string(stage.path().join("holdfast.log"))?;
    let lines: Vec<_> = log.lines().filter(|line| line.contains("/_holdfast/session")).collect();
    let [traced, plain] = lines.as_slice() else { panic!("{log}") };
    assert!(traced.contains(&format!("\"trace_id\":\"{TRACE}\"")) && !plain.contains("trace_id"), "{log}");
    Ok(())
}

#[tokio::test]
async fn an_issuer_that_is_asked_for_its_keys_is_told_the_trace() -> Result<()> {
    let seen: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let answer = move |headers: HeaderMap| {
        noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(headers);
        async { "{\"keys\":[]}" }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/jwks", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/jwks", get(answer))).await });
    let settings =
        Settings::default().set("issuers.0.issuer", "https://id.example").set("issuers.0.jwks_url", &address);
    let server = Server::with(settings).await?;

    let device = Device::new()?;
    let claims = json!({ "iss": "https://id.example", "aud": ORIGIN, "sub": "carol", "client_id": "c", "jti": "t",
        "iat": server.now(), "exp": server.now() + 600, "cnf": { "jkt": device.thumbprint() } });
    let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": "first" });
    let token = device.sign(&header.to_string(), &claims.to_string());
    let proof =
        holdfast_tests::server::Proof::new(&device, "GET", &format!("{ORIGIN}/orders?x=1"), server.now());
    let proof = proof.over(&token).sign(&device);
    let question = json!({ "method": "GET", "url": format!("{ORIGIN}/orders"),
        "headers": [["Authorization", format!("DPoP {token}")], ["DPoP", proof]] });
    let call = server
        .app(Method::POST, "/v1/check")
        .header("traceparent", PARENT)
        .header("tracestate", "vendor=secret");
    assert_eq!(call.json(&question).send().await?.status, 503, "an issuer without keys");

    let seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let asked = seen.first().context("the issuer was not asked")?;
    let told = asked.get("traceparent").and_then(|value| value.to_str().ok()).context("no traceparent")?;
    assert!(told.starts_with(&format!("00-{TRACE}-")) && told != PARENT, "{told}");
    assert!(
        !asked.contains_key("tracestate"),
        "what the operator's vendors write is none of the issuer's business"
    );
    Ok(())
}

/// A collector that takes spans, and keeps them.
struct Collector {
    address: String,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    async fn start() -> Result<Self> {
        let taken: Arc<Mutex<Vec<Value>>> = Arc::default();
        let noted = Arc::clone(&taken);
        let take = move |headers: HeaderMap, body: String| {
            let is_json = headers.get("content-type").is_some_and(|kind| kind == "application/json");
            let spans = serde_json::from_str::<Value>(&body).ok().filter(|_| is_json);
            noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(spans);
            async { "{}" }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}/v1/traces", listener.local_addr()?);
        tokio::spawn(
            async move { axum::serve(listener, Router::new().route("/v1/traces", post(take))).await },
        );
        Ok(Self { address, taken })
    }

    /// Every span so far.
    fn spans(&self) -> Vec<Value> {
        let taken = self.taken.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let spans = |request: &Value| request.pointer("/resourceSpans/0/scopeSpans/0/spans").cloned();
        taken.iter().filter_map(spans).filter_map(|spans| spans.as_array().cloned()).flatten().collect()
    }
}

fn attribute<'a>(span: &'a Value, key: &str) -> Option<&'a Value> {
    let attributes = span.get("attributes")?.as_array()?;
    attributes
        .iter()
        .find(|attribute| attribute.get("key").is_some_and(|name| name == key))?
        .pointer("/value")
}

#[tokio::test]
async fn a_collector_is_told_of_the_requests_that_are_recorded() -> Result<()> {
    let collector = Collector::start().await?;
    let settings = Settings::default().behind_gateways().set("telemetry.otlp_endpoint", &collector.address);
    let mut server = Server::with(settings).await?;
    let answer = ask(&server, &[PARENT]).await?;
    let told = answer.header("traceparent").context("no traceparent")?.to_owned();
    assert!(told.ends_with("-01"), "it is recorded: {told}");
    let unsampled = ask(&server, &[&PARENT.replace("-01", "-00")]).await?;
    assert!(unsampled.header("traceparent").is_some_and(|told| told.ends_with("-00")), "the caller decides");
    server.public(Method::GET, "/_holdfast/session?secret=1").send().await?;
    server
        .public(Method::GET, "/nothing/of/ours")
        .header("traceparent", &PARENT.replace("-01", "-00"))
        .send()
        .await?;
    server.stop().await;

    let spans = collector.spans();
    let names: Vec<_> = spans.iter().filter_map(|span| span.get("name")?.as_str()).collect();
    assert_eq!(names, ["GET /verify/nginx", "GET /_holdfast/session", "GET"], "{spans:?}");
    let [verify, session, _nothing] = spans.as_slice() else { panic!("{spans:?}") };
    let expected = json!({ "trace": TRACE, "parent": "b7ad6b7169203331", "kind": 2, "status": {} });
    let found = json!({ "trace": verify.get("traceId"), "parent": verify.get("parentSpanId"),
        "kind": verify.get("kind"), "status": verify.get("status") });
    assert_eq!(found, expected);
    assert!(told.contains(verify.get("spanId").and_then(Value::as_str).context("no id")?));
    assert_eq!(attribute(verify, "http.response.status_code"), Some(&json!({ "intValue": "401" })));
    assert_eq!(attribute(verify, "holdfast.code"), Some(&json!({ "stringValue": "no_credential" })));
    assert_eq!(
        attribute(session, "url.path"),
        Some(&json!({ "stringValue": "/_holdfast/session" })),
        "no query"
    );
    assert_eq!(session.get("parentSpanId"), Some(&json!("")), "a trace that begins here");
    let time =
        |key: &str| verify.get(key).and_then(Value::as_str).and_then(|nanos| nanos.parse::<u64>().ok());
    let (began, ended) =
        (time("startTimeUnixNano").context("start")?, time("endTimeUnixNano").context("end")?);
    assert!(began == server.now() * 1_000_000_000 && ended > began && ended < began + 60_000_000_000);
    assert_eq!(
        server.audit().named("session.denied").first().and_then(|event| event.get("trace_id")),
        Some(&json!(TRACE))
    );
    Ok(())
}

#[tokio::test]
async fn one_in_so_many_is_recorded_whatever_strangers_say() -> Result<()> {
    let collector = Collector::start().await?;
    let settings = Settings::default()
        .set("telemetry.otlp_endpoint", &collector.address)
        .set("telemetry.sample", "1000000");
    let mut server = Server::with(settings).await?;
    for _ in 0..50 {
        server.public(Method::GET, "/_holdfast/session").header("traceparent", PARENT).send().await?;
    }
    server.stop().await;
    assert!(collector.spans().len() <= 1, "{:?}", collector.spans());
    Ok(())
}

/// The program itself, since it is its log that counts.
#[tokio::test]
async fn a_dead_collector_costs_one_warning_and_no_request() -> Result<()> {
    let mut stage = Stage::new()?;
    let dead = free_port()?;
    stage.config.push_str(&format!("\n[telemetry]\notlp_endpoint = \"http://127.0.0.1:{dead}/v1/traces\"\n"));
    let server = stage.start().await?;
    let login = stage.api.login("alice").await?;
    let mut lost = 0;
    for round in 0..400 {
        assert_eq!(stage.api.check(&login.cookie).await?.verdict(), ("allow", "ok"));
        lost = stage.api.metric("holdfast_spans_lost_total").await?;
        // The second group of spans is lost without a word.
        if lost > 0 && round > 100 && lost > round / 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(lost > 50, "{lost}");
    let log = server.log();
    assert_eq!(log.matches("takes no spans").count(), 1, "{log}");
    assert!(server.stop().await?.success());
    Ok(())
}
