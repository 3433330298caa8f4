//! What is told of devices, by apps and operators.

use anyhow::Result;
use holdfast_tests::server::{Answer, OPERATOR_TOKEN, OTHER_TOKEN, Server, Settings, TOKEN};
use reqwest::Method;
use serde_json::{Value, json};

async fn put(server: &Server, token: &str, device: &str, body: Value) -> Result<Answer> {
    server.with_token(token, Method::PUT, &format!("/v1/devices/{device}/posture")).json(&body).send().await
}

async fn read(server: &Server, token: &str, device: &str) -> Result<Answer> {
    server.with_token(token, Method::GET, &format!("/v1/devices/{device}/posture")).send().await
}

#[tokio::test]
async fn a_posture_is_kept_and_told() -> Result<()> {
    let server = Server::start().await?;
    let body =
        json!({ "compliant": true, "score": 80, "source": "mdm", "expires_at": "2026-11-22T11:00:00Z" });
    let stored = put(&server, TOKEN, "laptop-7", body).await?.expect(200)?;
    let expected = json!({
        "device_id": "laptop-7", "compliant": true, "score": 80, "source": "mdm",
        "told_at": "2026-11-22T10:00:00.000Z", "expires_at": "2026-11-22T11:00:00.000Z",
    });
    assert_eq!(stored.json(), &expected);
    assert_eq!(read(&server, TOKEN, "laptop-7").await?.expect(200)?.json(), &expected);
    server.advance(3600);
    assert_eq!(read(&server, TOKEN, "laptop-7").await?.expect(404)?.code(), "device_unknown");
    Ok(())
}

