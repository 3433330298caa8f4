//! The vectors of DPoP and of grants, sent to a running server: what the core says no to, the endpoints say no to as well.
//!
//! The sessions of the vectors have fixed ids, so they are put into a store before the server opens it. Whatever cannot be
//! sent is on a list with its reason.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use holdfast_tests::server::{Answer, CLIENT_SECRET, Device, ORIGIN, Proof, Server, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::vectors::files;
use crate::vectors::grants::{self, Granted, HttpRequest, ProofVector, Story, TokenVector};

#[tokio::test]
async fn every_story_is_answered_as_it_says() -> Result<()> {
    let stories = grants::stories()?;
    assert!(stories.len() > 110, "only {} stories", stories.len());
    for name in REFUSED_EARLIER.iter().map(|(name, _)| name).chain(WITHOUT_SESSION) {
        assert!(stories.iter().any(|story| story.name == *name), "there is no {name} any more");
    }
    for mut story in stories {
        if WITHOUT_SESSION.contains(&story.name.as_str()) {
            story.requests.iter_mut().for_each(|request| request.rule = Some("G-11".to_owned()));
        }
        play(&story).await.with_context(|| story.name.clone())?;
    }
    Ok(())
}

async fn play(story: &Story) -> Result<()> {
    let folder = tempfile::tempdir()?;
    files::write_keys(folder.path())?;
    for granted in &story.sessions {
        files::store(folder.path(), granted.session()?).await?;
    }
    let settings = Settings::default()
        .on_disk()
        // Early enough that a proof made when the session began is younger than the server.
        .starting_at(story.since - 60)
        .set("secrets.previous_root_key_files", "previous.key")
        .set("clients.0.client_id", "app-1")
        .set("clients.0.redirect_uris", "https://client.example/back?x=1")
        .set("clients.1.client_id", "app-2");
    let mut server = Server::in_folder(folder, settings).await?;

    let mut told = Vec::new();
    for request in &story.requests {
        server.advance(request.at - server.now());
        told.extend(send(&server, request, &story.name).await?);
    }
    for granted in &story.sessions {
        let session = server.session(&granted.id).await?.expect(200)?;
        assert_eq!(session.at("/end_reason"), &json!(end_of(granted, story, &told)), "{}", story.name);
    }
    server.stop().await;
    assert_eq!(events(&server), told, "{}", story.name);
    Ok(())
}

/// Sends a request, judges the answer, and says what the audit trail must tell of it.
async fn send(server: &Server, request: &HttpRequest, name: &str) -> Result<Vec<(String, String)>> {
    if !request.is_for_tokens() {
        let headers: Vec<_> = request.headers.iter().map(|(name, value)| [name, value]).collect();
        let question = json!({ "method": request.method, "url": request.url, "headers": headers });
        let answer = server.ask(question).await?;
        judge_check(request.rule.as_deref(), &answer, name)?;
        return Ok(request.rule.iter().flat_map(|rule| denied(rule)).collect());
    }
    let answer = ask_for_tokens(server, request).await?;
    if let Some((_, error)) = REFUSED_EARLIER.iter().find(|(early, _)| *early == name) {
        assert_eq!(answer.at("/error"), error, "{name}: {}", answer.text);
        return Ok(Vec::new());
    }
    judge_tokens(request, &answer, name)?;
    Ok(request.rule.iter().map(|rule| (event_of(rule).to_owned(), rule.clone())).collect())
}

/// What a refusal is told as: a token with another key than its own has been stolen.
fn denied(rule: &str) -> Vec<(String, String)> {
    let stolen = (rule == "P-20").then_some("token.stolen");
    let names = stolen.into_iter().chain(["session.denied"]);
    names.map(|name| (name.to_owned(), rule.to_owned())).collect()
}

