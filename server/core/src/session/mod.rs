//! A session: its record, its states, and the few transitions between them.

mod device;
mod record;
mod state;

pub use device::{DeviceId, MalformedDeviceId};
pub use record::{Activity, Auth, Binding, Client, EndReason, Ended, Record, UnknownEndReason};
pub use state::{Locked, Login, NotBound, NotFollowed, Regeneration, Renewal, Session, Standing};
