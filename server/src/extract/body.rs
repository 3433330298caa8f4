//! Bodies, of which clients may send as little and as slowly as they like.

use axum::body::{Body, to_bytes};
use bytes::Bytes;

/// A body that is not larger than `most` bytes, and comes in time: the listener ends one that does not. `None` otherwise.
pub(crate) async fn read(body: Body, most: usize) -> Option<Bytes> {
    to_bytes(body, most).await.ok()
}
