//! What is usual for a user, learned from what they did and never from what was only tried.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    agent::Agent,
    network::Network,
    place::{Cell, Code, Location, Place},
    signal::{Score, Signal, SignalName},
};
use crate::{SessionId, UnixTime, jose::Thumbprint};

/// What is usual for a user of an app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    spots: Vec<Spot>,
    browsers: Vec<Browser>,
    devices: Vec<Device>,
    logins: Habit,
    starts: Vec<Start>,
    last: Option<Sighting>,
    origins: Vec<Origin>,
}

/// Where somebody was seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The network of their address.
    pub network: Network,
    /// Where that is.
    pub location: Location,
    /// When.
    pub at: UnixTime,
}

/// Why a spot is believed to be the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A device proved its key from there, or the user authenticated again when asked to.
    Proof,
    /// A session was used from there.
    Use,
}

/// A network that a user was seen in, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Spot {
    network: Network,
    asn: Option<u32>,
    country: Option<Code>,
    cell: Option<Cell>,
    /// On how many days.
    days: u8,
    last_day: u32,
    /// When the last of them was counted.
    counted_at: UnixTime,
    proved: bool,
}

/// A browser that a user was seen with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Browser {
    /// Family and system.
    kind: u64,
    last_day: u32,
    /// When it last bound a session, and to which key: a hash.
    bound: Option<(UnixTime, u64)>,
    /// On how many days it has bound one.
    bound_days: u8,
}

/// A device that the app has named, or a key that stands for one: a hash.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Device {
    name: u64,
    last_day: u32,
}

/// How a user usually logs in. The counts are halved now and then, so that the last ones weigh most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Habit {
    logins: u8,
    with_several_factors: u8,
    phishing_resistant: u8,
}

/// A session that began.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Start {
    at: UnixTime,
    country: Option<Code>,
    may_be_elsewhere: bool,
}

/// A session that did not begin as most do: what must outlive the memory of its trail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Origin {
    /// A hash of its id.
    session: u64,
    /// What was suspected of its login, by their words.
    suspicion: Vec<(Box<str>, u8)>,
    /// It goes on with another one, after its user has authenticated again.
    goes_on: bool,
    last_day: u32,
}

/// How strong a login was (RFC 8176, and the words of OpenID for `acr`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strength {
    /// Whether more than one factor was shown.
    pub several_factors: bool,
    /// Whether it cannot be phished.
    pub phishing_resistant: bool,
}

impl Strength {
    /// Reads the references to authentication methods and the class.
    pub fn of(acr: Option<&str>, amr: &[Box<str>]) -> Self {
        let has = |words: &[&str]| amr.iter().any(|method| words.contains(&&**method));
        let acr = acr.unwrap_or_default();
        let phishing_resistant = has(&["hwk", "swk", "phr", "phrh", "webauthn", "fido", "sc", "passkey"])
            || acr.ends_with("phr")
            || acr.ends_with("phrh");
        let kinds = [
            has(&["pwd", "pin", "kba"]),
            has(&["otp", "sms", "hwk", "swk", "sc", "tel", "webauthn", "fido", "passkey"]),
            has(&["fpt", "face", "iris", "retina", "vbm", "bio"]),
        ];
        let several = kinds.iter().filter(|shown| **shown).count() > 1;
        Self {
            several_factors: several || has(&["mfa"]) || phishing_resistant || acr.contains("mfa"),
            phishing_resistant,
        }
    }
}

impl Profile {
    /// The last day (since 1970) on which anything was learned of this user; `None` if nothing ever was.
    pub fn last_day(&self) -> Option<u32> {
        let spots = self.spots.iter().map(|spot| spot.last_day);
        let browsers = self.browsers.iter().map(|browser| browser.last_day);
        let devices = self.devices.iter().map(|device| device.last_day);
        let starts = self.starts.iter().map(|start| day(start.at));
        let last = self.last.iter().map(|last| day(last.at));
        let origins = self.origins.iter().map(|origin| origin.last_day);
        spots.chain(browsers).chain(devices).chain(starts).chain(last).chain(origins).max()
    }

    /// Whether nothing is known of this user yet: then everything is new, and nothing strange.
    pub fn is_new(&self) -> bool {
        self.spots.is_empty() && self.browsers.is_empty() && self.logins.logins == 0
    }

