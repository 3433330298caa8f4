//! Connections: accepted, wrapped in TLS, served, and let go of without losing a request.

mod connection;
mod request;
mod socket;
mod tls;

pub(crate) use connection::{Listener, Shutdown};
pub(crate) use request::Service;
pub(crate) use socket::UnixSocket;
pub(crate) use tls::acceptor;
