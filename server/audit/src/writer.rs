//! The thread that chains and writes.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use holdfast_core::UnixTime;

use crate::{
    ChainedLine, Link, Now, Observer, Seal, Settings, Target, control,
    file::{Found, identity},
    files::{self, Kept},
    seek::first_seq,
    trail::{Shared, State},
};

/// What the thread owns.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    now: Now,
    observer: Box<dyn Observer>,
    file: File,
    settings: Settings,
    seal: Option<Seal>,
    /// The end of the chain, of what is chained and perhaps not yet written.
    link: Link,
    /// Chained lines on their way to the disk; those in front of `written` are there.
    out: Vec<u8>,
    written: usize,
    /// Bytes of the file.
    bytes: u64,
    /// What is not signed yet.
    unsigned: u64,
    signed_at: UnixTime,
    failing: bool,
    /// Whether another file could not be begun, so that it is told once.
    is_stuck: bool,
}

impl Writer {
    /// Finds the end of the chain. Nothing is written yet.
    pub(crate) fn begin(
        shared: Arc<Shared>,
        target: Target,
        now: Now,
        observer: Box<dyn Observer>,
    ) -> io::Result<Self> {
        let at = now();
        let Target { file, path, found, settings, seal } = target;
        let mut writer = Self {
            shared,
            now,
            observer,
            file,
            settings,
            seal,
            link: Link::BEGINNING,
            out: Vec::new(),
            written: 0,
            bytes: found.bytes,
            unsigned: 0,
            signed_at: at,
            failing: false,
            is_stuck: false,
        };
        writer.adopt(&path, &found, None)?;
        Ok(writer)
    }

    /// Writes until the trail is closed.
    pub(crate) fn run(mut self) {
        let mut lines = Vec::new();
        loop {
            let taken = self.take(&mut lines);
            let split = taken.next.as_ref().map_or(lines.len(), |(before, _)| *before);
            let (before, after) = lines.split_at_checked(split).unwrap_or((&lines, &[]));
            self.chain_all(before);
            if let Some((_, target)) = taken.next {
                self.change_to(target);
            }
            self.chain_all(after);
            lines.clear();
            lines.shrink_to(LARGE_BUFFER);
            if taken.overflowed > 0 {
                let line = control::lost((self.now)(), taken.overflowed);
                self.chain(&line);
            }
            if taken.closed {
                return self.end();
            }
            self.seal_if_due();
            self.write_out();
            self.rotate_if_due();
        }
    }

    /// Waits for something to do. While the disk fails nothing is taken: lines wait where they are counted.
    fn take(&self, lines: &mut Vec<u8>) -> Taken {
        let Shared { state, wake, .. } = &*self.shared;
        let mut state = state.lock();
        if self.failing {
            let _ = wake.wait_while_for(&mut state, |state| !state.closed && state.next.is_none(), RETRY);
            if !state.closed && state.next.is_none() {
                return Taken::default();
            }
        } else {
            let idle = |state: &mut State| {
                state.pending.is_empty() && state.overflowed == 0 && state.next.is_none() && !state.closed
            };
            let _ = wake.wait_while_for(&mut state, idle, TICK);
            if !state.closed && state.next.is_none() && !state.pending.is_empty() {
                // Lines that come together are written together; a wake for each would cost more than the line.
                let _ = wake.wait_while_for(&mut state, |state| !state.closed, GATHER);
            }
        }
        std::mem::swap(&mut state.pending, lines);
        Taken {
            overflowed: std::mem::take(&mut state.overflowed),
            next: state.next.take(),
            closed: state.closed,
        }
    }

    fn chain_all(&mut self, lines: &[u8]) {
        lines.split_inclusive(|byte| *byte == b'\n').for_each(|line| self.chain(line));
    }

    fn chain(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if !line.is_empty() {
            self.link = self.link.append(line, &mut self.out);
            self.unsigned = self.unsigned.saturating_add(1);
            if self.unsigned >= self.settings.checkpoints.lines {
                self.sign();
            }
        }
    }

    fn seal_if_due(&mut self) {
        let now = (self.now)();
        if self.unsigned > 0 && now.since(self.signed_at) >= self.settings.checkpoints.span {
            self.sign();
        }
    }

    /// Signs the end of the chain, if there is something that is not signed.
    fn sign(&mut self) {
        let now = (self.now)();
        self.signed_at = now;
        if self.unsigned == 0 {
            return;
        }
        if let Some(jws) = self.seal.as_ref().and_then(|seal| seal(now, self.link)) {
            let line = control::checkpoint(now, &jws);
            self.link = self.link.append(&line, &mut self.out);
            self.unsigned = 0;
        }
    }

