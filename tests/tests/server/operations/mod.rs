//! What those on call do and see: limits, a configuration that is loaded anew, a root key that rotates, traces.

mod connections;
mod limits;
mod reload;
mod root_key;
mod tls;
mod trace;
