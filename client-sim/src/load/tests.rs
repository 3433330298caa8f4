//! The load generator against a bare route.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use super::*;
use crate::canned::Canned;
use crate::clock::SystemClock;
use crate::oauth::tests::fake::{Fake, denied};
use crate::origin::Origin;

#[tokio::test]
async fn every_request_is_answered_and_counted() {
    let router = Router::new().route("/bare", get(async || "ok"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });

    let summary = run(&setup(&base), &plan(base.join("/bare").unwrap())).await.unwrap();
    assert!(summary.all_good(), "{summary:?}");
    assert_eq!(summary.statuses.keys().collect::<Vec<_>>(), [&200]);
    assert!(summary.cpu_seconds.is_some() && summary.rps > 0.0);

    let missing = run(&setup(&base), &plan(base.join("/missing").unwrap())).await.unwrap();
    assert!(!missing.all_good() && missing.errors == 0, "{missing:?}");
}

#[tokio::test]
async fn tls_is_not_spoken() {
    let base = Url::parse("https://shop.example").unwrap();
    let outcome = run(&setup(&base), &plan(base.clone())).await;
    assert!(matches!(outcome, Err(Failure::Usage(_))));
}

#[tokio::test]
async fn each_proof_is_sent_once_and_then_the_load_is_over() {
    let fake = Fake::start().await;
    for kind in [Kind::DpopCheck, Kind::DpopVerify] {
        for (warm, nonces) in [(false, false), (true, true)] {
            let plan = Plan { kind: kind.clone(), sessions: 3, proofs: 20, warm, nonces, ..dpop_plan() };
            let summary = run(&fake.setup(), &plan).await.unwrap();
            assert_eq!((summary.requests, summary.all_good()), (20, true), "{summary:?}");
        }
    }
    let proofs = fake.proofs();
    let distinct: std::collections::BTreeSet<&String> = proofs.iter().collect();
    assert_eq!(distinct.len(), proofs.len());
    // Four times a code for each session; twice without a warm-up and twice with one of a proof a session.
    assert_eq!(proofs.len(), 4 * 3 + 2 * 20 + 2 * (20 + 3));
}

#[tokio::test]
async fn a_refused_check_is_no_success() {
    let fake = Fake::start().await;
    fake.answer_with("/v1/check", [denied(&Canned::status(401))]);
    let plan = Plan { kind: Kind::DpopCheck, proofs: 5, warm: false, ..dpop_plan() };
    let summary = run(&fake.setup(), &plan).await.unwrap();
    assert_eq!((summary.requests, summary.errors, summary.all_good()), (4, 1, false), "{summary:?}");
}

#[tokio::test]
async fn a_target_is_asked_with_the_tokens_of_another_server() {
    let (issuer, target) = (Fake::start().await, Fake::start().await);
    let plan = Plan { kind: Kind::DpopVerify, proofs: 5, target: Some(target.setup().api), ..dpop_plan() };
    let summary = run(&issuer.setup(), &plan).await.unwrap();
    assert_eq!((summary.requests, summary.all_good()), (5, true), "{summary:?}");
    assert_eq!(issuer.seen("/verify/nginx").len(), 0);
    // One of the session is asked to warm up.
    assert_eq!(target.seen("/verify/nginx").len(), 6);
}

#[tokio::test]
async fn tokens_are_renewed_in_turn() {
    let fake = Fake::start().await;
    let summary = run(&fake.setup(), &Plan { kind: Kind::DpopRefresh, ..dpop_plan() }).await.unwrap();
    assert!(summary.all_good(), "{summary:?}");
    let used: Vec<String> =
        fake.seen("/_holdfast/oauth/token").iter().filter_map(|s| s.refresh_token()).collect();
    let distinct: std::collections::BTreeSet<&String> = used.iter().collect();
    assert_eq!((distinct.len(), used.is_empty()), (used.len(), false), "each token is used once");
}

