//! The database, at arm's length: sled may fail and may panic, and neither goes further than this file.

use std::{
    fmt,
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
    time::Duration,
};

use holdfast_core::SessionId;

use crate::NoteKind;

/// An open database.
pub(super) struct Disk {
    db: sled::Db,
    /// The file that it writes. On Linux sled's own flush waits until the bytes have left for the device, and neither for
    /// the device's cache nor for the file's size: that survives a kill and not the loss of power.
    file: File,
}

/// Why the database does not do what it should.
#[derive(Debug)]
pub(crate) enum DiskError {
    /// What it holds makes no sense. Said in words for the operator.
    Damaged(String),
    /// The operating system said no.
    Io(io::Error),
}

impl Disk {
    /// Opens the database. To be called under [`guarded`].
    pub(super) fn open(path: &Path) -> Result<Self, DiskError> {
        let config = sled::Config::new()
            .path(path)
            // Every session is in memory already; what is cached here is for rewriting pages.
            .cache_capacity(CACHE)
            .flush_every_ms(None);
        let mut attempts = 0;
        let db = loop {
            match config.open() {
                // The threads of a database that was closed a moment ago may hold its file a little longer. Nobody else
                // can: this process has the lock on the directory.
                Err(sled::Error::Io(error)) if attempts < ATTEMPTS && is_lock(&error) => {
                    attempts += 1;
                    pause();
                }
                outcome => break outcome?,
            }
        };
        let is_known = match db.get(FORMAT_KEY)? {
            Some(format) => &*format == FORMAT,
            None => db.is_empty(),
        };
        if !is_known {
            return Err(DiskError::Damaged("it is of a format that this version does not know".to_owned()));
        }
        let file = File::open(path.join("db")).map_err(DiskError::Io)?;
        // A new file is as durable as the entry of its directory.
        for directory in [Some(path), path.parent()].into_iter().flatten() {
            File::open(directory).and_then(|directory| directory.sync_all()).map_err(DiskError::Io)?;
        }
        Ok(Self { db, file })
    }

    /// Everything that is stored.
    pub(super) fn read(
        &self,
        mut session: impl FnMut(SessionId, sled::IVec),
        mut epoch: impl FnMut(u64, u64),
        mut note: impl FnMut(NoteKind, &[u8], sled::IVec),
    ) -> Result<(), DiskError> {
        for pair in self.db.iter() {
            let (key, value) = pair?;
            if let Ok(id) = <[u8; 16]>::try_from(&*key) {
                session(SessionId::from_bytes(id), value);
            } else if let Some(number) = key.strip_prefix(EPOCH_PREFIX).and_then(|rest| rest.try_into().ok())
                && let Ok(at) = <[u8; 8]>::try_from(&*value)
            {
                epoch(u64::from_be_bytes(number), u64::from_be_bytes(at));
            } else if let Some([number, name @ ..]) = key.strip_prefix(NOTE_PREFIX)
                && let Some(kind) = NoteKind::ALL.into_iter().find(|kind| kind.number() == *number)
            {
                note(kind, name, value);
            }
        }
        Ok(())
    }

    /// Applies changes in their order, and with `flush` waits until the disk has them and all before them. If it fails,
    /// some may have been applied.
    ///
    /// One by one and not as a `sled::Batch`: sled frees what a batch replaces only after the batch, and a batch of a
    /// thousand sessions keeps gigabytes. Each change concerns one session, so nothing needs to happen together.
    pub(super) fn write(&self, changes: Changes, flush: bool) -> Result<(), DiskError> {
        catching(|| {
            for (key, value) in changes.0 {
                match value {
                    Some(value) => self.db.insert(key, value)?,
                    None => self.db.remove(key)?,
                };
            }
            if flush {
                self.db.flush()?;
                self.file.sync_data().map_err(DiskError::Io)?;
            }
            Ok(())
        })
    }

    /// Lets go of the database.
    pub(super) fn close(self) {
        let _panicked = catch_unwind(AssertUnwindSafe(|| drop(self)));
    }
}

/// What is to be changed, in order.
#[derive(Default)]
pub(super) struct Changes(Vec<(sled::IVec, Option<Vec<u8>>)>);

impl Changes {
    /// Says of what format the database is. It stands in every database that holds anything.
    pub(super) fn put_format(&mut self) {
        self.0.push((FORMAT_KEY.into(), Some(FORMAT.to_vec())));
    }

    pub(super) fn put_epoch(&mut self, number: u64, at: u64) {
        let key = [EPOCH_PREFIX, &number.to_be_bytes()].concat();
        self.0.push((key.into(), Some(at.to_be_bytes().to_vec())));
    }

    pub(super) fn note(&mut self, kind: NoteKind, key: &[u8], value: Option<&[u8]>) {
        let key = [NOTE_PREFIX, &[kind.number()], key].concat();
        self.0.push((key.into(), value.map(<[u8]>::to_vec)));
    }

    pub(super) fn put(&mut self, id: SessionId, value: Vec<u8>) {
        self.0.push((id.as_bytes().into(), Some(value)));
    }

    pub(super) fn remove(&mut self, id: SessionId) {
        self.0.push((id.as_bytes().into(), None));
    }
}

/// Runs `work` in a thread of its own and turns its panic into an error.
pub(super) fn guarded<T: Send>(work: impl FnOnce() -> Result<T, DiskError> + Send) -> Result<T, DiskError> {
    thread::scope(|scope| {
        let opening = thread::Builder::new().name("holdfast-open".to_owned()).spawn_scoped(scope, work);
        opening.map_err(DiskError::Io)?.join().unwrap_or_else(|panic| Err(from_panic(&*panic)))
    })
}

fn catching(work: impl FnOnce() -> Result<(), DiskError>) -> Result<(), DiskError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(from_panic(&*panic)))
}

fn from_panic(panic: &(dyn std::any::Any + Send)) -> DiskError {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
    let said = said.unwrap_or("it panicked");
    // sled unwraps some errors of the operating system; a full disk must not look like a damaged one.
    if said.contains("StorageFull") || said.contains("No space left") || said.contains("code: 28") {
        return DiskError::Io(io::Error::new(io::ErrorKind::StorageFull, said.to_owned()));
    }
    DiskError::Damaged(said.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "sled offers no way to wait until its threads are gone")]
fn pause() {
    thread::sleep(BETWEEN_ATTEMPTS);
}

fn is_lock(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

impl From<sled::Error> for DiskError {
    fn from(error: sled::Error) -> Self {
        match error {
            // A file that ends too early, or that holds what it should not, is damage and no refusal of the system.
            sled::Error::Io(error)
                if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData) =>
            {
                Self::Damaged(error.to_string())
            }
            sled::Error::Io(error) => Self::Io(error),
            sled::Error::CollectionNotFound(_)
            | sled::Error::Unsupported(_)
            | sled::Error::ReportableBug(_)
            | sled::Error::Corruption { .. } => Self::Damaged(error.to_string()),
        }
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(said) => write!(f, "the database is damaged: {said}"),
            Self::Io(error) => write!(f, "the disk refuses: {error}"),
        }
    }
}

const FORMAT_KEY: &[u8] = b"format";
const FORMAT: &[u8] = b"1";
const EPOCH_PREFIX: &[u8] = b"epoch";
/// With the kind longer than a session's id, so that no note can be taken for a session.
const NOTE_PREFIX: &[u8] = b"holdfast's note:";

/// Bytes.
const CACHE: u64 = 16 << 20;

const ATTEMPTS: u32 = 400;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(5);
