//! Backups of a running store, and what merging one into another does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{sync::Arc, time::Duration};

use holdfast_core::{
    UnixTime,
    session::{EndReason, Session},
};
use holdfast_store::{
    Backend, Backup, BadBackup, Contents, Found, Items, Keeping, NoteKind, Restored, Store, Sweep,
};
use support::{at, id, refreshed, session};

/// All of a backup, as it would stand in a file.
async fn back_up(store: &Store) -> Vec<u8> {
    let mut backup = store.backup(at(500)).await.unwrap();
    finish(&mut backup)
}

fn finish(backup: &mut Backup) -> Vec<u8> {
    let mut file = Vec::new();
    while let Some(part) = backup.next_part() {
        file.extend(part);
    }
    file.extend(Backup::seal("sealed by a test"));
    file
}

/// Merges a backup, a few items at a time, into a store whose sessions last for ever.
async fn restore(store: &Store, file: &[u8]) -> Restored {
    restore_with(store, file, |_| Sweep::Keep).await
}

async fn restore_with(
    store: &Store,
    file: &[u8],
    judge: impl Fn(&Found) -> Sweep + Send + Sync + 'static,
) -> Restored {
    let contents = Contents::read(file).unwrap();
    let mut merge = store.merge(&contents).await.unwrap();
    let mut items = Items::open(file).unwrap();
    let mut part = Vec::new();
    while let Some(item) = items.next_item().unwrap() {
        part.push(item);
        if part.len() == 3 {
            merge.take(std::mem::take(&mut part), &judge).await.unwrap();
        }
    }
    merge.take(part, &judge).await.unwrap();
    merge.restored()
}

async fn end(store: &Store, number: u64, now: UnixTime) {
    let found = store.load(id(number)).await.unwrap().unwrap();
    let ended = found.session.end(EndReason::Revoked, now).unwrap();
    let _replaced = store.replace(ended).await.unwrap();
}

async fn loaded(store: &Store, number: u64) -> Option<Arc<Session>> {
    store.load(id(number)).await.unwrap().map(|found| found.session)
}

async fn is_alive(store: &Store, number: u64) -> bool {
    loaded(store, number).await.is_some_and(|session| session.record().ended.is_none())
}

async fn with_sessions(store: Store, numbers: std::ops::Range<u64>) -> Store {
    for number in numbers {
        let user = format!("user-{}", number % 4);
        let _created = store.create(session(number, &user, 0, at(number))).await.unwrap();
    }
    store
}

fn open(folder: &std::path::Path) -> Store {
    Store::open_sled(folder, at(1000), support::KEEP).unwrap().0
}

#[tokio::test]
async fn everything_comes_back_into_an_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    let before = with_sessions(open(folder.path()), 0..200).await;
    let bound = refreshed(loaded(&before, 7).await.unwrap().as_ref(), at(300));
    let _replaced = before.replace(bound).await.unwrap();
    before.touch(id(7), at(400), true);
    end(&before, 8, at(310)).await;
    let file = back_up(&before).await;
    let contents = Contents::read(&*file).unwrap();
    assert_eq!((contents.sessions, contents.ended, contents.taken_at), (200, 1, at(500)));
    assert_eq!(contents.seal, "sealed by a test");

    let other = tempfile::tempdir().unwrap();
    let after = open(other.path());
    let restored = restore(&after, &file).await;
    assert_eq!(restored, Restored { added: 200, ..Restored::default() });
    after.close().await.unwrap();
    drop(after);
    let after = open(other.path());
    for number in 0..200 {
        let (was, is) = (before.load(id(number)).await.unwrap(), after.load(id(number)).await.unwrap());
        assert_eq!(was, is, "session {number}, after a restart as well");
    }
    assert_eq!(after.by_user("shop", "user-3").await.unwrap().len(), 50);
    assert_eq!(
        restore(&after, &file).await,
        Restored { kept: 200, ..Restored::default() },
        "twice is no harm"
    );
}

#[tokio::test]
async fn what_ended_since_stays_ended() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_sessions(open(folder.path()), 0..4).await;
    let file = back_up(&store).await;
    end(&store, 1, at(600)).await;
    end(&store, 2, at(600)).await;
    // The second is forgotten: only the journal knows of it.
    let forget = |found: &Found| {
        if found.session.record().id == id(2) { Sweep::Forget } else { Sweep::Keep }
    };
    store.sweep(at(700), 1000, &forget).await.unwrap();
    assert!(loaded(&store, 2).await.is_none());

    let restored = restore(&store, &file).await;
    assert_eq!(restored, Restored { added: 1, kept: 3, ..Restored::default() });
    assert!(!is_alive(&store, 1).await);
    assert_eq!(loaded(&store, 2).await.unwrap().record().ended.unwrap().at, at(600));
    assert!(is_alive(&store, 0).await && is_alive(&store, 3).await);
}