#[tokio::test]
async fn what_a_busy_server_turned_away_is_sent_again_as_it_was_and_each_session_refreshes_once_more() {
    let proofs = Arc::new(std::sync::Mutex::new(Vec::new()));
    let base = crate::canned::serve(busy(Arc::clone(&proofs))).await;
    let kind = Kind::Refresh;
    let plan = Plan {
        kind,
        sessions: 5,
        afterwards: true,
        presigned: true,
        rate: NonZeroU32::new(200),
        ..plan(base.clone())
    };
    let summary = run(&setup(&base), &plan).await.unwrap();
    let [turned_away, taken] = [503, 200].map(|status| summary.statuses.get(&status).copied().unwrap_or(0));
    assert!(turned_away > 0 && taken > 0 && summary.errors == 0, "{summary:?}");
    assert_eq!(summary.p99_us_of_status.keys().collect::<Vec<_>>(), [&200, &503]);
    let afterwards: u64 = summary.afterwards.iter().flat_map(|statuses| statuses.values()).sum();
    assert_eq!(afterwards, 5, "each session once");
    let proofs = proofs.lock().unwrap();
    for (session, proof, status) in proofs.iter() {
        let again = proofs.iter().filter(|(s, p, _)| (s, p) == (session, proof));
        let answered = again.filter(|(.., status)| *status == 200).count();
        assert!(answered <= 1, "a proof that was taken is not shown again");
        let later = proofs.iter().skip_while(|entry| entry.1 != *proof).filter(|(s, ..)| s == session);
        let next = later.skip(1).map(|(_, proof, _)| proof).next();
        assert!(*status == 200 || next.is_none_or(|next| next == proof), "the same proof comes again");
    }
}

/// The session, the proof, and the answer of each refresh.
type Refreshes = Arc<std::sync::Mutex<Vec<(String, String, u16)>>>;

/// A server that binds everybody, and turns away every other refresh of a session.
fn busy(seen: Refreshes) -> Router {
    use axum::extract::Request;
    use axum::routing::post;
    let sessions = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let create = move || {
        let id = format!("s{}", sessions.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let headers = [
            ["Secure-Session-Registration", r#"(ES256);path="/register";challenge="c""#],
            ["Set-Cookie", "__Host-holdfast=v; Path=/; Secure"],
        ];
        let body = serde_json::json!({ "session": { "id": id, "user": "u" }, "response_headers": headers });
        let canned = Canned::status(201).body(&body.to_string());
        std::future::ready(canned.response())
    };
    let register = async || Canned::status(200).response();
    let refresh = move |request: Request| {
        let field = |name| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (session, proof) = (field("sec-secure-session-id"), field("secure-session-response"));
        let mut seen = seen.lock().unwrap();
        let is_second = seen.iter().filter(|(s, ..)| *s == session).count() % 2 == 1;
        let status = if is_second { 200 } else { 503 };
        let challenge = format!("\"{}\";id=\"{session}\"", seen.len());
        seen.push((session, proof, status));
        let canned = Canned::status(status);
        let canned = if is_second { canned.with("Secure-Session-Challenge", &challenge) } else { canned };
        std::future::ready(canned.response())
    };
    Router::new()
        .route("/v1/sessions", post(create))
        .route("/register", post(register))
        .route("/_holdfast/dbsc/refresh", post(refresh))
}

fn dpop_plan() -> Plan {
    plan(Url::parse("http://127.0.0.1").unwrap())
}

fn setup(base: &Url) -> Setup {
    let origin = Origin::parse("https://shop.example").unwrap();
    Setup::new(origin, base.clone(), base.clone(), String::new(), Arc::new(SystemClock))
}

fn plan(url: Url) -> Plan {
    Plan {
        kind: Kind::Url(url),
        sessions: 1,
        connections: 2,
        span: Duration::from_millis(100),
        warm: true,
        proofs: 1,
        nonces: false,
        pid: Some(std::process::id()),
        gateway_secret: None,
        rate: None,
        target: None,
        afterwards: false,
        presigned: false,
    }
}
