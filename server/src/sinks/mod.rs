//! `[[audit.sinks]]`: whoever else is told what the audit trail tells.
//!
//! Each sink follows the file at its own pace, from where it was. How far that is stands in the store, so a sink is told
//! every line at least once, over restarts and outages, and nobody waits for it: not a request, not the trail, not another
//! sink.

mod apart;
mod encode;
mod follower;
mod http;
mod otlp;
mod scribe;
mod syslog;
mod webhook;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use holdfast_audit::Files;
use holdfast_store::Store;
use parking_lot::Mutex;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use self::{
    encode::{Encoder, Told},
    follower::Follower,
    otlp::Otlp,
    scribe::Scribe,
    syslog::Syslog,
    webhook::Webhook,
};
use crate::{
    Clock,
    config::{AuditConfig, SinkConfig, SinkKind},
    secrets::open_to_everybody,
    telemetry::{Listening, Log, Metrics, SinkMetrics, Witness},
};

/// Every sink that is being told.
#[derive(Default)]
pub(crate) struct Sinks(Mutex<HashMap<String, Running>>);

struct Running {
    stop: watch::Sender<Stop>,
    task: JoinHandle<()>,
    place: Arc<Place>,
    files: Arc<Files>,
    metrics: SinkMetrics,
}

/// How far a sink has been told, for whoever measures it.
#[derive(Debug, Default)]
struct Place {
    seq: AtomicU64,
    /// In bytes of all files that there were.
    bytes: AtomicU64,
}

/// Whether a sink shall go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// It shall go on.
    No,
    /// After the batch that is under way.
    AtOnce,
    /// When it has been told everything.
    WhenTold,
}

/// What a sink works with beside its configuration.
#[derive(Clone)]
pub(crate) struct Workshop {
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Clock,
    pub(crate) log: Arc<Log>,
    pub(crate) metrics: Arc<Metrics>,
    /// Whom a loss is told to.
    pub(crate) witness: Witness,
}

/// A sink whose files are read and in order.
pub(crate) struct Prepared {
    config: SinkConfig,
    destination: Destination,
}

impl Prepared {
    /// Reads what the sinks of a configuration need.
    ///
    /// # Errors
    /// A sentence for the first one that is not in order.
    pub(crate) fn read(config: &AuditConfig, clock: &Clock) -> Result<Vec<Self>, String> {
        let prepare = |(index, sink): (usize, &SinkConfig)| {
            let destination = Destination::new(sink, clock);
            let destination = destination.map_err(|what| format!("audit.sinks.{index}.{what}"))?;
            Ok(Self { config: sink.clone(), destination })
        };
        config.sinks.iter().enumerate().map(prepare).collect()
    }

    /// What is not in order with the files, secrets and certificates of the sinks. No file is made for it.
    pub(crate) fn problems(config: &AuditConfig, clock: &Clock) -> Vec<String> {
        let is_read = |sink: &SinkConfig| !matches!(sink.kind, SinkKind::File { .. } | SinkKind::Stdout);
        let sinks = config.sinks.iter().enumerate().filter(|(_, sink)| is_read(sink));
        let unread = sinks.filter_map(|(index, sink)| {
            Destination::new(sink, clock).err().map(|what| format!("audit.sinks.{index}.{what}"))
        });
        apart::problems(config).into_iter().chain(unread).collect()
    }

    /// What an operator should mend about the secrets of the sinks, though they can be used.
    pub(crate) fn warnings(config: &AuditConfig) -> Vec<String> {
        let secrets = config.sinks.iter().enumerate().filter_map(|(index, sink)| match &sink.kind {
            SinkKind::Webhook { secret_file, .. } => {
                open_to_everybody(&format!("audit.sinks.{index}.secret_file"), secret_file)
            }
            SinkKind::File { .. } | SinkKind::Otlp { .. } | SinkKind::Stdout | SinkKind::Syslog { .. } => {
                None
            }
        });
        secrets.collect()
    }
}

impl Sinks {
    /// Tells these sinks from now on, and no others. One that was told before finishes what it has begun, and goes on after
    /// it: its secret and its certificates may be new.
    pub(crate) fn follow(&self, sinks: Vec<Prepared>, listening: Option<&Listening>, workshop: &Workshop) {
        let mut running = self.0.lock();
        let mut former = std::mem::take(&mut *running);
        for sink in sinks {
            // Without a trail there is nothing to tell; the configuration has then no sinks either.
            let Some(listening) = listening.cloned() else { break };
            let before = former.remove(&sink.config.name).map(|before| {
                before.stop.send_replace(Stop::AtOnce);
                before.task
            });
            let name = sink.config.name.clone();
            let (stop, stopping) = watch::channel(Stop::No);
            // From this moment on: its files are not to go before it has begun.
            listening.files.hold(&name, listening.files.oldest().saturating_sub(1));
            let (files, place) = (Arc::clone(&listening.files), Arc::new(Place::default()));
            place.seq.store(files.head(), Ordering::Relaxed);
            place.bytes.store(files.bytes(), Ordering::Relaxed);
            let metrics = workshop.metrics.sink(&name);
            let follower = Follower::new(sink, listening, workshop.clone(), stopping, Arc::clone(&place));
            let task = tokio::spawn(async move {
                if let Some(before) = before {
                    let _ = before.await;
                }
                follower.follow().await;
            });
            running.insert(name, Running { stop, task, place, files, metrics });
        }
        for (name, gone) in former {
            gone.stop.send_replace(Stop::AtOnce);
            workshop.metrics.forget_sink(&name);
            if let Some(listening) = listening {
                listening.files.release(&name);
            }
        }
    }

