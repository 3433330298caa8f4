//! `POST /v1/restore`: merges a backup into the running store.

use std::{
    fs::File,
    io::{BufReader, Seek, Write},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use holdfast_core::{UnixTime, backup::AuthenticBackup};
use holdfast_store::{BadBackup, Contents, Item, Items, Restored, Unavailable};
use http::StatusCode;
use http_body_util::BodyExt;
use serde::Serialize;
use tokio::{sync::mpsc, task::spawn_blocking, time::timeout};

use crate::{
    context::Context,
    error::Trouble,
    extract::OperatorPermit,
    house::Holdfast,
    respond::{Problem, ProblemCode, json},
    sweeper::judge,
    telemetry::{Event, EventName, rfc3339},
};

/// Takes the file as a whole, sees that it is whole and ours, and only then merges it.
pub(crate) async fn restore(
    State(house): State<Arc<Holdfast>>,
    _permit: OperatorPermit,
    context: Context,
    request: Request,
) -> Result<Response, Problem> {
    let file = receive(request.into_body()).await?;
    let (file, contents) = blocking(move || inspect(file)).await??;
    let authentic = AuthenticBackup::open(&house.keyring, &contents.seal, contents.digest);
    let authentic = authentic.ok_or_else(|| Problem::of(ProblemCode::BadBackup, NOT_OURS))?;
    let restored = merge(&house, file, &contents, authentic, context.now).await?;
    tell(&house, &contents, restored, &context);
    Ok(json(StatusCode::OK, &View::of(&contents, restored)))
}

/// Writes the body into a file that has no name, so that nothing is left of it whatever happens.
async fn receive(mut body: Body) -> Result<File, Problem> {
    let mut file = blocking(unnamed).await?.map_err(no_room)?;
    loop {
        let frame = timeout(PATIENCE, body.frame()).await.map_err(|_| broken_off())?;
        let Some(frame) = frame else { return Ok(file) };
        let Ok(data) = frame.map_err(|_| broken_off())?.into_data() else { continue };
        file = blocking(move || file.write_all(&data).map(|()| file)).await?.map_err(no_room)?;
    }
}

fn unnamed() -> std::io::Result<File> {
    tempfile::tempfile()
}

/// Reads the file to its end, and puts it back to its beginning.
fn inspect(mut file: File) -> Result<(File, Contents), Problem> {
    file.rewind().map_err(no_room)?;
    let contents = Contents::read(BufReader::new(&file)).map_err(refuse)?;
    file.rewind().map_err(no_room)?;
    Ok((file, contents))
}

/// Only an authentic backup comes here.
async fn merge(
    house: &Arc<Holdfast>,
    file: File,
    contents: &Contents,
    _authentic: AuthenticBackup,
    now: UnixTime,
) -> Result<Restored, Problem> {
    let (parts, mut taken) = mpsc::channel(PARTS_WAITING);
    let reading = spawn_blocking(move || read_parts(file, &parts));
    let judge = judge(house, now);
    let mut merge = house.store.merge(contents).await?;
    while let Some(part) = taken.recv().await {
        merge.take(part, &judge).await?;
        tokio::task::yield_now().await;
    }
    // It was read before, so only the disk can have changed its mind.
    reading.await.map_err(|_panic| broken())?.map_err(refuse)?;
    take_in(house, now).await?;
    Ok(merge.restored())
}

/// What came in is known from now on, and not only after a restart.
async fn take_in(house: &Holdfast, now: UnixTime) -> Result<(), Unavailable> {
    let of_devices = house.devices.take_in(&house.store, now).await?;
    let of_users = house.told.take_in(&house.store).await?;
    house.seen.take_in(&house.store).await?;
    let of_streams = house.signals.take_in(&house.store).await?;
    let unreadable = of_devices + of_users + of_streams;
    if unreadable > 0 {
        house.log.warn(
            now,
            &format!("{unreadable} notes of devices and signals cannot be read; what they say is unknown"),
        );
    }
    Ok(())
}

fn read_parts(file: File, parts: &mpsc::Sender<Vec<Item>>) -> Result<(), BadBackup> {
    let mut items = Items::open(BufReader::new(file))?;
    let mut part = Vec::with_capacity(PART);
    while let Some(item) = items.next_item()? {
        part.push(item);
        if part.len() == PART && parts.blocking_send(std::mem::take(&mut part)).is_err() {
            // The store has failed, which is told where it did.
            return Ok(());
        }
    }
    let _nobody_waits = parts.blocking_send(part);
    Ok(())
}

fn tell(house: &Holdfast, contents: &Contents, restored: Restored, context: &Context) {
    let Restored { added, updated, ended, kept, left_out, notes } = restored;
    let taken_at = rfc3339(contents.taken_at);
    let detail = format!(
        "a backup of {taken_at}: {added} added, {updated} updated, {ended} ended, {kept} kept, {left_out} left out, {notes} notes"
    );
    let event = Event {
        event: Some(EventName::StoreRestored),
        client_ip: context.peer.address(),
        request_id: Some(context.request_id.as_str()),
        detail: Some(&detail),
        ..Event::default()
    };
    house.record(context.now, &event);
}

/// Runs something that waits for the disk where it holds up nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    spawn_blocking(work).await.map_err(|_panic| broken())
}

fn refuse(bad: BadBackup) -> Problem {
    match bad {
        BadBackup::Io(error) => no_room(error),
        BadBackup::Damaged { .. } | BadBackup::NewerVersion | BadBackup::NoBackup | BadBackup::Truncated => {
            Problem::of(ProblemCode::BadBackup, bad.to_string())
        }
    }
}

fn broken_off() -> Problem {
    Problem::of(
        ProblemCode::BadBackup,
        "the backup broke off on its way; nothing of it was taken, send it again",
    )
}

fn no_room(error: std::io::Error) -> Problem {
    Trouble::Store(Unavailable::new(format!("a backup cannot be kept in the temporary folder: {error}")))
        .into()
}

fn broken() -> Problem {
    Problem::of(ProblemCode::InternalError, "the server made a mistake; its log says at which request")
}

#[derive(Serialize)]
struct View {
    taken_at: String,
    sessions: u64,
    added: u64,
    updated: u64,
    ended: u64,
    kept: u64,
    left_out: u64,
    notes: u64,
}

impl View {
    fn of(contents: &Contents, restored: Restored) -> Self {
        let Restored { added, updated, ended, kept, left_out, notes } = restored;
        let taken_at = rfc3339(contents.taken_at);
        Self { taken_at, sessions: contents.sessions, added, updated, ended, kept, left_out, notes }
    }
}

const NOT_OURS: &str = "the backup was not made under a root key of this server, or was changed since; nothing of it was \
taken. If the root key has changed, the former one must still be below the new one in secrets.root_key_file, or in \
secrets.previous_root_key_files";

/// Between two parts of a body that is on its way.
const PATIENCE: Duration = Duration::from_secs(10);

/// Few enough that merging them is a moment, and enough to share one wait for the disk.
const PART: usize = 1024;

const PARTS_WAITING: usize = 2;
