//! The durable log beneath the memory: one thread that writes, and the journal of endings beside it.

mod backlog;
mod disk;
mod handle;
mod journal;
mod load;
mod open;
mod value;
mod writer;

pub(crate) use disk::DiskError;
pub(crate) use handle::{Log, Operation, Write, closed};
pub(crate) use open::open;
pub(crate) use value::{decode as decode_value, encode as encode_value};