    /// Puts into the metrics how far behind each sink is at this moment.
    pub(crate) fn measure(&self) {
        for Running { place, files, metrics, .. } in self.0.lock().values() {
            let behind = |now: u64, place: &AtomicU64| {
                i64::try_from(now.saturating_sub(place.load(Ordering::Relaxed))).unwrap_or(i64::MAX)
            };
            metrics.lag_lines.set(behind(files.head(), &place.seq));
            metrics.lag_bytes.set(behind(files.bytes(), &place.bytes));
        }
    }

    /// Tells what is left, for a moment.
    pub(crate) async fn close(&self) {
        let running = std::mem::take(&mut *self.0.lock());
        let all: Vec<_> = running.into_values().collect();
        for sink in &all {
            sink.stop.send_replace(Stop::WhenTold);
        }
        let ends = async {
            for sink in all {
                let _ = sink.task.await;
            }
        };
        let _ = timeout(LAST_WORDS, ends).await;
    }
}

/// Where a sink is.
enum Destination {
    Http(Box<http::Poster>),
    Scribe(Scribe),
    Syslog(Box<Syslog>),
}

/// Why a batch was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    what: String,
    /// Whether fewer at once may do.
    is_too_large: bool,
}

impl Failure {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), is_too_large: false }
    }
}

impl Destination {
    fn new(sink: &SinkConfig, clock: &Clock) -> Result<Self, String> {
        Ok(match &sink.kind {
            SinkKind::File { path, rotate_size, keep } => Self::Scribe(
                Scribe::to_file(path, *rotate_size, *keep)
                    .map_err(|error| format!("path: {} cannot be written: {error}", path.display()))?,
            ),
            SinkKind::Stdout => Self::Scribe(Scribe::to_stdout().map_err(|error| format!("kind: {error}"))?),
            SinkKind::Otlp { url, ca_file } => {
                Self::Http(Box::new(http::Poster::new(url, ca_file.as_deref(), http::Speech::Otlp(Otlp))?))
            }
            SinkKind::Webhook { url, secret_file, ca_file } => {
                let webhook = Webhook::new(secret_file, sink.format, clock)?;
                let speech = http::Speech::Webhook(Box::new(webhook));
                Self::Http(Box::new(http::Poster::new(url, ca_file.as_deref(), speech)?))
            }
            SinkKind::Syslog { host, port, ca_file } => {
                Self::Syslog(Box::new(Syslog::new(host, *port, ca_file.as_deref())?))
            }
        })
    }

    /// Tells a batch. What was refused for good is counted in the answer, with the reason.
    async fn deliver(
        &mut self,
        batch: &[Told],
        patience: Duration,
    ) -> Result<Option<(u64, String)>, Failure> {
        match self {
            // A disk or a pipe is not asked to hurry: a second try would find the first one still at work.
            Self::Scribe(scribe) => scribe.write(batch).await.map(|()| None),
            Self::Http(poster) => {
                let late = |_| Failure::new("it does not answer in time");
                timeout(patience, poster.post(batch)).await.map_err(late)?
            }
            Self::Syslog(syslog) => {
                let sent = timeout(patience, syslog.send(batch)).await;
                sent.unwrap_or_else(|_| {
                    syslog.hang_up();
                    Err(Failure::new("it does not take messages in time"))
                })
                .map(|()| None)
            }
        }
    }

    /// The last line of which it can be said that it has arrived; none if none was sent.
    fn settled(&mut self, last: u64) -> Option<u64> {
        match self {
            Self::Http(_) | Self::Scribe(_) => Some(last),
            Self::Syslog(syslog) => syslog.settled(),
        }
    }

    /// Whether what was sent must be sent again.
    fn is_broken(&mut self) -> bool {
        match self {
            Self::Http(_) | Self::Scribe(_) => false,
            Self::Syslog(syslog) => syslog.is_broken(),
        }
    }

    /// Ends what is open, and says what has arrived for certain.
    async fn finish(&mut self) -> Option<u64> {
        match self {
            Self::Http(_) | Self::Scribe(_) => None,
            Self::Syslog(syslog) => syslog.finish().await,
        }
    }
}

/// How long a stopping server tells of its last lines.
const LAST_WORDS: Duration = Duration::from_secs(3);
