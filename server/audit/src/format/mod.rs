//! Events in the formats that others read. All of them are pure; none can be made to say what it does not mean, whatever a
//! client has put into its name or its `User-Agent`.

mod cef;
mod ecs;
mod ocsf;
mod rfc5424;
mod text;

pub use cef::cef;
pub use ecs::ecs;
pub use ocsf::ocsf;
pub use rfc5424::{Sender, frame, rfc5424, with_message};
pub use text::shown;

#[cfg(test)]
pub(crate) mod samples;
