//! Access tokens of other issuers, and issuers whose keys are down, huge or a lie.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use holdfast_tests::server::{Answer, Device, ORIGIN, Proof, Server, Settings, base64url};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const ISSUER: &str = "https://id.example";

/// An issuer with one key, and how it answers when it is asked for it.
struct Issuer {
    key: Device,
    address: String,
    asked: Arc<AtomicUsize>,
    answer: Arc<parking::Answer>,
}

/// What the issuer answers, to be changed while it runs.
mod parking {
    use std::sync::Mutex;

    #[derive(Debug, Default)]
    pub(super) struct Answer(Mutex<(u16, String)>);

    impl Answer {
        pub(super) fn set(&self, status: u16, body: impl Into<String>) {
            *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = (status, body.into());
        }

        pub(super) fn get(&self) -> (u16, String) {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
        }
    }
}

impl Issuer {
    async fn start() -> Result<Self> {
        let key = Device::new()?;
        let (asked, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(parking::Answer::default()));
        answer.set(200, set_of(&[("first", &key)]));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}/jwks", listener.local_addr()?);
        let (count, said) = (Arc::clone(&asked), Arc::clone(&answer));
        let serve = move || {
            count.fetch_add(1, Ordering::SeqCst);
            let (status, body) = said.get();
            let status = http::StatusCode::from_u16(status).unwrap_or_default();
            async move { (status, body).into_response() }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/jwks", get(serve))).await });
        Ok(Self { key, address, asked, answer })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn server(&self) -> Result<Server> {
        Server::with(
            Settings::default().set("issuers.0.issuer", ISSUER).set("issuers.0.jwks_url", &self.address),
        )
        .await
    }

    /// A good token for the key of `device`, with `more` laid over its claims.
    fn token(&self, server: &Server, device: &Device, more: Value) -> String {
        self.token_by(server, device, json!({ "typ": "at+jwt", "alg": "ES256", "kid": "first" }), more)
    }

    fn token_by(&self, server: &Server, device: &Device, header: Value, more: Value) -> String {
        let mut claims = json!({ "iss": ISSUER, "aud": ORIGIN, "sub": "carol", "client_id": "c", "jti": "t",
            "iat": server.now(), "exp": server.now() + 600, "cnf": { "jkt": device.thumbprint() } });
        if let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) {
            claims.extend(more);
            claims.retain(|_, value| !value.is_null());
        }
        self.key.sign(&header.to_string(), &claims.to_string())
    }
}

#[tokio::test]
async fn a_token_of_a_known_issuer_is_taken() -> Result<()> {
    let issuer = Issuer::start().await?;
    let server = issuer.server().await?;
    server.advance(60);
    let device = Device::new()?;
    let token = issuer.token(&server, &device, json!({}));
    let proof = proof(&server, &device, &token);
    let answer = check(&server, &token, &proof).await?;
    assert_eq!((answer.verdict(), answer.at("/session")), (("allow", "ok"), &Value::Null));
    let headers: Vec<(String, String)> = serde_json::from_value(answer.at("/request_headers").clone())?;
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("Holdfast-User", "carol"),
        ("Holdfast-Session", ""),
        ("Holdfast-Binding", "software"),
        ("Holdfast-Assertion", ""),
        ("Holdfast-Client", "c"),
        ("Holdfast-Scope", ""),
        ("Holdfast-Issuer", ISSUER),
    ];
    assert_eq!(headers, expected);
    assert_eq!(check(&server, &token, &proof).await?.verdict(), ("deny", "invalid_dpop_proof"), "once");
    assert_eq!(issuer.asked(), 1);
    Ok(())
}

#[tokio::test]
async fn tokens_that_are_not_good_here_are_refused() -> Result<()> {
    let issuer = Issuer::start().await?;
    let server = issuer.server().await?;
    server.advance(60);
    let (device, thief) = (Device::new()?, Device::new()?);
    let late = server.now() - 16;
    for more in [
        json!({ "iss": "https://evil.example" }),
        json!({ "aud": "https://other.example" }),
        json!({ "aud": null }),
        json!({ "exp": late }),
        json!({ "exp": null }),
        json!({ "iat": server.now() + 16 }),
        json!({ "nbf": server.now() + 16 }),
        json!({ "sub": null }),
        json!({ "sub": "a\nb" }),
        json!({ "sub": "" }),
        json!({ "cnf": null }),
        json!({ "cnf": { "x5t#S256": "x" } }),
        json!({ "cnf": { "jkt": thief.thumbprint() } }),
    ] {
        let token = issuer.token(&server, &device, more.clone());
        let answer = check(&server, &token, &proof(&server, &device, &token)).await?;
        assert_eq!(answer.verdict(), ("deny", "invalid_token"), "{more}");
    }
    for header in [
        json!({ "typ": "JWT", "alg": "ES256", "kid": "first" }),
        json!({ "alg": "ES256", "kid": "first" }),
        json!({ "typ": "at+jwt", "alg": "none", "kid": "first" }),
        json!({ "typ": "at+jwt", "alg": "RS256", "kid": "first" }),
        json!({ "typ": "at+jwt", "alg": "HS256", "kid": "first" }),
        json!({ "typ": "at+jwt", "alg": "ES256", "kid": "first", "crit": ["x"] }),
    ] {
        let token = issuer.token_by(&server, &device, header.clone(), json!({}));
        let answer = check(&server, &token, &proof(&server, &device, &token)).await?;
        assert_eq!(answer.verdict(), ("deny", "invalid_token"), "{header}");
    }
    // A key that the issuer has, and a token that it has not signed.
    let forged = Issuer { key: Device::new()?, ..issuer };
    let token = forged.token(&server, &device, json!({}));
    let answer = check(&server, &token, &proof(&server, &device, &token)).await?;
    assert_eq!(answer.verdict(), ("deny", "invalid_token"));
    let bearer = server.check_token(&format!("Bearer {token}"), &[]).await?;
    assert_eq!(bearer.verdict(), ("deny", "invalid_token"), "nor is a bearer token of a known issuer");
    Ok(())
}