#[tokio::test]
async fn the_journal_alone_keeps_them_ended() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_sessions(open(folder.path()), 0..4).await;
    let file = back_up(&store).await;
    end(&store, 1, at(600)).await;
    drop(store);
    std::fs::remove_dir_all(folder.path().join("sessions")).unwrap();

    let store = open(folder.path());
    assert_eq!(store.count(), 0);
    restore(&store, &file).await;
    assert!(is_alive(&store, 0).await && !is_alive(&store, 1).await);
}

#[tokio::test]
async fn an_end_of_the_backup_wins() {
    let store = with_sessions(Store::memory(), 0..3).await;
    let older = back_up(&store).await;
    end(&store, 1, at(600)).await;
    let newer = back_up(&store).await;

    let folder = tempfile::tempdir().unwrap();
    let other = open(folder.path());
    restore(&other, &older).await;
    assert!(is_alive(&other, 1).await);
    let restored = restore(&other, &newer).await;
    assert_eq!(restored, Restored { ended: 1, kept: 2, ..Restored::default() });
    assert_eq!(loaded(&other, 1).await.unwrap().record().ended.unwrap().reason, EndReason::Revoked);
    restore(&other, &older).await;
    assert!(!is_alive(&other, 1).await, "and the older backup does not bring it back");
}

/// A backup that is taken after an end that nobody can read any more still tells of it to a store that takes an older one.
#[tokio::test]
async fn ends_of_the_journal_are_in_the_backup() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_sessions(open(folder.path()), 0..3).await;
    let older = back_up(&store).await;
    end(&store, 1, at(600)).await;
    let forget = |found: &Found| {
        if found.session.record().ended.is_some() { Sweep::Forget } else { Sweep::Keep }
    };
    store.sweep(at(700), 1000, &forget).await.unwrap();
    let newer = back_up(&store).await;
    assert_eq!(Contents::read(&*newer).unwrap().sessions, 2);

    for files in [[&newer, &older], [&older, &newer]] {
        let other = tempfile::tempdir().unwrap();
        let other = open(other.path());
        for file in files {
            restore(&other, file).await;
        }
        assert!(is_alive(&other, 0).await && !is_alive(&other, 1).await);
    }
}

#[tokio::test]
async fn the_newer_state_stays() {
    let store = with_sessions(Store::memory(), 0..2).await;
    let older = back_up(&store).await;
    let next = refreshed(loaded(&store, 0).await.unwrap().as_ref(), at(600));
    let _replaced = store.replace(next).await.unwrap();
    let newer = back_up(&store).await;

    assert_eq!(restore(&store, &older).await, Restored { kept: 2, ..Restored::default() });
    assert_eq!(loaded(&store, 0).await.unwrap().generation(), 1);

    let other = Store::memory();
    restore(&other, &older).await;
    let restored = restore(&other, &newer).await;
    assert_eq!(restored, Restored { updated: 1, kept: 1, ..Restored::default() });
    assert_eq!(loaded(&other, 0).await.unwrap().generation(), 1);
}

#[tokio::test]
async fn who_was_sent_away_with_everybody_stays_away() {
    let store = with_sessions(Store::memory(), 0..3).await;
    let before = back_up(&store).await;
    store.end_everyone(at(600)).await.unwrap();
    let _created = store.create(session(9, "late", 1, at(700))).await.unwrap();
    let after = back_up(&store).await;

    restore(&store, &before).await;
    assert!(!is_alive(&store, 0).await && is_alive(&store, 9).await, "the same store");

    let other = Store::memory();
    restore(&other, &after).await;
    assert!(!is_alive(&other, 0).await && is_alive(&other, 9).await, "an empty store");
    restore(&other, &before).await;
    assert!(!is_alive(&other, 0).await);

    // A store with a past of its own: everybody was sent away there at another time.
    let foreign = Store::memory();
    foreign.end_everyone(at(650)).await.unwrap();
    restore(&foreign, &after).await;
    assert!(!is_alive(&foreign, 0).await && is_alive(&foreign, 9).await, "by the time of the end");
    foreign.end_everyone(at(800)).await.unwrap();
    assert!(!is_alive(&foreign, 9).await, "what came in is sent away like all others");
}

#[tokio::test]
async fn what_has_expired_stays_out() {
    let store = with_sessions(Store::memory(), 0..10).await;
    let file = back_up(&store).await;
    let other = Store::memory();
    let judge = |found: &Found| {
        let ended = holdfast_core::session::Ended { at: at(900), reason: EndReason::Idle };
        if found.session.record().created_at < at(4) { Sweep::End(ended) } else { Sweep::Keep }
    };
    let restored = restore_with(&other, &file, judge).await;
    assert_eq!(restored, Restored { added: 6, left_out: 4, ..Restored::default() });
    assert!(loaded(&other, 3).await.is_none() && is_alive(&other, 4).await);
}

