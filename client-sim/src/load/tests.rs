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
    }
}
