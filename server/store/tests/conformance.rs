//! One suite for every store: the promises of `Backend`, one by one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what is not as promised fails the test")]

mod support;

use std::sync::Arc;

use holdfast_core::session::{EndReason, Ended};
use holdfast_store::{Backend, Creation, Keeping, ListQuery, Memory, NoteKind, Replacement, Store, Sweep};
use support::{at, created, id, loaded, reason, refreshed, revived, session};

/// Runs each trial on each store.
macro_rules! trials {
    ($($trial:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $trial() {
                super::$trial(std::sync::Arc::new(holdfast_store::Store::memory())).await;
            })*
        }

        mod sled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $trial() {
                let directory = tempfile::tempdir().unwrap();
                let (store, report) = super::support::open(directory.path());
                assert_eq!(report, holdfast_store::OpenReport::default());
                super::$trial(std::sync::Arc::new(store)).await;
            })*
        }
    };
}

trials! {
    a_session_is_created_once
    an_unknown_session_is_absent
    a_session_comes_back_as_it_was_put
    only_the_next_revision_replaces
    of_equal_replacements_one_happens
    of_equal_creations_one_happens
    ended_wins_against_refreshes
    an_ended_session_is_never_revived
    touches_only_go_forward
    a_user_has_all_of_their_sessions
    a_list_is_newest_first_in_pages
    everybody_out
    a_creation_that_races_everybody_out_is_ended
    a_refresh_does_not_survive_everybody_out
    single_use_is_single
    a_sweep_goes_round
    a_sweep_spares_what_has_changed
    a_cooled_session_is_the_same
    a_note_is_kept_under_its_kind_and_key
}

async fn a_session_is_created_once(store: Arc<Store>) {
    let first = created(&*store, session(1, "alice", 0, at(0))).await;
    assert_eq!(store.create(session(1, "mallory", 0, at(1))).await.unwrap(), Creation::Exists);
    assert_eq!(*loaded(&*store, 1).await.session, first);
    assert_eq!(store.count(), 1);
    assert!(store.by_user("shop", "mallory").await.unwrap().is_empty());
}

async fn an_unknown_session_is_absent(store: Arc<Store>) {
    assert_eq!(store.load(id(1)).await.unwrap(), None);
    let never_stored = refreshed(&session(1, "alice", 0, at(0)), at(1));
    assert_eq!(store.replace(never_stored).await.unwrap(), Replacement::Missing);
    store.touch(id(1), at(2), true);
    assert_eq!(store.load(id(1)).await.unwrap(), None);
    assert_eq!(store.count(), 0);
    store.healthy().await.unwrap();
}

async fn a_session_comes_back_as_it_was_put(store: Arc<Store>) {
    let first = created(&*store, session(1, "alice", 0, at(0))).await;
    let next = refreshed(&first, at(60));
    assert_eq!(store.replace(next.clone()).await.unwrap(), Replacement::Replaced);
    let found = loaded(&*store, 1).await;
    assert_eq!(*found.session, next);
    assert_eq!(found.activity.last_seen, at(0));
    assert_eq!(found.activity.confirmed_at, None);
}

async fn only_the_next_revision_replaces(store: Arc<Store>) {
    let first = created(&*store, session(1, "alice", 0, at(0))).await;
    let second = refreshed(&first, at(1));
    let third = refreshed(&second, at(2));
    assert_eq!(store.replace(first.clone()).await.unwrap(), Replacement::Conflict);
    assert_eq!(store.replace(third.clone()).await.unwrap(), Replacement::Conflict);
    assert_eq!(store.replace(second.clone()).await.unwrap(), Replacement::Replaced);
    assert_eq!(store.replace(second.clone()).await.unwrap(), Replacement::Conflict);
    assert_eq!(store.replace(third.clone()).await.unwrap(), Replacement::Replaced);
    assert_eq!(*loaded(&*store, 1).await.session, third);
}

async fn of_equal_replacements_one_happens(store: Arc<Store>) {
    let first = created(&*store, session(1, "alice", 0, at(0))).await;
    let next = refreshed(&first, at(1));
    let racers = (0..64).map(|_| {
        let (store, next) = (Arc::clone(&store), next.clone());
        tokio::spawn(async move { store.replace(next).await.unwrap() })
    });
    let mut replaced = 0;
    for racer in racers.collect::<Vec<_>>() {
        match racer.await.unwrap() {
            Replacement::Conflict => {}
            Replacement::Missing => panic!("the session is there"),
            Replacement::Replaced => replaced += 1,
        }
    }
    assert_eq!(replaced, 1);
}

