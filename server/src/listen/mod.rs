//! Connections: accepted, wrapped in TLS, served, and let go of without losing a request.

mod connection;
mod patient;
mod places;
mod quiet;
mod request;
mod timely;
mod tls;

pub(crate) use connection::{Listener, Shutdown};
pub(crate) use request::Service;
pub(crate) use tls::server_config;
