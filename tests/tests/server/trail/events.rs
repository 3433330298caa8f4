//! `GET /v1/events`: pages, filters, and who sees what.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use anyhow::Result;
use holdfast_tests::server::{Answer, OPERATOR_TOKEN, OTHER_TOKEN, Server, Settings, TOKEN};
use reqwest::Method;
use serde_json::json;

async fn ask(server: &Server, token: &str, query: &str) -> Result<Answer> {
    server.with_token(token, Method::GET, &format!("/v1/events{query}")).send().await
}

fn names(answer: &Answer) -> Vec<&str> {
    answer.at("/events").as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_app_sees_its_own_and_an_operator_all() -> Result<()> {
    let server = Server::start().await?;
    let alice = server.login("alice").await?;
    server.check(&alice.cookie).await?;
    let other = json!({ "user": "alice" });
    server.with_token(OTHER_TOKEN, Method::POST, "/v1/sessions").json(&other).send().await?.expect(201)?;
    server.audit().wait_for("session.created", 2).await?;

    let own = ask(&server, TOKEN, "").await?.expect(200)?;
    assert_eq!(names(&own), ["session.created", "session.checked"]);
    assert_eq!(names(&ask(&server, OTHER_TOKEN, "?user=alice").await?.expect(200)?), ["session.created"]);
    let all = ask(&server, OPERATOR_TOKEN, "").await?.expect(200)?;
    assert_eq!(
        names(&all),
        ["audit.opened", "config.loaded", "session.created", "session.checked", "session.created"]
    );
    assert_eq!(
        (all.at("/more"), all.at("/next_after"), all.at("/gone")),
        (&json!(false), &json!(5), &json!(0))
    );

    let session = format!("?session={}&event=session.checked", alice.id);
    assert_eq!(names(&ask(&server, TOKEN, &session).await?.expect(200)?), ["session.checked"]);
    assert!(names(&ask(&server, OTHER_TOKEN, &session).await?.expect(200)?).is_empty(), "another app's");
    assert!(names(&ask(&server, TOKEN, "?user=bob").await?.expect(200)?).is_empty());

    // The line is the one of the file, to the byte.
    let line = server.audit().text().lines().nth(2).unwrap_or_default().to_owned();
    assert!(own.text.contains(&line), "{}", own.text);
    Ok(())
}

/// An empty answer to a name that was mistyped would be taken for good news.
#[tokio::test]
async fn an_event_that_does_not_exist_is_no_question() -> Result<()> {
    let server = Server::start().await?;
    for path in ["", "/stream"] {
        for event in ["session.dennied", "session", "SESSION.DENIED", "", "%22"] {
            let answer = ask(&server, OPERATOR_TOKEN, &format!("{path}?event={event}")).await?.expect(400)?;
            let detail = answer.text_at("/detail")?;
            assert!(
                detail.starts_with("event is the whole name of an event, one of audit.checkpoint, "),
                "{detail}"
            );
            assert!(detail.contains(", session.denied, ") && !detail.contains("dennied"), "{detail}");
        }
    }
    for event in ["audit.opened", "policy.failed"] {
        ask(&server, OPERATOR_TOKEN, &format!("?event={event}")).await?.expect(200)?;
    }
    Ok(())
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended_through_all_files() -> Result<()> {
    let settings =
        Settings::default().set("audit.rotate_size", "64KiB").set("session.max_per_user", "100000");
    let server = Server::with(settings).await?;
    for number in 0..200 {
        server.login(&format!("user-{}", number % 2)).await?;
    }
    for filter in ["", "&event=session.created", "&user=user-1"] {
        let (mut after, mut users) = (0, Vec::new());
        loop {
            let page = ask(&server, OPERATOR_TOKEN, &format!("?limit=7&after={after}{filter}"))
                .await?
                .expect(200)?;
            assert!(names(&page).len() <= 7);
            let events = page.at("/events").as_array().unwrap();
            users.extend(
                events
                    .iter()
                    .filter(|event| event["event"] == "session.created")
                    .map(|event| event["user"].clone()),
            );
            after = page.at("/next_after").as_u64().unwrap();
            if page.at("/more") == &json!(false)
                && users.len() >= if filter.contains("user") { 100 } else { 200 }
            {
                break;
            }
        }
        let expected = (0..200).map(|number| json!(format!("user-{}", number % 2)));
        let expected: Vec<_> =
            expected.filter(|user| !filter.contains("user") || *user == "user-1").collect();
        assert_eq!(users, expected, "{filter}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_question_is_refused() -> Result<()> {
    let server = Server::start().await?;
    for query in [
        "?limit=0".to_owned(),
        "?limit=1001".to_owned(),
        "?limit=x".to_owned(),
        "?after=-1".to_owned(),
        "?after=9223372036854775808".to_owned(),
        "?after=99999999999999999999".to_owned(),
        "?colour=red".to_owned(),
        format!("?user={}", "x".repeat(1025)),
    ] {
        let answer = ask(&server, OPERATOR_TOKEN, &query).await?;
        assert_eq!((answer.status, answer.code()), (400, "bad_request"), "{query}");
    }
    for token in ["", "wrong"] {
        assert_eq!(ask(&server, token, "").await?.status, 401);
    }
    let far = ask(&server, OPERATOR_TOKEN, "?after=9223372036854775807").await?;
    assert!(matches!(far.status, 200), "{}", far.text);
    assert!(names(&far).is_empty(), "nothing is beyond the end: {}", far.text);
    assert_eq!((far.at("/next_after"), far.at("/more")), (&json!(i64::MAX), &json!(false)));
    Ok(())
}

#[tokio::test]
async fn what_was_removed_is_counted() -> Result<()> {
    let settings = Settings::default().set("audit.rotate_size", "64KiB").set("audit.keep", "1");
    let server = Server::with(settings.set("session.max_per_user", "100000")).await?;
    for number in 0..400 {
        server.login(&format!("user-{number}")).await?;
    }
    let page = ask(&server, OPERATOR_TOKEN, "?after=10").await?.expect(200)?;
    let gone = page.at("/gone").as_u64().unwrap();
    let first = page.at("/events/0/seq").as_u64().unwrap();
    assert!(gone > 50 && first == 10 + gone + 1, "{gone} {first}");
    Ok(())
}
