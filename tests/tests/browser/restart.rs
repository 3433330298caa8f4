//! A session outlives the browser.

use anyhow::Result;

use crate::stage::Stage;

#[tokio::test]
async fn a_session_survives_a_restart_of_the_browser() -> Result<()> {
    let Some(mut stage) = Stage::set().await? else { return Ok(()) };
    stage.log_in().await?;
    let before = stage.state().await?;

    let mut stage = stage.restart_browser(|_profile| Ok(())).await?;

    // Chromium keeps sessions on disk, and challenges in memory alone: the first refresh is a bare POST that is answered
    // with a challenge, and then the proof. The second one is a single round trip again.
    assert_eq!(stage.refresh().await?, 1);
    assert_eq!(stage.refresh().await?, 0);
    let after = stage.state().await?;
    assert_eq!(after["session"]["id"], before["session"]["id"]);
    assert_eq!(after["session"]["binding"]["key_thumbprint"], before["session"]["binding"]["key_thumbprint"]);
    Ok(())
}
