//! A login by a form of another site, as identity providers post it with SAML.

use anyhow::Result;
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use holdfast_tests::browser::Options;
use holdfast_tests::{Authority, Site};

use crate::stage::{PRIVATE, Stage, becomes_bound};

#[tokio::test]
async fn a_login_posted_by_another_site_is_bound() -> Result<()> {
    let authority = Authority::new()?;
    let Some(mut stage) = Stage::set_with(Options::default(), Some(&authority)).await? else { return Ok(()) };
    let form = format!(
        "<link rel=icon href='data:,'><form method=post action='{}'><input name=user value=bob></form>",
        stage.server.url("/login")
    );
    let router = Router::new().route("/", get(async || Html(form)));
    let provider = Site::start(&authority, &[PROVIDER], router).await?;

    stage.page.navigate(&provider.origin(PROVIDER)).await?;
    stage.page.submit("form").await?;

    // Chromium registers in the name of the site that posted the form: no Lax cookie goes with the proof, so that the
    // challenge alone must say whose session it is.
    becomes_bound(&mut stage.page).await?;
    assert_eq!(stage.page.navigate(&stage.server.url(PRIVATE)).await?.status, 200);
    let state = stage.state().await?;
    assert_eq!(state["session"]["user"], "bob");
    assert_eq!(state["cookie_generation"], 1);
    assert_eq!(stage.refresh().await?, 0);
    Ok(())
}

const PROVIDER: &str = "provider.test";
