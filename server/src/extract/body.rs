//! Bodies, of which clients may send as little and as slowly as they like.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use tokio::time::timeout;

/// A body that is not larger than `most` bytes, and comes in time. `None` otherwise.
pub(crate) async fn read(body: Body, most: usize) -> Option<Bytes> {
    timeout(PATIENCE, to_bytes(body, most)).await.ok()?.ok()
}

/// Whoever takes longer for a few kilobytes holds a place that others need.
const PATIENCE: Duration = Duration::from_secs(10);
