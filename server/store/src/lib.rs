//! What Holdfast remembers: the promises a store makes, and the stores that keep them.
//!
//! [`Backend`] says what is promised and what a broken promise costs. [`Store`] keeps the promises, in memory alone or in
//! memory with a durable log beneath it. This crate reads no clock, no environment and no configuration, and it writes no
//! log lines: the time comes in as an argument, and what an operator should hear of goes out as a value.

mod backend;
mod backup;
mod codec;
mod error;
mod local;
mod log;
mod store;

pub use backend::{
    Backend, Creation, Found, Judge, Keep, Keeping, ListQuery, Memory, Note, NoteKind, Replacement, Sweep,
    Swept,
};
pub use backup::{Backup, BadBackup, Contents, Item, Items, Merge, Restored};
pub use error::{OpenError, OpenReport, Unavailable};
pub use local::Local;
pub use store::Store;
