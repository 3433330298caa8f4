//! Events that are pushed: which are taken, and what they do.

use anyhow::{Context as _, Result};
use holdfast_tests::server::{Device, OPERATOR_TOKEN, Server, base64url, tampered};
use reqwest::Method;
use serde_json::{Value, json};

use super::*;

const SESSIONS_REVOKED: &str = "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked";
const ACCOUNT_PURGED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-purged";
const MUST_CHANGE: &str =
    "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required";
const COMPROMISE: &str = "https://schemas.openid.net/secevent/risc/event-type/credential-compromise";
const RISK: &str = "https://schemas.openid.net/secevent/caep/event-type/risk-level-change";
const ASSURANCE: &str = "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change";
const CLAIMS: &str = "https://schemas.openid.net/secevent/caep/event-type/token-claims-change";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

async fn is_alive(server: &Server, cookie: &str) -> Result<bool> {
    Ok(server.check(cookie).await?.verdict().0 == "allow")
}

/// What the trail says of the last token.
async fn told(server: &Server, count: usize) -> Result<(String, String)> {
    let events = server.audit().wait_for("signal.received", count).await?;
    let last = events.last().context("an event")?;
    let text = |name: &str| last[name].as_str().unwrap_or_default().to_owned();
    Ok((text("reason"), text("detail")))
}

#[tokio::test]
async fn a_revoked_session_is_refused_by_the_very_next_check() -> Result<()> {
    let transmitter = Transmitter::new()?;
    let server = transmitter.server(transmitter.settings()).await?;
    let [one, two] = [server.login("alice").await?, server.login("alice").await?];
    let subject = json!({ "format": "complex", "user": email("alice"), "session": { "format": "opaque", "id": one.id } });
    let set = transmitter.set(&server, SESSION_REVOKED, subject, json!({ "event_timestamp": server.now() }));
    let answer = push(&server, &set).await?.expect(202)?;
    assert_eq!(answer.text, "");
    assert_eq!(server.check(&one.cookie).await?.verdict(), ("deny", "session_ended"));
    assert!(is_alive(&server, &two.cookie).await?, "the other session was not meant");
    let session = server.app(Method::GET, &format!("/v1/sessions/{}", one.id)).send().await?;
    assert_eq!(session.at("/end_reason"), "revoked");
    assert_eq!(
        told(&server, 1).await?,
        ("applied".into(), "idp: session-revoked: 1 sessions ended, jti jti-1".into())
    );
    Ok(())
}

#[tokio::test]
async fn every_way_to_name_a_user_ends_their_sessions() -> Result<()> {
    let transmitter = Transmitter::new()?;
    let server = transmitter.server(transmitter.settings()).await?;
    let iss_sub = |user: &str| json!({ "format": "iss_sub", "iss": ISSUER, "sub": user });
    for (kind, subject) in [
        (SESSION_REVOKED, email("alice")),
        (SESSIONS_REVOKED, iss_sub("alice")),
        (ACCOUNT_DISABLED, json!({ "format": "opaque", "id": "alice" })),
        (ACCOUNT_PURGED, json!({ "format": "account", "uri": "acct:alice" })),
        (SESSION_REVOKED, json!({ "format": "complex", "user": iss_sub("alice") })),
        (
            SESSION_REVOKED,
            json!({ "format": "complex", "user": iss_sub("alice"), "session": { "format": "opaque", "id": "of-the-idp" } }),
        ),
        (
            SESSION_REVOKED,
            json!({ "format": "aliases", "identifiers": [email("a@x.example"), email("alice")] }),
        ),
    ] {
        let [alice, again, bob] =
            [server.login("alice").await?, server.login("alice").await?, server.login("bob").await?];
        push(&server, &transmitter.set(&server, kind, subject.clone(), json!({}))).await?.expect(202)?;
        for (login, lives) in [(&alice, false), (&again, false), (&bob, true)] {
            assert_eq!(is_alive(&server, &login.cookie).await?, lives, "{kind} {subject}");
        }
    }
    // The place of drafts: inside the event.
    let alice = server.login("alice").await?;
    let events = json!({ "sub_id": null, "events": { ACCOUNT_DISABLED: { "subject": email("alice") } } });
    push(&server, &transmitter.set_with(&server, json!({}), events)).await?.expect(202)?;
    assert!(!is_alive(&server, &alice.cookie).await?);
    Ok(())
}

