//! What stands between a valid session and the app: signals are weighed and policies asked, at every check.
//!
//! A session that is used as before costs a look into memory. Only when something is different, or a minute has passed, is
//! everything weighed anew, and only when that or the route is different are the policies asked again.

mod audit;
mod demand;
mod memory;
mod note;
mod question;

use std::{net::IpAddr, sync::Arc};

use holdfast_core::{
    UnixTime,
    jose::Thumbprint,
    risk::{
        Agent, Assessment, Client, Evidence, Line, Location, Login, Network, Presence, Profile, Score,
        Sighting, Signal, SignalName, Trail, Visit, weigh_login,
    },
    session::Record,
};

pub use audit::{Recorded, UnreadableRisk, login_json};
pub use demand::Demand;
pub use memory::Memory;
use memory::{Before, Key, Seen};
pub use note::{decode_profile, encode_profile, revise_profile};
pub use question::{Question, Target, groups};

use super::{Policies, Ruling};

/// Where an address is.
pub type Locate<'a> = &'a dyn Fn(IpAddr) -> Location;

/// The answer about a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was weighed and decided.
    pub outcome: Arc<Outcome>,
    /// Whether policies object to the session that were not told to object to it for a while.
    pub is_news: bool,
}

/// What was weighed for a request, and what the policies made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What is to be done.
    pub ruling: Ruling,
    /// What is suspected.
    pub assessment: Arc<Assessment>,
    /// The part of the audit record that does not change with time.
    record: Box<str>,
}

impl Memory {
    /// Answers from memory, if the session is used as before. `None` if everything has to be weighed.
    pub fn quick(&self, question: &Question<'_>, policies: &Arc<Policies>) -> Option<Answer> {
        if question.is_stale_copy || question.target.is_export() {
            return None;
        }
        let (seen, decided) = self.recall(question, policies)?;
        Some(self.answer(question, policies, &seen, decided))
    }

    /// Weighs everything, and asks the policies. `profile` is what is usual for the user; it may have learned something.
    pub fn weigh(
        &self,
        question: &Question<'_>,
        policies: &Arc<Policies>,
        profile: &mut Profile,
        locate: Locate<'_>,
    ) -> Answer {
        let record = question.record;
        let mut visit = question.visit(locate);
        let others = self.presences(record);
        let before = Before { profile, last: profile.last().copied(), locate };
        let (assessment, evidence, suspicion) = self.with_trail(record, &before, question.now, |trail| {
            let is_vouched_for = std::mem::take(&mut trail.is_vouched_for);
            // A proof that came since the session was read has replaced the cookie all the same.
            visit.is_replaced |= question.is_replaced(trail.generation);
            let session = question.session();
            let assessment = trail.trail.weigh(&visit, &session, profile, &others);
            let evidence = match (is_vouched_for, assessment.proved_here && !trail.trail.began_strangely()) {
                (true, _) | (_, true) => Some(Evidence::Proof),
                // What is only tried is not learned.
                (false, false) => (assessment.highest() < Score::STRANGE).then_some(Evidence::Use),
            };
            let suspicion = trail.trail.suspicion();
            (assessment, evidence.map(|evidence| (evidence, is_vouched_for)), suspicion)
        });
        if let Some(suspicion) = suspicion {
            profile.suspect(record.id, &suspicion, question.now);
        }
        if let Some((evidence, is_vouched_for)) = evidence {
            self.learn(record, &visit, evidence, profile);
            // A login that was strange has not made its device known; the one that answers for it does.
            let device = record.client.as_deref().and_then(|client| client.device_id.as_ref());
            if let Some(device) = device.filter(|_| is_vouched_for) {
                profile.learn_device(device.as_str(), question.now);
            }
        }
        let seen = Seen {
            location: visit.from.map_or(Location::Unknown, |from| from.location),
            assessment: Arc::new(assessment),
        };
        let (seen, decided) = self.remember(question, policies, seen);
        self.answer(question, policies, &seen, decided)
    }

    fn learn(&self, record: &Record, visit: &Visit, evidence: Evidence, profile: &mut Profile) {
        if visit.client.is_told {
            profile.learn_browser(&visit.client.agent, None, visit.now);
        }
        let Some(from) = visit.from else { return };
        profile.learn(&from, evidence);
        if let Location::Known(place) = from.location {
            self.note_presence(record, Presence { session: record.id, place, at: visit.now });
        }
    }

    /// What was decided, or else what the policies say now.
    fn answer(
        &self,
        question: &Question<'_>,
        policies: &Arc<Policies>,
        seen: &Seen,
        decided: Option<Arc<Outcome>>,
    ) -> Answer {
        if let Some(outcome) = decided {
            return Answer { outcome, is_news: false };
        }
        let (subject, situation) = (question.subject(), question.situation(seen));
        let ruling = policies.decide(&subject, &situation);
        let record = audit::record(&subject, &situation, &seen.assessment, &ruling);
        let outcome = Arc::new(Outcome { ruling, assessment: Arc::clone(&seen.assessment), record });
        let is_news = self.keep(question, Key::of(question, policies), policies, &outcome);
        Answer { outcome, is_news }
    }