async fn of_equal_creations_one_happens(store: Arc<Store>) {
    let racers = (0..64).map(|racer| {
        let store = Arc::clone(&store);
        tokio::spawn(
            async move { store.create(session(1, &format!("user-{racer}"), 0, at(0))).await.unwrap() },
        )
    });
    let mut made = 0;
    for racer in racers.collect::<Vec<_>>() {
        made += usize::from(racer.await.unwrap() == Creation::Created);
    }
    assert_eq!((made, store.count()), (1, 1));
}

async fn ended_wins_against_refreshes(store: Arc<Store>) {
    for number in 0..50 {
        created(&*store, session(number, "alice", 0, at(0))).await;
        let refreshers: Vec<_> =
            (0..4).map(|_| tokio::spawn(refresh_until_ended(Arc::clone(&store), number))).collect();
        let revoker = tokio::spawn(revoke(Arc::clone(&store), number));
        revoker.await.unwrap();
        assert_eq!(reason(&loaded(&*store, number).await), Some(EndReason::Revoked));
        for refresher in refreshers {
            refresher.await.unwrap();
        }
        assert_eq!(reason(&loaded(&*store, number).await), Some(EndReason::Revoked));
    }
}

async fn refresh_until_ended(store: Arc<Store>, number: u64) {
    loop {
        let found = loaded(&*store, number).await;
        if found.session.record().ended.is_some() {
            break;
        }
        let _raced = store.replace(refreshed(&found.session, at(1))).await.unwrap();
        tokio::task::yield_now().await;
    }
}

async fn revoke(store: Arc<Store>, number: u64) {
    loop {
        let found = loaded(&*store, number).await;
        let Some(ended) = found.session.end(EndReason::Revoked, at(2)) else { return };
        if store.replace(ended).await.unwrap() == Replacement::Replaced {
            return;
        }
    }
}

async fn an_ended_session_is_never_revived(store: Arc<Store>) {
    let first = created(&*store, session(1, "alice", 0, at(0))).await;
    let ended = first.end(EndReason::Logout, at(1)).unwrap();
    assert_eq!(store.replace(ended.clone()).await.unwrap(), Replacement::Replaced);
    // With the right revision, and still not.
    assert_eq!(store.replace(revived(&ended)).await.unwrap(), Replacement::Conflict);
    assert_eq!(*loaded(&*store, 1).await.session, ended);
}

async fn touches_only_go_forward(store: Arc<Store>) {
    created(&*store, session(1, "alice", 0, at(10))).await;
    store.touch(id(1), at(30), false);
    store.touch(id(1), at(20), false);
    let activity = loaded(&*store, 1).await.activity;
    assert_eq!((activity.last_seen, activity.confirmed_at), (at(30), None));
    store.touch(id(1), at(40), true);
    store.touch(id(1), at(50), true);
    let activity = loaded(&*store, 1).await.activity;
    assert_eq!((activity.last_seen, activity.confirmed_at), (at(50), Some(at(40))));
}

async fn a_user_has_all_of_their_sessions(store: Arc<Store>) {
    for number in 0..30 {
        let user = if number % 3 == 0 { "alice" } else { "bob" };
        created(&*store, session(number, user, 0, at(number))).await;
    }
    let mut numbers: Vec<_> = store.by_user("shop", "alice").await.unwrap();
    numbers.sort_by_key(|found| found.session.record().created_at);
    let ids: Vec<_> = numbers.iter().map(|found| found.session.record().id).collect();
    assert_eq!(ids, (0..10).map(|n| id(3 * n)).collect::<Vec<_>>());
    assert!(store.by_user("other", "alice").await.unwrap().is_empty());
    assert!(store.by_user("shop", "carol").await.unwrap().is_empty());
}