#[tokio::test]
async fn each_caller_has_a_word_of_its_own() -> Result<()> {
    let server = Server::start().await?;
    put(&server, TOKEN, "a", json!({ "compliant": true })).await?.expect(200)?;
    for token in [OTHER_TOKEN, OPERATOR_TOKEN] {
        assert_eq!(read(&server, token, "a").await?.code(), "device_unknown");
    }
    put(&server, OPERATOR_TOKEN, "a", json!({ "compliant": false })).await?.expect(200)?;
    assert_eq!(read(&server, TOKEN, "a").await?.at("/compliant"), true);
    assert_eq!(read(&server, OPERATOR_TOKEN, "a").await?.at("/compliant"), false);
    let delete = |token| server.with_token(token, Method::DELETE, "/v1/devices/a/posture");
    for _ in 0..2 {
        delete(TOKEN).send().await?.expect(204)?;
    }
    assert_eq!(read(&server, TOKEN, "a").await?.status, 404);
    assert_eq!(read(&server, OPERATOR_TOKEN, "a").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn what_is_no_posture_is_refused() -> Result<()> {
    let server = Server::start().await?;
    for body in [
        json!({}),
        json!([true]),
        json!({ "compliant": "yes" }),
        json!({ "compliant": null }),
        json!({ "compliant": true, "score": 101 }),
        json!({ "compliant": true, "score": -1 }),
        json!({ "compliant": true, "score": 0.5 }),
        json!({ "compliant": true, "source": "" }),
        json!({ "compliant": true, "source": "a\nb" }),
        json!({ "compliant": true, "source": "x".repeat(129) }),
        json!({ "compliant": true, "expires_at": "soon" }),
        json!({ "compliant": true, "expires_at": "2026-11-22T10:00:00Z" }),
        json!({ "compliant": true, "expires_at": 7 }),
        json!({ "compliant": true, "colour": "red" }),
    ] {
        let refused = put(&server, TOKEN, "a", body.clone()).await?;
        assert!(refused.is_problem() && refused.code() == "bad_request", "{body}: {}", refused.text);
    }
    for device in ["%20", "a%20b", "%C3%A9", "a%0A", &"x".repeat(129)] {
        let refused = put(&server, TOKEN, device, json!({ "compliant": true })).await?;
        assert_eq!((refused.status, refused.code()), (400, "bad_request"), "{device}");
        assert_eq!(read(&server, TOKEN, device).await?.status, 404, "{device}");
    }
    assert_eq!(put(&server, "hft_unknown", "a", json!({ "compliant": true })).await?.status, 401);
    let anonymous = server.internal(Method::PUT, "/v1/devices/a/posture").json(&json!({ "compliant": true }));
    assert_eq!(anonymous.send().await?.status, 401);
    assert_eq!(
        server.public(Method::PUT, "/v1/devices/a/posture").send().await?.status,
        404,
        "not for the public"
    );
    assert_eq!(read(&server, TOKEN, "a").await?.status, 404, "nothing of it was kept");
    Ok(())
}

#[tokio::test]
async fn a_change_is_told_once_in_the_trail() -> Result<()> {
    let server = Server::start().await?;
    let body = |compliant: bool| json!({ "compliant": compliant, "score": 7, "source": "e\"dr" });
    put(&server, TOKEN, "a", body(false)).await?.expect(200)?;
    put(&server, TOKEN, "a", body(false)).await?.expect(200)?;
    put(&server, TOKEN, "a", body(true)).await?.expect(200)?;
    server.app(Method::DELETE, "/v1/devices/a/posture").send().await?.expect(204)?;
    put(&server, OPERATOR_TOKEN, "a", json!({ "compliant": true })).await?.expect(200)?;
    let told = server.audit().wait_for("device.posture_changed", 4).await?;
    let reasons: Vec<_> = told.iter().map(|event| (event["app"].clone(), event["reason"].clone())).collect();
    let expected = [
        (json!("shop"), json!("noncompliant")),
        (json!("shop"), json!("compliant")),
        (json!("shop"), json!("unknown")),
        (Value::Null, json!("compliant")),
    ];
    assert_eq!(reasons, expected);
    assert_eq!(told[0]["detail"], "device a, score 7, source e\"dr");
    Ok(())
}

#[tokio::test]
async fn a_restart_forgets_no_device() -> Result<()> {
    let server = Server::with(Settings::default().on_disk()).await?;
    put(&server, TOKEN, "laptop%2F7", json!({ "compliant": false, "score": 3 })).await?.expect(200)?;
    put(&server, TOKEN, "gone", json!({ "compliant": false })).await?.expect(200)?;
    server.app(Method::DELETE, "/v1/devices/gone/posture").send().await?.expect(204)?;
    let login = server.login_with(json!({ "user": "alice", "client": { "device_id": "laptop/7" } })).await?;
    let server = server.restart().await?;
    let told = read(&server, TOKEN, "laptop%2F7").await?.expect(200)?;
    assert_eq!((told.at("/compliant"), told.at("/score")), (&json!(false), &json!(3)));
    assert_eq!(read(&server, TOKEN, "gone").await?.status, 404);
    let session = server.app(Method::GET, &format!("/v1/sessions/{}", login.id)).send().await?.expect(200)?;
    assert_eq!(session.at("/client/device_id"), "laptop/7");
    let created = server.audit().wait_for("session.created", 1).await?;
    assert_eq!(created[0]["detail"], "device laptop/7", "as device.posture_changed says it");
    Ok(())
}

#[tokio::test]
async fn a_device_of_a_login_has_a_name_of_visible_ascii() -> Result<()> {
    let server = Server::start().await?;
    for id in ["", "a b", "é", "a\n", &"x".repeat(129)] {
        let body = json!({ "user": "alice", "client": { "device_id": id } });
        let refused = server.app(Method::POST, "/v1/sessions").json(&body).send().await?;
        assert_eq!((refused.status, refused.code()), (400, "bad_request"), "{id:?}");
        assert!(refused.text.contains("client.device_id"), "{}", refused.text);
    }
    let login = server.login_with(json!({ "user": "a", "client": { "device_id": "x".repeat(128) } })).await?;
    assert_eq!(login.answer.text_at("/session/client/device_id")?.len(), 128);
    // The session that follows runs on the same device.
    let path = format!("/v1/sessions/{}/regenerate", login.id);
    let next = server.app(Method::POST, &path).json(&json!({})).send().await?.expect(201)?;
    assert_eq!(next.text_at("/session/client/device_id")?.len(), 128);
    Ok(())
}
