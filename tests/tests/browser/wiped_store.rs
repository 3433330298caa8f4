//! B03: the server has forgotten everything.

use anyhow::Result;
use holdfast_tests::browser::{DbscDetail, DbscEvent};

use crate::stage::{IS_LOGIN_PAGE, Stage};

#[tokio::test]
async fn a_forgotten_session_ends_at_the_login_page() -> Result<()> {
    let Some(mut stage) = Stage::set().await? else { return Ok(()) };
    stage.log_in().await?;
    stage.server.stop().await?;
    stage.server.wipe_store()?;
    stage.server.start_again().await?;

    stage.expire_cookie().await?;
    assert_eq!(stage.visit().await?, 401);

    let ended = stage.page.wait_dbsc(DbscEvent::is_terminated).await?;
    assert_eq!(ended.detail, DbscDetail::Termination { reason: "RefreshFatalError".to_owned() });
    stage.page.until(IS_LOGIN_PAGE).await?;
    // The browser has given the session up: what it asks for now, it asks for without a refresh.
    let refused = stage.refused().await?;
    assert_eq!(stage.visit().await?, 401);
    assert_eq!(stage.refused().await? - refused, 1);
    // And nothing is in the way of a new login.
    stage.log_in().await
}
