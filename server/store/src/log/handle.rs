//! How the memory talks to the thread that writes.

use std::{
    sync::{
        Arc,
        mpsc::{SendError, Sender},
    },
    thread::JoinHandle,
    time::Duration,
};

use holdfast_core::{
    SessionId, UnixTime,
    session::{Ended, Session},
};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::backlog::Backlog;
use crate::{Unavailable, local::NoteName};

/// What the thread is asked to do. Whatever has an answer is durable when it is answered.
pub(crate) enum Operation {
    /// Write down what is kept lazily, and let go of the disk.
    Close(Answer<()>),
    /// Tell what the journal has.
    Endings(Answer<Ends>),
    /// Everybody out.
    EndEveryone(UnixTime, Answer<u64>),
    /// Remove a session that the memory has forgotten. Lazily: at worst it is there again after a restart, as ended.
    Erase(SessionId),
    /// Write ends of sessions that are not here into the journal.
    NoteEnds(Ends, Answer<()>),
    /// Write a note as the memory has it; lazily, if nobody waits for it.
    Note(NoteName, Option<Answer<()>>),
    /// See whether writing works.
    Probe(Answer<()>),
    /// Write a session, and settle its entry.
    Put(Arc<Session>, Answer<()>),
    /// Write down the use of these sessions, lazily.
    Save(Vec<SessionId>),
}

impl Operation {
    /// Whether somebody waits until this change is durable.
    pub(super) const fn is_awaited_write(&self) -> bool {
        match self {
            Self::Note(_, answer) => answer.is_some(),
            Self::Put(..) => true,
            Self::Close(_)
            | Self::Endings(_)
            | Self::EndEveryone(..)
            | Self::Erase(_)
            | Self::NoteEnds(..)
            | Self::Probe(_)
            | Self::Save(_) => false,
        }
    }
}

/// Sessions, and how they ended.
pub(crate) type Ends = Vec<(SessionId, Ended)>;

pub(crate) type Answer<T> = oneshot::Sender<Result<T, Unavailable>>;

/// The near end of the log. When it is dropped, the thread writes what was handed over, and ends.
pub(crate) struct Log {
    operations: Option<Sender<Operation>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    backlog: Arc<Backlog>,
}

impl Log {
    pub(crate) fn new(operations: Sender<Operation>, thread: JoinHandle<()>, backlog: Arc<Backlog>) -> Self {
        Self { operations: Some(operations), thread: Mutex::new(Some(thread)), backlog }
    }

    /// How much longer a write that is handed over now takes than it would if none waited.
    pub(crate) fn backlog(&self) -> Duration {
        self.backlog.wait()
    }

    /// Hands an operation over. It comes back if there is nobody to take it.
    pub(crate) fn hand_over(&self, operation: Operation) -> Result<(), SendError<Operation>> {
        let Some(operations) = &self.operations else { return Err(SendError(operation)) };
        let is_awaited = operation.is_awaited_write();
        // Before it is sent: the thread may be done with it before this goes on.
        if is_awaited {
            self.backlog.enter();
        }
        operations.send(operation).inspect_err(|_| self.backlog.leave(usize::from(is_awaited)))
    }

    /// Hands an operation over and waits for its answer.
    pub(crate) async fn ask<T>(
        &self,
        operation: impl FnOnce(Answer<T>) -> Operation,
    ) -> Result<T, Unavailable> {
        let (answer, answered) = oneshot::channel();
        self.hand_over(operation(answer)).map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        drop(self.operations.take());
        if let Some(thread) = self.thread.lock().take() {
            // The thread catches panics of its own; what else went wrong, nobody is left to hear of.
            let _ended = thread.join();
        }
    }
}

/// A write that was handed over.
pub(crate) enum Write {
    /// It is through.
    Done(Result<(), Unavailable>),
    /// It is answered when it is durable.
    Waiting(oneshot::Receiver<Result<(), Unavailable>>),
}

impl Write {
    pub(crate) async fn done(self) -> Result<(), Unavailable> {
        match self {
            Self::Done(outcome) => outcome,
            Self::Waiting(answer) => answer.await.unwrap_or_else(|_| Err(closed())),
        }
    }
}

pub(crate) fn closed() -> Unavailable {
    Unavailable::new("the store is closed")
}
