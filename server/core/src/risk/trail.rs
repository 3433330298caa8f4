//! Where a session was used, from its login on.

use std::{sync::Arc, time::Duration};

use super::{
    agent::{Agent, AgentChange},
    assessment::{Assessment, Posture, Told},
    client::Client,
    export::Exports,
    login::weigh_network,
    network::{Line, Network},
    place::{Location, Place},
    profile::{Profile, Sighting},
    signal::{Score, Signal, SignalName},
    travel::{Leg, impossible_travel, two_continents},
};
use crate::{SessionId, UnixTime};

/// What is remembered of where a session was used, and by what.
///
/// One place is believed to be the owner's: that of the login, and later whichever the device proved its key from, or
/// that is too little strange to ask. Every request is compared with it, and what is strange stays so however often it
/// is tried, until a proof from there or a new login clears it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trail {
    believed: Option<Sighting>,
    /// The owner's line there, if it is known.
    line: Option<Line>,
    client: Option<(Client, UnixTime)>,
    proofs: Vec<Proof>,
    /// The last requests that needed a proof and had none.
    sought: Vec<Sought>,
    exports: Exports,
    stale_at: Option<UnixTime>,
    /// What was suspected at the login. Only another login clears it.
    at_login: Arc<[Signal]>,
    /// The client was a program before its user authenticated again, and may be one afterwards.
    was_automated: bool,
}

/// A signature by the device's key, and where it came from.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Proof {
    network: Network,
    /// Nothing if the device proved its key by the other version of the protocol, or by another network inside.
    line: Option<Line>,
    location: Location,
    agent: Agent,
    at: UnixTime,
    /// When its owner was last seen to have several lines of this network, as behind a translator with several addresses.
    moved_at: Option<UnixTime>,
}

/// A request that needed a proof.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sought {
    network: Network,
    line: Option<Line>,
    location: Location,
    agent: Agent,
    at: UnixTime,
}

/// A request, as it is compared.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Where it comes from; nothing if nobody has said so.
    pub from: Option<Sighting>,
    /// By which line.
    pub line: Option<Line>,
    /// What the client says of itself.
    pub client: Client,
    /// Whether a signature by the key came with this very request (RFC 9449).
    pub is_proved: bool,
    /// Whether a copy of a replaced cookie came with it.
    pub is_stale_copy: bool,
    /// Whether its cookie is the one before the last, which is good for a little while after a proof. Whoever has no other is
    /// not the one who proved the key.
    pub is_replaced: bool,
    /// Whether it goes to a route that exports data.
    pub is_export: bool,
    /// When.
    pub now: UnixTime,
}

/// What is known of a session beside its trail.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// Whether it is bound to a key.
    pub is_bound: bool,
    /// Whether it is a browser's; clients of OAuth are programs, and may be.
    pub is_browser: bool,
    /// Until when it may wait for its binding.
    pub binding_due: UnixTime,
    /// What is known of its device.
    pub posture: Posture,
    /// What others have told.
    pub told: Told,
}

/// Another live session of the same user, as it was last seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Presence {
    /// Which.
    pub session: SessionId,
    /// Where it is.
    pub place: Place,
    /// When it was used there.
    pub at: UnixTime,
}

impl Trail {
    /// The trail of a session that began just now, with what was suspected of its login.
    pub fn begin(
        from: Option<Sighting>,
        line: Option<Line>,
        client: Option<Client>,
        at_login: Vec<Signal>,
        now: UnixTime,
    ) -> Self {
        Self {
            believed: from,
            line,
            client: client.map(|client| (client, now)),
            at_login: at_login.into(),
            ..Self::default()
        }
    }

    /// The trail of a session that follows this one after its user has authenticated again: wherever it is used first is
    /// where the owner is, and nothing of before is held against it.
    #[must_use]
    pub fn renewed(&self, now: UnixTime) -> Self {
        let was_automated = self.client().map_or(self.was_automated, |client| client.agent.automation);
        Self { exports: self.exports.accepted(now), was_automated, ..Self::default() }
    }

    /// Where the owner is believed to be.
    pub const fn believed(&self) -> Option<&Sighting> {
        self.believed.as_ref()
    }

    /// The client that is believed to be the owner's.
    pub fn client(&self) -> Option<&Client> {
        self.client.as_ref().map(|(client, _)| client)
    }

