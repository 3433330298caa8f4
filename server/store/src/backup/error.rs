//! What is wrong with a file that should be a backup.

use std::{fmt, io};

/// Why a file is not taken. Said before anything of it is.
#[derive(Debug)]
pub enum BadBackup {
    /// Bytes were changed, at about this place.
    Damaged {
        /// How many bytes stand before the frame that does not fit.
        at: u64,
    },
    /// It cannot be read.
    Io(io::Error),
    /// It is of a version that this server does not know.
    NewerVersion,
    /// It is something else.
    NoBackup,
    /// Its end is missing.
    Truncated,
}

impl BadBackup {
    /// What a failed read means within a frame that begins at `at`.
    pub(super) fn from_io(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Truncated } else { Self::Io(error) }
    }
}

impl fmt::Display for BadBackup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { at } => {
                write!(f, "the backup is damaged at byte {at}; nothing of it was taken, use another copy")
            }
            Self::Io(error) => write!(f, "the backup cannot be read: {error}"),
            Self::NewerVersion => {
                f.write_str("the backup is of a version that this server does not know; restore it with the server that made it")
            }
            Self::NoBackup => {
                f.write_str("this is no backup of Holdfast; nothing of it was taken, use a file that `holdfast backup` wrote")
            }
            Self::Truncated => {
                f.write_str("the end of the backup is missing; nothing of it was taken, use a copy that is whole")
            }
        }
    }
}

impl std::error::Error for BadBackup {}
