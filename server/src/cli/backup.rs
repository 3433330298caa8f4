//! `holdfast backup`: a backup of a running server, as a file.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Args;
use holdfast_store::Contents;

use super::{
    Exit,
    operator::{Caller, Operator, counted},
};

/// What `holdfast backup` must be told.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: Operator,
    /// Where the backup goes. A file that is there stays until the new one is whole.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Takes the backup, sees that it is whole, and only then gives it its name.
pub(super) fn backup(arguments: &Arguments) -> Exit {
    arguments.operator.run(async |caller| {
        let partial = beside(&arguments.out);
        let outcome = take(caller, &partial, &arguments.out).await;
        if outcome.is_err() {
            // What is not whole is of no use to anybody.
            let _ = fs::remove_file(&partial);
        }
        let contents = outcome?;
        Ok(Exit::done(format!(
            "{}: {}, {} and {}",
            arguments.out.display(),
            counted(contents.sessions, "session"),
            counted(contents.notes, "note"),
            counted(contents.ended, "end")
        )))
    })
}

async fn take(caller: &Caller<'_>, partial: &Path, out: &Path) -> Result<Contents, Exit> {
    let failed = |error: io::Error| Exit::failed(format!("{}: {error}", out.display()));
    // Personal data, and secrets of those who are pushed to: for the operator alone.
    let mut file = OpenOptions::new();
    let file = file.write(true).create(true).truncate(true).mode(0o600).open(partial);
    let mut file = file.map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            Exit::usage(format!("--out {}: there is no such folder; the folder must exist", out.display()))
        } else {
            failed(error)
        }
    })?;
    let mut answer = caller.send(caller.get("/v1/backup")).await?;
    while let Some(part) = answer.chunk().await.map_err(|_| broken_off())? {
        file.write_all(&part).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    let written = File::open(partial).map_err(failed)?;
    let contents = Contents::read(BufReader::new(written)).map_err(|bad| Exit::failed(bad.to_string()))?;
    fs::rename(partial, out).map_err(failed)?;
    Ok(contents)
}

/// The name of a backup that is not whole yet, in the same folder.
fn beside(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn broken_off() -> Exit {
    Exit::failed("the server broke off; there is no new backup, try again")
}