    /// Notes that the session was used again just as before.
    pub fn seen_again(&mut self, from: Option<Network>, now: UnixTime) {
        if let Some(believed) = &mut self.believed
            && from.is_some_and(|from| from.shares_site(&believed.network))
        {
            believed.at = believed.at.max(now);
            if let Some((_, seen_at)) = &mut self.client {
                *seen_at = now.max(*seen_at);
            }
        }
    }

    /// Notes that the device has proved its key from here.
    pub fn prove(&mut self, from: &Sighting, line: Line, agent: Agent) {
        let Sighting { network, location, at } = *from;
        let answered: Vec<_> =
            self.sought.iter().copied().filter(|sought| sought.is_answered(&agent, at)).collect();
        let is_another = |other: Option<Line>| other.is_some_and(|other| other != line);
        // Whose requests come by one line and whose proofs by another has several.
        let was_sought =
            answered.iter().any(|sought| sought.network.shares_site(&network) && is_another(sought.line));
        // The last one of several.
        let before = self.proofs.iter().rev().find(|proof| proof.is_of(&network, &agent));
        let before = before.filter(|proof| at.since(proof.at) <= PROOF_COUNTS);
        let has_moved = was_sought || before.is_some_and(|before| is_another(before.line));
        let moved_at = if has_moved { Some(at) } else { before.and_then(|before| before.moved_at) };
        self.remember(Proof { network, line: Some(line), location, agent, at, moved_at });
        // Whoever used the session from there before had no key to show; and where nobody is yet, the owner is.
        if self.believed.is_none_or(|believed| believed.network.shares_site(&network)) {
            self.believed.get_or_insert(*from);
            self.line = Some(line);
        }
        // A device with both versions of the protocol may prove its key by the other one than its request came by; and inside, by
        // another network.
        for sought in answered.iter().filter(|sought| sought.is_crossed(&network, &location)) {
            let Sought { network, location, .. } = *sought;
            self.remember(Proof { network, line: None, location, agent, at, moved_at: Some(at) });
        }
        self.sought.retain(|sought| !sought.is_answered(&agent, at));
    }

    fn remember(&mut self, proof: Proof) {
        let of_site = |other: &&Proof| other.is_of(&proof.network, &proof.agent);
        self.proofs.retain(|other| other.line != proof.line || !of_site(&other));
        if self.proofs.iter().filter(of_site).count() >= MOST_OF_A_SITE
            && let Some(oldest) = self.proofs.iter().position(|other| of_site(&other))
        {
            self.proofs.remove(oldest);
        }
        if self.proofs.len() >= MOST_PROOFS {
            self.proofs.remove(0);
        }
        self.proofs.push(proof);
    }

    /// Adds to what is suspected of how the session began.
    pub fn suspect(&mut self, signal: Signal) {
        let is_other = |known: &&Signal| known.name != signal.name;
        let before =
            self.at_login.iter().find(|known| known.name == signal.name && known.score > signal.score);
        let strongest = before.cloned().unwrap_or_else(|| signal.clone());
        self.at_login = self.at_login.iter().filter(is_other).cloned().chain([strongest]).collect();
    }

    /// Whether something was strange enough about the login that nothing that came of it is to be learned.
    pub fn began_strangely(&self) -> bool {
        self.at_login.iter().any(|signal| signal.score >= Score::STRANGE)
    }

    /// What was suspected of the login, if that was strange enough.
    pub fn suspicion(&self) -> Option<Arc<[Signal]>> {
        self.began_strangely().then(|| Arc::clone(&self.at_login))
    }

    /// Counts bytes that the app has sent from a route that exports.
    pub fn count_bytes(&mut self, bytes: u64, now: UnixTime) {
        self.exports.count_bytes(bytes, now);
    }

    /// Compares a request with what is remembered, and remembers what is believed of it.
    pub fn weigh(
        &mut self,
        visit: &Visit,
        session: &Session,
        profile: &Profile,
        others: &[Presence],
    ) -> Assessment {
        let now = visit.now;
        let mut found = Assessment {
            proved_here: visit.is_proved || self.is_proved_from(visit),
            is_known_place: visit.from.is_some_and(|from| knows(profile, &from)),
            ..Assessment::default()
        };
        let mut strange = Assessment::default();
        self.weigh_place(visit, session, profile, &mut strange);
        self.weigh_client(visit, session, &mut strange);
        let highest = strange.highest();
        found.unknown.append(&mut strange.unknown);
        if found.proved_here {
            // The device is here, whatever is strange about the way. It is told, and changes nothing.
            found.signals.extend(strange.signals.into_iter().map(cleared));
        } else {
            found.signals.append(&mut strange.signals);
        }
        let is_trusted = found.proved_here || highest < ASKED;
        // A copy is refused, and nobody proves a key for it; what was in flight at a proof comes again with the cookie of that.
        if !is_trusted && session.is_bound && !visit.is_stale_copy && !visit.is_replaced {
            self.seek(visit);
        }
        if found.proved_here || highest <= TOLERATED {
            self.believe(visit, found.proved_here);
        }
        self.weigh_others(visit, session, others, &mut found);
        self.weigh_session(visit, session, profile, &mut found);
        // What is refused is not exported, and a thief who is refused must not use up what the owner may.
        if visit.is_export && is_trusted && !visit.is_stale_copy {
            self.exports.count(now);
        }
        if let Some(burst) = self.exports.burst(now) {
            found.add(burst);
        }
        found.signals.extend(self.at_login.iter().cloned());
        found
    }

