//! A full disk: refused, never broken, and over when there is space again.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a broken promise fails the test; parent and child talk by the environment"
)]

mod support;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use holdfast_core::session::EndReason;
use holdfast_store::{Backend, Creation, OpenError, Replacement, Store};
use support::{KEEP, at, created, id, loaded, open, refreshed, session, skipped};

#[tokio::test]
async fn a_full_disk_is_an_outage_and_no_loss() {
    let Some(disk) = SmallDisk::mount("8m") else {
        return skipped(
            "full disk",
            "a tmpfs cannot be mounted here; the limit on the size of files is tested instead",
        );
    };
    // The rest of the disk is somebody else's, until they make room.
    let balloon = disk.0.join("balloon");
    fs::write(&balloon, vec![1; 3 << 20]).unwrap();
    fill_and_free(&disk.0.join("store"), || fs::remove_file(&balloon).unwrap()).await;
}

#[test]
fn a_file_that_may_not_grow_is_an_outage_and_no_loss() {
    let directory = tempfile::tempdir().unwrap();
    // The signal that the kernel sends at the limit is ignored, so that the write fails instead.
    let script =
        "trap '' XFSZ; ulimit -S -f 8192; exec \"$0\" --ignored --exact the_one_that_is_limited --nocapture";
    let ran = Command::new("sh")
        .args(["-c", script])
        .arg(env::current_exe().unwrap())
        .env("HOLDFAST_LIMITED_DIRECTORY", directory.path())
        .output();
    match ran {
        Err(error) => skipped("limited file size", &error.to_string()),
        Ok(ran) => {
            let said = String::from_utf8_lossy(&ran.stdout);
            assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
            assert!(said.contains("1 passed"), "{said}");
        }
    }
}

/// The process with the limit. It is started by the test above.
#[tokio::test]
#[ignore = "started by another test"]
async fn the_one_that_is_limited() {
    let Ok(directory) = env::var("HOLDFAST_LIMITED_DIRECTORY") else { return };
    fill_and_free(Path::new(&directory), || {
        let me = std::process::id().to_string();
        let raised = Command::new("prlimit").args(["--pid", &me, "--fsize=unlimited"]).status();
        assert!(raised.unwrap().success());
    })
    .await;
}

#[test]
fn a_disk_that_is_full_from_the_beginning_is_said_so() {
    let Some(disk) = SmallDisk::mount("64k") else {
        return skipped("full disk when opening", "a tmpfs cannot be mounted here");
    };
    let _full = fs::write(disk.0.join("balloon"), vec![1; 1 << 20]);
    let error = Store::open_sled(&disk.0.join("store"), at(0), KEEP).unwrap_err();
    assert!(matches!(error, OpenError::NoSpace { .. }), "{error:?}");
}

async fn fill_and_free(directory: &Path, make_room: impl FnOnce()) {
    let (store, _) = open(directory);
    let mut acknowledged = Vec::new();
    let refused = loop {
        let number = u64::try_from(acknowledged.len()).unwrap();
        assert!(number < 200_000, "the disk never fills");
        let new = session(number, "alice", 0, at(0));
        match store.create(new.clone()).await {
            Ok(created) => assert_eq!(created, Creation::Created),
            Err(_) => break number,
        }
        acknowledged.push(new);
    };
    assert!(refused > 100);
    assert_eq!(store.load(id(refused)).await.unwrap(), None);
    assert_eq!(store.count(), acknowledged.len());

    // Small writes may still find a place. A refused refresh changes nothing; an end that the journal took has happened.
    let _perhaps = store.healthy().await;
    let next = refreshed(&acknowledged[1], at(1));
    if store.replace(next.clone()).await.is_ok() {
        acknowledged[1] = next;
    }
    assert_eq!(*loaded(&store, 1).await.session, acknowledged[1]);
    let ended = acknowledged[2].end(EndReason::Logout, at(1)).unwrap();
    if store.replace(ended.clone()).await.is_ok() {
        acknowledged[2] = ended;
    }
    assert_eq!(*loaded(&store, 2).await.session, acknowledged[2]);

    make_room();
    store.healthy().await.unwrap();
    let next = refreshed(&acknowledged[1], at(2));
    assert_eq!(store.replace(next.clone()).await.unwrap(), Replacement::Replaced);
    acknowledged[1] = next;
    acknowledged.push(created(&store, session(refused, "alice", 0, at(2))).await);
    store.close().await.unwrap();
    drop(store);

    let (store, report) = open(directory);
    assert_eq!((report.loaded, report.moved_aside), (acknowledged.len(), None));
    for (number, expected) in (0..).zip(&acknowledged) {
        assert_eq!(*loaded(&store, number).await.session, *expected);
    }
    println!("{refused} sessions fitted");
}

/// A disk of its own, gone at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let path = tempfile::tempdir().unwrap().keep();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&path)
            .output()
            .is_ok_and(|mount| mount.status.success());
        if !mounted {
            fs::remove_dir(&path).unwrap();
        }
        mounted.then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _busy = Command::new("umount").arg("-l").arg(&self.0).status();
        let _gone = fs::remove_dir(&self.0);
    }
}