    /// Weighs a login, begins the trail of its session, and learns from it.
    pub fn login(
        &self,
        record: &Record,
        login: &Beginning<'_>,
        profile: &mut Profile,
        locate: Locate<'_>,
    ) -> Assessment {
        let now = record.created_at;
        let client = login.user_agent.map(|agent| {
            Client::read(&holdfast_core::risk::ClientFields { user_agent: Some(agent), ..Default::default() })
        });
        let from = sighting(login.ip, locate, now);
        let about = Login {
            from,
            client: client.as_ref(),
            strength: question::strength(record),
            device: login.device,
            now,
        };
        let found = weigh_login(&about, profile);
        let location = from.map_or(Location::Unknown, |from| from.location);
        let is_strange = found.highest() >= Score::STRANGE;
        if let Some(from) = from.filter(|_| !is_strange) {
            profile.learn(&from, Evidence::Use);
        }
        if let Some(device) = login.device.filter(|_| !is_strange) {
            profile.learn_device(device, now);
        }
        // A strange login may be somebody else's, and does not say how strong the user's are.
        profile.learn_login(about.strength.filter(|_| !is_strange), &location, now);
        if is_strange {
            profile.suspect(record.id, &found.signals, now);
        }
        let line = login.ip.map(Line::of);
        self.begin(record.id, Trail::begin(from, line, client, found.signals.clone(), now), now);
        found
    }

    /// Goes on with the trail of a session under its new id. With `is_authenticated` its user has just authenticated again,
    /// and nothing of before is held against it.
    pub fn follow(&self, succession: &Succession<'_>, profile: &mut Profile, locate: Locate<'_>) {
        let Succession { former, next, is_authenticated, now } = *succession;
        let before = Before { profile, last: None, locate };
        let suspicion = self.with_trail(former, &before, now, |entry| entry.trail.suspicion());
        if is_authenticated {
            profile.go_on(next.id, now);
        } else if let Some(suspicion) = suspicion {
            profile.suspect(next.id, &suspicion, now);
        }
        self.succeed(former.id, next.id, is_authenticated, now);
    }

    /// Learns that a device has proved its key. The first proof of a session binds it.
    pub fn proved(&self, proof: &Proved<'_>, profile: &mut Profile, locate: Locate<'_>) {
        let Proved { record, ip, user_agent, key, is_first, now } = *proof;
        let agent = Agent::parse(user_agent.unwrap_or_default());
        let rebound = profile.bound_another(&agent, key, now).filter(|ago| is_first && *ago < REBOUND);
        let from = sighting(ip, locate, now);
        let before = Before { profile, last: None, locate };
        let suspicion = self.with_trail(record, &before, now, |trail| {
            trail.demands.proved();
            trail.generation = trail.generation.max(question::generation(record));
            // A request that was weighed while the proof was on its way has not seen it.
            trail.weigh_anew();
            if let Some((from, line)) = from.zip(ip.map(Line::of)) {
                trail.trail.prove(&from, line, agent);
            }
            // Whoever authenticates again binds again.
            if let Some(ago) = rebound.filter(|_| !trail.goes_on) {
                let signal = Signal::new(SignalName::BindingReboundSoon, Score::new(60));
                trail.trail.suspect(signal.because("seconds_ago", ago.as_secs()));
            }
            trail.trail.suspicion()
        });
        if let Some(suspicion) = suspicion {
            profile.suspect(record.id, &suspicion, now);
            return;
        }
        if is_first {
            profile.learn_browser(&agent, Some(key), now);
        }
        if let Some(from) = from {
            profile.learn(&from, Evidence::Proof);
        }
    }

    /// Counts bytes that the app has sent from a route that exports.
    pub fn used(&self, record: &Record, bytes: u64, profile: &Profile, locate: Locate<'_>, now: UnixTime) {
        self.with_trail(record, &Before { profile, last: None, locate }, now, |entry| {
            entry.trail.count_bytes(bytes, now);
            entry.weigh_anew();
        });
    }
}

/// What the app passes on of a client at login.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beginning<'a> {
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Its `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// What the app calls the device.
    pub device: Option<&'a str>,
}

/// A session that goes on under another id.
#[derive(Clone, Copy, Debug)]
pub struct Succession<'a> {
    /// It under the former one.
    pub former: &'a Record,
    /// It under the new one.
    pub next: &'a Record,
    /// Whether its user has just authenticated again.
    pub is_authenticated: bool,
    /// When.
    pub now: UnixTime,
}

/// A signature by the key of a session, and where it came from.
#[derive(Clone, Copy, Debug)]
pub struct Proved<'a> {
    /// The session.
    pub record: &'a Record,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// Its `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// The key.
    pub key: &'a Thumbprint,
    /// Whether it bound the session.
    pub is_first: bool,
    /// When.
    pub now: UnixTime,
}

fn sighting(ip: Option<IpAddr>, locate: Locate<'_>, now: UnixTime) -> Option<Sighting> {
    ip.map(|ip| Sighting { network: Network::of(ip), location: locate(ip), at: now })
}

/// Whoever binds another key so soon has deleted the browser's data, or is somebody else.
const REBOUND: std::time::Duration = std::time::Duration::from_secs(600);
