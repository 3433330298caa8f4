//! The audit trail: a chain of events, its proof, and the formats that others read.
//!
//! A [`Trail`] takes lines from whoever has something to tell and never makes them wait: a thread of its own chains the
//! lines ([`Link`]), seals the chain from time to time, writes, and changes files. A [`Reader`] follows the chain through
//! its files. [`verify`] finds what was changed, cut or moved.
//!
//! This crate knows files and threads, and no clock, no network and no task: the time is asked of [`Now`], and whoever
//! waits for lines is told by an [`Observer`].

mod control;
mod event;
mod file;
mod files;
pub mod format;
mod link;
mod reader;
mod seek;
mod stamp;
mod trail;
pub mod verify;
mod writer;

pub use control::ControlEvent;
pub use event::{Event, Outcome, Policy, Signal, Weight};
pub use file::Target;
pub use files::{Files, Holder};
pub use link::{ChainedLine, Hash, Link};
pub use reader::{Gap, Progress, Reader};
pub use seek::first_seq as first_line;
pub use stamp::{parse_rfc3339, rfc3339};
pub use trail::{Checkpoints, Now, Observer, Rotation, Seal, Settings, Trail};
pub use verify::{Expected, Fault, Keys, Report, Verifier};
