//! Signals shared with other parties (OpenID Shared Signals Framework 1.0): what they tell us, and what we tell them.

pub(crate) mod told;
