//! What is remembered of the sessions that are in use.
//!
//! It is held in memory alone: after a restart a trail begins anew where the session's login was, and the worst that comes of
//! it is one proof or login more. What is usual for a user, and what was suspected of their logins, is in the store.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use holdfast_core::{
    Level, Method, SessionId, UnixTime,
    risk::{
        Assessment, Client, ClientFields, Digest, Line, Location, Network, Posture, Presence, Profile, Score,
        Sighting, Told, Trail,
    },
    session::Record,
};
use parking_lot::Mutex;

use super::{Locate, Outcome, Question, demand::Demands};
use crate::Policies;

/// The trails of sessions, where users are, and what was decided.
pub struct Memory {
    shards: Box<[Mutex<Sessions>]>,
    /// By a hash of the user.
    presences: Box<[Mutex<Users>]>,
    hasher: RandomState,
}

type Sessions = HashMap<SessionId, Entry>;
type Users = HashMap<u64, Vec<Presence>>;

/// A session in use.
#[derive(Default)]
pub(super) struct Entry {
    pub(super) trail: Trail,
    /// Its user has just authenticated again: wherever it is used first is where they are.
    pub(super) is_vouched_for: bool,
    /// It goes on with another one, after its user has authenticated again.
    pub(super) goes_on: bool,
    pub(super) demands: Demands,
    /// Of the cookie that the last proof made.
    pub(super) generation: u32,
    weighed: Option<Weighed>,
    objected: Objections,
    used_at: UnixTime,
}

impl Entry {
    /// What was weighed does not hold any more.
    pub(super) fn weigh_anew(&mut self) {
        self.weighed = None;
    }
}

/// The policies that objected of late, and when it was told of each. Whoever alternates between requests makes no more news
/// than whoever repeats one; whoever goes on is told of again.
#[derive(Default)]
struct Objections(Vec<(Arc<str>, UnixTime)>);

impl Objections {
    /// Remembers what objects now, and says whether any of it is news. A session against which so many have objected that no
    /// more are remembered has been told of often enough.
    fn note(&mut self, names: impl Iterator<Item = Arc<str>>, now: UnixTime) -> bool {
        self.0.retain(|(_, at)| now.since(*at) < TOLD_AGAIN);
        let mut is_news = false;
        for name in names {
            let is_told = self.0.iter().any(|(known, _)| *known == name);
            if !is_told && self.0.len() < MOST_OBJECTIONS {
                self.0.push((name, now));
                is_news = true;
            }
        }
        is_news
    }
}

/// What is known of a session of which nothing is remembered.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    /// What is usual for its user, and what was suspected of its login.
    pub(super) profile: &'a Profile,
    /// Where its owner is believed to be if the session does not know where it began.
    pub(super) last: Option<Sighting>,
    pub(super) locate: Locate<'a>,
}

/// What was weighed, and whether it still holds.
struct Weighed {
    from: Option<(Network, Option<Line>)>,
    cookie: Option<u32>,
    fields: Digest,
    revision: u64,
    binding: Option<(Method, Level)>,
    posture: Posture,
    told: Told,
    is_proved: bool,
    at: UnixTime,
    seen: Seen,
    /// For the last few routes and methods.
    decided: Vec<(Key, Arc<Policies>, Arc<Outcome>)>,
}

impl Weighed {
    /// What these policies decided about a request that is the same to them, if they did.
    fn decided(&self, question: &Question<'_>, policies: &Arc<Policies>) -> Option<Arc<Outcome>> {
        let key = Key::of(question, policies);
        let mut same = self.decided.iter().filter(|(of, by, _)| *of == key && Arc::ptr_eq(by, policies));
        same.next().map(|(_, _, outcome)| Arc::clone(outcome))
    }
}

/// A request as it was weighed.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) location: Location,
    pub(super) assessment: Arc<Assessment>,
}

/// Requests with the same key are the same to the policies, if they were weighed together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    target: Digest,
    session: u64,
    auth: u64,
    proof: Option<u64>,
}

impl Key {
    pub(super) fn of(question: &Question<'_>, policies: &Policies) -> Self {
        let (ages, thresholds) = (question.ages(), policies.thresholds());
        let target = &question.target;
        Self {
            target: Digest::of(&(target.method, target.pattern, target.tags)),
            session: thresholds.age(ages.session),
            auth: thresholds.age(ages.auth),
            proof: ages.proof.map(|age| thresholds.age(age)),
        }
    }
}

