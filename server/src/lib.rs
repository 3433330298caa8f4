//! Holdfast: a server that keeps web sessions on the device where they began.
//!
//! The rules are in `holdfast-core`, the memory in `holdfast-store`; this crate is the thin porch that faces the street:
//! configuration, listeners, routes, telemetry. Begin with `router.rs`, which lists everything it does for strangers.

mod assemble;
mod assertion;
mod cache;
mod checks;
pub mod cli;
mod clock;
mod compliance;
pub mod config;
mod context;
mod demo;
mod devices;
mod doctor;
mod dpop;
mod error;
mod ext_authz;
mod extract;
pub mod geo;
mod house;
mod issuers;
mod limits;
mod line;
mod listen;
mod live;
mod oauth;
mod openapi;
mod random;
mod reload;
mod respond;
mod risk;
mod root_keys;
mod router;
mod routes;
mod secrets;
mod serve;
mod sessions;
mod shares;
mod signals;
mod signing;
mod sinks;
mod sweeper;
mod telemetry;
mod token;

pub use clock::Clock;
pub use config::Config;
pub use serve::{Running, StartError, serve};
pub use token::TokenHash;