    /// Whether the user is usually in this network.
    pub fn knows_network(&self, network: &Network) -> bool {
        self.spots.iter().any(|spot| spot.network.shares_site(network) && spot.is_established())
    }

    /// Whether the user is usually about here, by this operator.
    pub fn knows_place(&self, place: &Place) -> bool {
        let is_here = |spot: &Spot| {
            place.asn.is_some()
                && (spot.asn, spot.country, spot.cell) == (place.asn, place.country, place.cell())
        };
        self.spots.iter().any(|spot| is_here(spot) && spot.is_established())
    }

    /// Whether the user was seen with such a browser.
    pub fn knows_browser(&self, agent: &Agent) -> bool {
        self.browsers.iter().any(|browser| browser.kind == kind(agent))
    }

    /// Whether such a browser of this user is one that binds its sessions. Once is not enough: it may have been somebody
    /// else's, and its owner would be asked for a key that their browser cannot make.
    pub fn has_bound(&self, agent: &Agent) -> bool {
        self.browsers.iter().any(|browser| browser.kind == kind(agent) && browser.bound_days >= 2)
    }

    /// Whether the user was seen with any device that has a name.
    pub fn has_devices(&self) -> bool {
        !self.devices.is_empty()
    }

    /// Whether the user was seen with this device.
    pub fn knows_device(&self, device: &str) -> bool {
        let name = stable(device.as_bytes());
        self.devices.iter().any(|device| device.name == name)
    }

    /// How long ago such a browser of this user bound a session to another key.
    pub fn bound_another(&self, agent: &Agent, key: &Thumbprint, now: UnixTime) -> Option<Duration> {
        let key = stable(key.as_bytes());
        let bound = self.browsers.iter().filter(|browser| browser.kind == kind(agent));
        bound
            .filter_map(|browser| browser.bound)
            .find(|(_, other)| *other != key)
            .map(|(at, _)| now.since(at))
    }

    /// Where the user was last believed to be.
    pub const fn last(&self) -> Option<&Sighting> {
        self.last.as_ref()
    }

    /// Whether this login is weaker than what the user usually shows: by which of the two, if so.
    pub fn is_weaker_than_usual(&self, strength: Strength) -> Option<Weaker> {
        let Habit { logins, with_several_factors, phishing_resistant } = self.logins;
        let is_usual = |count: u8| logins >= 3 && u16::from(count) * 5 >= u16::from(logins) * 4;
        if is_usual(phishing_resistant) && !strength.phishing_resistant {
            Some(Weaker::CanBePhished)
        } else if is_usual(with_several_factors) && !strength.several_factors {
            Some(Weaker::FewerFactors)
        } else {
            None
        }
    }

    /// What was suspected of the login of a session.
    pub fn suspicion(&self, session: SessionId) -> Vec<Signal> {
        let signals = self.origin(session).into_iter().flat_map(|origin| &origin.suspicion);
        let known = signals.filter_map(|(name, score)| Some((SignalName::of(name)?, Score::new(*score))));
        known.map(|(name, score)| Signal::new(name, score).because("how", "at the login")).collect()
    }

    /// Whether a session goes on with another one after its user has authenticated again, wherever that was.
    pub fn goes_on(&self, session: SessionId) -> bool {
        self.origin(session).is_some_and(|origin| origin.goes_on)
    }

    fn origin(&self, session: SessionId) -> Option<&Origin> {
        let session = stable(session.as_bytes());
        self.origins.iter().find(|origin| origin.session == session)
    }

    /// How many sessions began lately, and in how many countries, this one included.
    pub fn starts_since(&self, since: UnixTime) -> (usize, usize) {
        let recent = self.starts.iter().filter(|start| start.at >= since);
        let mut countries: Vec<_> = recent
            .clone()
            .filter(|start| !start.may_be_elsewhere)
            .filter_map(|start| start.country)
            .collect();
        countries.sort_by_key(Code::as_bytes);
        countries.dedup();
        (recent.count(), countries.len())
    }

