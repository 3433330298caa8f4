//! B01 and B02: an expired cookie is renewed before the page is asked for.

use anyhow::Result;

use crate::stage::{COOKIE, Stage};

#[tokio::test]
async fn an_expired_cookie_costs_one_round_trip() -> Result<()> {
    let Some(mut stage) = Stage::set().await? else { return Ok(()) };
    stage.log_in().await?;
    let mut before = stage.browser.cookie("localhost", COOKIE).await?;

    // The challenge for each refresh came with the answer before it: that to the registration, then to the refresh.
    for generation in [2, 3] {
        assert_eq!(stage.refresh().await?, 0);

        assert_eq!(stage.state().await?["cookie_generation"], generation);
        let after = stage.browser.cookie("localhost", COOKIE).await?;
        assert!(after.is_some() && after != before);
        before = after;
    }
    Ok(())
}
