//! Signals shared with other parties (OpenID Shared Signals Framework 1.0): what they tell us, and what we tell them.

mod effects;
mod http;
mod poller;
mod receive;
mod seen;
mod subjects;
mod tasks;
pub(crate) mod told;

pub(crate) use receive::{Receiver, Receivers, SignalOutcome, take};
pub(crate) use seen::Seen;
pub(crate) use tasks::run;

use std::sync::Arc;

use tokio::sync::Notify;

use crate::sessions::Turns;

/// What the configuration says of signals, and what stays when it is loaded anew.
pub(crate) struct Signals {
    pub(crate) receivers: Receivers,
    /// One token at a time, for whoever takes it.
    turns: Arc<Turns>,
    lines: Arc<receive::SignalLines>,
    /// Tells the tasks that another configuration is in force.
    pub(crate) changed: Arc<Notify>,
}

impl Signals {
    /// Those of the first configuration, or of one that follows `former`.
    pub(crate) fn new(receivers: Receivers, former: Option<&Self>) -> Self {
        match former {
            None => Self {
                receivers,
                turns: Arc::new(Turns::new()),
                lines: Arc::default(),
                changed: Arc::default(),
            },
            Some(former) => Self {
                receivers,
                turns: Arc::clone(&former.turns),
                lines: Arc::clone(&former.lines),
                changed: Arc::clone(&former.changed),
            },
        }
    }
}
