//! One Holdfast tells another.

use anyhow::Result;
use holdfast_tests::server::{Server, Settings};
use reqwest::Method;
use serde_json::json;

use super::*;

/// What makes a server take the events that the transmitter at this address signs.
fn listening_to(server: &Server) -> Settings {
    Settings::default()
        .set("signals.receivers.0.name", "shop")
        .set("signals.receivers.0.issuer", HERE)
        .set("signals.receivers.0.audience", THERE)
        .set("signals.receivers.0.jwks_url", &format!("http://{}/_holdfast/ssf/jwks", server.public_addr()))
}

#[tokio::test]
async fn a_logout_here_is_a_logout_there_by_push() -> Result<()> {
    let here = Server::with(telling(Settings::default())).await?;
    let there =
        Server::with(listening_to(&here).set("signals.receivers.0.token_sha256", &sha256(PUSH_TOKEN)))
            .await?;
    there.advance(60);
    here.advance(60);
    let url = format!("http://{}/_holdfast/ssf/events/shop", there.public_addr());
    here.reload(telling(Settings::default()).set("signals.transmitter.receivers.0.push_endpoints", &url))
        .await?;
    let delivery = json!({ "method": "urn:ietf:rfc:8935", "endpoint_url": url, "authorization_header": format!("Bearer {PUSH_TOKEN}") });
    stream(&here, json!({ "delivery": delivery })).await?;
    let [alice_here, alice_there, bob_there] =
        [here.login("alice").await?, there.login("alice").await?, there.login("bob").await?];
    here.app(Method::DELETE, &format!("/v1/sessions/{}", alice_here.id)).send().await?.expect(204)?;
    until("it is a logout there", async || Ok(there.check(&alice_there.cookie).await?.verdict().0 == "deny"))
        .await?;
    assert_eq!(there.check(&bob_there.cookie).await?.verdict().0, "allow");
    let received = there.audit().wait_for("signal.received", 2).await?;
    assert_eq!(received[0]["reason"], "ignored", "a login changes nothing there");
    assert!(there.audit().named("signal.rejected").is_empty());
    Ok(())
}

#[tokio::test]
async fn a_logout_here_is_a_logout_there_by_fetching() -> Result<()> {
    let here = Server::with(telling(Settings::default())).await?;
    here.advance(60);
    let id = stream(&here, json!({})).await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("poll.token"), STREAM_TOKEN)?;
    let url = format!("http://{}/_holdfast/ssf/poll/{id}", here.public_addr());
    let settings = listening_to(&here)
        .set("signals.receivers.0.poll_url", &url)
        .set("signals.receivers.0.poll_token_file", "poll.token");
    let there = Server::in_folder(folder, settings).await?;
    there.advance(60);
    let [alice_here, alice_there] = [here.login("alice").await?, there.login("alice").await?];
    here.app(Method::DELETE, &format!("/v1/sessions/{}", alice_here.id)).send().await?.expect(204)?;
    until("it is a logout there", async || Ok(there.check(&alice_there.cookie).await?.verdict().0 == "deny"))
        .await?;
    until("all of it is acknowledged", async || {
        let metrics = here.internal(Method::GET, "/metrics").send().await?.text;
        Ok(metrics.contains("holdfast_signals_waiting 0"))
    })
    .await
}
