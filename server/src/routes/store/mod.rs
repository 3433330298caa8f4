//! `/v1/backup` and `/v1/restore`: what operators do with the store while it runs.

mod backup;
mod restore;

pub(crate) use backup::{MEDIA_TYPE, backup};
pub(crate) use restore::restore;
