//! `holdfast restore`: merges a backup into a running server.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::PathBuf,
};

use bytes::Bytes;
use clap::Args;
use futures_util::stream;
use holdfast_store::Contents;
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde::Deserialize;

use super::{
    Exit,
    operator::{Caller, Operator, counted},
};
use crate::routes::store::MEDIA_TYPE;

/// What `holdfast restore` must be told.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: Operator,
    /// The file that `holdfast backup` wrote.
    #[arg(long = "in", value_name = "FILE")]
    file: PathBuf,
}

/// Sees that the backup is whole before anything of it is sent, and says what became of it.
pub(super) fn restore(arguments: &Arguments) -> Exit {
    let told = |what: &dyn std::fmt::Display| Exit::failed(format!("{}: {what}", arguments.file.display()));
    match File::open(&arguments.file).map(|file| Contents::read(BufReader::new(file))) {
        Ok(Ok(_whole)) => {}
        Ok(Err(bad)) => return told(&bad),
        Err(error) => return told(&error),
    }
    arguments.operator.run(async |caller| {
        let file = File::open(&arguments.file).map_err(|error| told(&error))?;
        let restored = send(caller, file).await?;
        let Restored { taken_at, sessions, added, updated, ended, kept, left_out, notes } = restored;
        Ok(Exit::done(format!(
            "{} of {taken_at}: {added} added, {updated} updated, {ended} ended, {kept} kept, {left_out} left out; {} taken in",
            counted(sessions, "session"),
            counted(notes, "note")
        )))
    })
}

async fn send(caller: &Caller<'_>, file: File) -> Result<Restored, Exit> {
    let parts = stream::unfold(Some(file), |file| async {
        let mut file = file?;
        match read_part(&mut file) {
            Ok(part) if part.is_empty() => None,
            Ok(part) => Some((Ok(Frame::data(part)), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    });
    let body = reqwest::Body::wrap(StreamBody::new(parts));
    let request = caller.post("/v1/restore").header("content-type", MEDIA_TYPE).body(body);
    let answer = caller.send(request).await?;
    answer.json().await.map_err(|_| Exit::failed("the answer of the server cannot be read"))
}

/// The next part; empty at the end.
fn read_part(file: &mut File) -> io::Result<Bytes> {
    let mut part = vec![0; PART];
    let length = file.read(&mut part)?;
    part.truncate(length);
    Ok(part.into())
}

/// What the server says that it has done.
#[derive(Deserialize)]
struct Restored {
    taken_at: String,
    sessions: u64,
    added: u64,
    updated: u64,
    ended: u64,
    kept: u64,
    left_out: u64,
    /// Servers of before had none.
    #[serde(default)]
    notes: u64,
}

const PART: usize = 64 * 1024;