    /// Learns that the user was here.
    pub fn learn(&mut self, sighting: &Sighting, evidence: Evidence) {
        let place = sighting.location.place();
        let day = day(sighting.at);
        let spot = self.spots.iter_mut().find(|spot| spot.network.shares_site(&sighting.network));
        match spot {
            Some(spot) => {
                // Two minutes around midnight are not two days.
                if spot.last_day != day && sighting.at.since(spot.counted_at) >= HALF_A_DAY {
                    spot.days = spot.days.saturating_add(1);
                    spot.counted_at = sighting.at;
                }
                spot.last_day = spot.last_day.max(day);
                spot.proved |= evidence == Evidence::Proof;
                (spot.asn, spot.country, spot.cell) =
                    (place.and_then(|p| p.asn), place.and_then(|p| p.country), place.and_then(Place::cell));
            }
            None => self.spots.push(Spot {
                network: sighting.network,
                asn: place.and_then(|place| place.asn),
                country: place.and_then(|place| place.country),
                cell: place.and_then(Place::cell),
                days: 1,
                last_day: day,
                counted_at: sighting.at,
                proved: evidence == Evidence::Proof,
            }),
        }
        self.spots.retain(|spot| day.saturating_sub(spot.last_day) <= MEMORY_DAYS);
        drop_oldest(&mut self.spots, MOST_SPOTS, |spot| (spot.is_established(), spot.last_day));
        // Whoever may really be elsewhere was perhaps not here.
        let is_honest = place.is_some_and(|place| !place.may_be_elsewhere());
        let is_news = self.last.is_none_or(|last| {
            let is_later = sighting.at >= last.at;
            // Within minutes at the same place nothing is learned that would be worth a write.
            is_later && (last.network != sighting.network || sighting.at.since(last.at) >= WORTH_A_WRITE)
        });
        if is_honest && is_news {
            self.last = Some(*sighting);
        }
    }

    /// Learns that the user has this browser, and the key that it bound, if it did.
    pub fn learn_browser(&mut self, agent: &Agent, key: Option<&Thumbprint>, now: UnixTime) {
        if agent.automation {
            return;
        }
        let (kind, day) = (kind(agent), day(now));
        let bound = key.map(|key| (now, stable(key.as_bytes())));
        match self.browsers.iter_mut().find(|browser| browser.kind == kind) {
            Some(browser) => {
                browser.last_day = browser.last_day.max(day);
                let is_another_day = browser.bound.is_none_or(|(at, _)| self::day(at) != day);
                if bound.is_some() && is_another_day {
                    browser.bound_days = browser.bound_days.saturating_add(1);
                }
                browser.bound = bound.or(browser.bound);
            }
            None => {
                let bound_days = u8::from(bound.is_some());
                self.browsers.push(Browser { kind, last_day: day, bound, bound_days });
            }
        }
        self.browsers.retain(|browser| day.saturating_sub(browser.last_day) <= MEMORY_DAYS);
        drop_oldest(&mut self.browsers, MOST_BROWSERS, |browser| browser.last_day);
    }

    /// Learns that the user has this device.
    pub fn learn_device(&mut self, device: &str, now: UnixTime) {
        let (name, day) = (stable(device.as_bytes()), day(now));
        match self.devices.iter_mut().find(|device| device.name == name) {
            Some(device) => device.last_day = device.last_day.max(day),
            None => self.devices.push(Device { name, last_day: day }),
        }
        drop_oldest(&mut self.devices, MOST_DEVICES, |device| device.last_day);
    }

    /// Remembers what was suspected of the login of a session.
    pub fn suspect(&mut self, session: SessionId, signals: &[Signal], now: UnixTime) {
        let words = signals.iter().map(|signal| (signal.name.as_str().into(), signal.score.get()));
        let suspicion = words.collect();
        self.change_origin(session, now, |origin| origin.suspicion = suspicion);
    }

    /// Remembers that a session goes on with another one, after its user has authenticated again.
    pub fn go_on(&mut self, session: SessionId, now: UnixTime) {
        self.change_origin(session, now, |origin| origin.goes_on = true);
    }

    /// Forgets how a session began that has ended.
    pub fn forget_origin(&mut self, session: SessionId) {
        let session = stable(session.as_bytes());
        self.origins.retain(|origin| origin.session != session);
    }

    fn change_origin(&mut self, session: SessionId, now: UnixTime, change: impl FnOnce(&mut Origin)) {
        let (session, day) = (stable(session.as_bytes()), day(now));
        match self.origins.iter_mut().find(|origin| origin.session == session) {
            Some(origin) => {
                change(origin);
                origin.last_day = origin.last_day.max(day);
            }
            None => {
                let mut origin = Origin { session, suspicion: Vec::new(), goes_on: false, last_day: day };
                change(&mut origin);
                self.origins.push(origin);
            }
        }
        self.origins.retain(|origin| day.saturating_sub(origin.last_day) <= MEMORY_DAYS);
        // The weakest first, so that whoever begins many sessions does not wash away the strangest.
        let strength =
            |origin: &Origin| (origin.suspicion.iter().map(|(_, score)| *score).max(), origin.last_day);
        drop_oldest(&mut self.origins, MOST_ORIGINS, strength);
    }

