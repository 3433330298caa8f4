//! Where a line is in a file, found by its number without reading the file.

use std::{fs::File, io, os::unix::fs::FileExt};

use crate::ChainedLine;

/// Where the first line begins whose number is greater than `seq`; the end of the file if there is none. Numbers rise
/// through a file, so halving finds it; what is in no chain counts as the beginning.
pub(crate) fn offset_after(file: &File, seq: u64) -> io::Result<u64> {
    let (mut low, mut high) = (0, file.metadata()?.len());
    while high - low > CLOSE {
        let middle = low + (high - low) / 2;
        match line_near(file, middle, high)? {
            Some((start, number)) if number <= seq => low = start,
            Some(_) | None => high = middle,
        }
    }
    let mut lines = Lines::from(file, low);
    while let Some((start, line)) = lines.next_line()? {
        if ChainedLine::read(line).is_some_and(|line| line.seq > seq) {
            return Ok(start);
        }
    }
    Ok(lines.offset)
}

/// The number of the first line of the chain in a file, if there is one.
///
/// # Errors
/// If the file cannot be read.
pub fn first_seq(file: &File) -> io::Result<Option<u64>> {
    let mut lines = Lines::from(file, offset_after(file, 0)?);
    Ok(lines.next_line()?.and_then(|(_, line)| ChainedLine::read(line)).map(|line| line.seq))
}

/// The first line that begins behind `offset` and before `end`, with its number: 0 if some lines on end are in no chain.
fn line_near(file: &File, offset: u64, end: u64) -> io::Result<Option<(u64, u64)>> {
    let mut lines = Lines::from(file, offset);
    // The first one may be cut.
    let Some((_, _)) = lines.next_line()? else { return Ok(None) };
    let mut unchained = None;
    for _ in 0..MOST_UNCHAINED {
        match lines.next_line()? {
            Some((start, line)) if start < end => match ChainedLine::read(line) {
                Some(line) => return Ok(Some((start, line.seq))),
                None => unchained = unchained.or(Some((start, 0))),
            },
            Some(_) | None => return Ok(unchained),
        }
    }
    Ok(unchained)
}

/// The lines of a file from somewhere on. A last line without a line feed is none yet.
pub(crate) struct Lines<'f> {
    file: &'f File,
    /// Where the next line begins.
    pub(crate) offset: u64,
    buffer: Vec<u8>,
    /// Where in the buffer the next line begins.
    at: usize,
}

impl<'f> Lines<'f> {
    pub(crate) const fn from(file: &'f File, offset: u64) -> Self {
        Self { file, offset, buffer: Vec::new(), at: 0 }
    }

    /// The next line without its line feed, and where it begins.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        let mut searched = self.at;
        loop {
            let rest = self.buffer.get(searched..).unwrap_or_default();
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                let end = searched + length;
                let (begin, start) = (self.at, self.offset);
                self.at = end + 1;
                self.offset += u64::try_from(end + 1 - begin).unwrap_or(0);
                return Ok(self.buffer.get(begin..end).map(|line| (start, line)));
            }
            self.buffer.drain(..self.at);
            self.at = 0;
            searched = self.buffer.len();
            let place = self.offset + u64::try_from(searched).unwrap_or(0);
            self.buffer.resize(searched + PART, 0);
            let count = self.file.read_at(self.buffer.get_mut(searched..).unwrap_or_default(), place)?;
            self.buffer.truncate(searched + count);
            if count == 0 {
                return Ok(None);
            }
        }
    }
}

/// From here on lines are read one by one.
const CLOSE: u64 = 64 * 1024;

const PART: usize = 64 * 1024;

/// A crash leaves one such line behind; more on end are from before the chain.
const MOST_UNCHAINED: usize = 8;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::Link;

    #[test]
    fn every_number_is_found() {
        let mut file = tempfile::tempfile().unwrap();
        let mut bytes = b"{\"event\":\"older\"}\n".repeat(20_000);
        let (mut link, mut starts) = (Link::BEGINNING, Vec::new());
        for number in 0..3000_usize {
            starts.push(bytes.len());
            let text = format!("{{\"text\":\"{}\"}}", "x".repeat(number * 7919 % 900));
            link = link.append(text.as_bytes(), &mut bytes);
            if number.is_multiple_of(500) {
                bytes.extend_from_slice(b"{\"torn\n");
            }
        }
        file.write_all(&bytes).unwrap();
        assert_eq!(first_seq(&file).unwrap(), Some(1));
        for seq in (0..2999_usize).step_by(37) {
            let start = u64::try_from(starts[seq]).unwrap();
            assert_eq!(offset_after(&file, u64::try_from(seq).unwrap()).unwrap(), start, "{seq}");
        }
        assert_eq!(offset_after(&file, 3000).unwrap(), u64::try_from(bytes.len()).unwrap());
        assert_eq!(first_seq(&tempfile::tempfile().unwrap()).unwrap(), None);
    }
}
