//! The written form of a record.

mod cursor;
mod record;
#[cfg(test)]
mod tests;

pub(crate) use cursor::Malformed;
pub(crate) use record::{created_at, decode, encode, reason_byte};
