//! The task of a sink: reads, tells, notes how far it is, and waits when it must.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use holdfast_audit::{Gap, Reader};
use holdfast_store::{Backend, Keeping, NoteKind};
use tokio::{sync::watch, task::spawn_blocking, time::timeout};

use super::{Destination, Encoder, Failure, Place, Prepared, Stop, Told, Workshop};
use crate::{
    config::{SinkConfig, SinkStart},
    telemetry::{Event, EventName, Listening, SinkMetrics},
};

/// A sink being told.
pub(super) struct Follower {
    config: SinkConfig,
    destination: Destination,
    encoder: Encoder,
    listening: Listening,
    workshop: Workshop,
    metrics: SinkMetrics,
    stopping: watch::Receiver<Stop>,
    place: Arc<Place>,
    /// The last line that has arrived for certain, and that the store has noted.
    confirmed: u64,
    /// How many lines are told at once: fewer for a while if that was too much.
    batch: usize,
    pause: Duration,
    is_failing: bool,
}

impl Follower {
    pub(super) fn new(
        Prepared { config, destination }: Prepared,
        listening: Listening,
        workshop: Workshop,
        stopping: watch::Receiver<Stop>,
        place: Arc<Place>,
    ) -> Self {
        Self {
            encoder: Encoder::new(&config),
            metrics: workshop.metrics.sink(&config.name),
            batch: config.batch,
            config,
            destination,
            listening,
            workshop,
            stopping,
            place,
            confirmed: 0,
            pause: FIRST_PAUSE,
            is_failing: false,
        }
    }

    /// Until it is told to stop.
    pub(super) async fn follow(mut self) {
        let Some(begin) = self.begin().await else { return };
        self.confirmed = begin;
        self.listening.files.hold(&self.config.name, begin);
        let mut reader = Some(Reader::after(Arc::clone(&self.listening.files), begin));
        while let Some(at) = reader.take() {
            reader = self.turn(at).await;
        }
        if let Some(settled) = self.destination.finish().await {
            self.confirm(settled).await;
        }
    }

    /// Where the sink was; where it shall begin if it is new.
    async fn begin(&mut self) -> Option<u64> {
        loop {
            match self.workshop.store.note(NoteKind::AuditCursor, self.config.name.as_bytes()).await {
                Ok(Some(note)) => {
                    if let Ok(seq) = <[u8; 8]>::try_from(&*note) {
                        return Some(u64::from_be_bytes(seq));
                    }
                    return Some(self.first());
                }
                Ok(None) => {
                    let first = self.first();
                    self.keep(first, Keeping::Durable).await;
                    return Some(first);
                }
                Err(_) if self.is_stopping() => return None,
                Err(_) => self.wait(FIRST_PAUSE).await,
            }
        }
    }

    fn first(&self) -> u64 {
        match self.config.start {
            SinkStart::Beginning => self.listening.files.oldest().saturating_sub(1),
            SinkStart::End => self.listening.files.head(),
        }
    }

    /// One batch, or one wait. Gives the place to go on, none if it is over.
    async fn turn(&mut self, mut reader: Reader) -> Option<Reader> {
        let is_last = self.is_stopping();
        if *self.stopping.borrow() == Stop::AtOnce {
            return None;
        }
        self.listening.head.mark_unchanged();
        reader.follow_new_chain();
        if let Some(gap) = reader.skip_gap() {
            self.tell_of_loss(gap).await;
        }
        let reader = self.find_and_show(reader).await?;
        let (mut reader, read) = self.read(reader).await?;
        let batch = match read {
            Ok(batch) => batch,
            Err(error) => {
                self.fail(&Failure::new(format!("the audit trail cannot be read: {error}")));
                self.wait(self.pause).await;
                return (!is_last).then_some(reader);
            }
        };
        let Some(last) = batch.last().map(|told| told.seq) else {
            if self.destination.is_broken() {
                reader.go_to(self.confirmed);
                self.fail(&Failure::new("it has closed the connection"));
                self.wait(self.pause).await;
                return Some(reader);
            }
            self.settle(reader.seq()).await;
            if is_last {
                return None;
            }
            self.wait(LOOK).await;
            return Some(reader);
        };
        match self.destination.deliver(&batch, self.config.timeout).await {
            Ok(refused) => {
                self.succeed(&batch, refused);
                self.settle(last).await;
                self.show(&reader);
                Some(reader)
            }
            Err(failure) => {
                reader.go_to(self.confirmed);
                let reader = self.find_and_show(reader).await?;
                if failure.is_too_large && batch.len() > 1 {
                    self.batch = batch.len() / 2;
                    return Some(reader);
                }
                self.fail(&failure);
                if is_last {
                    return None;
                }
                self.wait(self.pause).await;
                self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
                Some(reader)
            }
        }
    }

