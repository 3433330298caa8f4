//! Connections: accepted, wrapped in TLS, served, and let go of without losing a request.

mod arrival;
mod connection;
mod head;
mod patient;
mod places;
mod quiet;
mod request;
mod socket;
mod timely;
mod tls;
mod turn;

pub(crate) use connection::{Listener, Shutdown};
pub(crate) use request::{Routes, Service};
pub(crate) use socket::UnixSocket;
pub(crate) use tls::server_config;
