//! Opening: the journal first, then the database, and a damaged one is put aside.

use std::{
    collections::HashSet,
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use holdfast_core::UnixTime;

use super::{
    Log,
    backlog::Pace,
    disk::{DiskError, guarded},
    journal::Journal,
    load::Loaded,
    writer::Writer,
};
use crate::{OpenError, OpenReport, local::State};

/// Opens what is in the directory, or begins there.
pub(crate) fn open(
    directory: &Path,
    now: UnixTime,
    keep_endings: Duration,
) -> Result<(Arc<State>, Log, OpenReport), OpenError> {
    let failed = |error| OpenError::from_io(directory, error);
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    let lock = lock(directory)?;
    let (journal, past) = Journal::open(&directory.join("endings.journal"), keep_endings).map_err(failed)?;
    let path = directory.join("sessions");

    let mut report = OpenReport { journal_damaged: past.damaged, ..OpenReport::default() };
    let loaded = match guarded(|| Loaded::read(&path, &past)) {
        Err(DiskError::Damaged(because)) => {
            let aside = put_aside(directory, &path, now).map_err(failed)?;
            report.moved_aside = Some(aside);
            report.damage = Some(because);
            guarded(|| Loaded::read(&path, &past))
        }
        outcome => outcome,
    };
    let loaded = loaded.map_err(|error| OpenError::from_disk(directory, error))?;
    report.loaded = loaded.state.count();
    report.unreadable = loaded.unreadable;
    report.ended_by_journal = loaded.ended.len();

    let (state, ended) = (Arc::new(loaded.state), loaded.ended);
    let mut writer = Writer {
        state: Arc::clone(&state),
        disk: Some(loaded.disk),
        path,
        journal,
        uncertain: HashSet::from_iter(ended),
        uncertain_notes: HashSet::new(),
        is_fresh: true,
        lock: Some(lock),
        pace: Pace::default(),
        backlog: Arc::default(),
    };
    // The database is told what it did not know before the journal forgets anything.
    writer.catch_up(now).map_err(|unavailable| OpenError::Failed {
        path: directory.to_owned(),
        because: unavailable.to_string(),
    })?;
    let log = writer.start().map_err(failed)?;
    Ok((state, log, report))
}

fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(|error| OpenError::from_io(directory, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(error)) => Err(OpenError::from_io(directory, error)),
    }
}

/// Moves a damaged database out of the way. Never deletes one.
fn put_aside(directory: &Path, path: &Path, now: UnixTime) -> io::Result<PathBuf> {
    let name = format!("sessions.damaged-{}", now.as_secs());
    let names = std::iter::once(name.clone()).chain((2..).map(|copy| format!("{name}-{copy}")));
    let aside = names.map(|name| directory.join(name)).find(|aside| !aside.exists());
    let aside = aside.unwrap_or_else(|| directory.join(name));
    std::fs::rename(path, &aside)?;
    File::open(directory)?.sync_all()?;
    Ok(aside)
}
