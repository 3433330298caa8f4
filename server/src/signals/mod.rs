//! Signals shared with other parties (OpenID Shared Signals Framework 1.0): what they tell us, and what we tell them.

mod effects;
mod http;
mod key;
mod poller;
mod push;
mod receive;
mod seen;
mod stream;
mod subjects;
mod tasks;
pub(crate) mod told;
mod transmitter;

pub(crate) use key::RsaSigner;
pub(crate) use push::may_push_to;
pub(crate) use receive::{Receiver, Receivers, SignalOutcome, take};
pub(crate) use seen::Seen;
pub(crate) use stream::{Delivery, StreamConfig, StreamStatus, Streams};
pub(crate) use tasks::run;
pub(crate) use transmitter::{EVENTS, SentOutcome, StreamReceiver, Transmitter, enqueue};

use std::sync::Arc;

use holdfast_core::{UnixTime, session::Session};
use holdfast_ssf::RiskLevel;
use tokio::sync::Notify;

use holdfast_store::{Store, Unavailable};

use self::transmitter::Outgoing;
use crate::{house::Holdfast, sessions::Turns, telemetry::Event};

/// What the configuration says of signals, and what stays when it is loaded anew.
pub(crate) struct Signals {
    pub(crate) receivers: Receivers,
    /// How others are told; nobody is if absent.
    pub(crate) transmitter: Option<Arc<Transmitter>>,
    lasting: Lasting,
}

/// What stays when the configuration is loaded anew.
#[derive(Clone)]
pub(crate) struct Lasting {
    pub(crate) streams: Arc<Streams>,
    outgoing: Arc<Outgoing>,
    /// One token at a time, for whoever takes it.
    turns: Arc<Turns>,
    lines: Arc<receive::SignalLines>,
    /// Tells the tasks that another configuration is in force.
    changed: Arc<Notify>,
}

impl Lasting {
    /// For a process that begins with these streams.
    pub(crate) fn new(streams: Streams) -> Self {
        Self {
            streams: Arc::new(streams),
            outgoing: Arc::default(),
            turns: Arc::new(Turns::new()),
            lines: Arc::default(),
            changed: Arc::default(),
        }
    }
}

impl Signals {
    pub(crate) const fn new(
        receivers: Receivers,
        transmitter: Option<Arc<Transmitter>>,
        lasting: Lasting,
    ) -> Self {
        Self { receivers, transmitter, lasting }
    }

    /// What the next configuration goes on with.
    pub(crate) fn lasting(&self) -> Lasting {
        self.lasting.clone()
    }

    /// Tells the tasks that these are in force now.
    pub(crate) fn announce(&self) {
        self.lasting.changed.notify_one();
    }

    /// Takes in what a backup has brought of streams.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known what it has brought.
    pub(crate) async fn take_in(&self, store: &Store) -> Result<usize, Unavailable> {
        self.lasting.streams.take_in(store).await
    }

    /// Answers whoever waits for events: the server is about to stop.
    pub(crate) fn close(&self) {
        self.lasting.streams.close();
    }

    /// Waits until everything that was noticed waits in the store, but not for long.
    pub(crate) async fn drain(&self) {
        self.lasting.outgoing.drain().await;
    }

    fn settle(&self, count: usize) {
        self.lasting.outgoing.settle(count);
    }

    /// How many tokens wait to be sent.
    pub(crate) fn waiting(&self) -> usize {
        self.lasting.streams.waiting()
    }

    /// Notices what an event of the trail says, if others are to be told. Never waits.
    pub(crate) fn notice(&self, house: &Holdfast, now: UnixTime, event: &Event<'_>) {
        if let Some(transmitter) = &self.transmitter {
            self.lasting.outgoing.notice(house, transmitter, now, event);
        }
    }

    /// Notices that the user of a session has authenticated again (CAEP assurance-level-change). Never waits.
    pub(crate) fn notice_assurance(&self, house: &Holdfast, session: &Session, now: UnixTime) {
        if let Some(transmitter) = &self.transmitter {
            self.lasting.outgoing.notice_assurance(house, transmitter, session, now);
        }
    }

    /// Tells others that a session is in more or less danger than before (CAEP risk-level-change), which the risk rules
    /// decide. `why` is a short text of ours, for administrators. Never waits.
    pub(crate) fn tell_risk(
        &self,
        house: &Holdfast,
        session: &Session,
        level: RiskLevel,
        why: &str,
        now: UnixTime,
    ) {
        if let Some(transmitter) = &self.transmitter {
            self.lasting.outgoing.notice_risk(house, transmitter, session, level, why, now);
        }
    }
}
