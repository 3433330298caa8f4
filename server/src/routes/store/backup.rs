//! `GET /v1/backup`: every session, every end that the journal has, and every note but how far the trail was carried, as one
//! file.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use holdfast_core::backup::seal_backup;
use holdfast_store::Backup;
use http::{HeaderValue, header};

use crate::{
    context::Context,
    extract::OperatorPermit,
    house::Holdfast,
    respond::Problem,
    telemetry::{Event, EventName},
};

/// What was acknowledged before the request is in the answer. It is made as fast as it is taken, and holds up nobody.
pub(crate) async fn backup(
    State(house): State<Arc<Holdfast>>,
    _permit: OperatorPermit,
    context: Context,
) -> Result<Response, Problem> {
    let backup = house.store.backup(context.now).await?;
    let outgoing = Outgoing { house, context, backup, stage: Stage::Waiting };
    let parts = stream::unfold(outgoing, |mut outgoing| async move {
        // Between two parts everybody else has a turn, however fast they are taken.
        tokio::task::yield_now().await;
        outgoing.next_part().map(|part| (Ok::<_, Infallible>(Bytes::from(part)), outgoing))
    });
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// A backup on its way to somebody.
struct Outgoing {
    house: Arc<Holdfast>,
    context: Context,
    backup: Backup,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing has gone out.
    Waiting,
    Running,
    /// All has.
    Sealed,
}

impl Outgoing {
    fn next_part(&mut self) -> Option<Vec<u8>> {
        if self.stage == Stage::Sealed {
            return None;
        }
        self.stage = Stage::Running;
        self.backup.next_part().or_else(|| {
            self.stage = Stage::Sealed;
            Some(Backup::seal(&seal_backup(&self.house.keyring, self.backup.digest())))
        })
    }
}

impl Drop for Outgoing {
    /// Told when it is over, also if the caller has gone away half-way: it has then seen a part.
    fn drop(&mut self) {
        let sessions = self.backup.sessions();
        let detail = match self.stage {
            Stage::Waiting => return,
            Stage::Running => format!("broken off after {sessions} sessions"),
            Stage::Sealed => format!("{sessions} sessions"),
        };
        let event = Event {
            event: Some(EventName::StoreBackedUp),
            client_ip: self.context.peer.address(),
            request_id: Some(self.context.request_id.as_str()),
            detail: Some(&detail),
            ..Event::default()
        };
        self.house.record(self.context.now, &event);
    }
}

/// A backup is a file of its own kind, which no registry knows.
pub(crate) const MEDIA_TYPE: &str = "application/octet-stream";
