//! What a login looks like beside the ones before.

use std::time::Duration;

use super::{
    assessment::Assessment,
    client::Client,
    place::Place,
    profile::{Profile, Sighting, Strength, Weaker},
    signal::{Score, Signal, SignalName},
    travel::{Leg, impossible_travel},
};

/// A login that the app has just taken.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// Where it came from, if the app said so.
    pub from: Option<Sighting>,
    /// What the client said of itself, if the app passed it on.
    pub client: Option<&'a Client>,
    /// How strong it was, if the app said so.
    pub strength: Option<Strength>,
    /// What the app calls the device.
    pub device: Option<&'a str>,
    /// When.
    pub now: crate::UnixTime,
}

/// What is suspected of a login. It is to be learned only after this.
///
/// A login by a user of whom nothing is known yet is strange in nothing but the network that it comes from. A device that
/// vouches for it takes most of that away too.
pub fn weigh_login(login: &Login<'_>, profile: &Profile) -> Assessment {
    let mut found = Assessment::default();
    let is_known_network = login.from.is_some_and(|from| profile.knows_network(&from.network));
    let is_vouched = is_vouched(login, profile);
    if let Some(from) = &login.from {
        let place = from.location.place();
        found.is_known_place = is_known_network || place.is_some_and(|place| profile.knows_place(place));
        weigh_network(place, is_known_network || is_vouched, &mut found);
        weigh_travel(from, place, profile, found.is_known_place, is_vouched, &mut found);
    }
    if profile.is_new() {
        return found;
    }
    weigh_strength(login, profile, &mut found);
    weigh_device(login, profile, is_known_network, &mut found);
    weigh_starts(login, profile, is_vouched, &mut found);
    found
}

/// Whether a device of the user's vouches for the login.
///
/// A proxy that phishes stands at another address, where no browser sends what the app knows its devices by; and who has
/// copied that from the device has not the second factor.
fn is_vouched(login: &Login<'_>, profile: &Profile) -> bool {
    login.device.is_some_and(|device| profile.knows_device(device))
        && login.strength.is_some_and(|strength| strength.several_factors)
}

/// What a network says by itself. That the user is usually in it takes most of it away.
pub(super) fn weigh_network(place: Option<&Place>, is_known_network: bool, found: &mut Assessment) {
    let Some((traits, place)) = place.and_then(|place| Some((place.traits?, place))) else {
        found.unknown.extend([SignalName::NetworkAnonymizer, SignalName::NetworkHosting]);
        return;
    };
    let damped = |score: u8| {
        let score = Score::new(score);
        if is_known_network { score.damped(0.3) } else { score }
    };
    if traits.anonymizer || traits.residential_proxy {
        let (score, kind) = if traits.anonymizer { (60, "anonymizer") } else { (70, "residential proxy") };
        let signal = Signal::new(SignalName::NetworkAnonymizer, damped(score)).because("kind", kind);
        found.add(signal.because("network", place.to_string()));
    }
    if traits.hosting {
        // Exits of VPNs are in data centres too; what is not known as one is a rented machine.
        let score = if traits.anonymizer { 40 } else { 70 };
        let signal = Signal::new(SignalName::NetworkHosting, damped(score));
        found.add(signal.because("network", place.to_string()));
    }
}

fn weigh_travel(
    from: &Sighting,
    place: Option<&Place>,
    profile: &Profile,
    is_known: bool,
    is_vouched: bool,
    found: &mut Assessment,
) {
    // There is nowhere to have travelled from.
    let Some(last) = profile.last() else { return };
    let leg = place.zip(last.location.place()).map(|(to, before)| Leg {
        from: before,
        to,
        elapsed: from.at.since(last.at),
        is_known,
    });
    let mut travel = leg.as_ref().and_then(impossible_travel);
    // A telephone and a computer of one user are at two ends of a country as soon as the carrier's exit is: that is no proof.
    let is_within_a_country =
        leg.is_some_and(|leg| leg.from.country.is_some() && leg.from.country == leg.to.country);
    if (is_within_a_country || is_vouched)
        && let Some(travel) = &mut travel
    {
        travel.score = travel.score.min(NO_PROOF);
    }
    found.add_known(SignalName::TravelImpossible, travel);
}

