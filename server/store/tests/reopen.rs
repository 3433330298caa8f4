//! What a restart keeps.

#![expect(clippy::unwrap_used, reason = "what is not as promised fails the test")]

mod support;

use holdfast_core::session::{EndReason, Ended};
use holdfast_store::{Backend, Keeping, NoteKind, OpenError, Replacement, Store, Sweep};
use support::{KEEP, at, created, id, loaded, open, reason, refreshed, session};

#[tokio::test]
async fn everything_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let plain = created(&store, session(1, "alice", 0, at(0))).await;
    let bound = refreshed(&created(&store, session(2, "alice", 0, at(1))).await, at(2));
    assert_eq!(store.replace(bound.clone()).await.unwrap(), Replacement::Replaced);
    let ended = created(&store, session(3, "bob", 0, at(3))).await.end(EndReason::Logout, at(4)).unwrap();
    assert_eq!(store.replace(ended.clone()).await.unwrap(), Replacement::Replaced);
    store.touch(id(1), at(100), false);
    store.touch(id(2), at(200), true);
    store.close().await.unwrap();
    drop(store);

    let (store, report) = open(directory.path());
    assert_eq!((report.loaded, report.unreadable, report.ended_by_journal), (3, 0, 0));
    assert_eq!(report.moved_aside, None);
    let found = loaded(&store, 1).await;
    assert_eq!((&*found.session, found.activity.last_seen), (&plain, at(100)));
    let found = loaded(&store, 2).await;
    assert_eq!((&*found.session, found.activity.last_seen), (&bound, at(200)));
    assert_eq!(found.activity.confirmed_at, Some(at(200)));
    assert_eq!(*loaded(&store, 3).await.session, ended);
    assert_eq!(store.by_user("shop", "alice").await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_acknowledged_needs_no_close() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let first = created(&store, session(1, "alice", 0, at(0))).await;
    store.end_everyone(at(1)).await.unwrap();
    created(&store, session(2, "alice", 1, at(2))).await;
    drop(store);
    let (store, _) = open(directory.path());
    assert_eq!(store.epoch().await.unwrap(), 1);
    let found = loaded(&store, 1).await;
    assert_eq!(found.session.record().ended, Some(Ended { at: at(1), reason: EndReason::Revoked }));
    assert_eq!(found.session.record().user, first.record().user);
    assert_eq!(reason(&loaded(&store, 2).await), None);
}

#[tokio::test]
async fn a_forgotten_session_stays_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    created(&store, session(1, "alice", 0, at(0))).await;
    created(&store, session(2, "bob", 0, at(0))).await;
    let only_alice = |found: &holdfast_store::Found| match &*found.session.record().user {
        "alice" => Sweep::Forget,
        _ => Sweep::Keep,
    };
    assert_eq!(store.sweep(at(1), 100, &only_alice).await.unwrap().forgotten, 1);
    store.close().await.unwrap();
    drop(store);
    let (store, report) = open(directory.path());
    assert_eq!(report.loaded, 1);
    assert_eq!(store.load(id(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_closed_store_refuses_and_hangs_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let first = created(&store, session(1, "alice", 0, at(0))).await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    assert!(store.create(session(2, "bob", 0, at(1))).await.is_err());
    for _ in 0..2 {
        assert!(store.replace(refreshed(&first, at(1))).await.is_err());
    }
    assert!(store.end_everyone(at(2)).await.is_err());
    assert!(store.healthy().await.is_err());
    assert_eq!(*loaded(&store, 1).await.session, first);
    assert_eq!(store.load(id(2)).await.unwrap(), None);
}

#[tokio::test]
async fn one_directory_serves_one_server() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let second = Store::open_sled(directory.path(), at(0), KEEP);
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    store.close().await.unwrap();
    open(directory.path());
}

#[test]
fn what_cannot_be_opened_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "no directory").unwrap();
    let error = Store::open_sled(&file, at(0), KEEP).unwrap_err();
    assert!(error.to_string().contains("cannot be opened"), "{error}");
}

#[tokio::test]
async fn the_journal_wins_over_an_old_database() {
    let directory = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let first = created(&store, session(1, "alice", 0, at(0))).await;
    created(&store, session(2, "bob", 0, at(0))).await;
    store.close().await.unwrap();
    drop(store);
    copy_all(&directory.path().join("sessions"), copy.path());

    let (store, _) = open(directory.path());
    let ended = first.end(EndReason::Revoked, at(1)).unwrap();
    assert_eq!(store.replace(ended.clone()).await.unwrap(), Replacement::Replaced);
    store.end_everyone(at(2)).await.unwrap();
    drop(store);
    // Somebody puts the backup of yesterday back.
    std::fs::remove_dir_all(directory.path().join("sessions")).unwrap();
    copy_all(copy.path(), &directory.path().join("sessions"));

    for ended_by_journal in [1, 0] {
        let (store, report) = open(directory.path());
        assert_eq!(report.ended_by_journal, ended_by_journal);
        assert_eq!(loaded(&store, 1).await.session.record().ended, ended.record().ended);
        assert_eq!(reason(&loaded(&store, 2).await), Some(EndReason::Revoked));
        assert_eq!(store.epoch().await.unwrap(), 1);
    }
}

fn copy_all(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[tokio::test]
async fn notes_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    // A key of sixteen bytes is not taken for a session's id.
    let sixteen = [7; 16];
    let keep = async |key: &[u8], value: Option<&[u8]>, keeping| {
        store.keep_note(NoteKind::User, key, value.map(<[u8]>::to_vec), keeping).await.unwrap();
    };
    keep(&sixteen, Some(b"sixteen"), Keeping::Lazy).await;
    keep(b"removed", Some(b"first"), Keeping::Durable).await;
    keep(b"removed", None, Keeping::Lazy).await;
    keep(b"changed", Some(b"first"), Keeping::Lazy).await;
    keep(b"changed", Some(b"second"), Keeping::Durable).await;
    drop(store);
    let (store, report) = open(directory.path());
    assert_eq!((report.loaded, report.unreadable), (0, 0));
    let note = async |key: &[u8]| store.note(NoteKind::User, key).await.unwrap().map(|value| value.to_vec());
    assert_eq!(note(&sixteen).await.unwrap(), b"sixteen");
    assert_eq!(note(b"changed").await.unwrap(), b"second");
    assert_eq!(note(b"removed").await, None);
}
