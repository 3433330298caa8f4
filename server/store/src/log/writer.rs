//! The thread that writes: it takes everything that waits, writes it together, waits for the disk once, and answers.

use std::{
    collections::HashSet,
    fs::File,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Instant,
};

use holdfast_core::{SessionId, UnixTime, session::Session};

use super::{
    backlog::{Backlog, Pace},
    disk::{Changes, Disk, DiskError, guarded},
    handle::{Answer, Ends, Log, Operation, closed},
    journal::{Entry, Journal},
    value,
};
use crate::{
    Unavailable,
    local::{NoteName, State},
};

/// What the thread owns.
pub(super) struct Writer {
    pub(super) state: Arc<State>,
    /// None after a failure: sled never recovers from one, so it is opened again.
    pub(super) disk: Option<Disk>,
    pub(super) path: PathBuf,
    pub(super) journal: Journal,
    /// What may stand on the disk otherwise than in memory, since a write failed half-way. Written anew when writing works.
    pub(super) uncertain: HashSet<SessionId>,
    /// The same of notes.
    pub(super) uncertain_notes: HashSet<NoteName>,
    /// Whether nothing was written since it was opened.
    pub(super) is_fresh: bool,
    /// Held for the life of the store: nobody else opens the directory.
    pub(super) lock: Option<File>,
    /// What rounds have taken, and what it says to those who come.
    pub(super) pace: Pace,
    pub(super) backlog: Arc<Backlog>,
}

/// What is done together.
#[derive(Default)]
struct Round {
    puts: Vec<(Arc<Session>, Answer<()>)>,
    ends: Vec<(UnixTime, Answer<u64>)>,
    lazy: Vec<Lazy>,
    foreign_ends: Vec<(Ends, Answer<()>)>,
    notes: Vec<(NoteName, Option<Answer<()>>)>,
    probes: Vec<Answer<()>>,
    questions: Vec<Answer<Ends>>,
    close: Option<Answer<()>>,
}

enum Lazy {
    Erase(SessionId),
    Save(Vec<SessionId>),
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(self) -> std::io::Result<Log> {
        let (near, far): (Sender<Operation>, _) = channel();
        let backlog = Arc::clone(&self.backlog);
        let thread =
            thread::Builder::new().name("holdfast-store".to_owned()).spawn(move || self.run(&far))?;
        Ok(Log::new(near, thread, backlog))
    }

    /// Tells the database what it did not know, before the journal forgets anything.
    pub(super) fn catch_up(&mut self, now: UnixTime) -> Result<(), Unavailable> {
        self.write_database(&Round::default(), true, true)?;
        // A journal that cannot be compacted is long and good.
        let _failed = self.journal.compact(now);
        Ok(())
    }

    fn run(mut self, operations: &Receiver<Operation>) {
        while let Ok(first) = operations.recv() {
            let mut round = Round::default();
            round.take(first);
            for next in operations.try_iter().take(MOST_AT_ONCE) {
                round.take(next);
            }
            if self.lock.is_some() { self.write(round) } else { self.refuse(round) }
        }
        self.let_go();
    }

    fn write(&mut self, mut round: Round) {
        let (began, changes) = (Instant::now(), round.changes());
        let close = round.close.take();
        // First the journal: an end that stands there has happened, whatever becomes of the database.
        let entries = self.entries(&round);
        let journaled = self
            .journal
            .append(&entries)
            .map_err(|error| Unavailable::new(format!("the journal of endings cannot be written: {error}")));
        let is_awaited = !(round.puts.is_empty() && round.ends.is_empty() && round.probes.is_empty())
            || round.notes.iter().any(|(_, answer)| answer.is_some());
        let written = self.write_database(&round, journaled.is_ok(), is_awaited);
        if is_awaited && written.is_ok() {
            self.pace.learn(changes, began.elapsed());
            self.backlog.set_pace(&self.pace);
        }
        self.backlog.leave(round.awaited());
        self.answer(round, &journaled, &written);
        if self.journal.is_long()
            && written.is_ok()
            && self.uncertain.is_empty()
            && let Some(newest) = entries.iter().map(Entry::at).max()
        {
            // A journal that cannot be compacted is long and good.
            let _failed = self.journal.compact(newest);
        }
        if let Some(answer) = close {
            let outcome = self.save_all();
            self.let_go();
            let _nobody_waits = answer.send(outcome);
        }
    }

