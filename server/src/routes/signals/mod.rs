//! Shared signals: what transmitters and receivers ask of the public listener.

mod receive;

pub(crate) use receive::{MEDIA_TYPE, receive};