#[tokio::test]
async fn no_part_of_a_broken_backup_is_taken_for_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_sessions(open(folder.path()), 0..3).await;
    end(&store, 1, at(600)).await;
    store.end_everyone(at(650)).await.unwrap();
    keep(&store, NoteKind::Device, "laptop", "in order").await;
    let file = back_up(&store).await;
    assert!(Contents::read(&*file).is_ok());
    for length in 0..file.len() {
        let bad = Contents::read(&file[..length]).unwrap_err();
        let fits = if length < 32 { BadBackup::NoBackup } else { BadBackup::Truncated };
        assert_eq!(bad.to_string(), fits.to_string(), "{length} of {} bytes", file.len());
    }
    for place in 0..file.len() {
        let mut changed = file.clone();
        changed[place] ^= 0x10;
        assert!(Contents::read(&*changed).is_err(), "byte {place}");
    }
    for added in [vec![0], file.clone()] {
        let longer = [file.clone(), added].concat();
        assert!(Contents::read(&*longer).is_err(), "something follows");
    }
    let newer = [b"holdfast backup of sessions, v3\n".to_vec(), file[32..].to_vec()].concat();
    assert!(matches!(Contents::read(&*newer), Err(BadBackup::NewerVersion)));
    assert!(matches!(Contents::read(&[0x1f, 0x8b].repeat(50)[..]), Err(BadBackup::NoBackup)));
}

/// A frame that is whole in itself, and one too few or too many.
#[tokio::test]
async fn frames_are_counted() {
    let store = with_sessions(Store::memory(), 0..3).await;
    keep(&store, NoteKind::User, "shop\0alice", "comes from home").await;
    let file = back_up(&store).await;
    let frames = frames(&file);
    assert_eq!(frames.len(), 1 + 1 + 3 + 1 + 1 + 1);
    for number in 1..frames.len() {
        let mut without = frames.clone();
        without.remove(number);
        assert!(Contents::read(&*without.concat()).is_err(), "without frame {number}");
        let mut twice = frames.clone();
        twice.insert(number, frames[number]);
        assert!(Contents::read(&*twice.concat()).is_err(), "frame {number} twice");
    }
}

