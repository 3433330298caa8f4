//! What the stories of Holdfast are told with: a real Chromium, a software TPM, HTTPS sites under a CA of their own,
//! and the real `holdfast` program.
//!
//! Everything here starts processes and ends exactly those again, by their process group, also when a test panics.
//! A missing program makes a test skip on a developer's machine and fail in CI; see [`require`].

mod authority;
pub mod browser;
pub mod dev;
mod environment;
pub mod http;
pub mod mmdb;
mod ports;
mod process;
mod process_group;
mod program;
pub mod risk;
pub mod server;
mod site;
mod skip;
mod swtpm;

pub use authority::{Authority, ServerCertificate};
pub use ports::{free_port, free_port_pair};
pub use process::HoldfastProcess;
pub use process_group::{ProcessGroup, Signal};
pub use program::{Program, run_to_end};
pub use site::Site;
pub use skip::{Prerequisite, require};
pub use swtpm::{Swtpm, TpmIdentity};
