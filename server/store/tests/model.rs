//! Random lives against a simple model: whatever happens, a store and a map of sessions say the same.

#![expect(clippy::unwrap_used, reason = "what is not as the model says fails the test")]

mod support;

use std::collections::{BTreeMap, HashMap, HashSet};

use holdfast_core::session::{Activity, EndReason, Ended, Record, Session};
use holdfast_store::{Backend, Creation, Found, ListQuery, Memory, Replacement, Store, Sweep};
use proptest::prelude::*;
use support::{at, id, open, refreshed, session};

#[derive(Clone, Debug)]
enum Step {
    Create { number: u64, user: u8, stale: bool },
    End { number: u64 },
    EndEveryone,
    Refresh { number: u64 },
    RefreshStale { number: u64 },
    Remember { key: u8, span: u64 },
    Reopen,
    Sweep { budget: usize, forget: u64, end: u64 },
    Touch { number: u64, back: u64, confirms: bool },
}

/// What should be so.
#[derive(Default)]
struct Model {
    sessions: BTreeMap<u64, (Session, Activity)>,
    ends: Vec<u64>,
    keys: HashMap<u8, u64>,
    /// Ids are drawn once: the journal still knows of these.
    gone: HashSet<u64>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_is_as_the_model(steps in prop::collection::vec(step(), 1..150)) {
        run(steps, Store::memory(), |store| store);
    }

    #[test]
    fn sled_is_as_the_model(steps in prop::collection::vec(step(), 1..150)) {
        let directory = tempfile::tempdir().unwrap();
        run(steps, open(directory.path()).0, |store| {
            block(store.close()).unwrap();
            drop(store);
            open(directory.path()).0
        });
    }
}

fn run(steps: Vec<Step>, mut store: Store, reopen: impl Fn(Store) -> Store) {
    let mut model = Model::default();
    for (now, step) in (1..).zip(steps) {
        if matches!(step, Step::Reopen) {
            let is_durable = matches!(store, Store::Sled(_));
            store = reopen(store);
            if is_durable {
                // What is single-use is remembered in memory alone.
                model.keys.clear();
            }
        } else {
            block(take(&store, &mut model, &step, now));
        }
    }
    block(compare(&store, &model));
}

async fn take(store: &Store, model: &mut Model, step: &Step, now: u64) {
    match *step {
        Step::Create { number, .. } if model.gone.contains(&number) => {}
        Step::Create { number, user, stale } => {
            let epoch = model.epoch().saturating_sub(u64::from(stale));
            let new = session(number, &format!("user-{user}"), epoch, at(now));
            let is_new = !model.sessions.contains_key(&number);
            let expected = if is_new { Creation::Created } else { Creation::Exists };
            assert_eq!(store.create(new.clone()).await.unwrap(), expected);
            let unused = Activity { last_seen: at(now), confirmed_at: None };
            model.sessions.entry(number).or_insert((new, unused));
        }
        Step::End { number } => {
            let Some(found) = store.load(id(number)).await.unwrap() else { return };
            if let Some(ended) = found.session.end(EndReason::Logout, at(now)) {
                replace(store, model, number, ended).await;
            }
        }
        Step::EndEveryone => {
            model.ends.push(now);
            assert_eq!(store.end_everyone(at(now)).await.unwrap(), model.epoch());
        }
        Step::Refresh { number } => {
            if let Some(current) = model.sessions.get(&number).map(|(session, _)| session.clone()) {
                replace(store, model, number, refreshed(&current, at(now))).await;
            }
        }
        Step::RefreshStale { number } => {
            if let Some(current) = model.sessions.get(&number).map(|(session, _)| session.clone()) {
                let skipped = refreshed(&refreshed(&current, at(now)), at(now));
                assert_eq!(store.replace(skipped).await.unwrap(), Replacement::Conflict);
                assert_eq!(store.replace(current).await.unwrap(), Replacement::Conflict);
            }
        }
        Step::Remember { key, span } => {
            let is_first = model.keys.get(&key).is_none_or(|until| *until <= now) && span > 0;
            if is_first {
                model.keys.insert(key, now + span);
            }
            let expected = if is_first { Memory::First } else { Memory::Seen };
            assert_eq!(store.remember([key; 16], at(now + span), at(now)).await.unwrap(), expected);
        }
        Step::Reopen => {}
        Step::Sweep { budget, forget, end } => sweep(store, model, now, budget, forget, end).await,
        Step::Touch { number, back, confirms } => {
            let then = now.saturating_sub(back);
            store.touch(id(number), at(then), confirms);
            if let Some((_, activity)) = model.sessions.get_mut(&number) {
                activity.last_seen = activity.last_seen.max(at(then));
                activity.confirmed_at = activity.confirmed_at.or(confirms.then(|| at(then)));
            }
        }
    }
}

