//! Conditional access: policies in Cedar over what is known of a request.
//!
//! [`Policies`] are read once, and decide about a [`Subject`] in a [`Situation`]. Nothing here reads a clock, a file or the
//! network; like the core, it is told.

mod asked;
mod effect;
mod explain;
mod guard;
mod places;
mod policies;
mod situation;
mod thresholds;
mod view;

pub use effect::{Effect, Mode, UnknownEffect, UnknownMode};
pub use explain::{Explained, Explanation, Saw};
pub use guard::{
    Answer, Beginning, Demand, Locate, Memory, Outcome, Proved, Question, Recorded, Succession, Target,
    UnreadableRisk, decode_profile, encode_profile, groups, login_json, revise_profile,
};
pub use policies::{Hit, Modes, Policies, PolicyProblems, Rule, Ruling, SCHEMA, SHIPPED, STRICT_UNBOUND};
pub use situation::{Auth, Binding, Device, Network, Situation, Subject};
pub use thresholds::Thresholds;
