//! Files that were damaged: the store opens, says so, and brings nobody back.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "whatever comes back wrongly fails the test")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
};

use holdfast_core::session::{EndReason, Session};
use holdfast_store::{Backend, OpenReport, Replacement};
use support::{at, created, id, open, refreshed, session};

const SESSIONS: u64 = 3000;

#[tokio::test]
async fn flipped_bytes_bring_nobody_back() {
    let (original, sessions) = original().await;
    for seed in 0..40_u64 {
        for name in ["db", "conf", "snap"] {
            let directory = copy(original.path());
            let Some(path) = file(&directory.path().join("sessions"), name) else { continue };
            let mut bytes = fs::read(&path).unwrap();
            let place = place(seed, bytes.len());
            bytes[place] ^= 1 << (seed % 8);
            fs::write(&path, &bytes).unwrap();
            check(directory.path(), &sessions, &format!("bit of byte {place} of {name}")).await;
        }
    }
}

#[tokio::test]
async fn wiped_blocks_bring_nobody_back() {
    let (original, sessions) = original().await;
    for seed in 0..20_u64 {
        let directory = copy(original.path());
        let path = file(&directory.path().join("sessions"), "db").unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let start = place(seed, bytes.len()) / 4096 * 4096;
        let end = bytes.len().min(start + 4096);
        bytes[start..end].fill(if seed % 2 == 0 { 0 } else { 0xff });
        fs::write(&path, &bytes).unwrap();
        check(directory.path(), &sessions, &format!("block at {start} wiped")).await;
    }
}

#[tokio::test]
async fn truncated_and_missing_files_bring_nobody_back() {
    let (original, sessions) = original().await;
    for name in ["db", "conf", "snap"] {
        for part in 0..8_u64 {
            let directory = copy(original.path());
            let Some(path) = file(&directory.path().join("sessions"), name) else { continue };
            let length = fs::metadata(&path).unwrap().len() * part / 8;
            fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
            check(directory.path(), &sessions, &format!("{name} cut to {length}")).await;
        }
        let directory = copy(original.path());
        let Some(path) = file(&directory.path().join("sessions"), name) else { continue };
        fs::remove_file(path).unwrap();
        check(directory.path(), &sessions, &format!("{name} missing")).await;
    }
}

#[tokio::test]
async fn what_is_no_database_is_put_aside_and_kept() {
    let (original, sessions) = original().await;
    let path = original.path().join("sessions");
    fs::remove_dir_all(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("conf"), "segment_size: many\nuse_compression: perhaps\nversion: x\n....").unwrap();
    fs::write(path.join("db"), "precious").unwrap();
    let report = check(original.path(), &sessions, "nonsense").await;
    let aside = report.moved_aside.unwrap();
    assert_eq!(aside, original.path().join(format!("sessions.damaged-{}", at(0).as_secs())));
    assert_eq!(fs::read(aside.join("db")).unwrap(), b"precious");
    assert!(report.damage.is_some());
    assert_eq!(report.loaded, 0);
    // And once more, in the same second.
    fs::write(path.join("conf"), "segment_size: many\nuse_compression: perhaps\nversion: x\n....").unwrap();
    let (_, report) = open(original.path());
    assert_ne!(report.moved_aside.unwrap(), aside);
}

/// A database with a past: sessions that were created, refreshed, and some of them ended.
async fn original() -> (tempfile::TempDir, Vec<Session>) {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let mut sessions = Vec::new();
    for number in 0..SESSIONS {
        let mut current = created(&store, session(number, &format!("user-{number}"), 0, at(number))).await;
        if number % 2 == 0 {
            current = refreshed(&current, at(number + 1));
            assert_eq!(store.replace(current.clone()).await.unwrap(), Replacement::Replaced);
        }
        if number % 3 == 0 {
            current = current.end(EndReason::Revoked, at(number + 2)).unwrap();
            assert_eq!(store.replace(current.clone()).await.unwrap(), Replacement::Replaced);
        }
        sessions.push(current);
    }
    store.close().await.unwrap();
    (directory, sessions)
}

async fn check(directory: &Path, sessions: &[Session], what: &str) -> OpenReport {
    let (store, report) = open(directory);
    let mut found_count = 0;
    for (number, expected) in (0..).zip(sessions) {
        let Some(found) = store.load(id(number)).await.unwrap() else { continue };
        found_count += 1;
        let (found, expected) = (found.session.record(), expected.record());
        assert!(found.ended.is_some() || expected.ended.is_none(), "{what}: {number} came back");
        assert!(found.revision <= expected.revision, "{what}: {number} is invented");
        assert_eq!(found.user, expected.user, "{what}: {number} is somebody else");
    }
    assert_eq!(found_count, report.loaded, "{what}");
    let lost = sessions.len() - found_count;
    println!("{what}: {lost} lost, {} by the journal, {:?}", report.ended_by_journal, report.damage);
    // And it can be used, and is whole from now on.
    created(&store, session(1_000_000, "carol", store.epoch().await.unwrap(), at(0))).await;
    store.close().await.unwrap();
    drop(store);
    let (store, again) = open(directory);
    assert_eq!(
        (again.loaded, again.moved_aside, again.ended_by_journal),
        (found_count + 1, None, 0),
        "{what}"
    );
    store.close().await.unwrap();
    report
}

/// Somewhere in a file of this length, the beginning, the end and the middle among it.
fn place(seed: u64, length: usize) -> usize {
    let last = length - 1;
    match seed {
        0..5 => usize::try_from(seed).unwrap().min(last),
        5..10 => last - usize::try_from(seed - 5).unwrap().min(last),
        _ => usize::try_from(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11).unwrap() % length,
    }
}

fn file(directory: &Path, prefix: &str) -> Option<PathBuf> {
    let is_it =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).find(is_it)
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    copy_all(from, to.path());
    to
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
