//! Lines on their way to a file, written by a thread of their own so that no request waits for a disk.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

/// Where lines go. They are written in their order, many with one call.
pub(super) struct Sink {
    shared: Arc<Shared>,
    writer: Mutex<Option<thread::JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    /// Lines that were not written.
    lost: AtomicU64,
}

#[derive(Default)]
struct State {
    pending: Vec<u8>,
    closed: bool,
}

impl Sink {
    /// A sink that writes to `out`.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub(super) fn start(name: &str, out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let seen_by_writer = Arc::clone(&shared);
        let writer =
            thread::Builder::new().name(name.to_owned()).spawn(move || seen_by_writer.write_to(out))?;
        Ok(Self { shared, writer: Mutex::new(Some(writer)) })
    }

    /// Adds a line with what `write` puts into the buffer. Never waits for the disk; if the disk has fallen behind by
    /// [`MOST_PENDING`], the line is lost and counted.
    pub(super) fn line(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.shared.state.lock();
        if state.pending.len() >= MOST_PENDING {
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

    /// Writes what is pending and stops.
    pub(super) fn close(&self) {
        self.shared.state.lock().closed = true;
        self.shared.wake.notify_one();
        if let Some(writer) = self.writer.lock().take() {
            let _ = writer.join();
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn write_to(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut state = self.state.lock();
            while state.pending.is_empty() && !state.closed {
                self.wake.wait(&mut state);
            }
            if !state.closed {
                // Lines that come together are written together; a wake for each would cost more than the line.
                let _ = self.wake.wait_while_for(&mut state, |state| !state.closed, GATHER);
            }
            std::mem::swap(&mut state.pending, &mut lines);
            let closed = state.closed;
            drop(state);
            if out.write_all(&lines).and_then(|()| out.flush()).is_err() {
                let count = lines.iter().filter(|byte| **byte == b'\n').count();
                self.lost.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
            lines.clear();
            lines.shrink_to(LARGE_BUFFER);
            if closed && self.state.lock().pending.is_empty() {
                return;
            }
        }
    }
}

/// How long the writer waits for more lines before it writes.
const GATHER: Duration = Duration::from_millis(5);

/// Beyond this the disk is not slow but gone.
const MOST_PENDING: usize = 64 << 20;

const LARGE_BUFFER: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn closing_loses_nothing_and_keeps_the_order() {
        let memory = Memory::default();
        let sink = Sink::start("test", memory.clone()).unwrap();
        (0..10_000).for_each(|n| sink.line(|out| out.extend_from_slice(n.to_string().as_bytes())));
        sink.close();
        let text = String::from_utf8(memory.0.lock().clone()).unwrap();
        let expected: String = (0..10_000).map(|n| format!("{n}\n")).collect();
        assert_eq!(text, expected);
    }

    #[test]
    fn a_full_disk_is_counted_and_stops_nobody() {
        let sink = Sink::start("test", Full).unwrap();
        (0..3).for_each(|_| sink.line(|out| out.push(b'x')));
        sink.close();
        assert_eq!(sink.shared.lost.load(Ordering::Relaxed), 3);
    }
}