    /// Reads the next lines. Files are read by a thread that may wait for a disk.
    async fn read(&self, mut reader: Reader) -> Option<(Reader, std::io::Result<Vec<Told>>)> {
        let (encoder, most) = (self.encoder.clone(), self.batch);
        let read = spawn_blocking(move || {
            let mut batch = Vec::new();
            let progress = reader.read(MOST_BYTES, |seq, line| {
                batch.push(encoder.encode(seq, line));
                batch.len() < most
            });
            (reader, progress.map(|_| batch))
        });
        read.await.ok()
    }

    fn succeed(&mut self, batch: &[Told], refused: Option<(u64, String)>) {
        self.metrics.delivered.inc_by(u64::try_from(batch.len()).unwrap_or(0));
        self.pause = FIRST_PAUSE;
        self.batch = self.batch.saturating_mul(2).min(self.config.batch);
        if std::mem::take(&mut self.is_failing) {
            self.metrics.failing.set(0);
            let says = format!("the audit sink {:?} takes events again", self.config.name);
            self.workshop.log.info(self.workshop.clock.now(), &says);
        }
        if let Some((count, why)) = refused {
            self.metrics.lost.inc_by(count);
            let name = &self.config.name;
            let says = format!("the audit sink {name:?} has refused {count} events for good: {why}");
            self.workshop.log.error(self.workshop.clock.now(), &says);
        }
    }

    fn fail(&mut self, failure: &Failure) {
        self.metrics.failures.inc();
        if !std::mem::replace(&mut self.is_failing, true) {
            self.metrics.failing.set(1);
            let (name, what) = (&self.config.name, &failure.what);
            let says = format!("the audit sink {name:?} takes no events: {what}; they are kept for it");
            self.workshop.log.warn(self.workshop.clock.now(), &says);
        }
    }

    async fn tell_of_loss(&mut self, Gap { first, last }: Gap) {
        let count = last.saturating_sub(first).saturating_add(1);
        self.metrics.lost.inc_by(count);
        let name = &self.config.name;
        let detail = format!(
            "{name}: lines {first} to {last} were removed before the sink took them, since there was no more room (audit.keep, audit.hold)"
        );
        let now = self.workshop.clock.now();
        self.workshop.log.error(now, &format!("audit events were lost for a sink: {detail}"));
        let event =
            Event { event: Some(EventName::AuditSinkLost), detail: Some(&detail), ..Event::default() };
        self.workshop.metrics.event(EventName::AuditSinkLost);
        self.workshop.witness.record(now, &event);
        self.confirm(last).await;
    }

    async fn settle(&mut self, last: u64) {
        if let Some(settled) = self.destination.settled(last).filter(|settled| *settled > self.confirmed) {
            self.confirm(settled).await;
        }
    }

    async fn confirm(&mut self, seq: u64) {
        self.confirmed = seq;
        self.listening.files.hold(&self.config.name, seq);
        self.keep(seq, Keeping::Lazy).await;
    }

    /// A store that does not take the note has the line told once more after a restart; that is all.
    async fn keep(&self, seq: u64, keeping: Keeping) {
        let note = Some(seq.to_be_bytes().to_vec());
        let name = self.config.name.as_bytes();
        let _ = self.workshop.store.keep_note(NoteKind::AuditCursor, name, note, keeping).await;
    }

    /// Shows a place that may be in the middle of a file: a sink that has taken half of it is not behind by all of it.
    async fn find_and_show(&self, mut reader: Reader) -> Option<Reader> {
        let found = spawn_blocking(move || {
            reader.find();
            reader
        });
        let reader = found.await.ok()?;
        self.show(&reader);
        Some(reader)
    }

    fn show(&self, reader: &Reader) {
        let bytes = self.listening.files.bytes().saturating_sub(reader.behind().1);
        self.place.seq.store(reader.seq(), Ordering::Relaxed);
        self.place.bytes.store(bytes, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow() != Stop::No
    }

    /// Waits so long at most; less if it shall stop, or if there is more and nothing is wrong.
    async fn wait(&mut self, span: Duration) {
        if self.is_stopping() {
            return;
        }
        let is_failing = self.is_failing;
        let Self { listening, stopping, .. } = self;
        let more = async {
            if is_failing {
                std::future::pending::<()>().await;
            }
            let _ = listening.head.changed().await;
        };
        let sooner = async {
            tokio::select! {
                () = more => {}
                _ = stopping.wait_for(|stop| *stop != Stop::No) => {}
            }
        };
        let _ = timeout(span, sooner).await;
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// A sink that comes back after a night is told within this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often a sink that is level looks whether what it sent has arrived.
const LOOK: Duration = Duration::from_secs(1);

const MOST_BYTES: usize = 1 << 20;
