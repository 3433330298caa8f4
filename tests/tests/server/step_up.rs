//! What an OAuth client is told to ask its user for, when a login is not enough (RFC 9470 §3).

use anyhow::Result;
use holdfast_tests::server::{Granted, ORIGIN, Server, Settings};
use serde_json::{Value, json};

/// The challenge for a request with the client's token.
async fn challenge(server: &Server, granted: &Granted, require: Value) -> Result<(String, String)> {
    let proof = server.proof(granted).sign(&granted.device);
    let headers = json!([["Authorization", format!("DPoP {}", granted.access_token)], ["DPoP", proof]]);
    let question = json!({ "url": format!("{ORIGIN}/orders"), "headers": headers, "require": require });
    let answer = server.ask(question).await?;
    assert_eq!(
        (answer.at("/decision"), answer.at("/status")),
        (&json!("step_up"), &json!(401)),
        "{}",
        answer.text
    );
    Ok((answer.text_at("/reason")?.to_owned(), answer.told("WWW-Authenticate")?.unwrap_or_default()))
}

#[tokio::test]
async fn an_old_login_has_the_age_that_is_demanded() -> Result<()> {
    let settings = Settings::default().route(0, "/orders", &[("require.max_auth_age", "6m")]);
    let server = Server::with(settings).await?;
    let granted = server.grant("alice").await?;
    server.advance(400);
    for (require, age) in
        [(json!({}), 360), (json!({ "max_auth_age": "5m" }), 300), (json!({ "max_auth_age": "1h" }), 360)]
    {
        let (reason, challenge) = challenge(&server, &granted, require.clone()).await?;
        assert_eq!(reason, "auth_too_old", "{require}");
        let begins = "DPoP error=\"insufficient_user_authentication\", error_description=\"";
        assert!(challenge.starts_with(begins), "{challenge}");
        assert!(challenge.contains(&format!(", max_age=\"{age}\", algs=\"ES256")), "{require}: {challenge}");
        assert!(!challenge.contains("acr_values"), "none is configured: {challenge}");
    }
    Ok(())
}

#[tokio::test]
async fn the_configured_classes_are_named() -> Result<()> {
    let server = Server::with(Settings::default().set("apps.0.step_up_acr", "urn:example:mfa phr")).await?;
    let granted = server.grant("alice").await?;
    server.advance(400);
    let (_, told) = challenge(&server, &granted, json!({ "max_auth_age": "5m" })).await?;
    assert!(told.contains(", max_age=\"300\", acr_values=\"urn:example:mfa phr\", algs="), "{told}");
    Ok(())
}

/// A key that is too weak is mended by no login, and the client is not sent to its user for one.
#[tokio::test]
async fn a_weak_binding_asks_for_no_login() -> Result<()> {
    let server = Server::with(Settings::default().set("apps.0.step_up_acr", "phr")).await?;
    let granted = server.grant("alice").await?;
    let (reason, told) = challenge(&server, &granted, json!({ "binding": "hardware" })).await?;
    assert_eq!(reason, "binding_required");
    assert!(told.contains("insufficient_user_authentication"), "{told}");
    assert!(!told.contains("max_age") && !told.contains("acr_values"), "{told}");
    Ok(())
}

/// What a policy demands is a login now, whenever the last one was.
#[tokio::test]
async fn a_policy_demands_a_login_now() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let policy = "permit (principal, action, resource);\n\
                  @id(\"again\")\n@decision(\"step_up\")\n@says(\"Authenticate again.\")\n\
                  forbid (principal, action, resource);\n";
    std::fs::write(folder.path().join("again.cedar"), policy)?;
    let settings = Settings::default().set("policy.file", "again.cedar").set("policy.mode", "enforce");
    let server = Server::in_folder(folder, settings.set("apps.0.step_up_acr", "phr")).await?;
    let granted = server.grant("alice").await?;
    let (reason, told) = challenge(&server, &granted, json!({ "max_auth_age": "5m" })).await?;
    assert_eq!(reason, "risk_step_up");
    assert!(told.contains(", max_age=\"0\", acr_values=\"phr\", algs="), "{told}");
    Ok(())
}

/// A browser has no use for the challenge: it came with a cookie, which has no scheme.
#[tokio::test]
async fn a_browser_gets_no_challenge() -> Result<()> {
    let server = Server::with(Settings::default().set("apps.0.step_up_acr", "phr")).await?;
    let bound = server.bind("alice").await?;
    server.advance(400);
    let answer = server.check_with(&bound.cookie, json!({ "max_auth_age": "5m" })).await?;
    assert_eq!(answer.verdict(), ("step_up", "auth_too_old"));
    assert_eq!(answer.told("WWW-Authenticate")?, None);
    Ok(())
}
