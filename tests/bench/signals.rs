//! How soon a shared signal is felt: from the moment that its transmitter sends it to the answer of a check that refuses.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt as _, stream};
use holdfast_tests::server::{Api, Device};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    demand::{Table, load_average},
    server::{Kind, ORIGIN, Server, TOKEN},
};

pub(crate) fn measure() -> Result<()> {
    let mut table = Table::begin("Shared signals")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for kind in [Kind::Memory, Kind::Sled] {
        for at_once in [1, 16] {
            let mut spans = runtime.block_on(revoke_all(kind, at_once))?;
            spans.sort_unstable();
            let at = |share: usize| spans.get(spans.len() * share / 100).copied().unwrap_or_default();
            let millis = |span: Duration| span.as_secs_f64() * 1000.0;
            let (p50, p99) = (at(50), at(99));
            let measured =
                format!("p50 {:.1} ms, p99 {:.1} ms of {} events", millis(p50), millis(p99), spans.len());
            let row = format!("{}: signal sent to check refused, {at_once} at once", kind.name());
            table.row(&row, "p99 at most 50 ms", &measured, p99 <= Duration::from_millis(50));
        }
    }
    table.note(&format!("load average of the machine at the end: {}", load_average()?));
    Ok(())
}

/// Logs users in, has each revoked by an event of its own, and asks at once whether they may go on.
async fn revoke_all(kind: Kind, at_once: usize) -> Result<Vec<Duration>> {
    let (key, keys) = (Device::new()?, tempfile::tempdir()?);
    let file = keys.path().join("idp.jwks");
    let mut jwk: Value = serde_json::from_str(&key.jwk())?;
    if let Value::Object(members) = &mut jwk {
        members.insert("kid".to_owned(), json!("k"));
    }
    std::fs::write(&file, json!({ "keys": [jwk] }).to_string())?;
    let hash: String = Sha256::digest(PUSH_TOKEN).iter().map(|byte| format!("{byte:02x}")).collect();
    let tables = format!(
        "[[signals.receivers]]\nname = \"idp\"\nissuer = \"{ISSUER}\"\naudience = \"us\"\njwks_file = \"{}\"\n\
         token_sha256 = \"{hash}\"\n",
        file.display()
    );
    let server = Server::start_with(kind, &tables)?;
    let api = Api::at(server.public(), server.internal())?;
    let (api, key) = (&api, &key);
    stream::iter(0..EVENTS)
        .map(|number| revoke(api, key, number))
        .buffered(at_once)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect()
}

async fn revoke(api: &Api, key: &Device, number: usize) -> Result<Duration> {
    let user = format!("user-{number}");
    let login =
        api.with_token(TOKEN, Method::POST, "/v1/sessions").json(&json!({ "user": user })).send().await?;
    let cookies = login.expect(201)?;
    let cookie = cookies.at("/response_headers/0/1").as_str().and_then(|line| line.split(';').next());
    let cookie = cookie.context("a cookie")?.to_owned();
    let check = async || {
        let url = format!("{ORIGIN}/");
        let question = json!({ "method": "GET", "url": url, "headers": [["Cookie", cookie]] });
        let answer =
            api.with_token(TOKEN, Method::POST, "/v1/check").json(&question).send().await?.expect(200)?;
        Ok::<_, anyhow::Error>(answer.verdict().0 == "allow")
    };
    ensure!(check().await?, "the session does not live");
    let set = set(key, &user, number)?;
    let began = Instant::now();
    let path = "/_holdfast/ssf/events/idp";
    let pushed = api.public(Method::POST, path).header("content-type", "application/secevent+jwt");
    pushed.header("authorization", &format!("Bearer {PUSH_TOKEN}")).body(set).send().await?.expect(202)?;
    ensure!(!check().await?, "the check after the event lets the session go on");
    Ok(began.elapsed())
}

fn set(key: &Device, user: &str, number: usize) -> Result<String> {
    let now = holdfast::Clock::system().now().as_secs();
    let claims = json!({
        "iss": ISSUER, "aud": "us", "iat": now, "jti": number.to_string(),
        "sub_id": { "format": "iss_sub", "iss": ISSUER, "sub": user },
        "events": { "https://schemas.openid.net/secevent/caep/event-type/session-revoked": { "event_timestamp": now } },
    });
    let header = json!({ "typ": "secevent+jwt", "alg": "ES256", "kid": "k" });
    Ok(key.sign(&header.to_string(), &claims.to_string()))
}

const EVENTS: usize = 1000;
const ISSUER: &str = "https://id.example";
const PUSH_TOKEN: &str = "token-of-the-transmitter";