    /// What of this round belongs into the journal.
    fn entries(&self, round: &Round) -> Vec<Entry> {
        let sessions = round.puts.iter().filter_map(|(session, _)| {
            let record = session.record();
            record.ended.map(|ended| Entry::Session { id: record.id, ended })
        });
        let epochs = (self.state.fence.epoch()..).zip(&round.ends);
        let epochs = epochs.map(|(number, (at, _))| Entry::Epoch { number, at: *at });
        let noted = round.foreign_ends.iter().flat_map(|(ends, _)| ends);
        let noted = noted.map(|(id, ended)| Entry::Session { id: *id, ended: *ended });
        sessions.chain(epochs).chain(noted).collect()
    }

    fn write_database(&mut self, round: &Round, journaled: bool, flush: bool) -> Result<(), Unavailable> {
        let mut changes = Changes::default();
        if flush && (self.is_fresh || !round.ends.is_empty()) {
            changes.put_format();
            let ended = self.state.fence.ends().into_iter();
            let ending = round.ends.iter().map(|(at, _)| *at).filter(|_| journaled);
            for (number, at) in (0..).zip(ended.chain(ending)) {
                changes.put_epoch(number, at.as_millis());
            }
        }
        let mut touched = Vec::new();
        for lazy in &round.lazy {
            match lazy {
                Lazy::Erase(id) => {
                    changes.remove(*id);
                    touched.push(*id);
                }
                Lazy::Save(ids) => {
                    ids.iter().for_each(|id| self.restate(*id, &mut changes));
                    touched.extend_from_slice(ids);
                }
            }
        }
        for id in self.uncertain.iter().filter(|_| flush) {
            self.restate(*id, &mut changes);
        }
        // After the lazy ones: of two values of one session, the awaited one is the newer.
        for (session, _) in round.puts.iter().filter(|(session, _)| journaled || !is_end(session)) {
            let record = session.record();
            let unused =
                holdfast_core::session::Activity { last_seen: record.created_at, confirmed_at: None };
            let activity = self.state.activity(record.id).unwrap_or(unused);
            changes.put(record.id, value::encode(record, activity));
            touched.push(record.id);
        }
        let uncertain = self.uncertain_notes.iter().filter(|_| flush);
        let names: Vec<NoteName> =
            round.notes.iter().map(|(name, _)| name).chain(uncertain).cloned().collect();
        for (kind, key) in &names {
            changes.note(*kind, key, self.state.notes.get(*kind, key).as_deref());
        }
        self.apply(changes, touched, names, flush)
    }

    fn apply(
        &mut self,
        changes: Changes,
        touched: Vec<SessionId>,
        names: Vec<NoteName>,
        flush: bool,
    ) -> Result<(), Unavailable> {
        let outcome = self.disk(flush).and_then(|disk| disk.write(changes, flush));
        match outcome {
            Ok(()) if flush => {
                self.uncertain.clear();
                self.uncertain_notes.clear();
                self.is_fresh = false;
            }
            Ok(()) => {}
            Err(error) => {
                self.uncertain.extend(touched);
                self.uncertain_notes.extend(names);
                if let Some(disk) = self.disk.take() {
                    disk.close();
                }
                return Err(Unavailable::new(error.to_string()));
            }
        }
        Ok(())
    }

    /// The database; after a failure opened again, if it is worth the time.
    fn disk(&mut self, reopen: bool) -> Result<&Disk, DiskError> {
        if self.disk.is_none() && reopen {
            self.disk = Some(guarded(|| Disk::open(&self.path))?);
            self.is_fresh = true;
        }
        self.disk
            .as_ref()
            .ok_or_else(|| DiskError::Io(std::io::Error::other("it failed and was not opened again")))
    }

    /// Writes a session as the memory shows it.
    fn restate(&self, id: SessionId, changes: &mut Changes) {
        match self.state.acknowledged(id) {
            Some((session, activity)) => changes.put(id, value::encode(session.record(), activity)),
            None => changes.remove(id),
        }
    }

