//! The load generator against a bare route.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use super::*;
use crate::clock::SystemClock;
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
        pid: Some(std::process::id()),
        gateway_secret: None,
    }
}