/// Why a session is over afterwards: what two have used ends it, and what is refused otherwise changes nothing.
fn end_of(granted: &Granted, story: &Story, told: &[(String, String)]) -> Option<String> {
    let is_used_twice = told.iter().any(|(event, _)| event == "token.reused");
    let is_late = WITHOUT_SESSION.contains(&story.name.as_str());
    let by_this = is_used_twice.then_some("revoked").or(is_late.then_some("idle"));
    granted.ended.clone().or(by_this.map(str::to_owned))
}

async fn ask_for_tokens(server: &Server, request: &HttpRequest) -> Result<Answer> {
    let mut form: Vec<_> = request.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if request.parameter("client_id") == Some("app-2") {
        form.push(("client_secret", CLIENT_SECRET));
    }
    let path = request.url.strip_prefix("https://shop.example").context(request.url.clone())?;
    let call = server.public(Method::POST, path).form(&form);
    request.headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
}

fn judge_tokens(request: &HttpRequest, answer: &Answer, name: &str) -> Result<()> {
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
    let Some(rule) = &request.rule else {
        let verdict = (answer.status, answer.at("/token_type"));
        assert_eq!(verdict, (200, &json!("DPoP")), "{name}: {}", answer.text);
        let Some(granted) = &request.granted else { return Ok(()) };
        let claims = claims(answer.text_at("/access_token")?)?;
        assert_eq!(claims.pointer("/cnf/jkt"), Some(&json!(granted.thumbprint)), "{name}");
        if request.parameter("refresh_token").is_some() {
            assert_eq!(answer.text_at("/refresh_token")?, granted.refresh_token, "{name}");
        }
        return Ok(());
    };
    let error = if rule.starts_with("G-") { "invalid_grant" } else { error_of(rule) };
    assert_eq!((answer.status, answer.at("/error")), (400, &json!(error)), "{name} {rule}: {}", answer.text);
    assert_eq!(answer.header("dpop-nonce").is_some(), error == "use_dpop_nonce", "{name}");
    Ok(())
}

#[tokio::test]
async fn every_proof_that_a_server_can_get_is_refused_as_it_says() -> Result<()> {
    let vectors = grants::proofs()?;
    assert!(vectors.len() > 450, "only {} proofs", vectors.len());
    for name in WITHOUT_ADDRESS {
        assert!(vectors.iter().any(|vector| vector.name == *name), "there is no {name} any more");
    }
    for (rule, _) in WITHOUT_TOKEN {
        assert!(vectors.iter().any(|vector| vector.rule.as_deref() == *rule), "nobody breaks {rule:?}");
    }
    // What is refused changes nothing, so all that meet the same configuration share a server.
    let mut stages: BTreeMap<(u64, Vec<String>), Vec<ProofVector>> = BTreeMap::new();
    for vector in vectors.into_iter().filter(reaches_a_server) {
        stages.entry((vector.at, vector.algorithms.clone())).or_default().push(vector);
    }
    assert!(stages.values().map(Vec::len).sum::<usize>() > 270, "most proofs reach a server");
    for ((at, algorithms), vectors) in stages {
        show(at, &algorithms, &vectors).await?;
    }
    Ok(())
}

/// The token of the vectors is a mere text. The server needs one of its own, and refuses these proofs before it looks at
/// what they say of the token; or it finds that they say nothing, or name another one.
async fn show(at: u64, algorithms: &[String], vectors: &[ProofVector]) -> Result<()> {
    let mut settings = Settings::default().starting_at(at).set("apps.0.origin", API);
    if !algorithms.is_empty() {
        settings = settings.set("dpop.algorithms", &algorithms.join(","));
    }
    let mut server = Server::with(settings).await?;
    let code = server.authorize("alice", json!({})).await?.expect(201)?;
    let device = Device::new()?;
    let proof = Proof::new(&device, "POST", &format!("{API}/_holdfast/oauth/token"), at).sign(&device);
    let granted = server.redeem(code.text_at("/code")?, &proof).await?.expect(200)?;
    let authorization = format!("DPoP {}", granted.text_at("/access_token")?);
    let mut told = Vec::new();
    for vector in vectors {
        let mut headers = vec![["Authorization", &authorization]];
        headers.extend(vector.fields.iter().map(|field| ["DPoP", field]));
        let question = json!({ "method": vector.method, "url": vector.url, "headers": headers });
        let answer = server.ask(question).await.with_context(|| vector.name.clone())?;
        judge_check(vector.rule.as_deref(), &answer, &vector.name)?;
        told.extend(vector.rule.iter().flat_map(|rule| denied(rule)));
    }
    server.stop().await;
    assert_eq!(events(&server), told);
    Ok(())
}