    /// Learns that the user has logged in like this, from here.
    pub fn learn_login(&mut self, strength: Option<Strength>, location: &Location, now: UnixTime) {
        if let Some(strength) = strength {
            let habit = &mut self.logins;
            if habit.logins >= MOST_LOGINS {
                habit.logins /= 2;
                habit.with_several_factors /= 2;
                habit.phishing_resistant /= 2;
            }
            habit.logins += 1;
            habit.with_several_factors += u8::from(strength.several_factors);
            habit.phishing_resistant += u8::from(strength.phishing_resistant);
        }
        let place = location.place();
        self.starts.push(Start {
            at: now,
            country: place.and_then(|place| place.country),
            may_be_elsewhere: place.is_none_or(Place::may_be_elsewhere),
        });
        drop_oldest(&mut self.starts, MOST_STARTS, |start| start.at);
    }
}

/// In what a login is weaker than usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weaker {
    /// It can be phished, and those before could not.
    CanBePhished,
    /// It showed one factor, and those before several.
    FewerFactors,
}

impl Spot {
    /// Somebody who was here once may have been a thief who logged in with a phished password.
    const fn is_established(&self) -> bool {
        self.proved || self.days >= 2
    }
}

fn kind(agent: &Agent) -> u64 {
    stable(format!("{} on {}", agent.family.as_str(), agent.os.as_str()).as_bytes())
}

/// A number that stands for a text, the same for ever. Two texts may share one: nothing is granted for equality.
fn stable(text: &[u8]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(text));
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

fn day(at: UnixTime) -> u32 {
    u32::try_from(at.as_secs() / 86_400).unwrap_or(u32::MAX)
}

fn drop_oldest<T, K: Ord>(list: &mut Vec<T>, most: usize, age: impl Fn(&T) -> K) {
    while list.len() > most {
        let oldest = list.iter().enumerate().min_by_key(|(_, item)| age(item)).map(|(index, _)| index);
        let Some(oldest) = oldest else { return };
        list.remove(oldest);
    }
}

/// A place where somebody was not seen for so long is not theirs any more.
const MEMORY_DAYS: u32 = 90;

const HALF_A_DAY: Duration = Duration::from_secs(12 * 3600);

const WORTH_A_WRITE: Duration = Duration::from_secs(300);

const MOST_SPOTS: usize = 24;
const MOST_BROWSERS: usize = 8;
const MOST_DEVICES: usize = 12;
const MOST_STARTS: usize = 10;
/// Several times as many as a user has sessions.
const MOST_ORIGINS: usize = 64;
const MOST_LOGINS: u8 = 20;

#[cfg(test)]
mod tests {
    use super::super::place::{Point, Traits};
    use super::*;

    fn at(day: u64, second: u64) -> UnixTime {
        UnixTime::from_secs(1_800_000_000 + day * 86_400 + second)
    }

    fn sighting(address: &str, asn: u32, at: UnixTime) -> Sighting {
        let place = Place {
            point: Point::new(51.5, -0.1, 20),
            country: "GB".parse().ok(),
            continent: "EU".parse().ok(),
            asn: Some(asn),
            traits: Some(Traits::default()),
        };
        Sighting { network: Network::of(address.parse().unwrap()), location: Location::Known(place), at }
    }

    #[test]
    fn the_last_day_is_that_of_whatever_was_learned_last() {
        let first = u32::try_from(at(0, 0).as_secs() / 86_400).unwrap();
        let mut profile = Profile::default();
        assert_eq!(profile.last_day(), None);
        profile.learn_login(None, &Location::Unknown, at(1, 0));
        assert_eq!(profile.last_day(), Some(first + 1));
        profile.learn_device("laptop", at(3, 0));
        assert_eq!(profile.last_day(), Some(first + 3));
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        profile.learn_browser(&Agent::parse(firefox), None, at(4, 0));
        assert_eq!(profile.last_day(), Some(first + 4));
        profile.learn_device("laptop", at(2, 0));
        assert_eq!(profile.last_day(), Some(first + 4), "what comes late takes nothing back");
        profile.go_on(SessionId::from_bytes([1; 16]), at(5, 0));
        assert_eq!(profile.last_day(), Some(first + 5));
    }