    fn answer(&self, round: Round, journaled: &Result<(), Unavailable>, written: &Result<(), Unavailable>) {
        // What the journal has is durable, and the database is told later. The rest is durable when the database has it.
        for (session, answer) in round.puts {
            let outcome = if is_end(&session) { journaled } else { written };
            let id = session.record().id;
            self.state.settle(id, outcome.is_ok().then_some(session));
            let _nobody_waits = answer.send(outcome.clone());
        }
        for (at, answer) in round.ends {
            let outcome = journaled.clone().map(|()| self.state.fence.raise(at));
            let _nobody_waits = answer.send(outcome);
        }
        for (_, answer) in round.foreign_ends {
            let _nobody_waits = answer.send(journaled.clone());
        }
        for answer in round.notes.into_iter().filter_map(|(_, answer)| answer) {
            let _nobody_waits = answer.send(written.clone());
        }
        for answer in round.questions {
            let _nobody_waits = answer.send(self.endings());
        }
        for answer in round.probes {
            // A store that cannot write down an end is not ready, however well the database is.
            let _nobody_waits = answer.send(journaled.clone().and_then(|()| written.clone()));
        }
    }

    /// The ends of sessions that the journal has.
    fn endings(&self) -> Result<Ends, Unavailable> {
        let entries = self
            .journal
            .entries()
            .map_err(|error| Unavailable::new(format!("the journal of endings cannot be read: {error}")))?;
        let ends = entries.into_iter().filter_map(|entry| match entry {
            Entry::Session { id, ended } => Some((id, ended)),
            Entry::Epoch { .. } => None,
        });
        Ok(ends.collect())
    }

    /// Writes down all use that was kept lazily, in parts that memory can bear.
    fn save_all(&mut self) -> Result<(), Unavailable> {
        let unsaved = self.state.unsaved();
        for part in unsaved.chunks(MOST_AT_ONCE) {
            let lazy = vec![Lazy::Save(part.to_vec())];
            self.write_database(&Round { lazy, ..Round::default() }, true, false)?;
        }
        self.write_database(&Round::default(), true, true)
    }

    fn refuse(&self, round: Round) {
        self.backlog.leave(round.awaited());
        for (session, answer) in round.puts {
            self.state.settle(session.record().id, None);
            let _nobody_waits = answer.send(Err(closed()));
        }
        for (_, answer) in round.ends {
            let _nobody_waits = answer.send(Err(closed()));
        }
        let awaited = round.foreign_ends.into_iter().map(|(_, answer)| answer);
        let awaited = awaited.chain(round.notes.into_iter().filter_map(|(_, answer)| answer));
        for answer in round.probes.into_iter().chain(awaited) {
            let _nobody_waits = answer.send(Err(closed()));
        }
        for answer in round.questions {
            let _nobody_waits = answer.send(Err(closed()));
        }
        if let Some(answer) = round.close {
            let _nobody_waits = answer.send(Ok(()));
        }
    }

    fn let_go(&mut self) {
        if let Some(disk) = self.disk.take() {
            disk.close();
        }
        self.lock = None;
    }
}

impl Round {
    fn take(&mut self, operation: Operation) {
        match operation {
            Operation::Close(answer) => self.close = Some(answer),
            Operation::EndEveryone(at, answer) => self.ends.push((at, answer)),
            Operation::Endings(answer) => self.questions.push(answer),
            Operation::Note(name, answer) => self.notes.push((name, answer)),
            Operation::NoteEnds(ends, answer) => self.foreign_ends.push((ends, answer)),
            Operation::Erase(id) => self.lazy.push(Lazy::Erase(id)),
            Operation::Probe(answer) => self.probes.push(answer),
            Operation::Put(session, answer) => self.puts.push((session, answer)),
            Operation::Save(ids) => self.lazy.push(Lazy::Save(ids)),
        }
    }

    /// How many of its writes somebody waits for: those of [`Operation::is_awaited_write`].
    fn awaited(&self) -> usize {
        self.puts.len() + self.notes.iter().filter(|(_, answer)| answer.is_some()).count()
    }

    /// How many changes the disk has to take.
    fn changes(&self) -> usize {
        let lazy = self.lazy.iter().map(|lazy| match lazy {
            Lazy::Erase(_) => 1,
            Lazy::Save(ids) => ids.len(),
        });
        self.puts.len() + self.notes.len() + lazy.sum::<usize>()
    }
}

fn is_end(session: &Session) -> bool {
    session.record().ended.is_some()
}

/// Enough to share one wait for the disk, few enough that the first does not wait long for the last.
const MOST_AT_ONCE: usize = 4096;
