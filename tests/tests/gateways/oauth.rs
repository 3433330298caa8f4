//! A DPoP client behind every proxy: tokens, nonces and what the client is told.

use anyhow::{Context as _, Result};
use holdfast_tests::server::{Answer, CLIENT, Device, ORIGIN, Proof, REDIRECT_URI, TOKEN_URL, VERIFIER};
use reqwest::Method;
use serde_json::json;

use crate::gate::Gate;
use crate::proxy::Proxy;
use crate::through_each_proxy;

through_each_proxy!(a_dpop_client_calls_with_nonces);

async fn a_dpop_client_calls_with_nonces(proxy: Proxy) -> Result<()> {
    let Some(gate) = Gate::with(proxy, None, &[("DPOP__NONCE", "always")]).await? else { return Ok(()) };
    let code = gate.house.api.authorize("alice", json!({})).await?.expect(201)?;
    let device = Device::new()?;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("code", code.text_at("/code")?),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let redeem = |nonce: Option<String>| {
        let proof = Proof::new(&device, "POST", TOKEN_URL, gate.house.now());
        let proof = nonce.into_iter().fold(proof, |proof, nonce| proof.claim("nonce", nonce)).sign(&device);
        gate.request(Method::POST, "/_holdfast/oauth/token").form(&form).header("dpop", &proof).send()
    };
    let nonce = asked_for(&redeem(None).await?.expect(400)?)?;
    let granted = redeem(Some(nonce)).await?.expect(200)?;
    let token = granted.text_at("/access_token")?;

    let proof = |nonce: Option<&str>| {
        let proof = Proof::new(&device, "GET", &format!("{ORIGIN}/orders"), gate.house.now()).over(token);
        nonce.into_iter().fold(proof, |proof, nonce| proof.claim("nonce", nonce)).sign(&device)
    };
    let authorization = format!("DPoP {token}");
    for call in gate.gets("/orders?x=1") {
        // A page is never made of this: the client is told what a client understands.
        let call = call.header("authorization", &authorization).header("dpop", &proof(None));
        let answer = call.send().await?.expect(401)?;
        let challenges = answer.all("www-authenticate");
        assert!(
            matches!(challenges.as_slice(), [one] if one.contains("error=\"use_dpop_nonce\"")),
            "{challenges:?}"
        );
        asked_for(&answer)?;
    }
    assert!(gate.app.seen().is_empty(), "{:?}", gate.app.seen());

    let refused = gate.get("/orders").header("authorization", &authorization).header("dpop", &proof(None));
    let nonce = asked_for(&refused.send().await?)?;
    for call in gate.gets("/orders?x=1") {
        let call = call.header("authorization", &authorization).header("dpop", &proof(Some(&nonce)));
        let answer = call.send().await?.expect(200)?;
        assert_eq!(answer.header("dpop-nonce"), None, "the one that was shown is good for a while");
        let seen = gate.app.last()?;
        assert_eq!((seen.all("holdfast-user"), seen.all("holdfast-client")), (vec!["alice"], vec![CLIENT]));
        assert_eq!(seen.all("holdfast-scope"), ["read write"]);
    }
    // In the second half of a nonce's life an allowed answer brings the next one.
    gate.house.advance(200);
    for call in gate.gets("/orders?x=1") {
        let call = call.header("authorization", &authorization).header("dpop", &proof(Some(&nonce)));
        asked_for(&call.send().await?.expect(200)?)?;
    }
    // The same proof again, and the token without one.
    let reached = gate.app.seen().len();
    let spent = proof(Some(&nonce));
    for status in [200, 401] {
        let call = gate.get("/orders?x=1").header("authorization", &authorization).header("dpop", &spent);
        call.send().await?.expect(status)?;
    }
    gate.get("/orders?x=1").header("authorization", &authorization).send().await?.expect(401)?;
    gate.get("/orders?x=1").header("authorization", &format!("Bearer {token}")).send().await?.expect(401)?;
    assert_eq!(gate.app.seen().len(), reached + 1);
    Ok(())
}

/// The one nonce that an answer brings.
fn asked_for(answer: &Answer) -> Result<String> {
    let nonces = answer.all("dpop-nonce");
    assert_eq!(nonces.len(), 1, "{nonces:?}, {}: {}", answer.status, answer.text);
    nonces.first().map(|nonce| (*nonce).to_owned()).context("no nonce")
}