impl Memory {
    /// A memory of nothing.
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            presences: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Forgets a session that has ended. Says whether the profile of its user remembers how it began.
    pub fn forget(&self, record: &Record) -> bool {
        let entry = self.shard(record.id).and_then(|shard| shard.lock().remove(&record.id));
        if let Some(users) = self.users(record) {
            let mut users = users.lock();
            let name = self.name(record);
            if let Some(presences) = users.get_mut(&name) {
                presences.retain(|presence| presence.session != record.id);
                if presences.is_empty() {
                    users.remove(&name);
                }
            }
        }
        entry.is_some_and(|entry| entry.goes_on || entry.trail.began_strangely())
    }

    /// Forgets what was not used for long. What was suspected of a login stays: whoever has phished it need not be patient.
    pub fn sweep(&self, now: UnixTime) {
        for shard in &self.shards {
            shard.lock().retain(|_, entry| {
                let kept = if entry.trail.began_strangely() { KEPT_SUSPICION } else { KEPT };
                now.since(entry.used_at) < kept
            });
        }
        for users in &self.presences {
            users.lock().retain(|_, presences| {
                presences.retain(|presence| now.since(presence.at) < PRESENT);
                !presences.is_empty()
            });
        }
    }

    /// How many sessions are remembered.
    pub fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// What was weighed for this session, if this request is like the one before; and what was decided, if it is for the
    /// same as one before.
    pub(super) fn recall(
        &self,
        question: &Question<'_>,
        policies: &Arc<Policies>,
    ) -> Option<(Seen, Option<Arc<Outcome>>)> {
        let (now, from) = (question.now, question.whence());
        let mut shard = self.shard(question.record.id)?.lock();
        let entry = shard.get_mut(&question.record.id)?;
        let weighed = entry.weighed.as_ref()?;
        let is_like_before = weighed.from == from
            && weighed.revision == question.record.revision
            && (weighed.is_proved, weighed.cookie) == (question.is_proved, question.cookie)
            && (weighed.posture, weighed.told) == (question.posture, question.told)
            && now >= weighed.at
            && now.since(weighed.at) < HOLDS
            && !is_between(weighed.at, question.session().binding_due, now)
            && weighed.fields == question.fields.digest();
        if !is_like_before {
            return None;
        }
        entry.used_at = now;
        entry.trail.seen_again(from.map(|(network, _)| network), now);
        Some((weighed.seen.clone(), weighed.decided(question, policies)))
    }

    /// Remembers what was weighed. If nothing that policies see has changed, what they decided still holds, and is given back
    /// with what was weighed before.
    pub(super) fn remember(
        &self,
        question: &Question<'_>,
        policies: &Arc<Policies>,
        seen: Seen,
    ) -> (Seen, Option<Arc<Outcome>>) {
        let Some(shard) = self.shard(question.record.id) else { return (seen, None) };
        if let Some(entry) = shard.lock().get_mut(&question.record.id) {
            if question.is_stale_copy {
                // What is said of a copy is not said of the owner.
                entry.weighed = None;
                return (seen, None);
            }
            let binding = question.record.binding.as_deref().map(|binding| (binding.method, binding.level));
            let same = entry.weighed.take().filter(|before| {
                (before.binding, before.posture, before.seen.location)
                    == (binding, question.posture, seen.location)
                    && before.seen.assessment == seen.assessment
            });
            let (seen, decided) = match same {
                Some(before) => (before.seen, before.decided),
                None => (seen, Vec::new()),
            };
            let weighed = entry.weighed.insert(Weighed {
                from: question.whence(),
                cookie: question.cookie,
                fields: question.fields.digest(),
                revision: question.record.revision,
                binding,
                posture: question.posture,
                told: question.told,
                is_proved: question.is_proved,
                at: question.now,
                seen: seen.clone(),
                decided,
            });
            return (seen, weighed.decided(question, policies));
        }
        (seen, None)
    }

