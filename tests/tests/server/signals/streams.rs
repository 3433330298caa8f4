//! A receiver makes, reads, changes and removes its stream.

use anyhow::Result;
use holdfast_tests::server::{Server, Settings, TOKEN};
use reqwest::Method;
use serde_json::{Value, json};

use super::*;

const PUSH: &str = "urn:ietf:rfc:8935";
const POLL: &str = "urn:ietf:rfc:8936";

#[tokio::test]
async fn a_transmitter_describes_itself() -> Result<()> {
    let server = Server::with(telling(Settings::default())).await?;
    let told = server.public(Method::GET, "/.well-known/ssf-configuration").send().await?.expect(200)?;
    let at = |path: &str| json!(format!("{HERE}/_holdfast/ssf/{path}"));
    assert_eq!((told.at("/issuer"), told.at("/spec_version")), (&json!(HERE), &json!("1_0")));
    assert_eq!(told.at("/delivery_methods_supported"), &json!([PUSH, POLL]));
    for (member, path) in [
        ("jwks_uri", "jwks"),
        ("configuration_endpoint", "stream"),
        ("status_endpoint", "status"),
        ("add_subject_endpoint", "subjects/add"),
        ("remove_subject_endpoint", "subjects/remove"),
        ("verification_endpoint", "verify"),
    ] {
        assert_eq!(told.at(&format!("/{member}")), &at(path));
    }
    let keys = server.public(Method::GET, "/_holdfast/ssf/jwks").send().await?.expect(200)?;
    let [key] = keys.at("/keys").as_array().map_or(&[][..], Vec::as_slice) else {
        anyhow::bail!("{}", keys.text)
    };
    assert_eq!(
        (&key["kty"], &key["alg"], &key["use"], &key["e"]),
        (&json!("RSA"), &json!("RS256"), &json!("sig"), &json!("AQAB"))
    );
    assert!(
        key["d"].is_null() && key["n"].as_str().is_some_and(|n| n.len() >= 342),
        "2048 bits, and no private member"
    );
    // The key was made, for its owner alone, and stays.
    let file = server.folder().join("ssf.key");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
    let server = server.restart().await?;
    assert_eq!(server.public(Method::GET, "/_holdfast/ssf/jwks").send().await?.text, keys.text);
    Ok(())
}

