//! Shared signals: what transmitters and receivers ask of the public listener.

mod configuration;
mod permit;
mod poll;
mod receive;
mod status;
mod stream;

pub(crate) use configuration::{configuration, jwks};
pub(crate) use poll::poll;
pub(crate) use receive::{MEDIA_TYPE, receive};
pub(crate) use status::{add_subject, remove_subject, set_status, status, verify};
pub(crate) use stream::{create, delete, read, replace, update};