    /// Whether the device has proved its key from where this request comes from, by the same browser.
    pub fn is_proved_from(&self, visit: &Visit) -> bool {
        visit.from.is_some_and(|from| self.proofs.iter().any(|proof| proof.vouches_for(visit, &from.network)))
    }

    fn seek(&mut self, visit: &Visit) {
        let Some(Sighting { network, location, at }) = visit.from else { return };
        let sought = Sought { network, line: visit.line, location, agent: visit.client.agent, at };
        self.sought.retain(|other| !(other.network.shares_site(&network) && other.agent == sought.agent));
        if self.sought.len() >= MOST_SOUGHT {
            self.sought.remove(0);
        }
        self.sought.push(sought);
    }

    /// Takes a request for the owner's. Without a proof the browser stays the one that is known: who lets it seem newer would
    /// make the owner's own look older.
    fn believe(&mut self, visit: &Visit, is_proved: bool) {
        if let Some(from) = visit.from {
            (self.believed, self.line) = (Some(from), visit.line);
        }
        let is_the_same = self.client.is_none_or(|(client, seen_at)| {
            client.agent.compare(&visit.client.agent, visit.now.since(seen_at)) == AgentChange::Same
        });
        if visit.client.is_told && (is_proved || is_the_same) {
            self.client = Some((visit.client, visit.now));
        }
    }

    /// Where the request comes from, compared with where the owner is.
    fn weigh_place(&self, visit: &Visit, session: &Session, profile: &Profile, found: &mut Assessment) {
        let Some((here, believed)) = visit.from.zip(self.believed) else {
            // Of a request without an address nothing can be said; and a session that was nowhere yet is here now.
            if visit.from.is_none() {
                found.unknown.extend([
                    SignalName::NetworkChanged,
                    SignalName::NetworkAnonymizer,
                    SignalName::NetworkHosting,
                    SignalName::TravelImpossible,
                    SignalName::TravelContinents,
                ]);
            }
            return;
        };
        if here.network.shares_site(&believed.network) {
            // Neighbours are not asked about unless there is a key to ask: their lines are handed round among them. A line that
            // is not known is another one.
            let is_another = visit.line.is_some() && visit.line != self.line;
            if is_another && session.is_bound && session.is_browser && !self.is_proved_from(visit) {
                let signal = Signal::new(SignalName::NetworkChanged, ASKS_DEVICES);
                found.add(signal.because("how", "another line of the same network"));
            }
            return;
        }
        let is_known_network = profile.knows_network(&here.network);
        found.add(network_changed(&believed, &here, (visit, session), profile));
        let leg = believed.location.place().zip(here.location.place()).map(|(from, to)| Leg {
            from,
            to,
            elapsed: visit.now.since(believed.at),
            is_known: knows(profile, &here) && knows(profile, &believed),
        });
        match leg {
            // Measured from where somebody may really not be, distances mean nothing.
            Some(leg) if leg.from.may_be_elsewhere() => {}
            leg => found.add_known(SignalName::TravelImpossible, leg.as_ref().and_then(impossible_travel)),
        }
        // What kind of network it is says something only where it is another kind than before.
        let kind = |location: &Location| location.place().and_then(|place| place.traits);
        if kind(&here.location) != kind(&believed.location) || kind(&here.location).is_none() {
            weigh_network(here.location.place(), is_known_network, found);
        }
    }

