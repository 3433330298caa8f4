//! What goes wrong with a store.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::log::DiskError;

/// The store cannot keep its promise now. Nothing was decided: the caller answers 5xx and never a refusal, because an
/// outage of ours must not look like guilt of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(Arc<str>);

impl Unavailable {
    /// An outage, told in a sentence for an operator's eyes.
    pub fn new(sentence: impl Into<Arc<str>>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// What an operator should hear of an opening that went well, or well enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// How many sessions were found, the ended ones among them.
    pub loaded: usize,
    /// How many records could not be read. Their sessions are absent, which means no.
    pub unreadable: usize,
    /// How many sessions the database took for alive, and the journal of endings did not. More than a few after a crash
    /// say that the database has lost some of its past.
    pub ended_by_journal: usize,
    /// How many entries of the journal could not be read. Each may be an end that the database alone remembers.
    pub journal_damaged: usize,
    /// Where the database was put that was too damaged to be used. All its users log in again.
    pub moved_aside: Option<PathBuf>,
    /// What was wrong with it.
    pub damage: Option<String>,
}

/// Why a store was not opened. Each says in a sentence what an operator can do.
#[derive(Debug)]
pub enum OpenError {
    /// Something else, told in words.
    Failed {
        /// The directory.
        path: PathBuf,
        /// What went wrong.
        because: String,
    },
    /// The directory or a file in it may not be written.
    Forbidden {
        /// The directory.
        path: PathBuf,
    },
    /// Another process has it open.
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The disk is full.
    NoSpace {
        /// The directory.
        path: PathBuf,
    },
}

impl OpenError {
    pub(crate) fn from_io(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) {
            return Self::Forbidden { path };
        }
        if is_no_space(&error) {
            return Self::NoSpace { path };
        }
        Self::Failed { path, because: error.to_string() }
    }

    pub(crate) fn from_disk(path: &Path, error: DiskError) -> Self {
        match error {
            DiskError::Damaged(because) => Self::Failed { path: path.to_owned(), because },
            DiskError::Io(error) => Self::from_io(path, error),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { path, because } => {
                write!(f, "the store in {} cannot be opened: {because}", path.display())
            }
            Self::Forbidden { path } => write!(
                f,
                "the store in {} may not be written: the directory must belong to the user that this server runs as, \
                 on a file system that is not read-only",
                path.display()
            ),
            Self::InUse { path } => write!(
                f,
                "the store in {} is in use by another process: one directory serves one server",
                path.display()
            ),
            Self::NoSpace { path } => {
                write!(f, "the store in {} cannot be opened: its disk is full", path.display())
            }
        }
    }
}

impl std::error::Error for OpenError {}

fn is_no_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded | io::ErrorKind::StorageFull
    )
}