    /// Writes what is chained. What the disk does not take stays, to the byte, for another try.
    fn write_out(&mut self) {
        while self.written < self.out.len() {
            let rest = self.out.get(self.written..).unwrap_or_default();
            match self.file.write(rest) {
                Ok(0) => return self.fail(&io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written += count;
                    self.bytes = self.bytes.saturating_add(u64::try_from(count).unwrap_or(0));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.fail(&error),
            }
        }
        if std::mem::take(&mut self.failing) {
            self.observer.works_again();
        }
        if !self.out.is_empty() {
            self.out.clear();
            self.out.shrink_to(LARGE_BUFFER);
            self.written = 0;
            self.shared.files.written(self.link.seq, self.bytes);
            self.observer.written(self.link.seq);
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            self.observer.failing(error);
        }
    }

    fn rotate_if_due(&mut self) {
        let Some(rotation) = self.settings.rotation else { return };
        if self.failing || self.bytes < rotation.size {
            return;
        }
        self.sign();
        self.write_out();
        if self.failing {
            return;
        }
        let _ = self.file.sync_data();
        let next = self.link.seq.saturating_add(1);
        match self.shared.files.put_aside(next) {
            Ok(file) => {
                self.is_stuck = false;
                self.file = file;
                self.bytes = 0;
                let line = control::opened((self.now)(), None, None);
                self.chain(&line);
                self.write_out();
                self.shared.files.prune(&rotation);
            }
            // The file goes on to grow; that is better than a loss. It is tried again with the next lines.
            Err(error) if !self.is_stuck => {
                self.is_stuck = true;
                self.observer.failing(&error);
            }
            Err(_) => {}
        }
    }

    /// Goes on in another file, or with other settings in the same one.
    fn change_to(&mut self, target: Target) {
        let Target { file, path, found, settings, seal } = target;
        let is_same = matches!((identity(&file), identity(&self.file)), (Ok(one), Ok(two)) if one == two);
        if is_same {
            self.settings = settings;
            self.seal = seal;
            return;
        }
        // The end of the former file is signed with the key that was in force while it was written.
        self.sign();
        self.write_out();
        if self.failing && found.bytes == 0 {
            // The line that the disk has taken half of, and all after it, are written whole into the new file.
            self.take_back_half_a_line();
        } else if self.failing {
            self.give_up();
        }
        let _ = self.file.sync_data();
        let former = self.link;
        self.file = file;
        self.settings = settings;
        self.seal = seal;
        self.bytes = found.bytes;
        if let Err(error) = self.adopt(&path, &found, Some(former)) {
            self.observer.failing(&error);
        }
    }

    /// Takes on the file as it was found: where it broke off is closed, and its chain goes on.
    fn adopt(&mut self, path: &Path, found: &Found, former: Option<Link>) -> io::Result<()> {
        let now = (self.now)();
        let own_first = if found.end.is_some() { first_seq(&self.file)? } else { None };
        let follows = own_first.or(former.map(|former| former.seq.saturating_add(1)));
        let (older, newest) = files::before(path, &self.file, follows)?;
        self.link = found.end.or(former).or(newest).unwrap_or(Link::BEGINNING);
        if found.lacks_line_feed || (found.unchained.is_some() && !found.unchained_ends) {
            self.out.push(b'\n');
        }
        let other_chain = former.filter(|former| found.end.is_some_and(|end| end != *former));
        let lines = match (found.end, found.unchained) {
            (None, before) => Some(control::opened(now, before, None)),
            (Some(_), Some(before)) => Some(control::recovered(now, before)),
            (Some(_), None) if found.lacks_line_feed => Some(control::completed(now)),
            (Some(_), None) => None,
        };
        let carried = self.out.split(|byte| *byte == b'\n').find_map(ChainedLine::read).map(|line| line.seq);
        let first = own_first.or(carried).unwrap_or(self.link.seq.saturating_add(1));
        self.shared.files.put(
            older,
            Kept { path: path.to_owned(), first, bytes: found.bytes },
            self.link.seq,
        );
        lines.into_iter().for_each(|line| self.chain(&line));
        if other_chain.is_some() {
            let line = control::opened(now, None, other_chain);
            self.chain(&line);
        }
        Ok(())
    }

    fn end(mut self) {
        self.sign();
        self.write_out();
        let _ = self.file.sync_data();
        if self.failing {
            self.give_up();
        }
    }

    /// Goes back to the beginning of the first line that is not written as a whole.
    fn take_back_half_a_line(&mut self) {
        let written = self.out.get(..self.written).unwrap_or_default();
        let whole = written.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.out.drain(..whole);
        self.written = 0;
        self.failing = false;
    }

    /// Counts what the disk never took.
    fn give_up(&mut self) {
        let rest = self.out.get(self.written..).unwrap_or_default();
        let count = rest.iter().filter(|byte| **byte == b'\n').count();
        self.shared.lost.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.out.clear();
        self.written = 0;
        self.failing = false;
    }
}

#[derive(Default)]
struct Taken {
    overflowed: u64,
    next: Option<(usize, Target)>,
    closed: bool,
}

/// How long the writer waits for more lines before it writes.
const GATHER: Duration = Duration::from_millis(5);

/// How often an idle writer looks whether a signature is due.
const TICK: Duration = Duration::from_millis(500);

/// How often a disk that refuses is tried.
const RETRY: Duration = Duration::from_millis(250);

const LARGE_BUFFER: usize = 1 << 20;