    fn weigh_client(&self, visit: &Visit, session: &Session, found: &mut Assessment) {
        if !session.is_browser {
            return;
        }
        if !visit.client.is_told {
            found.unknown.extend([SignalName::AgentAutomation, SignalName::AgentChanged]);
            return;
        }
        let Some((before, seen_at)) = &self.client else {
            if visit.client.agent.automation {
                found.add(automation(if self.was_automated { 20 } else { 90 }));
            }
            return;
        };
        found.add(before.changed(*seen_at, &visit.client, visit.now));
        if visit.client.agent.automation {
            // Who logged in with a program goes on with it.
            found.add(automation(if before.agent.automation { 20 } else { 95 }));
        }
    }

    /// Other sessions of the user, and this one at another place.
    fn weigh_others(&self, visit: &Visit, session: &Session, others: &[Presence], found: &mut Assessment) {
        let Some(from) = visit.from else { return };
        let is_live = |at: UnixTime| visit.now.since(at) <= LIVE;
        let itself = self.believed.filter(|believed| is_live(believed.at));
        let mut others =
            others.iter().filter(|other| other.session != session.id && is_live(other.at)).peekable();
        let Some(here) = from.location.place().filter(|place| place.continent.is_some()) else {
            let has_moved = itself.is_some_and(|believed| !believed.network.shares_site(&from.network));
            if has_moved || others.peek().is_some() {
                found.unknown.push(SignalName::TravelContinents);
            }
            return;
        };
        let itself = itself.and_then(|believed| two_continents(here, believed.location.place()?, true));
        let others = others.filter_map(|other| two_continents(here, &other.place, false));
        if let Some(signal) = itself.into_iter().chain(others).max_by_key(|signal| signal.score)
            && signal.score > Score::NONE
        {
            found.signals.push(if found.proved_here { cleared(signal) } else { signal });
        }
    }

    /// What is to be said of the session itself, wherever it is used.
    fn weigh_session(&mut self, visit: &Visit, session: &Session, profile: &Profile, found: &mut Assessment) {
        if visit.is_stale_copy {
            self.stale_at = Some(visit.now);
        }
        if let Some(at) = self.stale_at {
            let is_proved = self.proofs.iter().any(|proof| proof.at > at);
            // Whoever has the copy can use it again and again; the owner is not asked more than once a minute for it.
            let was_just_asked =
                found.proved_here && self.proofs.iter().any(|proof| visit.now.since(proof.at) < JUST_ASKED);
            if is_proved || (was_just_asked && !visit.is_stale_copy) {
                self.stale_at = None;
            } else {
                let ago = visit.now.since(at).as_secs();
                found.add(Signal::new(SignalName::CookieStale, Score::new(80)).because("seconds_ago", ago));
            }
        }
        let agent = &visit.client.agent;
        let could_bind = agent.could_bind() || profile.has_bound(agent);
        if session.is_browser && !session.is_bound && could_bind && visit.now > session.binding_due {
            let score = if profile.has_bound(agent) { 80 } else { 70 };
            let signal = Signal::new(SignalName::BindingMissing, Score::new(score));
            let signal = signal.because("browser", agent.family.as_str());
            found.add(signal.because("bound_before", if profile.has_bound(agent) { "yes" } else { "no" }));
        }
        if session.posture == Posture::Noncompliant {
            found.add(Signal::new(SignalName::DeviceNoncompliant, Score::FULL));
        }
        if session.told.risk > Score::NONE {
            found.add(Signal::new(SignalName::SharedRisk, session.told.risk));
        }
        if session.told.credential_changed {
            found.add(Signal::new(SignalName::SharedCredential, Score::new(80)));
        }
    }
}

impl Proof {
    fn is_of(&self, network: &Network, agent: &Agent) -> bool {
        self.network.shares_site(network) && self.agent == *agent
    }

    /// By the line that it came by. Where its owner has several, also by the others of the network, for whoever has the cookie that
    /// it was answered with.
    fn vouches_for(&self, visit: &Visit, network: &Network) -> bool {
        let is_its_line = self.line.zip(visit.line).is_some_and(|(proved, this)| proved == this);
        let moves = self.moved_at.is_some_and(|at| visit.now.since(at) <= PROOF_COUNTS);
        self.network.shares_site(network)
            && (self.agent == visit.client.agent || !visit.client.is_told)
            && visit.now.since(self.at) <= PROOF_COUNTS
            && (is_its_line || (moves && !visit.is_replaced))
    }
}

impl Sought {
    /// Browsers answer at once. Proofs that come later are those of every few minutes.
    fn is_answered(&self, agent: &Agent, now: UnixTime) -> bool {
        self.agent == *agent && now.since(self.at) <= ANSWERED
    }