fn reaches_a_server(vector: &ProofVector) -> bool {
    let has_no_token = WITHOUT_TOKEN.iter().any(|(rule, _)| vector.rule.as_deref() == *rule);
    !has_no_token && !WITHOUT_ADDRESS.contains(&vector.name.as_str())
}

fn judge_check(rule: Option<&str>, answer: &Answer, name: &str) -> Result<()> {
    let Some(rule) = rule else {
        assert_eq!((answer.verdict(), answer.at("/status")), (("allow", "ok"), &json!(200)), "{name}");
        return Ok(());
    };
    let error = error_of(rule);
    assert_eq!((answer.verdict(), answer.at("/status")), (("deny", error), &json!(401)), "{name} {rule}");
    let challenge = answer.told("WWW-Authenticate")?.unwrap_or_default();
    assert!(challenge.starts_with(&format!("DPoP error=\"{error}\", ")), "{name} {rule}: {challenge}");
    assert_eq!(answer.told("DPoP-Nonce")?.is_some(), error == "use_dpop_nonce", "{name}");
    Ok(())
}

#[tokio::test]
async fn every_token_of_another_issuer_is_judged_as_it_says() -> Result<()> {
    let vectors = grants::tokens()?;
    assert!(vectors.len() > 80, "only {} tokens", vectors.len());
    let mut stages: BTreeMap<_, Vec<TokenVector>> = BTreeMap::new();
    for vector in vectors {
        let stage = (vector.at, vector.jwk.clone(), vector.alg.clone(), vector.audiences.clone());
        stages.entry(stage).or_default().push(vector);
    }
    for ((at, mut jwk, alg, audiences), vectors) in stages {
        let folder = tempfile::tempdir()?;
        jwk.extend([("kid".to_owned(), "1".to_owned()), ("alg".to_owned(), alg)]);
        std::fs::write(folder.path().join("as.jwks"), json!({ "keys": [jwk] }).to_string())?;
        let settings = Settings::default()
            .starting_at(at)
            .set("issuers.0.issuer", "https://as.test")
            .set("issuers.0.audiences", &audiences.join(","))
            .set("issuers.0.apps", "shop")
            .set("issuers.0.algorithms", "ES256,EdDSA,PS256,RS256")
            .set("issuers.0.jwks_file", "as.jwks");
        let server = Server::in_folder(folder, settings).await?;
        present(server, &vectors).await?;
    }
    Ok(())
}

/// Shows the tokens with good proofs by a key that none of them is bound to: one that is taken leads to `P-20`, or to
/// `T-08` if it is bound to no key at all.
async fn present(mut server: Server, vectors: &[TokenVector]) -> Result<()> {
    let device = Device::new()?;
    let mut told = Vec::new();
    for vector in vectors {
        // The scheme with nothing behind it is no credential, and is answered as none.
        if vector.token.is_empty() {
            continue;
        }
        let taken = if vector.name == "token-bare" { "T-08" } else { "P-20" };
        let rule = vector.rule.as_deref().unwrap_or(taken);
        let proof = Proof::new(&device, "GET", &format!("{ORIGIN}/orders"), vector.at).over(&vector.token);
        let answer = server.check_token(&format!("DPoP {}", vector.token), &[&proof.sign(&device)]).await?;
        judge_check(Some(rule), &answer, &vector.name)?;
        told.extend(denied(rule));
    }
    server.stop().await;
    assert_eq!(events(&server), told);
    Ok(())
}