async fn a_list_is_newest_first_in_pages(store: Arc<Store>) {
    // Ties of four, so that pages end within them.
    for number in 0..40 {
        let user = if number % 2 == 0 { "alice" } else { "bob" };
        created(&*store, session(number, user, 0, at(number / 4))).await;
    }
    let mut expected: Vec<_> = (0..40).map(|number| (at(number / 4), id(number))).collect();
    expected.sort_by(|a, b| b.cmp(a));

    let mut places = Vec::new();
    let mut query = ListQuery { limit: 7, ..ListQuery::default() };
    loop {
        let page = store.list(&query, &|_| true).await.unwrap();
        let Some(last) = page.last() else { break };
        query.before = Some((last.session.record().created_at, last.session.record().id));
        places
            .extend(page.iter().map(|found| (found.session.record().created_at, found.session.record().id)));
    }
    assert_eq!(places, expected);

    let of_bob = ListQuery { user: Some("bob".into()), limit: 100, ..ListQuery::default() };
    assert_eq!(store.list(&of_bob, &|_| true).await.unwrap().len(), 20);
    let of_bob_at_shop = ListQuery { app: Some("shop".into()), ..of_bob.clone() };
    assert_eq!(
        store.list(&of_bob_at_shop, &|_| true).await.unwrap(),
        store.list(&of_bob, &|_| true).await.unwrap()
    );
    let elsewhere = ListQuery { app: Some("other".into()), limit: 100, ..ListQuery::default() };
    assert!(store.list(&elsewhere, &|_| true).await.unwrap().is_empty());
    let kept = store.list(&of_bob, &|found| found.session.record().created_at >= at(9)).await.unwrap();
    assert_eq!(kept.len(), 2);
    assert!(store.list(&ListQuery::default(), &|_| true).await.unwrap().is_empty());
}

async fn everybody_out(store: Arc<Store>) {
    created(&*store, session(1, "alice", 0, at(0))).await;
    let logged_out =
        created(&*store, session(2, "alice", 0, at(0))).await.end(EndReason::Logout, at(1)).unwrap();
    assert_eq!(store.replace(logged_out.clone()).await.unwrap(), Replacement::Replaced);
    assert_eq!(store.epoch().await.unwrap(), 0);
    assert_eq!(store.end_everyone(at(5)).await.unwrap(), 1);
    created(&*store, session(3, "alice", 1, at(6))).await;
    assert_eq!(store.end_everyone(at(7)).await.unwrap(), 2);
    created(&*store, session(4, "alice", 2, at(8))).await;
    assert_eq!(store.epoch().await.unwrap(), 2);

    let revoked = |seconds| Some(Ended { at: at(seconds), reason: EndReason::Revoked });
    assert_eq!(loaded(&*store, 1).await.session.record().ended, revoked(5));
    assert_eq!(*loaded(&*store, 2).await.session, logged_out);
    assert_eq!(loaded(&*store, 3).await.session.record().ended, revoked(7));
    assert_eq!(loaded(&*store, 4).await.session.record().ended, None);
    let is_alive = |found: &holdfast_store::Found| found.session.record().ended.is_none();
    assert_eq!(store.by_user("shop", "alice").await.unwrap().into_iter().filter(is_alive).count(), 1);
    let all = ListQuery { limit: 10, ..ListQuery::default() };
    assert_eq!(store.list(&all, &is_alive).await.unwrap().len(), 1);
}

async fn a_creation_that_races_everybody_out_is_ended(store: Arc<Store>) {
    let begun = session(1, "alice", store.epoch().await.unwrap(), at(0));
    assert_eq!(store.end_everyone(at(1)).await.unwrap(), 1);
    created(&*store, begun).await;
    assert_eq!(reason(&loaded(&*store, 1).await), Some(EndReason::Revoked));

    let creators: Vec<_> = (10..60)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.create(session(number, "bob", 1, at(2))).await.unwrap() })
        })
        .collect();
    assert_eq!(store.end_everyone(at(3)).await.unwrap(), 2);
    for creator in creators {
        assert_eq!(creator.await.unwrap(), Creation::Created);
    }
    for number in 10..60 {
        assert_eq!(reason(&loaded(&*store, number).await), Some(EndReason::Revoked));
    }
}

async fn a_refresh_does_not_survive_everybody_out(store: Arc<Store>) {
    let first = created(&*store, session(1, "alice", 0, at(0))).await;
    let next = refreshed(&first, at(1));
    store.end_everyone(at(2)).await.unwrap();
    assert_eq!(store.replace(next).await.unwrap(), Replacement::Conflict);
    assert_eq!(reason(&loaded(&*store, 1).await), Some(EndReason::Revoked));
}

async fn single_use_is_single(store: Arc<Store>) {
    for round in 0..20 {
        let racers: Vec<_> = (0..64)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.remember([round; 16], at(60), at(0)).await.unwrap() })
            })
            .collect();
        let mut first = 0;
        for racer in racers {
            first += usize::from(racer.await.unwrap() == Memory::First);
        }
        assert_eq!(first, 1);
    }
    assert_eq!(store.remember([0; 16], at(60), at(59)).await.unwrap(), Memory::Seen);
    assert_eq!(store.remember([0; 16], at(120), at(60)).await.unwrap(), Memory::First);
    // What is past its time is refused, or it would be the first again and again.
    assert_eq!(store.remember([99; 16], at(60), at(60)).await.unwrap(), Memory::Seen);
}

