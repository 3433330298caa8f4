//! What is known of a request beside its credentials, and how unusual that is.

pub mod agent;
pub mod hints;

pub use agent::{Agent, AgentChange, Family, Os};
pub use hints::{ClientHints, Contradiction};