#[tokio::test]
async fn a_length_that_lies_costs_no_memory() {
    for version in ["1", "2"] {
        for kind in 1..=7 {
            let mut file = format!("holdfast backup of sessions, v{version}\n").into_bytes();
            file.extend([1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
            file.extend(crc32fast::hash(&file[32..]).to_be_bytes());
            let at = u64::try_from(file.len()).unwrap();
            file.extend([kind, 0xff, 0xff, 0xff, 0xff]);
            let bad = Contents::read(&*file).unwrap_err();
            assert_eq!(bad.to_string(), BadBackup::Damaged { at }.to_string(), "kind {kind}");
        }
    }
}

/// What is known of users and devices, and what waits for others.
#[tokio::test]
async fn notes_come_back_and_take_the_place_of_none() {
    let folder = tempfile::tempdir().unwrap();
    let before = with_sessions(open(folder.path()), 0..1).await;
    for (kind, key) in NoteKind::ALL.into_iter().zip(["cursor", "laptop", "jti\0x", "shop\0alice"]) {
        keep(&before, kind, key, "old").await;
    }
    keep(&before, NoteKind::Signals, "", "").await;
    let long = "x".repeat(6 << 20);
    keep(&before, NoteKind::Signals, "stream\0siem", &long).await;
    let file = back_up(&before).await;
    assert_eq!(Contents::read(&*file).unwrap().notes, 5);

    let other = tempfile::tempdir().unwrap();
    let after = open(other.path());
    keep(&after, NoteKind::Device, "laptop", "new").await;
    keep(&after, NoteKind::Device, "other", "new").await;
    let restored = restore(&after, &file).await;
    assert_eq!(restored, Restored { added: 1, notes: 4, ..Restored::default() });
    after.close().await.unwrap();
    drop(after);
    let after = open(other.path());
    let kept = async |kind, key: &str| {
        let note = after.note(kind, key.as_bytes()).await.unwrap();
        note.map(|value| String::from_utf8(value.to_vec()).unwrap())
    };
    assert_eq!(kept(NoteKind::User, "shop\0alice").await.as_deref(), Some("old"), "after a restart as well");
    assert_eq!(kept(NoteKind::Signals, "jti\0x").await.as_deref(), Some("old"));
    assert_eq!(kept(NoteKind::Signals, "").await.as_deref(), Some(""));
    assert!(kept(NoteKind::Signals, "stream\0siem").await == Some(long));
    assert_eq!(kept(NoteKind::Device, "laptop").await.as_deref(), Some("new"), "what is here is newer");
    assert_eq!(kept(NoteKind::Device, "other").await.as_deref(), Some("new"));
    assert_eq!(kept(NoteKind::AuditCursor, "cursor").await, None, "it is true of the other store alone");
    assert_eq!(restore(&after, &file).await.notes, 0, "twice is no harm");
}

/// Backups of servers that had no notes in theirs.
#[tokio::test]
async fn a_backup_of_the_first_version_comes_back() {
    let store = with_sessions(Store::memory(), 0..3).await;
    end(&store, 1, at(600)).await;
    let file = first_version(&back_up(&store).await);
    assert_eq!(Contents::read(&*file).unwrap().notes, 0);
    let other = Store::memory();
    assert_eq!(restore(&other, &file).await, Restored { added: 3, ..Restored::default() });
    assert!(is_alive(&other, 0).await && !is_alive(&other, 1).await);

    // They have none, then.
    keep(&store, NoteKind::Device, "laptop", "in order").await;
    let file = first_version(&back_up(&store).await);
    assert!(matches!(Contents::read(&*file), Err(BadBackup::Damaged { .. })));
    // And what counts notes is of the second version.
    let newer = back_up(&with_sessions(Store::memory(), 0..1).await).await;
    let older = [b"holdfast backup of sessions, v1\n".to_vec(), newer[32..].to_vec()].concat();
    assert!(matches!(Contents::read(&*older), Err(BadBackup::Damaged { .. })));
}

/// The same as a server of before would have written it.
fn first_version(file: &[u8]) -> Vec<u8> {
    let mut old = b"holdfast backup of sessions, v1\n".to_vec();
    for frame in frames(file).into_iter().skip(1) {
        match frame.strip_prefix(&[5, 0, 0, 0, 32]) {
            Some(counts) => {
                let counts = counts.get(..24).unwrap();
                let close = [&[5, 0, 0, 0, 24], counts].concat();
                old.extend_from_slice(&close);
                old.extend(crc32fast::hash(&close).to_be_bytes());
            }
            None => old.extend_from_slice(frame),
        }
    }
    old
}

/// The header and each frame.
fn frames(file: &[u8]) -> Vec<&[u8]> {
    let (header, mut rest) = file.split_at(32);
    let mut frames = vec![header];
    while let Some(([_, length @ ..], _)) = rest.split_first_chunk::<5>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
        let (frame, after) = rest.split_at(5 + length + 4);
        frames.push(frame);
        rest = after;
    }
    frames
}

async fn keep(store: &Store, kind: NoteKind, key: &str, value: &str) {
    let value = Some(value.as_bytes().to_vec());
    store.keep_note(kind, key.as_bytes(), value, Keeping::Durable).await.unwrap();
}

/// What was acknowledged before the backup began is in it, whatever goes on meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_taken_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(with_sessions(open(folder.path()), 0..600).await);
    let mut backup = store.backup(at(500)).await.unwrap();
    let writing = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for number in 1000..1300 {
                let _created = store.create(session(number, "busy", 0, at(600))).await.unwrap();
                let next = refreshed(loaded(&store, number - 1000).await.unwrap().as_ref(), at(601));
                let _replaced = store.replace(next).await.unwrap();
                end(&store, number - 700, at(602)).await;
            }
        }
    });
    let mut file = Vec::new();
    while let Some(part) = backup.next_part() {
        file.extend(part);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    file.extend(Backup::seal(""));
    writing.await.unwrap();

    let other = Store::memory();
    restore(&other, &file).await;
    for number in 0..600 {
        assert!(loaded(&other, number).await.is_some(), "session {number}");
    }
    // Merged into the store that went on, it changes nothing.
    restore(&store, &file).await;
    for number in 300..600 {
        assert!(!is_alive(&store, number).await, "session {number}");
    }
    for number in 0..300 {
        assert_eq!(loaded(&store, number).await.unwrap().generation(), 1, "session {number}");
    }
}

/// Refreshes and ends meet the merge of a backup; whatever the order, an end stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_meets_writers() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(with_sessions(open(folder.path()), 0..300).await);
    let file = back_up(&store).await;
    let ending = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for number in 0..300 {
                end(&store, number, at(700)).await;
            }
        }
    });
    for _ in 0..5 {
        restore(&store, &file).await;
    }
    ending.await.unwrap();
    for number in 0..300 {
        assert!(!is_alive(&store, number).await, "session {number}");
    }
}