/// An issuer may rotate its keys; and names of keys that nobody has cause no storm.
#[tokio::test]
async fn unknown_keys_are_looked_for_seldom() -> Result<()> {
    let issuer = Issuer::start().await?;
    let server = issuer.server().await?;
    let device = Device::new()?;
    server.advance(60);
    for number in 0..50 {
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": format!("made-up-{number}") });
        let token = issuer.token_by(&server, &device, header, json!({}));
        let answer = check(&server, &token, &proof(&server, &device, &token)).await?;
        assert_eq!(answer.verdict(), ("deny", "invalid_token"));
    }
    assert_eq!(issuer.asked(), 1);
    issuer.answer.set(200, set_of(&[("first", &Device::new()?), ("second", &issuer.key)]));
    server.advance(30);
    let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": "second" });
    let token = issuer.token_by(&server, &device, header, json!({}));
    let answer = check(&server, &token, &proof(&server, &device, &token)).await?;
    assert_eq!((answer.verdict(), issuer.asked()), (("allow", "ok"), 2));
    Ok(())
}

/// The old keys serve on, one warning is written, and a metric counts.
#[tokio::test]
async fn an_issuer_that_is_down_or_lies_is_waited_for() -> Result<()> {
    let issuer = Issuer::start().await?;
    let server = issuer.server().await?;
    let device = Device::new()?;
    server.advance(60);
    let good = || issuer.token(&server, &device, json!({ "jti": server.now().to_string() }));
    let token = good();
    assert_eq!(check(&server, &token, &proof(&server, &device, &token)).await?.verdict(), ("allow", "ok"));
    let secret = format!(r#"{{"keys":[{{"kty":"oct","k":"{}"}}]}}"#, base64url(b"secret"));
    let huge = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(300_000));
    for (status, body) in [
        (503, String::new()),
        (200, "<html>".to_owned()),
        (200, "{\"keys\":[]}".to_owned()),
        (200, secret),
        (200, huge),
        (302, String::new()),
    ] {
        issuer.answer.set(status, body);
        server.advance(600);
        let token = good();
        let answer = check(&server, &token, &proof(&server, &device, &token)).await?;
        assert_eq!(answer.verdict(), ("allow", "ok"), "{status}");
    }
    assert_eq!(issuer.asked(), 7);
    assert_eq!(server.metric("holdfast_jwks_fetches_total{outcome=\"failed\"}").await?, 6);
    assert_eq!(server.metric("holdfast_jwks_fetches_total{outcome=\"ok\"}").await?, 1);
    // A key that its issuer takes back is refused after ten minutes at most.
    issuer.answer.set(200, set_of(&[("next", &Device::new()?)]));
    server.advance(600);
    let token = good();
    let answer = check(&server, &token, &proof(&server, &device, &token)).await?;
    assert_eq!(answer.verdict(), ("deny", "invalid_token"));
    Ok(())
}

/// A token that was seen before lives no longer than its key.
#[tokio::test]
async fn a_key_that_is_taken_back_takes_its_tokens_along() -> Result<()> {
    let issuer = Issuer::start().await?;
    let server = issuer.server().await?;
    let device = Device::new()?;
    server.advance(60);
    let token = issuer.token(&server, &device, json!({ "exp": server.now() + 86_400 }));
    assert_eq!(check(&server, &token, &proof(&server, &device, &token)).await?.verdict(), ("allow", "ok"));
    issuer.answer.set(200, set_of(&[("next", &Device::new()?)]));
    server.advance(599);
    assert_eq!(check(&server, &token, &proof(&server, &device, &token)).await?.verdict(), ("allow", "ok"));
    server.advance(1);
    let answer = check(&server, &token, &proof(&server, &device, &token)).await?;
    assert_eq!(answer.verdict(), ("deny", "invalid_token"));
    Ok(())
}

