//! The thief against a server that lets everybody in: a verdict is worth something only if it can be the other one.

use super::*;
use crate::canned::Canned;
use crate::oauth::tests::fake::{Fake, denied};
use crate::restart::ByCommand;

#[tokio::test]
async fn no_attack_on_tokens_holds_where_everything_is_allowed() {
    let fake = Fake::start().await;
    let mut setup = fake.setup();
    setup.restart = Some(std::sync::Arc::new(ByCommand("true".to_owned())));
    for attack in DPOP_ATTACKS {
        let report = play(&setup, attack).await;
        assert!(!report.held && report.failure.is_none() && report.not_run.is_none(), "{report:?}");
        assert!(report.findings.iter().any(|finding| !finding.holds), "{report:?}");
    }
}

#[tokio::test]
async fn no_attack_on_tokens_holds_where_everything_is_refused() {
    let fake = Fake::start().await;
    let refused = denied(&Canned::status(401).with("www-authenticate", r#"DPoP error="invalid_dpop_proof""#));
    for attack in DPOP_ATTACKS {
        fake.answer_with("/v1/check", std::iter::repeat_n(refused.clone(), 300));
        assert!(!play(&fake.setup(), attack).await.held, "{attack:?}");
    }
}

#[tokio::test]
async fn an_attack_that_lacks_something_is_not_run_and_says_so() {
    let fake = Fake::start().await;
    let mut setup = fake.setup();
    setup.max_wait = std::time::Duration::from_secs(60);
    for attack in ["replayed-dpop-proof-after-restart", "replayed-dpop-proof-after-its-life"] {
        let report = play(&setup, select(&setup, &[attack]).unwrap()[0]).await;
        assert!(!report.held && report.not_run.is_some() && report.failure.is_none(), "{report:?}");
        let mut text = Vec::new();
        report.tell(&mut text).unwrap();
        assert!(text.starts_with(b"NOT RUN"), "{report:?}");
    }
}

#[tokio::test]
async fn attacks_on_tokens_need_a_client() {
    let fake = Fake::start().await;
    let mut setup = fake.setup();
    let count = |setup: &Setup, name: &str| select(setup, &[name]).map(|attacks| attacks.len()).ok();
    assert_eq!(count(&setup, "all"), Some(ATTACKS.len() + DPOP_ATTACKS.len()));
    assert_eq!(count(&setup, "dpop"), Some(DPOP_ATTACKS.len()));
    setup.client = None;
    assert_eq!(select(&setup, &[""; 0]).unwrap().len(), ATTACKS.len());
    assert_eq!((count(&setup, "all"), count(&setup, "dbsc")), (Some(ATTACKS.len()), Some(ATTACKS.len())));
    assert_eq!((count(&setup, "dpop"), count(&setup, "code-used-twice")), (None, None));
    assert_eq!((count(&setup, "alg-none"), count(&setup, "no-such")), (Some(1), None));
}
