//! The OAuth client against a server that can be made to answer anything.

pub(crate) mod fake;

use std::time::Duration;

use fake::{Fake, claims_of};
use http::Method;

use super::*;
use crate::Failure;
use crate::canned::Canned;
use crate::key::{Algorithm, DeviceKey};

const TOKEN: &str = "/_holdfast/oauth/token";
const CHECK: &str = "/v1/check";

fn client(fake: &Fake) -> Client {
    fake.setup().oauth_client("203.0.113.7", DeviceKey::software(Algorithm::Es256).unwrap()).unwrap()
}

async fn granted(fake: &Fake) -> Client {
    let mut client = client(fake);
    let code = client.log_in("alice").await.unwrap();
    assert_eq!(client.redeem(&code).await.unwrap(), Outcome::Granted);
    client
}

fn demand(status: u16, nonce: &str) -> Canned {
    let canned = Canned::status(status).with("dpop-nonce", nonce);
    match status {
        400 => canned.body(r#"{"error":"use_dpop_nonce"}"#),
        _ => canned.with("www-authenticate", r#"DPoP error="use_dpop_nonce", algs="ES256""#),
    }
}

#[tokio::test]
async fn a_code_is_asked_for_with_pkce_and_the_key_and_redeemed_with_both() {
    let fake = Fake::start().await;
    let client = granted(&fake).await;
    let asked = fake.seen("/v1/sessions").remove(0).json();
    let thumbprint = client.key().jwk().thumbprint().unwrap();
    assert_eq!((&asked["kind"], &asked["client_id"]), (&"oauth".into(), &"shop-cli".into()));
    assert_eq!((&asked["code_challenge_method"], &asked["dpop_jkt"]), (&"S256".into(), &thumbprint.into()));
    assert_eq!(asked.get("audience"), None);
    let redeemed = fake.seen(TOKEN).remove(0);
    let form = redeemed.form();
    let challenge = crate::encoding::base64url(&crate::key::sha256(form["code_verifier"].as_bytes()));
    assert_eq!(asked["code_challenge"], challenge);
    assert_eq!((form["grant_type"].as_str(), form["client_id"].as_str()), ("authorization_code", "shop-cli"));
    assert_eq!(form["redirect_uri"], "http://127.0.0.1/callback");
    let claims = claims_of(&redeemed.header("dpop").unwrap());
    assert_eq!((&claims["htm"], claims.get("ath")), (&"POST".into(), None));
    assert_eq!(claims["htu"], "https://shop.example/_holdfast/oauth/token");
}

#[tokio::test]
async fn a_demand_for_a_nonce_is_met_once_and_remembered() {
    let fake = Fake::start().await;
    fake.answer_with(TOKEN, [demand(400, "n1")]);
    let mut client = granted(&fake).await;
    fake.answer_with(CHECK, [fake::denied(&demand(401, "n2"))]);
    let url = fake.url("/account?x=1");
    assert_eq!(client.get(&url).await.unwrap().status, 200);
    let proofs: Vec<_> = fake.proofs().iter().map(|proof| claims_of(proof)).collect();
    let nonces: Vec<_> = proofs.iter().map(|claims| claims["nonce"].as_str()).collect();
    assert_eq!(nonces, [None, Some("n1"), Some("n1"), Some("n2")]);
    assert_eq!(proofs[3]["htu"], "https://shop.example/account");
    let ath = crate::encoding::base64url(&crate::key::sha256(b"access-1"));
    assert_eq!(proofs[3]["ath"], ath);
    let demanded = |h: &&Happening| matches!(h, Happening::NonceDemanded { .. });
    assert_eq!(client.happenings().iter().filter(demanded).count(), 2);

    fake.answer_with(TOKEN, [demand(400, "n3"), demand(400, "n4")]);
    let Outcome::Refused(refusal) = client.refresh().await.unwrap() else { panic!("a refusal") };
    assert_eq!((refusal.status, refusal.error.as_str()), (400, "use_dpop_nonce"));
    assert_eq!(fake.seen(TOKEN).len(), 4, "two demands in a row are not met");
    assert_eq!(client.nonces().for_url(&url), Some("n4"));
}

#[tokio::test]
async fn an_expired_token_is_refreshed_first_and_a_refused_one_afterwards() {
    let fake = Fake::start().await;
    let mut client = granted(&fake).await;
    let page = fake.url("/account");
    client.get(&page).await.unwrap();
    fake.clock.advance(Duration::from_secs(600));
    client.get(&page).await.unwrap();
    assert_eq!(fake.seen(TOKEN).last().unwrap().refresh_token().as_deref(), Some("refresh-1"));
    assert_eq!(client.grant().unwrap().access_token, "access-2");

    let invalid = Canned::status(401).with("www-authenticate", r#"DPoP error="invalid_token""#);
    fake.answer_with(CHECK, [fake::denied(&invalid)]);
    assert_eq!(client.get(&page).await.unwrap().status, 200);
    assert_eq!(client.grant().unwrap().access_token, "access-3");

    fake.answer_with(CHECK, [fake::denied(&invalid)]);
    fake.answer_with(TOKEN, [Canned::status(400).body(r#"{"error":"invalid_grant"}"#)]);
    assert_eq!(client.get(&page).await.unwrap().status, 401, "the first answer stands");
    assert_eq!(client.grant().unwrap().access_token, "access-3");
}

#[tokio::test]
async fn bearer_tokens_are_not_taken() {
    let fake = Fake::start().await;
    let bearer = r#"{"access_token":"a","token_type":"Bearer","expires_in":1,"refresh_token":"r"}"#;
    fake.answer_with(TOKEN, [Canned::status(200).body(bearer)]);
    let mut client = client(&fake);
    let code = client.log_in("alice").await.unwrap();
    assert!(matches!(client.redeem(&code).await, Err(Failure::Answer(_))));
    assert!(client.grant().is_err() && client.memory().unwrap().is_none());
}

#[tokio::test]
async fn tokens_key_and_nonce_survive_a_restart_of_the_client() {
    let fake = Fake::start().await;
    let mut client = granted(&fake).await;
    client.fetch_nonce().await.unwrap();
    let saved = serde_json::to_string(&client.memory().unwrap()).unwrap();
    let saved: Option<SavedClient> = serde_json::from_str(&saved).unwrap();
    let mut again = fake.setup().restored_client("203.0.113.7", saved.unwrap()).await.unwrap();
    assert_eq!(again.key().jwk(), client.key().jwk());
    assert_eq!(again.grant().unwrap(), client.grant().unwrap());
    again.call(&Method::GET, &fake.url("/account")).await.unwrap();
    assert_eq!(claims_of(fake.proofs().last().unwrap())["nonce"], "fetched");
    assert!(!format!("{:?}", client.memory().unwrap()).contains("access-1"));
}
