//! Continuous validation: what the context of a request says about whose it is.
//!
//! Everything here is a pure function of what is remembered of a session ([`Trail`]) and of its user ([`Profile`]), of the
//! request and of the time. A signal is a suspicion with a score; what becomes of it, a policy decides.

mod agent;
mod hints;
mod network;
mod place;
mod signal;

pub use agent::{Agent, AgentChange, Family, Os};
pub use hints::{ClientHints, Contradiction};
pub use network::{Network, is_public};
pub use place::{Cell, Code, Location, Place, Point, Traits};
pub use signal::{Factor, Score, Signal, SignalName};
