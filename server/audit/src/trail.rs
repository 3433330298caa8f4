//! The trail as those see it who have something to tell.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use holdfast_core::UnixTime;
use parking_lot::{Condvar, Mutex};

use crate::{Files, Link, Target, writer::Writer};

/// Asks what time it is.
pub type Now = Box<dyn Fn() -> UnixTime + Send>;

/// Signs the end of the chain: gives a compact JWS over `{"iat":…,"seq":…,"hash":"…"}`, or nothing if it cannot.
pub type Seal = Box<dyn Fn(UnixTime, Link) -> Option<String> + Send>;

/// Whoever wants to know how the writing goes. All of it is called by the thread that writes.
pub trait Observer: Send {
    /// Lines were written; this is the number of the last one.
    fn written(&self, head: u64);
    /// The disk has stopped to take lines. Told once; the lines wait.
    fn failing(&self, error: &io::Error);
    /// The disk takes lines again.
    fn works_again(&self);
}

/// How a file of the trail is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// When the end of the chain is signed.
    pub checkpoints: Checkpoints,
    /// When another file is begun; never if absent, unless somebody else moves it away.
    pub rotation: Option<Rotation>,
}

/// When the end of the chain is signed, beside the end of each file. Never without a line since the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// After so many lines.
    pub lines: u64,
    /// After so long.
    pub span: Duration,
}

/// When another file is begun, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Begun when a file has so many bytes.
    pub size: u64,
    /// How many files are kept beside the one that is written; all if absent.
    pub keep: Option<usize>,
    /// How many bytes of files are kept beyond that while a [`Holder`](crate::Holder) still needs them.
    pub hold: u64,
}

/// A trail that is being written. Lines are chained and written in their order, many at once, by a thread of its own.
pub struct Trail {
    shared: Arc<Shared>,
    writer: Mutex<Option<thread::JoinHandle<()>>>,
}

pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) wake: Condvar,
    pub(crate) files: Arc<Files>,
    /// Lines that no disk took.
    pub(crate) lost: Arc<AtomicU64>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Lines, each with its line feed.
    pub(crate) pending: Vec<u8>,
    /// Lines that came when too many waited, after those that are pending.
    pub(crate) overflowed: u64,
    /// Another file, for what is pending behind so many bytes.
    pub(crate) next: Option<(usize, Target)>,
    pub(crate) closed: bool,
}

impl Trail {
    /// A trail that goes on in a file. Losses are counted in `lost`.
    ///
    /// # Errors
    /// If the system has no thread to give, or the files of the trail cannot be read.
    pub fn begin(
        target: Target,
        now: Now,
        observer: Box<dyn Observer>,
        lost: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { state: Mutex::default(), wake: Condvar::new(), files: Arc::default(), lost });
        let writer = Writer::begin(Arc::clone(&shared), target, now, observer)?;
        let writer = thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run())?;
        Ok(Self { shared, writer: Mutex::new(Some(writer)) })
    }

    /// Goes on in this file from now on, behind everything that was told before. Where it is the same file, only its
    /// settings change.
    pub fn go_on_in(&self, target: Target) {
        let mut state = self.shared.state.lock();
        let before = state.next.take().map_or(state.pending.len(), |(before, _)| before);
        state.next = Some((before, target));
        drop(state);
        self.shared.wake.notify_one();
    }

    /// Adds a line: `write` puts one JSON object without a line feed into the buffer. Never waits for the disk; if that has
    /// fallen behind by 64 MiB, the line is lost, counted, and its loss told in the trail.
    pub fn line(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.shared.state.lock();
        if state.pending.len() >= MOST_PENDING || state.closed {
            state.overflowed += 1;
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = state.pending.is_empty();
        write(&mut state.pending);
        state.pending.push(b'\n');
        drop(state);
        if was_empty {
            self.shared.wake.notify_one();
        }
    }

    /// The files of the trail.
    pub fn files(&self) -> Arc<Files> {
        Arc::clone(&self.shared.files)
    }

    /// Writes what is pending, signs the end, and stops.
    pub fn close(&self) {
        self.shared.state.lock().closed = true;
        self.shared.wake.notify_one();
        if let Some(writer) = self.writer.lock().take() {
            let _ = writer.join();
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail").field("files", &self.shared.files).finish_non_exhaustive()
    }
}

/// Beyond this the disk is not slow but gone.
const MOST_PENDING: usize = 64 << 20;
