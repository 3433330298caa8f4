//! The files of a chain, in their order: the one that is written, and those before it that are still there.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use crate::{
    Link, Rotation,
    file::{append, end_of, identity},
    seek::first_seq,
};

/// What is known of the files. Whoever reads asks here; the thread that writes keeps it true.
#[derive(Debug, Default)]
pub struct Files {
    known: Mutex<Known>,
    /// What readers who must not miss a line have read.
    held: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug, Default)]
struct Known {
    /// Oldest first.
    older: Vec<Kept>,
    current: Option<Kept>,
    /// The last line that was written.
    head: u64,
    /// Bytes of all files that there were.
    bytes: u64,
}

/// A file and where in the chain it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) path: PathBuf,
    /// The number of its first line.
    pub(crate) first: u64,
    pub(crate) bytes: u64,
}

/// A reader who must not miss a line.
pub type Holder = str;

impl Files {
    /// The number of the last line that was written.
    pub fn head(&self) -> u64 {
        self.known.lock().head
    }

    /// How many bytes there were in all files, with those that are gone: a measure of how far something is behind.
    pub fn bytes(&self) -> u64 {
        self.known.lock().bytes
    }

    /// The number of the oldest line that is still there, or of the next one if there is none.
    pub fn oldest(&self) -> u64 {
        let known = self.known.lock();
        known.older.first().or(known.current.as_ref()).map_or(1, |file| file.first)
    }

    /// Notes how far a reader is who must not miss a line: files are kept for it as [`Rotation::hold`] says.
    pub fn hold(&self, holder: &Holder, seq: u64) {
        let mut held = self.held.lock();
        match held.get_mut(holder) {
            Some(known) => *known = seq,
            None => drop(held.insert(holder.to_owned(), seq)),
        }
    }

    /// Forgets such a reader.
    pub fn release(&self, holder: &Holder) {
        self.held.lock().remove(holder);
    }

    /// The file that has the line after `seq`, or the oldest one.
    pub(crate) fn with_line_after(&self, seq: u64) -> Option<Kept> {
        let known = self.known.lock();
        let next = seq.saturating_add(1);
        let all = || known.older.iter().chain(&known.current);
        all().rev().find(|file| file.first <= next).or_else(|| all().next()).cloned()
    }

    /// The file after the one that begins with line `first`.
    pub(crate) fn after(&self, first: u64) -> Option<Kept> {
        let known = self.known.lock();
        known.older.iter().chain(&known.current).find(|file| file.first > first).cloned()
    }

    /// How many bytes come behind a place.
    pub(crate) fn bytes_behind(&self, first: u64, offset: u64) -> u64 {
        let known = self.known.lock();
        let all = known.older.iter().chain(&known.current).filter(|file| file.first >= first);
        all.map(|file| file.bytes).sum::<u64>().saturating_sub(offset)
    }

    /// The files are these from now on.
    pub(crate) fn put(&self, older: Vec<Kept>, current: Kept, head: u64) {
        let mut known = self.known.lock();
        let there: u64 = older.iter().chain([&current]).map(|file| file.bytes).sum();
        *known = Known { older, current: Some(current), head, bytes: known.bytes.max(there) };
    }

    /// Everything up to `head` is written, and the current file has so many bytes.
    pub(crate) fn written(&self, head: u64, bytes: u64) {
        let mut known = self.known.lock();
        known.head = head;
        let more = known
            .current
            .as_mut()
            .map_or(0, |current| bytes.saturating_sub(std::mem::replace(&mut current.bytes, bytes)));
        known.bytes = known.bytes.saturating_add(more);
    }

    /// Gives the current file another name and begins the next one, whose first line is `next`.
    ///
    /// # Errors
    /// If that cannot be. The current file is then still the one it was.
    pub(crate) fn put_aside(&self, next: u64) -> io::Result<File> {
        let mut known = self.known.lock();
        let Some(current) = &known.current else { return Err(io::ErrorKind::NotFound.into()) };
        let (path, aside) = (current.path.clone(), aside(&current.path, current.first));
        if aside.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // Made first: a disk without room for another file must not leave the trail without one.
        let fresh = with_ending(&path, ".next");
        let file = append(&fresh)?;
        fs::rename(&path, &aside)?;
        fs::rename(&fresh, &path)?;
        if let Some(mut current) = known.current.replace(Kept { path, first: next, bytes: 0 }) {
            current.path = aside;
            known.older.push(current);
        }
        Ok(file)
    }

    /// Removes what is more than [`Rotation::keep`] files, unless a reader still needs it and there is room.
    pub(crate) fn prune(&self, rotation: &Rotation) {
        let Some(keep) = rotation.keep else { return };
        let needed = self.held.lock().values().min().copied().unwrap_or(u64::MAX);
        let mut known = self.known.lock();
        while known.older.len() > keep {
            let bytes: u64 = known.older.iter().map(|file| file.bytes).sum();
            let second = known.older.get(1).or(known.current.as_ref()).map_or(0, |file| file.first);
            // The last line of the oldest file.
            let is_needed = needed < second.saturating_sub(1);
            if is_needed && bytes <= rotation.hold {
                return;
            }
            let oldest = known.older.remove(0);
            if fs::remove_file(&oldest.path).is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
                known.older.insert(0, oldest);
                return;
            }
        }
    }
}

/// The files beside `path` that its chain has written before, whoever gave them their names: oldest first, and the end of
/// the newest. `next` is the first line of the file at `path` itself, if it has one.
pub(crate) fn before(
    path: &Path,
    current: &File,
    next: Option<u64>,
) -> io::Result<(Vec<Kept>, Option<Link>)> {
    let itself = identity(current)?;
    let name = path.file_name().unwrap_or_default();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !is_sibling(&entry.file_name(), name) || !entry.file_type()?.is_file() {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else { continue };
        if identity(&file)? == itself {
            continue;
        }
        let Some((end, bytes)) = end_of(&file)? else { continue };
        if let Some(first) = first_seq(&file)? {
            found.push((Kept { path: entry.path(), first, bytes }, end));
        }
    }
    found.sort_by_key(|(file, _)| file.first);
    let newest = found.last().map(|(_, end)| *end);
    let (mut older, mut next) = (Vec::new(), next.or(newest.map(|end| end.seq.saturating_add(1))));
    for (file, end) in found.into_iter().rev() {
        // What does not reach to the next file is of another chain, or something is missing in between.
        if next != Some(end.seq.saturating_add(1)) {
            continue;
        }
        next = Some(file.first);
        older.push(file);
    }
    older.reverse();
    let newest = newest.filter(|_| !older.is_empty());
    Ok((older, newest))
}

/// `audit.jsonl.1`, `audit.jsonl-20261126` and our own `audit.jsonl.00000000000000000001` are siblings of `audit.jsonl`.
fn is_sibling(other: &OsStr, name: &OsStr) -> bool {
    let rest = other.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
    rest.is_some_and(|rest| {
        matches!(rest.split_first(), Some((b'.' | b'-', more)) if more.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-'))
    })
}

/// The name of a file that is put aside: sorted by name, the files are in their order.
fn aside(path: &Path, first: u64) -> PathBuf {
    with_ending(path, &format!(".{first:020}"))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