/// Groups by the hundred and roles in objects of objects are what issuers write.
#[tokio::test]
async fn a_token_may_say_much() -> Result<()> {
    let issuer = Issuer::start().await?;
    let server = issuer.server().await?;
    let device = Device::new()?;
    server.advance(60);
    let groups: Vec<_> = (0..200).map(|number| format!("group-{number}")).collect();
    let more = json!({ "groups": groups, "resource_access": { "shop": { "roles": [{ "name": ["a"] }] } } });
    let token = issuer.token(&server, &device, more);
    assert_eq!(check(&server, &token, &proof(&server, &device, &token)).await?.verdict(), ("allow", "ok"));
    Ok(())
}

/// An issuer's audience may be one app's alone.
#[tokio::test]
async fn an_issuer_is_believed_where_it_is_configured() -> Result<()> {
    let issuer = Issuer::start().await?;
    let settings = Settings::default()
        .set("issuers.0.issuer", ISSUER)
        .set("issuers.0.jwks_url", &issuer.address)
        .set("issuers.0.audiences", ORIGIN);
    assert!(Server::with(settings.clone()).await.is_err(), "which app does the audience mean?");
    let server = Server::with(settings.set("issuers.0.apps", "other")).await?;
    server.advance(60);
    let device = Device::new()?;
    let token = issuer.token(&server, &device, json!({}));
    let answer = check(&server, &token, &proof(&server, &device, &token)).await?;
    assert_eq!(answer.verdict(), ("deny", "invalid_token"));
    Ok(())
}

/// Our outage is 5xx: whether the token is good is not known.
#[tokio::test]
async fn an_issuer_that_never_answered_is_our_trouble() -> Result<()> {
    let issuer = Issuer::start().await?;
    issuer.answer.set(500, "");
    let server = issuer.server().await?;
    let device = Device::new()?;
    let token = issuer.token(&server, &device, json!({}));
    let headers =
        json!([["Authorization", format!("DPoP {token}")], ["DPoP", proof(&server, &device, &token)]]);
    let question = json!({ "method": "GET", "url": format!("{ORIGIN}/orders"), "headers": headers });
    let answer = server.app(Method::POST, "/v1/check").json(&question).send().await?;
    assert_eq!((answer.status, answer.code()), (503, "issuer_unavailable"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    Ok(())
}

#[tokio::test]
async fn keys_may_be_in_a_file() -> Result<()> {
    let issuer = Issuer::start().await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("id.jwks"), set_of(&[("first", &issuer.key)]))?;
    let settings = Settings::default()
        .set("issuers.0.issuer", ISSUER)
        .set("issuers.0.jwks_file", &folder.path().join("id.jwks").display().to_string())
        .set("issuers.0.audiences", "urn:api")
        .set("issuers.0.apps", "shop")
        .set("issuers.0.algorithms", "ES256");
    let server = Server::in_folder(folder, settings).await?;
    server.advance(60);
    let device = Device::new()?;
    let token = issuer.token(&server, &device, json!({ "aud": ["urn:other", "urn:api"] }));
    assert_eq!(check(&server, &token, &proof(&server, &device, &token)).await?.verdict(), ("allow", "ok"));
    let token = issuer.token(&server, &device, json!({}));
    let answer = check(&server, &token, &proof(&server, &device, &token)).await?;
    assert_eq!(answer.verdict(), ("deny", "invalid_token"), "the issuer has an audience of its own");
    let strict = json!({ "binding": "hardware" });
    let token = issuer.token(&server, &device, json!({ "aud": "urn:api" }));
    let headers =
        json!([["Authorization", format!("DPoP {token}")], ["DPoP", proof(&server, &device, &token)]]);
    let answer = server
        .ask(json!({ "url": format!("{ORIGIN}/orders"), "headers": headers, "require": strict }))
        .await?;
    assert_eq!(answer.verdict(), ("step_up", "binding_required"));
    Ok(())
}

async fn check(server: &Server, token: &str, proof: &str) -> Result<Answer> {
    server.check_token(&format!("DPoP {token}"), &[proof]).await
}

fn proof(server: &Server, device: &Device, token: &str) -> String {
    let hash = Sha256::digest(token.as_bytes());
    Proof::new(device, "GET", &format!("{ORIGIN}/orders"), server.now())
        .claim("ath", base64url(&hash))
        .sign(device)
}

fn set_of(keys: &[(&str, &Device)]) -> String {
    let keys: Vec<Value> = keys
        .iter()
        .map(|(kid, key)| {
            let mut jwk: serde_json::Map<String, Value> =
                serde_json::from_str(&key.jwk()).unwrap_or_default();
            jwk.insert("kid".to_owned(), json!(kid));
            Value::Object(jwk)
        })
        .collect();
    json!({ "keys": keys }).to_string()
}
