//! Follows a chain through its files.

use std::{fs::File, io, sync::Arc};

use crate::{
    ChainedLine, Files,
    files::Kept,
    seek::{Lines, offset_after},
};

/// A place in the chain, and the lines after it.
#[derive(Debug)]
pub struct Reader {
    files: Arc<Files>,
    seq: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    first: u64,
    offset: u64,
}

/// What a reading has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Lines that were looked at.
    pub lines: usize,
    /// Bytes that were looked at.
    pub bytes: usize,
    /// Whether the last line that is written was reached.
    pub is_at_end: bool,
}

/// Lines that are not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub last: u64,
}

impl Reader {
    /// A reader of what comes after line `seq`.
    pub const fn after(files: Arc<Files>, seq: u64) -> Self {
        Self { files, seq, open: None }
    }

    /// The last line that was read.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Goes back, or on, to the place after line `seq`.
    pub fn go_to(&mut self, seq: u64) {
        if self.seq != seq {
            self.seq = seq;
            self.open = None;
        }
    }

    /// Skips what is not there any more, and says what it was. A place beyond the end stays where it is.
    pub fn skip_gap(&mut self) -> Option<Gap> {
        let oldest = self.files.oldest();
        let gap = Gap { first: self.seq.saturating_add(1), last: oldest.saturating_sub(1) };
        (gap.first < oldest).then(|| {
            self.go_to(gap.last);
            gap
        })
    }

    /// Goes to the oldest line if this place is beyond the end: a chain that has begun anew is read from its beginning. For
    /// readers who were level with the end once, and not for a number that anybody may name.
    pub fn follow_new_chain(&mut self) {
        if self.seq > self.files.head() {
            self.go_to(self.files.oldest().saturating_sub(1));
        }
    }

    /// Finds this place in its file, if there is more to read. What comes after it is then counted from here, and not from
    /// the beginning of the file. A file that cannot be read is told by the next reading.
    ///
    /// This reads from a disk, as [`Self::read`] does.
    pub fn find(&mut self) {
        if self.open.is_some() || self.files.head() <= self.seq {
            return;
        }
        if let Some(file) = self.files.with_line_after(self.seq) {
            self.open = Open::at(&file, self.seq).ok();
        }
    }

    /// How many lines and bytes come after this place; from the beginning of its file, if it was not [found](Self::find) yet.
    pub fn behind(&self) -> (u64, u64) {
        let lines = self.files.head().saturating_sub(self.seq);
        let bytes = match &self.open {
            Some(open) => self.files.bytes_behind(open.first, open.offset),
            None if lines == 0 => 0,
            None => {
                self.files.with_line_after(self.seq).map_or(0, |file| self.files.bytes_behind(file.first, 0))
            }
        };
        (lines, bytes)
    }

    /// Reads on, at most `most_bytes` or little more, until `take` says `false`: that line is then the last one read.
    ///
    /// # Errors
    /// If a file cannot be read. The place is kept; a later reading goes on there.
    pub fn read(
        &mut self,
        most_bytes: usize,
        mut take: impl FnMut(u64, &[u8]) -> bool,
    ) -> io::Result<Progress> {
        let mut progress = Progress::default();
        // What the writer has not said to be written is not read, although it may stand in the file already: whoever has read
        // more than the head would be taken for a reader of another chain.
        let head = self.files.head();
        loop {
            if self.open.is_none() {
                let Some(file) = self.files.with_line_after(self.seq) else {
                    return Ok(Progress { is_at_end: true, ..progress });
                };
                self.open = Some(Open::at(&file, self.seq)?);
            }
            let Some(open) = &mut self.open else { continue };
            // Asked before reading: a file that has a successor does not grow any more.
            let next = self.files.after(open.first);
            let mut lines = Lines::from(&open.file, open.offset);
            while let Some((start, line)) = lines.next_line()? {
                progress.bytes += line.len() + 1;
                let seq = ChainedLine::read(line).map(|line| line.seq).filter(|seq| *seq > self.seq);
                if seq.is_some_and(|seq| seq > head) {
                    open.offset = start;
                    return Ok(Progress { is_at_end: true, ..progress });
                }
                let goes_on = seq.is_none_or(|seq| {
                    self.seq = seq;
                    progress.lines += 1;
                    take(seq, line)
                });
                if !goes_on || progress.bytes >= most_bytes {
                    open.offset = lines.offset;
                    return Ok(progress);
                }
            }
            open.offset = lines.offset;
            match next {
                Some(next) => self.open = Some(Open::at(&next, self.seq)?),
                None => return Ok(Progress { is_at_end: true, ..progress }),
            }
        }
    }
}

impl Open {
    fn at(kept: &Kept, seq: u64) -> io::Result<Self> {
        let file = File::open(&kept.path)?;
        let offset = offset_after(&file, seq)?;
        Ok(Self { file, first: kept.first, offset })
    }
}