    /// Whether a proof from there may be that of the same device, by the other version of the protocol.
    fn is_crossed(&self, network: &Network, location: &Location) -> bool {
        if (self.location, *location) == (Location::Internal, Location::Internal) {
            // Each node before the server may tell an address of its own.
            return !self.network.shares_site(network);
        }
        let places = self.location.place().zip(location.place());
        !self.network.shares_version(network)
            && places.is_some_and(|(here, there)| here.shares_operator(there))
    }
}

fn knows(profile: &Profile, sighting: &Sighting) -> bool {
    profile.knows_network(&sighting.network)
        || sighting.location.place().is_some_and(|place| profile.knows_place(place))
}

/// Enough to have a device prove its key, which costs nobody anything, and not to have a user log in.
const ASKS_DEVICES: Score = Score::new(30);

/// That the network is another one.
fn network_changed(
    believed: &Sighting,
    here: &Sighting,
    (visit, session): (&Visit, &Session),
    profile: &Profile,
) -> Signal {
    let places = believed.location.place().zip(here.location.place());
    let is_recent = visit.now.since(believed.at) <= LIVE;
    let shares_version = here.network.shares_version(&believed.network);
    let (score, how) = match places {
        Some((before, now)) if before.shares_operator(now) => match (shares_version, is_recent) {
            // A telephone is handed from exit to exit; a client with both versions of the protocol uses now one, now the other.
            // So does somebody else behind a line of the same operator: a device is asked, and a user is not.
            (true, true) if !visit.client.agent.mobile => (50, "same operator, both in use"),
            (_, _) => (ASKS_DEVICES.get(), "same operator"),
        },
        Some((before, now)) if before.country.is_some() && before.country == now.country => {
            (40, "another operator")
        }
        Some((before, now)) if before.country.is_some() && now.country.is_some() => (70, "another country"),
        Some(_) | None => match (believed.location, here.location) {
            // Whoever is not asked about it may be in another wing; where there is a key it costs nothing to ask.
            (Location::Internal, Location::Internal) if session.is_bound && session.is_browser => {
                (ASKS_DEVICES.get(), "both internal")
            }
            (Location::Internal, Location::Internal) => (10, "both internal"),
            // The other version of the protocol may be the same line, or anybody's: nothing tells.
            _ if !shares_version => (40, "the other version of the protocol, where is not known"),
            _ => (40, "where is not known"),
        },
    };
    let mut score = Score::new(score);
    let signal = |score| {
        let from = believed.location.place().map_or("?".to_owned(), Place::to_string);
        let to = here.location.place().map_or("?".to_owned(), Place::to_string);
        Signal::new(SignalName::NetworkChanged, score)
            .because("how", how)
            .because("from", from)
            .because("to", to)
    };
    if profile.knows_network(&here.network) {
        // The user is often here, and so are others who have the same operator: a device is asked once, and a user is not.
        score = score.min(ASKS_DEVICES);
        return signal(score).because("damped", "known network");
    }
    if here.location.place().is_some_and(|place| profile.knows_place(place)) {
        // Lines of neighbours are for rent: a device is asked all the same.
        score = score.damped(0.3).max(score.min(ASKS_DEVICES));
        return signal(score).because("damped", "known place");
    }
    signal(score)
}

fn automation(score: u8) -> Signal {
    Signal::new(SignalName::AgentAutomation, Score::new(score))
}

/// A suspicion that a proof has cleared.
fn cleared(signal: Signal) -> Signal {
    let was = u64::from(signal.score.get());
    Signal { score: Score::NONE, ..signal }.because("was", was).because("cleared_by", "proof")
}

/// A request that is no stranger than this moves the owner's place without a question.
const TOLERATED: Score = Score::new(20);

/// From here on a bound session is asked for a proof.
const ASKED: Score = Score::new(30);

/// A proof as young as this is enough, whatever copies of cookies are in use.
const JUST_ASKED: Duration = Duration::from_secs(60);

/// So long after it was used a session counts as in use.
const LIVE: Duration = Duration::from_secs(300);

/// So long a proof vouches for the place that it came from. Browsers prove their keys every few minutes of use.
const PROOF_COUNTS: Duration = Duration::from_secs(30 * 60);

/// A request is repeated as soon as its proof is there.
const ANSWERED: Duration = Duration::from_secs(15);

const MOST_PROOFS: usize = 6;
const MOST_OF_A_SITE: usize = 3;

/// Thieves may come from many places; the owner comes from few.
const MOST_SOUGHT: usize = 4;