    #[test]
    fn a_network_is_known_by_a_proof_or_a_second_day() {
        let mut profile = Profile::default();
        let home = sighting("81.2.69.1", 2856, at(0, 0));
        profile.learn(&home, Evidence::Use);
        profile.learn(&Sighting { at: at(0, 500), ..home }, Evidence::Use);
        assert!(!profile.knows_network(&home.network));
        profile.learn(&Sighting { at: at(1, 0), ..home }, Evidence::Use);
        assert!(profile.knows_network(&home.network));
        let office = sighting("81.5.1.1", 5378, at(1, 100));
        profile.learn(&office, Evidence::Proof);
        assert!(profile.knows_network(&office.network));
        assert!(profile.knows_place(office.location.place().unwrap()));
        assert!(!profile.knows_place(sighting("9.9.9.9", 1, at(1, 0)).location.place().unwrap()));
        assert_eq!(profile.last().unwrap().network, office.network);
    }

    #[test]
    fn what_is_not_seen_for_long_is_forgotten() {
        let mut profile = Profile::default();
        let home = sighting("81.2.69.1", 2856, at(0, 0));
        profile.learn(&home, Evidence::Proof);
        profile.learn(&sighting("81.5.1.1", 5378, at(91, 0)), Evidence::Use);
        assert!(!profile.knows_network(&home.network));
    }

    #[test]
    fn a_stranger_does_not_wash_out_what_is_known() {
        let mut profile = Profile::default();
        let home = sighting("81.2.69.1", 2856, at(0, 0));
        profile.learn(&home, Evidence::Proof);
        for third in 0..200 {
            profile.learn(&sighting(&format!("90.1.{third}.1"), 4711, at(3, third)), Evidence::Use);
        }
        assert!(profile.knows_network(&home.network));
        assert_eq!(profile.spots.len(), MOST_SPOTS);
    }

    #[test]
    fn who_may_be_elsewhere_was_not_here() {
        let mut profile = Profile::default();
        let mut hidden = sighting("81.2.69.1", 2856, at(0, 0));
        if let Location::Known(place) = &mut hidden.location {
            place.traits = Some(Traits { anonymizer: true, ..Traits::default() });
        }
        profile.learn(&hidden, Evidence::Proof);
        assert_eq!(profile.last(), None);
        assert!(profile.knows_network(&hidden.network));
    }

    #[test]
    fn strength_is_read_from_methods_and_class() {
        let of = |acr: Option<&str>, amr: &[&str]| {
            let amr: Vec<Box<str>> = amr.iter().map(|word| (*word).into()).collect();
            let strength = Strength::of(acr, &amr);
            (strength.several_factors, strength.phishing_resistant)
        };
        assert_eq!(of(None, &[]), (false, false));
        assert_eq!(of(None, &["pwd"]), (false, false));
        assert_eq!(of(None, &["pwd", "pin"]), (false, false));
        assert_eq!(of(None, &["pwd", "otp"]), (true, false));
        assert_eq!(of(None, &["mfa"]), (true, false));
        assert_eq!(of(None, &["hwk"]), (true, true));
        assert_eq!(of(Some("urn:example:mfa"), &["pwd"]), (true, false));
        assert_eq!(of(Some("phr"), &[]), (true, true));
    }

    #[test]
    fn a_login_is_compared_with_the_usual_ones() {
        let passkey = Strength { several_factors: true, phishing_resistant: true };
        let several = Strength { several_factors: true, phishing_resistant: false };
        let mut profile = Profile::default();
        assert_eq!(profile.is_weaker_than_usual(Strength::default()), None);
        for login in 0..4 {
            profile.learn_login(Some(passkey), &Location::Unknown, at(login, 0));
        }
        assert_eq!(profile.is_weaker_than_usual(passkey), None);
        assert_eq!(profile.is_weaker_than_usual(several), Some(Weaker::CanBePhished));
        for login in 4..60 {
            profile.learn_login(Some(several), &Location::Unknown, at(login, 0));
        }
        assert_eq!(profile.is_weaker_than_usual(several), None);
        assert_eq!(profile.is_weaker_than_usual(Strength::default()), Some(Weaker::FewerFactors));
    }
}
