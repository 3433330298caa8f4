//! Continuous validation: what becomes of good cookies in the wrong hands, and of owners who move about.

mod journey;
mod policies;
mod scene;
mod signals;
mod simulation;