    /// Keeps what was decided, and says whether it is news: something objects of which it was not told for a while. That may
    /// be a policy, or that no policy permits it, or that one could not be evaluated.
    pub(super) fn keep(
        &self,
        question: &Question<'_>,
        key: Key,
        policies: &Arc<Policies>,
        outcome: &Arc<Outcome>,
    ) -> bool {
        let Some(shard) = self.shard(question.record.id) else { return true };
        let mut shard = shard.lock();
        let Some(entry) = shard.get_mut(&question.record.id) else { return true };
        let ruling = &outcome.ruling;
        let of_all = [
            (ruling.not_permitted, NOT_PERMITTED),
            (!ruling.errors.is_empty(), FAILED),
            // The same policies object to what is worse.
            (!ruling.hits.is_empty() && outcome.assessment.highest() >= Score::GRAVE, GRAVE),
        ];
        let of_all = of_all.into_iter().filter(|(is_so, _)| *is_so).map(|(_, name)| Arc::from(name));
        let names = ruling.hits.iter().map(|hit| Arc::clone(&hit.id)).chain(of_all);
        let is_news = entry.objected.note(names, question.now);
        let Some(weighed) = entry.weighed.as_mut() else { return is_news };
        // Somebody else may have weighed it anew meanwhile.
        if !Arc::ptr_eq(&weighed.seen.assessment, &outcome.assessment) {
            return is_news;
        }
        weighed.decided.retain(|(of, by, _)| of.target != key.target && Arc::ptr_eq(by, policies));
        if weighed.decided.len() >= MOST_DECIDED {
            weighed.decided.remove(0);
        }
        weighed.decided.push((key, Arc::clone(policies), Arc::clone(outcome)));
        is_news
    }

    /// Does something with the trail of a session; begins it as `before` says, if there is none.
    pub(super) fn with_trail<T>(
        &self,
        record: &Record,
        before: &Before<'_>,
        now: UnixTime,
        work: impl FnOnce(&mut Entry) -> T,
    ) -> T {
        let Some(shard) = self.shard(record.id) else { return work(&mut Entry::default()) };
        let mut shard = shard.lock();
        if !shard.contains_key(&record.id) {
            make_room(&mut shard);
        }
        let entry = shard
            .entry(record.id)
            .or_insert_with(|| Entry { trail: trail_of(record, before), ..Entry::default() });
        entry.used_at = now;
        work(entry)
    }

    /// Does something with a session that is remembered.
    pub(super) fn with_entry<T>(&self, record: &Record, work: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.shard(record.id)?.lock().get_mut(&record.id).map(work)
    }

    pub(super) fn begin(&self, id: SessionId, trail: Trail, now: UnixTime) {
        let Some(shard) = self.shard(id) else { return };
        let mut shard = shard.lock();
        make_room(&mut shard);
        shard.insert(id, Entry { trail, used_at: now, ..Entry::default() });
    }

    pub(super) fn succeed(&self, former: SessionId, next: SessionId, is_authenticated: bool, now: UnixTime) {
        // The former one is forgotten when it has ended: until then it may be used.
        let trail = self.shard(former).and_then(|shard| Some(shard.lock().get(&former)?.trail.clone()));
        let trail = trail.unwrap_or_default();
        let trail = if is_authenticated { trail.renewed(now) } else { trail };
        let Some(shard) = self.shard(next) else { return };
        let mut shard = shard.lock();
        make_room(&mut shard);
        shard.insert(
            next,
            Entry {
                trail,
                is_vouched_for: is_authenticated,
                goes_on: is_authenticated,
                used_at: now,
                ..Entry::default()
            },
        );
    }

    pub(super) fn presences(&self, record: &Record) -> Vec<Presence> {
        let users = self.users(record);
        users.and_then(|users| users.lock().get(&self.name(record)).cloned()).unwrap_or_default()
    }

    pub(super) fn note_presence(&self, record: &Record, presence: Presence) {
        let Some(users) = self.users(record) else { return };
        let mut users = users.lock();
        let presences = users.entry(self.name(record)).or_default();
        presences.retain(|other| other.session != presence.session);
        if presences.len() >= MOST_PRESENCES {
            presences.remove(0);
        }
        presences.push(presence);
    }

    fn shard(&self, id: SessionId) -> Option<&Mutex<Sessions>> {
        let [first, ..] = id.as_bytes();
        self.shards.get(usize::from(*first))
    }

