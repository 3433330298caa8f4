//! Opening: the journal first, then the database, and a damaged one is put aside.

use std::{
    collections::{HashMap, HashSet},
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use holdfast_core::{
    SessionId, UnixTime,
    session::{Ended, Record},
};

use super::{
    Log,
    disk::{Disk, DiskError, guarded},
    journal::{Entry, Journal, Past},
    value,
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
        is_fresh: true,
        lock: Some(lock),
    };
    // The database is told what it did not know before the journal forgets anything.
    writer.catch_up(now).map_err(|unavailable| OpenError::Failed {
        path: directory.to_owned(),
        because: unavailable.to_string(),
    })?;
    let log = writer.start().map_err(failed)?;
    Ok((state, log, report))
}

/// What was read.
struct Loaded {
    state: State,
    disk: Disk,
    /// The sessions that the journal ended.
    ended: Vec<SessionId>,
    unreadable: usize,
}

impl Loaded {
    fn read(path: &Path, past: &Past) -> Result<Self, DiskError> {
        let (mut ends, mut epochs) = (HashMap::new(), HashMap::new());
        for entry in &past.entries {
            match entry {
                Entry::Epoch { number, at } => {
                    epochs.entry(*number).or_insert(*at);
                }
                Entry::Session { id, ended } => {
                    ends.entry(*id).or_insert(*ended);
                }
            }
        }
        let disk = Disk::open(path)?;
        let state = State::new();
        let (mut ended, mut unreadable) = (Vec::new(), 0);
        let session = |id, bytes: &[u8]| match value::decode(id, bytes, &state.words) {
            Ok((mut record, activity)) => {
                if end(&mut record, &ends) {
                    ended.push(id);
                }
                state.recover(&record, activity);
            }
            // Absent means no.
            Err(_) => unreadable += 1,
        };
        disk.read(session, |number, at| {
            epochs.entry(number).or_insert(UnixTime::from_millis(at));
        })?;
        state.fence.restore(&epochs);
        Ok(Self { state, disk, ended, unreadable })
    }
}

/// Ended wins: whether the journal ends a session that the database takes for alive.
fn end(record: &mut Record, ends: &HashMap<SessionId, Ended>) -> bool {
    let ended = ends.get(&record.id).filter(|_| record.ended.is_none());
    if let Some(ended) = ended {
        record.ended = Some(*ended);
        record.revision = record.revision.saturating_add(1);
    }
    ended.is_some()
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