#[tokio::test]
async fn a_server_that_tells_nobody_has_no_streams() -> Result<()> {
    let server = Server::start().await?;
    for path in [
        "/.well-known/ssf-configuration",
        "/_holdfast/ssf/jwks",
        "/_holdfast/ssf/stream",
        "/_holdfast/ssf/status",
    ] {
        let answer = server.public(Method::GET, path).header("authorization", "Bearer x").send().await?;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_lives_through_its_whole_life() -> Result<()> {
    let server = Server::with(telling(Settings::default()).on_disk()).await?;
    assert_eq!(as_receiver(&server, Method::GET, "stream").send().await?.expect(200)?.json(), &json!([]));
    let asked = json!({ "events_requested": [SESSION_REVOKED, "https://x.example/unknown"], "description": "for the SOC" });
    let made = as_receiver(&server, Method::POST, "stream").json(&asked).send().await?.expect(201)?;
    let id = made.text_at("/stream_id")?.to_owned();
    assert_eq!((made.at("/iss"), made.at("/aud")), (&json!(HERE), &json!(THERE)));
    assert_eq!(made.at("/events_delivered"), &json!([SESSION_REVOKED]), "what is not known is passed over");
    assert_eq!(
        made.at("/delivery"),
        &json!({ "method": POLL, "endpoint_url": format!("{HERE}/_holdfast/ssf/poll/{id}") })
    );
    let again = as_receiver(&server, Method::POST, "stream").json(&json!({})).send().await?;
    assert_eq!((again.status, again.code()), (409, "stream_exists"));
    let server = server.restart().await?;
    let read =
        as_receiver(&server, Method::GET, &format!("stream?stream_id={id}")).send().await?.expect(200)?;
    assert_eq!(read.json(), made.json());
    let patch = json!({ "stream_id": id, "events_requested": [] });
    let patched = as_receiver(&server, Method::PATCH, "stream").json(&patch).send().await?.expect(200)?;
    assert_eq!(
        (patched.at("/events_delivered"), patched.at("/description")),
        (&json!([]), &json!("for the SOC"))
    );
    let put = as_receiver(&server, Method::PUT, "stream")
        .json(&json!({ "stream_id": id }))
        .send()
        .await?
        .expect(200)?;
    assert_eq!(
        (put.at("/events_delivered").as_array().map(Vec::len), put.at("/description")),
        (Some(5), &Value::Null)
    );
    let status =
        as_receiver(&server, Method::GET, &format!("status?stream_id={id}")).send().await?.expect(200)?;
    assert_eq!(status.json(), &json!({ "stream_id": id, "status": "enabled" }));
    let pause = json!({ "stream_id": id, "status": "paused", "reason": "we move house" });
    let paused = as_receiver(&server, Method::POST, "status").json(&pause).send().await?.expect(200)?;
    assert_eq!(paused.json(), &pause);
    as_receiver(&server, Method::DELETE, &format!("stream?stream_id={id}")).send().await?.expect(204)?;
    let twice = as_receiver(&server, Method::GET, "stream?stream_id=a&stream_id=b").send().await?;
    assert_eq!((twice.status, twice.code()), (400, "bad_request"));
    for (method, path) in [(Method::GET, "stream"), (Method::DELETE, "stream"), (Method::GET, "status")] {
        let gone = as_receiver(&server, method, &format!("{path}?stream_id={id}")).send().await?;
        assert_eq!((gone.status, gone.code()), (404, "stream_unknown"));
    }
    Ok(())
}

#[tokio::test]
async fn what_no_stream_can_be_is_refused() -> Result<()> {
    let allowed = "https://siem.example/events";
    let settings =
        telling(Settings::default()).set("signals.transmitter.receivers.0.push_endpoints", allowed);
    let server = Server::with(settings).await?;
    let push = |url: &str| json!({ "delivery": { "method": PUSH, "endpoint_url": url } });
    for body in [
        json!({ "delivery": { "method": "urn:ietf:rfc:9999" } }),
        json!({ "delivery": {} }),
        json!({ "delivery": { "method": PUSH } }),
        json!({ "delivery": "push" }),
        json!({ "events_requested": "all" }),
        json!({ "events_requested": vec!["x"; 65] }),
        json!({ "description": "x".repeat(1025) }),
        json!({ "delivery": { "method": PUSH, "endpoint_url": allowed, "authorization_header": "a\r\nb" } }),
        push("http://169.254.169.254/latest/meta-data"),
        push("http://127.0.0.1:8444/v1/sessions"),
        push("https://siem.example/events/../admin"),
        push("https://siem.example/eventsX"),
        push("https://siem.example.evil.example/events"),
        push("file:///etc/passwd"),
        push(""),
    ] {
        let refused = as_receiver(&server, Method::POST, "stream").json(&body).send().await?;
        assert_eq!((refused.status, refused.code()), (400, "bad_request"), "{body}");
    }
    let secret = json!({ "delivery": { "method": PUSH, "endpoint_url": allowed, "authorization_header": "Bearer hunter2" } });
    let made = as_receiver(&server, Method::POST, "stream").json(&secret).send().await?.expect(201)?;
    assert!(!made.text.contains("hunter2"), "what was told in confidence is not told back");
    let id = made.text_at("/stream_id")?;
    for body in [
        json!({}),
        json!({ "stream_id": "another" }),
        json!({ "stream_id": id, "delivery": { "method": PUSH, "endpoint_url": "https://evil.example/" } }),
    ] {
        let refused = as_receiver(&server, Method::PATCH, "stream").json(&body).send().await?;
        assert!(matches!(refused.status, 400 | 404), "{body}: {}", refused.text);
    }
    for body in [
        json!({ "stream_id": id, "status": "on" }),
        json!({ "status": "enabled" }),
        json!({ "stream_id": id }),
    ] {
        as_receiver(&server, Method::POST, "status").json(&body).send().await?.expect(400)?;
    }
    for subject in [
        json!({}),
        json!("alice"),
        json!({ "format": "did", "url": "did:x" }),
        json!({ "format": "iss_sub", "iss": "https://other.example", "sub": "alice" }),
        json!({ "format": "complex", "session": { "format": "opaque", "id": "x" } }),
    ] {
        let body = json!({ "stream_id": id, "subject": subject });
        as_receiver(&server, Method::POST, "subjects/add").json(&body).send().await?.expect(400)?;
    }
    Ok(())
}

#[tokio::test]
async fn only_whoever_was_given_a_token_asks_and_only_for_their_own() -> Result<()> {
    let settings = telling(Settings::default())
        .set("signals.transmitter.receivers.1.name", "reader")
        .set("signals.transmitter.receivers.1.token_sha256", &sha256("reads"))
        .set("signals.transmitter.receivers.1.audience", "https://reader.example")
        .set("signals.transmitter.receivers.1.scopes", "ssf.read");
    let server = Server::with(settings).await?;
    let id = stream(&server, json!({})).await?;
    let call = |token: &str, method: Method, path: &str| {
        server
            .public(method, &format!("/_holdfast/ssf/{path}"))
            .header("authorization", &format!("Bearer {token}"))
    };
    for (method, path) in [
        (Method::GET, "stream"),
        (Method::POST, "stream"),
        (Method::PATCH, "stream"),
        (Method::PUT, "stream"),
        (Method::DELETE, "stream"),
        (Method::GET, "status"),
        (Method::POST, "status"),
        (Method::POST, "subjects/add"),
        (Method::POST, "subjects/remove"),
        (Method::POST, "verify"),
        (Method::POST, &*format!("poll/{id}")),
    ] {
        for token in ["wrong", TOKEN, ""] {
            let refused = call(token, method.clone(), path).json(&json!({})).send().await?;
            assert_eq!((refused.status, refused.code()), (401, "unauthorized"), "{method} {path}");
        }
        let changes = !matches!(path, "verify") && method != Method::GET && !path.starts_with("poll");
        if changes {
            let refused =
                call("reads", method.clone(), path).json(&json!({ "stream_id": id })).send().await?;
            assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{method} {path}");
        }
    }
    for path in [format!("stream?stream_id={id}"), format!("status?stream_id={id}")] {
        assert_eq!(
            call("reads", Method::GET, &path).send().await?.code(),
            "stream_unknown",
            "another's stream"
        );
    }
    let other = call("reads", Method::POST, &format!("poll/{id}")).json(&json!({})).send().await?;
    assert_eq!(other.code(), "stream_unknown");
    Ok(())
}
