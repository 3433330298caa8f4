//! What the tests share: a trail with a clock of its own, and its verdict.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use holdfast_audit::{Checkpoints, Expected, Observer, Report, Rotation, Settings, Target, Trail, Verifier};
use holdfast_core::UnixTime;

/// A clock that stands until it is moved.
#[derive(Clone, Default)]
pub(super) struct Clock(pub(super) Arc<AtomicU64>);

impl Clock {
    pub(super) fn begin(&self, target: Target) -> Trail {
        self.begin_counting(target, Arc::default())
    }

    pub(super) fn begin_counting(&self, target: Target, lost: Arc<AtomicU64>) -> Trail {
        let millis = Arc::clone(&self.0);
        let now = move || UnixTime::from_millis(1_795_341_600_000 + millis.load(Ordering::SeqCst));
        Trail::begin(target, Box::new(now), Box::new(Nobody), lost).unwrap()
    }
}

pub(super) struct Nobody;

impl Observer for Nobody {
    fn written(&self, _: u64) {}
    fn failing(&self, _: &io::Error) {}
    fn works_again(&self) {}
}

pub(super) const CHECKPOINTS: Checkpoints = Checkpoints { lines: 100, span: Duration::from_secs(60) };

pub(super) fn settings(rotation: Option<Rotation>) -> Settings {
    Settings { checkpoints: CHECKPOINTS, rotation }
}

pub(super) fn open(path: &Path) -> Target {
    Target::open(path, settings(None), None).unwrap()
}

pub(super) fn tell(trail: &Trail, numbers: std::ops::Range<usize>) {
    for number in numbers {
        trail.line(|out| {
            out.extend_from_slice(format!("{{\"time\":\"t\",\"event\":\"x\",\"n\":{number}}}").as_bytes())
        });
    }
}

pub(super) fn verify(files: &[&Path]) -> Report {
    verify_from(1, files)
}

pub(super) fn verify_from(first: u64, files: &[&Path]) -> Report {
    let mut verifier = Verifier::new(None).expecting(Expected { first, ..Expected::default() });
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy();
        verifier.file(&name, io::BufReader::new(std::fs::File::open(file).unwrap())).unwrap();
    }
    verifier.finish()
}

/// The rotated files of a folder in their order, then the one that is written.
pub(super) fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.rotate_left(1);
    names
}
