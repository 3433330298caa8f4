//! A thread that writes for a sink: into a file, or to standard output. Whatever stands still there, only this sink waits.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::mpsc::{SyncSender, sync_channel},
    thread,
};

use tokio::sync::oneshot;

use super::{Failure, Told};

/// The thread, as its sink sees it.
pub(super) struct Scribe(SyncSender<Order>);

struct Order {
    bytes: Vec<u8>,
    done: oneshot::Sender<io::Result<()>>,
}

impl Scribe {
    pub(super) fn to_stdout() -> io::Result<Self> {
        Self::begin(|bytes| {
            let mut out = io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        })
    }

    pub(super) fn to_file(path: &Path, rotate_size: Option<u64>, keep: usize) -> io::Result<Self> {
        // Tried now, so that a mistake is told at the start; opened when it is written, since a predecessor may still turn
        // the page.
        open(path)?;
        let mut book = Book { file: None, path: path.to_owned(), rotate_size, keep };
        Self::begin(move |bytes| book.write(bytes))
    }

    fn begin(mut write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> io::Result<Self> {
        let (orders, taken) = sync_channel::<Order>(1);
        thread::Builder::new().name("audit-sink".to_owned()).spawn(move || {
            for Order { bytes, done } in taken {
                let _ = done.send(write(&bytes));
            }
        })?;
        Ok(Self(orders))
    }

    pub(super) async fn write(&self, batch: &[Told]) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        for told in batch {
            bytes.extend_from_slice(told.text.as_bytes());
            bytes.push(b'\n');
        }
        let (done, outcome) = oneshot::channel();
        let broken = || Failure::new("the thread that writes has ended");
        self.0.try_send(Order { bytes, done }).map_err(|_| broken())?;
        let written = outcome.await.map_err(|_| broken())?;
        written.map_err(|error| Failure::new(format!("it cannot be written: {error}")))
    }
}

/// A file with its predecessors: `events.jsonl`, `events.jsonl.1`, `events.jsonl.2`.
struct Book {
    file: Option<File>,
    path: PathBuf,
    rotate_size: Option<u64>,
    keep: usize,
}

impl Book {
    /// Writes all of it or nothing: half a line would be half a line for ever.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(open(&self.path)?),
        };
        let length = file.metadata()?.len();
        if self.rotate_size.is_some_and(|size| length > 0 && length >= size) {
            self.turn_the_page()?;
            return self.write(bytes);
        }
        let written = file.write_all(bytes);
        if written.is_err() {
            // What is no file, such as a pipe, has no length to go back to.
            let _ = file.set_len(length);
        }
        written
    }

    fn turn_the_page(&mut self) -> io::Result<()> {
        let named = |number: usize| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..self.keep).rev() {
            match fs::rename(named(number), named(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        if self.keep == 0 {
            fs::remove_file(&self.path)?;
        } else {
            fs::rename(&self.path, named(1))?;
        }
        self.file = None;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Told {
        Told { seq: 1, text: text.to_owned(), event: None }
    }

    #[tokio::test]
    async fn pages_are_turned_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let scribe = Scribe::to_file(&path, Some(10), 2).unwrap();
        for text in ["first-page", "second-page", "third-page", "fourth", "fourth-too"] {
            scribe.write(&[told(text)]).await.unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("events"), "fourth\nfourth-too\n");
        assert_eq!(
            (read("events.1"), read("events.2")),
            ("third-page\n".to_owned(), "second-page\n".to_owned())
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[tokio::test]
    async fn a_full_disk_is_a_failure() {
        let scribe = Scribe::to_file(Path::new("/dev/full"), None, 1).unwrap();
        let failure = scribe.write(&[told("x")]).await.unwrap_err();
        assert!(failure.what.contains("No space left"), "{failure:?}");
        assert!(Scribe::to_file(Path::new("/absent/x"), None, 1).is_err());
    }
}
