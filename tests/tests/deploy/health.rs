//! `holdfast healthcheck`, as a container asks.

use std::process::Output;

use anyhow::Result;
use holdfast_tests::server::Stage;

#[tokio::test]
async fn it_says_whether_the_server_answers() -> Result<()> {
    let mut stage = Stage::new()?;
    let internal = format!("http://{}", stage.api.internal_addr());
    assert_eq!(outcome(&stage, &internal)?, (Some(1), "nobody answers".to_owned()), "before it has started");

    let server = stage.start().await?;
    assert_eq!(outcome(&stage, &internal)?.0, Some(0));
    assert_eq!(outcome(&stage, &format!("{internal}/"))?.0, Some(0));
    let public = format!("http://{}", stage.api.public_addr());
    assert_eq!(outcome(&stage, &public)?, (Some(1), "answers 404".to_owned()), "the other listener");

    assert!(server.stop().await?.success());
    assert_eq!(outcome(&stage, &internal)?.0, Some(1), "after it has stopped");
    Ok(())
}

#[tokio::test]
async fn it_tells_a_slip_from_a_server_that_is_away() -> Result<()> {
    let stage = Stage::new()?;
    for api in ["127.0.0.1:8444", "https://127.0.0.1:8444", ""] {
        assert_eq!(outcome(&stage, api)?, (Some(2), "--api must be".to_owned()), "{api}");
    }
    assert_eq!(outcome(&stage, "http://")?.0, Some(1));
    Ok(())
}

/// The exit code, and which of the things that it may say it has said.
fn outcome(stage: &Stage, api: &str) -> Result<(Option<i32>, String)> {
    let Output { status, stdout, stderr } = stage.run(&["healthcheck", "--api", api], &[])?;
    assert!(stdout.is_empty(), "a health check is quiet when all is well");
    let said = String::from_utf8_lossy(&stderr).into_owned();
    let words = ["nobody answers", "answers 404", "--api must be"];
    let word = words.into_iter().find(|word| said.contains(word)).unwrap_or_default();
    Ok((status.code(), word.to_owned()))
}
