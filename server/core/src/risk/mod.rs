//! Continuous validation: what the context of a request says about whose it is.
//!
//! Everything here is a pure function of what is remembered of a session ([`Trail`]) and of its user ([`Profile`]), of the
//! request and of the time. A signal is a suspicion with a score; what becomes of it, a policy decides.

mod agent;
mod assessment;
mod client;
mod export;
mod hints;
mod login;
mod network;
mod place;
mod profile;
mod signal;
mod trail;
mod travel;

pub use agent::{Agent, AgentChange, Family, Os};
pub use assessment::{Assessment, Posture, Told};
pub use client::{Client, ClientFields, Digest};
pub use export::Exports;
pub use hints::{ClientHints, Contradiction};
pub use login::{Login, weigh_login};
pub use network::{Line, Network, is_public, untranslated};
pub use place::{Cell, Code, Location, NoCode, Place, Point, Traits};
pub use profile::{Evidence, Profile, Sighting, Strength, Weaker};
pub use signal::{Factor, Score, Signal, SignalName};
pub use trail::{Presence, Session, Trail, Visit};
pub use travel::{Leg, impossible_travel, two_continents};