async fn replace(store: &Store, model: &mut Model, number: u64, next: Session) {
    let current = model.seen(number).unwrap();
    let expected = match (current.record().ended, next.record().ended) {
        (Some(_), None) => Replacement::Conflict,
        _ => Replacement::Replaced,
    };
    assert_eq!(store.replace(next.clone()).await.unwrap(), expected);
    if expected == Replacement::Replaced {
        model.sessions.get_mut(&number).unwrap().0 = next;
    }
}

/// Which sessions come next is the store's affair, what becomes of them is not.
async fn sweep(store: &Store, model: &mut Model, now: u64, budget: usize, forget: u64, end: u64) {
    let idle = Ended { at: at(now), reason: EndReason::Idle };
    let judge = move |found: &Found| {
        let [.., last] = found.session.record().id.as_bytes();
        match u64::from(*last) {
            number if number % 7 == forget => Sweep::Forget,
            number if number % 5 == end => Sweep::End(idle),
            _ => Sweep::Keep,
        }
    };
    let swept = store.sweep(at(now), budget, &judge).await.unwrap();
    let mut forgotten = 0;
    let numbers: Vec<_> = model.sessions.keys().copied().collect();
    for number in numbers {
        match store.load(id(number)).await.unwrap() {
            None => {
                assert_eq!(number % 7, forget);
                model.sessions.remove(&number);
                model.gone.insert(number);
                forgotten += 1;
            }
            Some(found) if swept.ended.iter().any(|ended| ended.record().id == id(number)) => {
                assert!(number % 7 != forget && number % 5 == end);
                assert_eq!(found.session.record().ended, Some(idle));
                let (known, _) = model.sessions.get_mut(&number).unwrap();
                *known = known.end(idle.reason, idle.at).unwrap();
            }
            Some(_) => {}
        }
    }
    assert_eq!(swept.forgotten, forgotten);
    assert!(swept.ended.len() + swept.forgotten <= budget);
}

async fn compare(store: &Store, model: &Model) {
    assert_eq!(store.count(), model.sessions.len());
    assert_eq!(store.epoch().await.unwrap(), model.epoch());
    let mut of_users: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (number, (_, activity)) in &model.sessions {
        let found = store.load(id(*number)).await.unwrap().unwrap();
        let expected = model.seen(*number).unwrap();
        assert_eq!((&*found.session, found.activity), (&expected, *activity));
        of_users.entry(expected.record().user.clone()).or_default().push(id(*number));
    }
    for (user, mut ids) in of_users {
        let found = store.by_user("shop", &user).await.unwrap();
        let mut found: Vec<_> = found.iter().map(|found| found.session.record().id).collect();
        found.sort();
        ids.sort();
        assert_eq!(found, ids);
    }
    let mut places: Vec<_> = model
        .sessions
        .values()
        .map(|(session, _)| (session.record().created_at, session.record().id))
        .collect();
    places.sort_by(|a, b| b.cmp(a));
    places.truncate(10);
    let listed = store.list(&ListQuery { limit: 10, ..ListQuery::default() }, &|_| true).await.unwrap();
    let listed: Vec<_> =
        listed.iter().map(|found| (found.session.record().created_at, found.session.record().id)).collect();
    assert_eq!(listed, places);
}

impl Model {
    fn epoch(&self) -> u64 {
        u64::try_from(self.ends.len()).unwrap()
    }

    /// The session as it should be found.
    fn seen(&self, number: u64) -> Option<Session> {
        let (session, _) = self.sessions.get(&number)?;
        let record = session.record();
        let fenced = usize::try_from(record.epoch).ok().and_then(|epoch| self.ends.get(epoch));
        let fenced = fenced.map(|end| Ended { at: at(*end), reason: EndReason::Revoked });
        Some(Session::restore(Record { ended: record.ended.or(fenced), ..record.clone() }))
    }
}

fn step() -> impl Strategy<Value = Step> {
    let number = || 0_u64..24;
    prop_oneof![
        6 => (number(), 0_u8..5, prop::bool::weighted(0.1))
            .prop_map(|(number, user, stale)| Step::Create { number, user, stale }),
        6 => number().prop_map(|number| Step::Refresh { number }),
        2 => number().prop_map(|number| Step::RefreshStale { number }),
        2 => number().prop_map(|number| Step::End { number }),
        1 => Just(Step::EndEveryone),
        3 => (0_u8..8, 0_u64..20).prop_map(|(key, span)| Step::Remember { key, span }),
        1 => Just(Step::Reopen),
        3 => (0_usize..20, 0_u64..7, 0_u64..5).prop_map(|(budget, forget, end)| Step::Sweep { budget, forget, end }),
        4 => (number(), 0_u64..30, any::<bool>())
            .prop_map(|(number, back, confirms)| Step::Touch { number, back, confirms }),
    ]
}

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}