    fn users(&self, record: &Record) -> Option<&Mutex<Users>> {
        let [.., last] = self.name(record).to_be_bytes();
        self.presences.get(usize::from(last))
    }

    fn name(&self, record: &Record) -> u64 {
        self.hasher.hash_one((&record.app, &record.user))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// A trail that begins where the login was, as far as the session remembers it.
fn trail_of(record: &Record, before: &Before<'_>) -> Trail {
    let Before { profile, last, locate } = *before;
    let client = record.client.as_deref();
    // After a regeneration the session may be anywhere, and so is its user.
    let is_fresh = record.created_at == record.began_at && !profile.goes_on(record.id);
    let ip = client.and_then(|client| client.ip).filter(|_| is_fresh);
    let from =
        ip.map(|ip| Sighting { network: Network::of(ip), location: locate(ip), at: record.created_at });
    let line = ip.map(Line::of);
    let from = from.or(last);
    let agent = client.and_then(|client| client.user_agent.as_deref());
    let client =
        agent.map(|agent| Client::read(&ClientFields { user_agent: Some(agent), ..ClientFields::default() }));
    Trail::begin(from, line, client, profile.suspicion(record.id), record.created_at)
}

fn make_room(shard: &mut Sessions) {
    if shard.len() >= MOST_IN_A_SHARD {
        let of_least_use = |(_, entry): &(&SessionId, &Entry)| (entry.trail.began_strangely(), entry.used_at);
        let oldest = shard.iter().min_by_key(of_least_use).map(|(id, _)| *id);
        if let Some(oldest) = oldest {
            shard.remove(&oldest);
        }
    }
}

fn is_between(earlier: UnixTime, moment: UnixTime, later: UnixTime) -> bool {
    earlier <= moment && moment < later
}

/// By the first byte of an id, and the last one of a user's name.
const SHARDS: usize = 256;

/// A quarter of a million sessions in use, at about a kilobyte each.
const MOST_IN_A_SHARD: usize = 1024;

/// How long what was weighed holds, if nothing changes.
const HOLDS: Duration = Duration::from_secs(60);

/// A session that was not used for so long begins its trail anew.
const KEPT: Duration = Duration::from_secs(2 * 3600);
/// Longer than most sessions live, which are forgotten when they end. The profile remembers it after that.
const KEPT_SUSPICION: Duration = Duration::from_secs(90 * 86_400);

const PRESENT: Duration = Duration::from_secs(600);
const MOST_PRESENCES: usize = 16;
const MOST_DECIDED: usize = 4;

/// Of the same objection to a session it is told once in so long.
const TOLD_AGAIN: Duration = Duration::from_secs(600);
const MOST_OBJECTIONS: usize = 32;

/// Stand where names of policies do, and are none: a name with a zero byte would share its news with them, and no more.
const NOT_PERMITTED: &str = "\0not permitted";
const FAILED: &str = "\0failed";
const GRAVE: &str = "\0grave";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_alternates_is_news_once() {
        let at = |second: u64| UnixTime::from_secs(1_800_000_000 + second);
        let note = |objections: &mut Objections, name: &str, now| {
            objections.note(std::iter::once(Arc::from(name)), now)
        };
        let mut objections = Objections::default();
        let news: Vec<bool> = (0..100)
            .map(|second| note(&mut objections, if second % 2 == 0 { "a" } else { "b" }, at(second)))
            .collect();
        assert_eq!(news.iter().filter(|is_news| **is_news).count(), 2);
        assert!(!objections.note(std::iter::empty(), at(100)), "nothing objects");
        assert!(!note(&mut objections, "a", at(101)), "a request without objections takes nothing back");
        assert!(note(&mut objections, "c", at(102)));
        assert!(!note(&mut objections, "a", at(599)));
        assert!(note(&mut objections, "a", at(600)), "whoever goes on is told of again");
        assert!(!note(&mut objections, "b", at(600)));
        assert!(note(&mut objections, "b", at(601)));
        // However many policies there are, their number is bounded, and so is the news.
        let mut objections = Objections::default();
        let news = (0..10_000).filter(|number| note(&mut objections, &(number % 100).to_string(), at(0)));
        assert_eq!((news.count(), objections.0.len()), (MOST_OBJECTIONS, MOST_OBJECTIONS));
    }
}