fn weigh_strength(login: &Login<'_>, profile: &Profile, found: &mut Assessment) {
    let Some(strength) = login.strength else {
        found.unknown.push(SignalName::LoginWeak);
        return;
    };
    let (score, how) = match profile.is_weaker_than_usual(strength) {
        Some(Weaker::CanBePhished) => (70, "it could have been phished, and the usual ones could not"),
        Some(Weaker::FewerFactors) => (50, "one factor, and usually there are several"),
        None => return,
    };
    found.add(Signal::new(SignalName::LoginWeak, Score::new(score)).because("how", how));
}

fn weigh_device(login: &Login<'_>, profile: &Profile, is_known_network: bool, found: &mut Assessment) {
    // One without a name, of a user whose devices have names, is as unknown as one with another.
    let has_names = login.device.is_some() || profile.has_devices();
    let by_name = has_names.then(|| login.device.is_some_and(|device| profile.knows_device(device)));
    let by_browser = login.client.map(|client| profile.knows_browser(&client.agent));
    let (score, how) = match (by_name, by_browser) {
        (Some(true), _) => return,
        (Some(false), _) => (50, "a device that this user was not seen with"),
        (None, Some(true)) => return,
        (None, Some(false)) => (40, "a browser that this user was not seen with"),
        (None, None) => {
            found.unknown.push(SignalName::DeviceUnknown);
            return;
        }
    };
    let score = Score::new(score);
    // At home it is a new telephone, unless something of the place is strange all the same.
    let is_at_home = is_known_network && !found.signals.iter().any(is_of_a_strange_place);
    let score = if is_at_home { score.damped(0.5) } else { score };
    found.add(Signal::new(SignalName::DeviceUnknown, score).because("how", how));
}

/// Damped as far as it is because the user is known there.
fn is_of_a_strange_place(signal: &Signal) -> bool {
    let least =
        [(SignalName::NetworkAnonymizer, Score::new(20)), (SignalName::TravelImpossible, Score::STRANGE)];
    least.iter().any(|(name, least)| signal.name == *name && signal.score >= *least)
}

fn weigh_starts(login: &Login<'_>, profile: &Profile, is_vouched: bool, found: &mut Assessment) {
    let since = crate::UnixTime::from_millis(
        login.now.as_millis().saturating_sub(u64::try_from(RECENT.as_millis()).unwrap_or(u64::MAX)),
    );
    let (before, countries) = profile.starts_since(since);
    let here = login.from.and_then(|from| from.location.place().copied());
    let is_elsewhere = here.is_some_and(|place| !place.may_be_elsewhere() && place.country.is_some())
        && countries > 0
        && !profile
            .last()
            .and_then(|last| last.location.place())
            .is_some_and(|last| here.is_some_and(|here| here.country == last.country));
    let countries = countries + usize::from(is_elsewhere);
    let started = before + 1;
    let score = match (started, countries) {
        // Of a user with a telephone at home and the company's VPN abroad that is an ordinary morning.
        (..6, 2..) if is_vouched => 40,
        (_, 2..) => 70,
        (6.., _) => 70,
        (4.., _) => 40,
        (_, _) => return,
    };
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let signal = Signal::new(SignalName::SessionConcurrency, Score::new(score))
        .because("sessions", number(started))
        .because("countries", number(countries))
        .because("minutes", RECENT.as_secs() / 60);
    found.add(signal);
}

/// Worth a note, and no question.
const NO_PROOF: Score = Score::new(60);

/// Sessions that began within this time began together.
const RECENT: Duration = Duration::from_secs(30 * 60);
