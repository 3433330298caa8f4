//! Backups of a running store: a file of frames, and how one comes into being and is merged again.
//!
//! ```text
//! header · taken · ended… · session… · note… · epoch… · close · seal
//! ```
//!
//! Each frame has a checksum of its own, `close` counts those before it, and `seal` is whatever the caller makes of the
//! SHA-256 of all before it: so a file that is torn, damaged or somebody else's is known before anything of it is taken.

mod error;
mod frame;
mod merge;
mod read;
mod take;

pub use error::BadBackup;
pub use merge::{Merge, Restored};
pub use read::{Contents, Item, Items};
pub use take::Backup;
