//! The vectors of `tests/vectors`, sent to a running server: what the core says no to, the endpoints say no to as well.
//!
//! The sessions of the vectors have fixed ids, so they are put into a store before the server opens it.

use std::path::Path;

use anyhow::{Context as _, Result};
use holdfast_core::session::EndReason;
use holdfast_tests::server::{Answer, COOKIE, Server, Settings};
use reqwest::Method;
use serde_json::json;

use crate::vectors::{self, BEGAN, Endpoint, SessionState, Vector};

#[tokio::test]
async fn every_vector_is_answered_as_it_says() -> Result<()> {
    let vectors = vectors::read()?;
    assert!(vectors.len() > 300, "only {} vectors", vectors.len());
    let mut stages: Vec<(Vector, Vec<Vector>)> = Vec::new();
    for vector in vectors.into_iter().filter(is_of_a_living_session) {
        // What is refused changes nothing, so all of a kind share a server; what is accepted has its own.
        let stage = stages
            .iter_mut()
            .find(|(first, _)| vector.rule.is_some() && first.rule.is_some() && first.shares(&vector));
        match stage {
            Some((_, others)) => others.push(vector),
            None => stages.push((vector, Vec::new())),
        }
    }
    for (first, others) in stages {
        play(&first, &others).await.with_context(|| first.name.clone())?;
    }
    Ok(())
}

async fn play(first: &Vector, others: &[Vector]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    vectors::write_keys(folder.path())?;
    put_session(folder.path(), &first.session).await?;
    let mut settings =
        Settings::default().on_disk().starting_at(first.at).set("apps.0.origin", &first.origin);
    settings = settings.set("secrets.previous_root_key_files", "previous.key");
    if !first.offered.is_empty() {
        settings = settings.set("dbsc.algorithms", &first.offered.join(","));
    }
    let mut server = Server::in_folder(folder, settings).await?;
    let before = server.session(first.session.id()).await?.text;

    let mut rules = Vec::new();
    for vector in std::iter::once(first).chain(others) {
        let answer = send(&server, vector).await.with_context(|| vector.name.clone())?;
        judge(vector, &answer);
        // D-REF-01 and D-REF-02 say 404 to whoever knows a public id; there is no proof to report.
        rules.extend(vector.rule.clone().filter(|rule| !matches!(rule.as_str(), "D-REF-01" | "D-REF-02")));
    }
    if first.rule.is_some() {
        assert_eq!(server.session(first.session.id()).await?.text, before, "a refusal has changed something");
    }
    server.stop().await;
    let told = server.audit().events().into_iter().filter(|event| event["rule"].is_string());
    let told: Vec<_> = told
        .map(|event| event.get("rule").and_then(|rule| rule.as_str()).unwrap_or_default().to_owned())
        .collect();
    assert_eq!(told, rules, "{}", first.name);
    Ok(())
}

async fn send(server: &Server, vector: &Vector) -> Result<Answer> {
    let path = match vector.endpoint {
        Endpoint::Register => "/_holdfast/dbsc/register",
        Endpoint::Refresh => "/_holdfast/dbsc/refresh",
    };
    let mut call = server.public(Method::POST, path);
    for (name, value) in vector.headers() {
        call = call.header(&name, &value);
    }
    call.send().await
}

fn judge(vector: &Vector, answer: &Answer) {
    let name = &vector.name;
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
    assert!(!matches!(answer.status, 300..=399 | 401 | 429 | 500..), "{name}: {}", answer.status);
    if vector.rule.is_none() && !vector.has_proof() {
        assert_eq!(answer.status, 403, "{name}: {}", answer.text);
        assert!(
            answer.challenge(vector.session.id()).is_some(),
            "{name}: no rule is broken, and a proof is asked for"
        );
        return;
    }
    if vector.rule.is_none() {
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        let cookie = answer.cookie(COOKIE);
        assert!(cookie.is_some_and(|value| !value.is_empty()), "{name}");
        assert!(answer.challenge(vector.session.id()).is_some(), "{name}");
        return;
    }
    assert!((400..500).contains(&answer.status) && answer.is_problem(), "{name}: {}", answer.text);
    assert!(answer.cookie(COOKIE).is_none_or(|value| value.is_empty()), "{name}");
    if answer.status == 403 && vector.endpoint == Endpoint::Refresh {
        assert!(answer.challenge(vector.session.id()).is_some(), "{name}: 403 asks for a proof");
    }
}

/// The core judges proofs alone; over HTTP a session that the clock has ended is not asked any more.
fn is_of_a_living_session(vector: &Vector) -> bool {
    let has_challenge_expired = vector.rule.as_deref() == Some("D-REG-08");
    (vector.at < BEGAN + 3600 || has_challenge_expired) && vector.survives_http()
}

async fn put_session(folder: &Path, state: &SessionState) -> Result<()> {
    let Some(session) = vectors::session(state)? else { return Ok(()) };
    vectors::store(folder, session).await
}

/// The states of these vectors are the ones that the endpoints tell apart.
#[tokio::test]
async fn ended_vectors_name_their_reasons() -> Result<()> {
    for vector in vectors::read()? {
        if let SessionState::Ended { reason, .. } = &vector.session {
            let known = EndReason::ALL.into_iter().any(|known| known.as_str() == reason);
            assert!(known, "{}: {}", vector.name, json!(reason));
        }
    }
    Ok(())
}
