//! B04: a store that takes no writes is an outage, and no reason to lose a session.

use anyhow::Result;
use holdfast_tests::browser::{DbscDetail, DbscEvent};
use holdfast_tests::dev::{DevServer, Disk, can_mount};
use holdfast_tests::{Prerequisite, require};

use crate::stage::Stage;

#[tokio::test]
async fn a_full_disk_ends_no_session() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Chromium]) else { return Ok(()) };
    if !can_mount() {
        return an_unreachable_server_ends_no_session().await;
    }
    let mut stage = Stage::set_around(DevServer::start_on(Disk::Small)).await?;
    stage.log_in().await?;
    stage.server.fill_disk().await?;

    // A refresh is a small write, and may find a place where a login did not.
    let session = stage.state().await?["session"]["id"].clone();
    stage.expire_cookie().await?;
    while stage.visit().await? == 200 {
        assert!(refreshed(&stage).await? < 100, "refreshes still find a place");
        stage.expire_cookie().await?;
    }

    // The request went out without the cookie, and said why: `Secure-Session-Skipped: server_error`.
    let failed = stage.page.wait_dbsc(|event| is_refresh(event) && !event.is_refreshed()).await?;
    let [result, fetch] = ["ServerError", "TransientHttpError"].map(str::to_owned);
    let expected = DbscDetail::Refresh { result, fetch_result: Some(fetch), proactive: false };
    assert_eq!(failed.detail, expected);
    assert_ne!(stage.server.metric(&["holdfast_refreshes_skipped_total", "server_error"]).await?, 0);
    // Chromium forgives three such errors in a row before it begins to wait between attempts.
    stage.server.free_disk().await?;
    stage.refresh().await?;
    // The login page that stands in between asks for the state once a second, and may have made the browser refresh first.
    let state = stage.state().await?;
    assert_eq!(state["session"]["id"], session);
    assert_eq!(state["cookie_generation"], 1 + refreshed(&stage).await?);
    Ok(())
}

/// How many refreshes the server has taken. Each is one generation, and one that it could not write is none.
async fn refreshed(stage: &Stage) -> Result<u64> {
    stage.server.metric(&["holdfast_events_total", "\"session.refreshed\""]).await
}

/// What can be shown where nothing may be mounted: the server is away.
async fn an_unreachable_server_ends_no_session() -> Result<()> {
    let Some(mut stage) = Stage::set().await? else { return Ok(()) };
    stage.log_in().await?;
    stage.server.stop().await?;

    stage.expire_cookie().await?;
    assert!(stage.visit().await.is_err());

    let failed = stage.page.wait_dbsc(is_refresh).await?;
    assert!(
        matches!(&failed.detail, DbscDetail::Refresh { result, .. } if result == "Unreachable"),
        "{failed:?}"
    );
    stage.server.start_again().await?;
    stage.refresh().await?;
    assert_eq!(stage.state().await?["cookie_generation"], 2);
    Ok(())
}

fn is_refresh(event: &DbscEvent) -> bool {
    matches!(event.detail, DbscDetail::Refresh { .. })
}
