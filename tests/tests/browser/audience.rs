//! Proofs that name the endpoint they are for.

use anyhow::Result;
use holdfast_tests::browser::Options;

use crate::stage::Stage;

#[tokio::test]
async fn proofs_with_an_audience_are_taken() -> Result<()> {
    let mut options = Options::default();
    options.features.push("DeviceBoundSessionsIncludeAudienceClaim".to_owned());
    let Some(mut stage) = Stage::set_with(options, None).await? else { return Ok(()) };

    stage.log_in().await?;

    assert_eq!(stage.refresh().await?, 0);
    assert_eq!(stage.refresh().await?, 0);
    assert_eq!(stage.state().await?["cookie_generation"], 3);
    Ok(())
}