async fn a_sweep_goes_round(store: Arc<Store>) {
    for number in 0..100 {
        created(&*store, session(number, "alice", 0, at(number))).await;
    }
    let (mut ended, mut forgotten) = (0, 0);
    let judge = |found: &holdfast_store::Found| match found.session.record().created_at {
        old if old < at(10) => Sweep::Forget,
        idle if idle < at(40) => Sweep::End(Ended { at: at(200), reason: EndReason::Idle }),
        _ => Sweep::Keep,
    };
    for _ in 0..40 {
        let swept = store.sweep(at(300), 10, &judge).await.unwrap();
        assert!(swept.ended.len() + swept.forgotten <= 10);
        ended += swept.ended.len();
        forgotten += swept.forgotten;
    }
    assert_eq!((ended, forgotten, store.count()), (30, 10, 90));
    assert_eq!(store.load(id(0)).await.unwrap(), None);
    let idle = Ended { at: at(200), reason: EndReason::Idle };
    assert_eq!(loaded(&*store, 20).await.session.record().ended, Some(idle));
    assert_eq!(loaded(&*store, 60).await.session.record().ended, None);
    assert_eq!(store.by_user("shop", "alice").await.unwrap().len(), 90);
}

async fn a_sweep_spares_what_has_changed(store: Arc<Store>) {
    created(&*store, session(1, "alice", 0, at(0))).await;
    // Whoever is judged by an old revision is not removed under its new one.
    let other = Arc::clone(&store);
    let meddle = move |found: &holdfast_store::Found| {
        let next = refreshed(&found.session, at(1));
        let replaced = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    runtime.block_on(other.replace(next)).unwrap()
                })
                .join()
                .unwrap()
        });
        assert_eq!(replaced, Replacement::Replaced);
        Sweep::Forget
    };
    assert_eq!(store.sweep(at(2), 1, &meddle).await.unwrap().forgotten, 0);
    assert_eq!(loaded(&*store, 1).await.session.generation(), 1);
}

async fn a_cooled_session_is_the_same(store: Arc<Store>) {
    let first = created(&*store, session(1, "alice", 0, at(0))).await;
    let next = refreshed(&first, at(60));
    assert_eq!(store.replace(next.clone()).await.unwrap(), Replacement::Replaced);
    store.touch(id(1), at(70), true);
    for _ in 0..5 {
        let swept = store.sweep(at(80), 100, &|_| Sweep::Keep).await.unwrap();
        assert_eq!((swept.ended.len(), swept.forgotten), (0, 0));
    }
    let found = loaded(&*store, 1).await;
    assert_eq!((&*found.session, found.activity.last_seen), (&next, at(70)));
    assert_eq!(store.replace(refreshed(&next, at(90))).await.unwrap(), Replacement::Replaced);
}

async fn a_note_is_kept_under_its_kind_and_key(store: Arc<Store>) {
    let keep = async |kind, key: &[u8], value: Option<&[u8]>, keeping| {
        store.keep_note(kind, key, value.map(<[u8]>::to_vec), keeping).await.unwrap();
    };
    keep(NoteKind::User, b"alice", Some(b"at home"), Keeping::Durable).await;
    keep(NoteKind::User, b"", Some(b"nobody"), Keeping::Lazy).await;
    keep(NoteKind::Device, b"alice", Some(b"a telephone"), Keeping::Lazy).await;
    let note = async |kind, key: &[u8]| store.note(kind, key).await.unwrap().map(|value| value.to_vec());
    assert_eq!(note(NoteKind::User, b"alice").await.unwrap(), b"at home");
    assert_eq!(note(NoteKind::User, b"").await.unwrap(), b"nobody");
    assert_eq!(note(NoteKind::Device, b"alice").await.unwrap(), b"a telephone");
    assert_eq!(note(NoteKind::Signals, b"alice").await, None);
    assert_eq!(note(NoteKind::User, b"alic").await, None);

    keep(NoteKind::User, b"alice", Some(b"abroad"), Keeping::Lazy).await;
    keep(NoteKind::User, b"", None, Keeping::Durable).await;
    let all = store.notes(NoteKind::User).await.unwrap();
    assert_eq!(all, vec![(b"alice".as_slice().into(), b"abroad".as_slice().into())]);
    // A note is no session, whatever its key.
    assert_eq!(store.count(), 0);
}