#[tokio::test]
async fn who_is_not_meant_stays() -> Result<()> {
    let transmitter = Transmitter::new()?;
    let server = transmitter.server(transmitter.settings()).await?;
    let alice = server.login_with(json!({ "user": "alice", "client": { "device_id": "laptop" } })).await?;
    let opaque = |id: &str| json!({ "format": "opaque", "id": id });
    let mut count = 0;
    for (subject, reason) in [
        (json!({ "format": "iss_sub", "iss": "https://other.example", "sub": "alice" }), "ignored"),
        (json!({ "format": "did", "url": "did:example:alice" }), "ignored"),
        (json!({ "format": "email", "email": "ALICE" }), "applied"),
        (json!({ "format": "email" }), "ignored"),
        (json!("alice"), "ignored"),
        (json!({ "format": "complex", "user": email("bob"), "session": opaque(&alice.id) }), "applied"),
        (json!({ "format": "complex", "user": email("alice"), "device": opaque("phone") }), "applied"),
        (
            json!({ "format": "complex", "user": { "format": "email" }, "session": opaque(&alice.id) }),
            "ignored",
        ),
        (json!({ "format": "complex", "session": opaque("of-the-idp") }), "ignored"),
    ] {
        let set = transmitter.set(&server, SESSION_REVOKED, subject.clone(), json!({}));
        push(&server, &set).await?.expect(202)?;
        assert!(is_alive(&server, &alice.cookie).await?, "{subject}");
        count += 1;
        assert_eq!(told(&server, count).await?.0, reason, "{subject}");
    }
    // By the device, with and without the user.
    for subject in [
        json!({ "format": "complex", "user": email("alice"), "device": opaque("laptop") }),
        json!({ "format": "complex", "device": opaque("laptop") }),
    ] {
        let body = json!({ "user": "alice", "client": { "device_id": "laptop" } });
        let [laptop, elsewhere] = [server.login_with(body).await?, server.login("alice").await?];
        push(&server, &transmitter.set(&server, SESSION_REVOKED, subject, json!({}))).await?.expect(202)?;
        assert!(!is_alive(&server, &laptop.cookie).await? && is_alive(&server, &elsewhere.cookie).await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_receiver_speaks_for_its_apps_alone() -> Result<()> {
    let transmitter = Transmitter::new()?;
    let server = transmitter.server(transmitter.settings().set("signals.receivers.0.apps", "other")).await?;
    let alice = server.login("alice").await?;
    for subject in [email("alice"), json!({ "format": "opaque", "id": alice.id })] {
        push(&server, &transmitter.set(&server, SESSION_REVOKED, subject, json!({}))).await?.expect(202)?;
        assert!(is_alive(&server, &alice.cookie).await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_token_has_its_effect_once_also_after_a_restart() -> Result<()> {
    let transmitter = Transmitter::new()?;
    let server = transmitter.server(transmitter.settings().on_disk()).await?;
    server.login("alice").await?;
    let set = transmitter.set(&server, SESSION_REVOKED, email("alice"), json!({}));
    push(&server, &set).await?.expect(202)?;
    let alice = server.login("alice").await?;
    push(&server, &set).await?.expect(202)?;
    assert!(
        is_alive(&server, &alice.cookie).await?,
        "the login after the event is not ended by its repetition"
    );
    let server = server.restart().await?;
    push(&server, &set).await?.expect(202)?;
    assert!(is_alive(&server, &alice.cookie).await?);
    assert_eq!(told(&server, 3).await?.0, "replayed");
    // Once it is forgotten it is also too old.
    server.advance(7 * 24 * 3600 + 61);
    let alice = server.login("alice").await?;
    assert_eq!(push(&server, &set).await?.expect(400)?.at("/err"), "invalid_request");
    assert!(is_alive(&server, &alice.cookie).await?);
    Ok(())
}

#[tokio::test]
async fn of_many_that_come_at_once_one_has_an_effect() -> Result<()> {
    let transmitter = Transmitter::new()?;
    let server = transmitter.server(transmitter.settings().on_disk()).await?;
    server.login("alice").await?;
    let set = transmitter.set(&server, SESSION_REVOKED, email("alice"), json!({}));
    let pushed: Vec<_> = (0..20).map(|_| push(&server, &set)).collect();
    for answer in futures_util::future::join_all(pushed).await {
        answer?.expect(202)?;
    }
    let events = server.audit().wait_for("signal.received", 20).await?;
    let applied = events.iter().filter(|event| event["reason"] == "applied").count();
    assert_eq!((applied, server.audit().named("session.ended").len()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn bad_tokens_are_refused_by_name_and_change_nothing() -> Result<()> {
    let transmitter = Transmitter::new()?;
    let server = transmitter.server(transmitter.settings()).await?;
    let alice = server.login("alice").await?;
    let (now, thief) = (server.now(), Device::new()?);
    let header = |more: Value| transmitter.set_with(&server, more, json!({}));
    let claims = |more: Value| transmitter.set_with(&server, json!({}), more);
    let (head, body) = transmitter.parts(&server, json!({}), json!({}));
    let good = header(json!({}));
    let (input, _) = good.rsplit_once('.').context("a signature")?;
    // Somebody who takes the published key for a secret (RFC 8725 §2.1).
    let confused = {
        let input = format!(
            "{}.{}",
            base64url(br#"{"typ":"secevent+jwt","alg":"HS256","kid":"first"}"#),
            base64url(body.to_string().as_bytes())
        );
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, transmitter.key.jwk().as_bytes());
        format!("{input}.{}", base64url(aws_lc_rs::hmac::sign(&key, input.as_bytes()).as_ref()))
    };
    let unsigned = format!(
        "{}.{}.",
        base64url(br#"{"typ":"secevent+jwt","alg":"none"}"#),
        base64url(body.to_string().as_bytes())
    );
    let own_key: Value = serde_json::from_str(&thief.jwk())?;
    let brings_key = laid_over(head.clone(), json!({ "jwk": own_key }));
    for (set, err, code) in [
        (thief.sign(&head.to_string(), &body.to_string()), "invalid_key", "set_signature"),
        (tampered(&good), "invalid_request", "set_malformed"),
        (thief.sign(&brings_key.to_string(), &body.to_string()), "invalid_key", "set_header_key"),
        (confused, "invalid_key", "set_algorithm"),
        (unsigned, "invalid_request", "set_malformed"),
        (format!("{input}.AAAA"), "invalid_key", "set_signature"),
        (header(json!({ "alg": "none" })), "invalid_key", "set_algorithm"),
        (header(json!({ "alg": "PS256" })), "invalid_key", "set_algorithm"),
        (header(json!({ "alg": "RS256" })), "invalid_key", "set_unknown_key"),
        (header(json!({ "kid": "second" })), "invalid_key", "set_unknown_key"),
        (header(json!({ "typ": "JWT" })), "invalid_request", "set_type"),
        (header(json!({ "typ": null })), "invalid_request", "set_type"),
        (header(json!({ "typ": "at+jwt" })), "invalid_request", "set_type"),
        (claims(json!({ "iss": "https://evil.example" })), "invalid_issuer", "set_issuer"),
        (claims(json!({ "aud": "https://other.example" })), "invalid_audience", "set_audience"),
        (claims(json!({ "aud": null })), "invalid_audience", "set_audience"),
        (claims(json!({ "iat": now + 61 })), "invalid_request", "set_future"),
        (claims(json!({ "iat": now - 7 * 24 * 3600 - 1 })), "invalid_request", "set_old"),
        (claims(json!({ "iat": null })), "invalid_request", "set_issued_at"),
        (claims(json!({ "jti": null })), "invalid_request", "set_jti"),
        (claims(json!({ "events": {} })), "invalid_request", "set_events"),
        (
            claims(json!({ "events": { DEVICE_COMPLIANCE: { "current_status": "fine" } } })),
            "invalid_request",
            "set_event",
        ),
        ("garbage".into(), "invalid_request", "set_malformed"),
        (String::new(), "invalid_request", "set_malformed"),
        ("a.b.c".into(), "invalid_request", "set_malformed"),
        (format!("{good}\n{good}"), "invalid_request", "set_malformed"),
        ("x".repeat(20_000), "invalid_request", "set_malformed"),
    ] {
        let answer = push(&server, &set).await?;
        assert_eq!((answer.status, answer.at("/err")), (400, &json!(err)), "{code}: {}", answer.text);
        let code_of = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
        assert!(!answer.text_at("/description")?.contains("eyJ"), "nothing of the token is repeated");
        // `tampered` changes the payload, which may or may not stay JSON.
        if set != tampered(&good) {
            let told = answer.text_at("/description")?.to_owned();
            let rejected = server.audit().wait_for("signal.rejected", 1).await?;
            assert!(rejected.iter().all(|event| event["event"] == "signal.rejected"));
            assert!(told.starts_with(code) || code_of(&told).is_empty(), "{code}: {told}");
        }
    }
    assert!(is_alive(&server, &alice.cookie).await?);
    let metrics = server.internal(Method::GET, "/metrics").send().await?.text;
    assert!(metrics.contains("holdfast_signals_received_total{outcome=\"set_signature\"} 2"), "{metrics}");
    let rejected = server.audit().wait_for("signal.rejected", 13).await?;
    let codes: std::collections::BTreeSet<_> =
        rejected.iter().map(|event| event["reason"].to_string()).collect();
    assert_eq!(codes.len(), rejected.len(), "one line a minute for each code and address");
    push(&server, &good).await?.expect(202)?;
    assert!(!is_alive(&server, &alice.cookie).await?, "and a good one is taken still");
    Ok(())
}

#[tokio::test]
async fn strangers_learn_nothing() -> Result<()> {
    let transmitter = Transmitter::new()?;
    let server = transmitter.server(transmitter.settings()).await?;
    let alice = server.login("alice").await?;
    let set = transmitter.set(&server, SESSION_REVOKED, email("alice"), json!({}));
    let mut answers = Vec::new();
    for (receiver, authorization) in [
        ("idp", "Bearer wrong"),
        ("idp", "Basic dG9rZW4="),
        ("idp", "Bearer "),
        ("nobody", &*format!("Bearer {PUSH_TOKEN}")),
        ("idp", &*format!("Bearer {OPERATOR_TOKEN}")),
    ] {
        let answer = push_as(&server, receiver, authorization, &set).await?.expect(401)?;
        assert_eq!(answer.at("/err"), "authentication_failed");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"holdfast\""));
        answers.push(answer.text);
    }
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "a name that is not there looks like a wrong token"
    );
    let path = "/_holdfast/ssf/events/idp";
    let call = || server.public(Method::POST, path).header("authorization", &format!("Bearer {PUSH_TOKEN}"));
    let twice = call().header("authorization", "Bearer x").header("content-type", "application/secevent+jwt");
    twice.body(set.clone()).send().await?.expect(401)?;
    for media in ["application/json", "application/jwt", ""] {
        let answer = call().header("content-type", media).body(set.clone()).send().await?.expect(400)?;
        assert!(answer.text_at("/description")?.contains("secevent+jwt"));
    }
    let huge =
        call().header("content-type", "application/secevent+jwt").body("x".repeat(40_000)).send().await?;
    assert_eq!((huge.status, huge.code()), (413, "body_too_large"));
    let not_text =
        call().header("content-type", "application/secevent+jwt").body(vec![0xff_u8, 0xfe]).send().await?;
    assert_eq!(not_text.expect(400)?.at("/err"), "invalid_request");
    assert_eq!(server.public(Method::GET, path).send().await?.status, 405);
    assert!(is_alive(&server, &alice.cookie).await?);
    assert_eq!(server.audit().named("signal.received").len(), 0);
    Ok(())
}

#[tokio::test]
async fn unknown_events_are_acknowledged_and_counted() -> Result<()> {
    let transmitter = Transmitter::new()?;
    let server = transmitter.server(transmitter.settings()).await?;
    let alice = server.login("alice").await?;
    let unknown = "https://x.example/event-type/unheard-of";
    let events = json!({ "events": { unknown: { "a": 1 } } });
    push(&server, &transmitter.set_with(&server, json!({}), events)).await?.expect(202)?;
    assert_eq!(told(&server, 1).await?.0, "ignored");
    assert!(is_alive(&server, &alice.cookie).await?);
    push(
        &server,
        &transmitter.set(
            &server,
            VERIFICATION,
            json!({ "format": "opaque", "id": "s" }),
            json!({ "state": "x" }),
        ),
    )
    .await?
    .expect(202)?;
    // One that is known beside it has its effect (RFC 8417 §2.2).
    let both = json!({ "events": { unknown: {}, ACCOUNT_DISABLED: {} } });
    push(&server, &transmitter.set_with(&server, json!({}), both)).await?.expect(202)?;
    assert!(!is_alive(&server, &alice.cookie).await?);
    let metrics = server.internal(Method::GET, "/metrics").send().await?.text;
    assert!(metrics.contains("holdfast_signals_received_total{outcome=\"ignored\"} 2"), "{metrics}");
    Ok(())
}

#[tokio::test]
async fn what_becomes_of_credentials_is_configured() -> Result<()> {
    let transmitter = Transmitter::new()?;
    for (action, ends, marks) in
        [(None, false, true), (Some("end"), true, false), (Some("ignore"), false, false)]
    {
        let settings = transmitter.settings();
        let settings = match action {
            Some(action) => settings.set("signals.receivers.0.credential_change", action),
            None => settings,
        };
        let server = transmitter.server(settings).await?;
        for (index, kind) in [CREDENTIAL_CHANGE, MUST_CHANGE, COMPROMISE].into_iter().enumerate() {
            let alice = server.login("alice").await?;
            let event = json!({ "credential_type": "password", "change_type": "revoke" });
            push(&server, &transmitter.set(&server, kind, email("alice"), event)).await?.expect(202)?;
            assert_eq!(is_alive(&server, &alice.cookie).await?, !ends, "{action:?} {kind}");
            let (_, detail) = told(&server, index + 1).await?;
            assert_eq!(detail.contains(": 1 users or sessions are marked"), marks, "{action:?}: {detail}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn devices_and_dangers_are_remembered() -> Result<()> {
    let transmitter = Transmitter::new()?;
    let server = transmitter.server(transmitter.settings()).await?;
    server.login("alice").await?;
    let laptop = json!({ "format": "complex", "user": email("alice"), "device": { "format": "opaque", "id": "laptop" } });
    for (status, changes) in [("not-compliant", 1), ("not-compliant", 1), ("compliant", 2)] {
        let event = json!({ "current_status": status, "previous_status": "compliant" });
        push(&server, &transmitter.set(&server, DEVICE_COMPLIANCE, laptop.clone(), event))
            .await?
            .expect(202)?;
        assert_eq!(server.audit().wait_for("device.posture_changed", changes).await?.len(), changes);
    }
    let last = server.audit().named("device.posture_changed").pop().context("an event")?;
    assert_eq!(
        (&last["reason"], &last["detail"]),
        (&json!("compliant"), &json!("device laptop, source idp, told by idp"))
    );
    for (count, kind, event, expected) in [
        (4, RISK, json!({ "current_level": "HIGH", "principal": "USER" }), "2 users or sessions are marked"),
        (5, RISK, json!({ "current_level": "LOW", "principal": "USER" }), "2 users or sessions are marked"),
        (
            6,
            ASSURANCE,
            json!({ "namespace": "NIST-AAL", "current_level": "nist-aal1" }),
            "2 users or sessions are marked",
        ),
        (7, CLAIMS, json!({ "claims": { "role": "none" } }), "2 users or sessions are marked"),
    ] {
        push(&server, &transmitter.set(&server, kind, email("alice"), event)).await?.expect(202)?;
        let (reason, detail) = told(&server, count).await?;
        assert!(reason == "applied" && detail.contains(expected), "{detail}");
        assert!(!detail.contains("none"), "values of claims are not kept: {detail}");
    }
    Ok(())
}

#[tokio::test]
async fn an_outage_of_ours_is_no_refusal() -> Result<()> {
    let transmitter = Transmitter::new()?;
    // Nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let settings = receiver_without_keys(Settings::default())
        .set("signals.receivers.0.token_sha256", &sha256(PUSH_TOKEN))
        .set("signals.receivers.0.jwks_url", &format!("http://127.0.0.1:{port}/jwks"));
    let server = transmitter.server(settings).await?;
    let alice = server.login("alice").await?;
    let set = transmitter.set(&server, SESSION_REVOKED, email("alice"), json!({}));
    let answer = push(&server, &set).await?.expect(503)?;
    assert_eq!(answer.code(), "issuer_unavailable");
    assert!(is_alive(&server, &alice.cookie).await?);
    server.reload(transmitter.settings()).await?;
    push(&server, &set).await?.expect(202)?;
    assert!(!is_alive(&server, &alice.cookie).await?, "the same token, sent again");
    Ok(())
}