/// What an OAuth client is told of a broken rule (RFC 9449 §7.1, §8, §12.2; RFC 6750 §3.1).
fn error_of(rule: &str) -> &'static str {
    match rule {
        "P-15" | "P-17" | "P-18" | "P-22" => "use_dpop_nonce",
        "P-20" => "invalid_token",
        _ if rule.starts_with("T-") => "invalid_token",
        _ => "invalid_dpop_proof",
    }
}

/// What the audit trail calls a refusal of the token endpoint.
fn event_of(rule: &str) -> &'static str {
    match rule {
        "G-09" => "token.stolen",
        "G-03" | "G-10" => "token.reused",
        _ => "proof.rejected",
    }
}

/// The events that name a rule, with it.
fn events(server: &Server) -> Vec<(String, String)> {
    let text = |event: &Value, member: &str| event.get(member)?.as_str().map(str::to_owned);
    let events = server.audit().events().into_iter();
    events.filter_map(|event| Some((text(&event, "event")?, text(&event, "rule")?))).collect()
}

fn claims(jwt: &str) -> Result<Value> {
    let part = jwt.split('.').nth(1).unwrap_or_default();
    Ok(serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part)?)?)
}

/// The origin that most proofs are for.
const API: &str = "https://api.test";

/// Vectors that the token endpoint refuses before it comes to their rule, and how: a parameter without a value is as one
/// that was not sent, and nobody has configured such a client.
const REFUSED_EARLIER: &[(&str, &str)] = &[
    ("code-empty", "invalid_request"),
    ("refresh-token-empty", "invalid_request"),
    ("code-by-client-trailing-space", "invalid_client"),
    ("code-by-client-upper-case", "invalid_client"),
    ("code-by-client-prefix", "invalid_client"),
    ("code-by-client-empty", "invalid_client"),
];

/// Vectors of sessions that the clock has ended by then. The core judges grants alone; over HTTP nobody is asked any more,
/// and `G-11` says no to whatever comes.
const WITHOUT_SESSION: &[&str] = &[
    "code-expired",
    "code-expired-long-ago",
    "code-twice-and-expired",
    "refresh-token-again-an-hour-late",
    "refresh-token-before-redemption",
    "refresh-token-rotated-after-a-year",
];

/// Addresses that are none of the app, or that are none at all: nothing else is asked.
const WITHOUT_ADDRESS: &[&str] = &[
    "dpop-request-userinfo",
    "dpop-request-not-http",
    "dpop-request-open-bracket",
    "dpop-request-raw-space",
];

/// Rules that are asked only when the proof names the token of the request, which for these proofs is a text that no
/// server has issued; and the stories that break them with tokens of this server.
const WITHOUT_TOKEN: &[(Option<&str>, &str)] = &[
    (None, "http-dpop-checked, oauth_check.rs"),
    (Some("P-11"), "oauth_check.rs"),
    (Some("P-12"), "oauth_token.rs: the address of these two is of another token endpoint"),
    (Some("P-15"), "oauth_check.rs, oauth_token.rs"),
    (Some("P-16"), "oauth_check.rs, oauth_token.rs"),
    (Some("P-17"), "oauth_check.rs, oauth_token.rs"),
    (Some("P-18"), "http-dpop-replayed-too-late, oauth_check.rs"),
    (Some("P-19"), "http-dpop-failure-uses-up-nothing"),
    (Some("P-20"), "http-dpop-failure-uses-up-nothing, oauth_check.rs"),
    (Some("P-21"), "oauth_token.rs"),
    (Some("P-22"), "attacks.rs: a proof from before a restart"),
];
