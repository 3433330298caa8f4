//! Shared signals, from both sides.

#![expect(clippy::indexing_slicing, reason = "what is not as it should be fails the test")]

mod fetch;
mod receive;
mod streams;
mod told;
mod transmit;

use std::sync::Mutex;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_tests::server::{Answer, Device, Server, Settings};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://signals.shop.example";
const PUSH_TOKEN: &str = "token-of-the-transmitter";

/// The transmitter that is under test, and the receiver that it tells.
const HERE: &str = "https://shop.example";
const THERE: &str = "https://siem.example";
const STREAM_TOKEN: &str = "token-of-the-receiver";

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const CREDENTIAL_CHANGE: &str = "https://schemas.openid.net/secevent/caep/event-type/credential-change";
const DEVICE_COMPLIANCE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change";
const ACCOUNT_DISABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";

/// A transmitter of the test's own, which signs with ES256.
struct Transmitter {
    key: Device,
    count: Mutex<u64>,
}

impl Transmitter {
    fn new() -> Result<Self> {
        Ok(Self { key: Device::new()?, count: Mutex::new(0) })
    }

    /// Settings under which a server takes what is pushed by this transmitter, whose keys are in a file.
    fn settings(&self) -> Settings {
        receiver(Settings::default()).set("signals.receivers.0.token_sha256", &sha256(PUSH_TOKEN))
    }

    async fn server(&self, settings: Settings) -> Result<Server> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("idp.jwks"), self.jwks())?;
        Server::in_folder(folder, settings).await
    }

    fn jwks(&self) -> String {
        let mut jwk: Value = serde_json::from_str(&self.key.jwk()).unwrap_or_default();
        jwk["kid"] = json!("first");
        json!({ "keys": [jwk] }).to_string()
    }

    /// A name that no other token has.
    fn jti(&self) -> String {
        let mut count = self.count.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *count += 1;
        format!("jti-{count}")
    }

    /// A token with one event about a subject.
    fn set(&self, server: &Server, kind: &str, subject: Value, event: Value) -> String {
        self.set_with(server, json!({}), json!({ "sub_id": subject, "events": { kind: event } }))
    }

    /// A token with these members in header and payload; those that are null go.
    fn set_with(&self, server: &Server, header: Value, claims: Value) -> String {
        let (header, claims) = self.parts(server, header, claims);
        self.key.sign(&header.to_string(), &claims.to_string())
    }

    fn parts(&self, server: &Server, header: Value, claims: Value) -> (Value, Value) {
        let good = json!({
            "iss": ISSUER, "aud": AUDIENCE, "iat": server.now(), "jti": self.jti(),
            "sub_id": { "format": "email", "email": "alice" },
            "events": { SESSION_REVOKED: { "event_timestamp": server.now() } },
        });
        let head = json!({ "typ": "secevent+jwt", "alg": "ES256", "kid": "first" });
        (laid_over(head, header), laid_over(good, claims))
    }
}

fn laid_over(mut below: Value, above: Value) -> Value {
    if let (Value::Object(members), Value::Object(more)) = (&mut below, above) {
        members.extend(more);
        members.retain(|_, value| !value.is_null());
    }
    below
}

/// The first receiver, without the way by which its events come.
fn receiver(settings: Settings) -> Settings {
    receiver_without_keys(settings).set("signals.receivers.0.jwks_file", "idp.jwks")
}

fn receiver_without_keys(settings: Settings) -> Settings {
    settings
        .set("signals.receivers.0.name", "idp")
        .set("signals.receivers.0.issuer", ISSUER)
        .set("signals.receivers.0.audience", AUDIENCE)
}

async fn push(server: &Server, set: &str) -> Result<Answer> {
    push_as(server, "idp", &format!("Bearer {PUSH_TOKEN}"), set).await
}

async fn push_as(server: &Server, receiver: &str, authorization: &str, set: &str) -> Result<Answer> {
    server
        .public(Method::POST, &format!("/_holdfast/ssf/events/{receiver}"))
        .header("content-type", "application/secevent+jwt")
        .header("authorization", authorization)
        .body(set.to_owned())
        .send()
        .await
}

fn email(user: &str) -> Value {
    json!({ "format": "email", "email": user })
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a server that tells the receiver `siem` is configured with.
fn telling(settings: Settings) -> Settings {
    settings
        .set("signals.transmitter.issuer", HERE)
        .set("signals.transmitter.key_file", "ssf.key")
        .set("signals.transmitter.receivers.0.name", "siem")
        .set("signals.transmitter.receivers.0.token_sha256", &sha256(STREAM_TOKEN))
        .set("signals.transmitter.receivers.0.audience", THERE)
}

/// A request of the receiver of a stream.
fn as_receiver(server: &Server, method: Method, path: &str) -> holdfast_tests::server::Call {
    server
        .public(method, &format!("/_holdfast/ssf/{path}"))
        .header("authorization", &format!("Bearer {STREAM_TOKEN}"))
}

/// The receiver asks for a stream and gets its id.
async fn stream(server: &Server, body: Value) -> Result<String> {
    let made = as_receiver(server, Method::POST, "stream").json(&body).send().await?.expect(201)?;
    Ok(made.text_at("/stream_id")?.to_owned())
}

/// Header and payload of a token, unverified.
fn parts_of(token: &str) -> Result<(Value, Value)> {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part));
    let mut next = || anyhow::Context::context(parts.next(), "a part")?.map_err(anyhow::Error::from);
    Ok((serde_json::from_slice(&next()?)?, serde_json::from_slice(&next()?)?))
}

/// The last part of the name of the one event that a token has, and whom it is about.
fn told_by(token: &str) -> Result<(String, String)> {
    let (_, claims) = parts_of(token)?;
    let events = anyhow::Context::context(claims["events"].as_object(), "events")?;
    let [kind] = events.keys().collect::<Vec<_>>()[..] else { anyhow::bail!("one event: {claims}") };
    let name = kind.rsplit('/').next().unwrap_or_default().to_owned();
    Ok((name, claims["sub_id"]["user"]["sub"].as_str().unwrap_or_default().to_owned()))
}

/// Waits until something is so: at most ten seconds, for a machine that does much else.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..1000 {
        if is_so().await? {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    anyhow::bail!("it never came to this: {what}")
}
