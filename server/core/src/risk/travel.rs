//! How fast somebody would have to have travelled.

use std::time::Duration;

use super::{
    place::Place,
    signal::{Score, Signal, SignalName},
};

/// Where somebody was, and where they are now.
#[derive(Clone, Copy, Debug)]
pub struct Leg<'a> {
    /// The place before. Never one that its user may really not be in: see [`Place::may_be_elsewhere`].
    pub from: &'a Place,
    /// The place now.
    pub to: &'a Place,
    /// The time between.
    pub elapsed: Duration,
    /// Whether the user was often at the place of now before.
    pub is_known: bool,
}

/// What a change of place says. `None` if the places are not known well enough to say anything; nothing suspicious is a
/// score of zero.
pub fn impossible_travel(leg: &Leg<'_>) -> Option<Signal> {
    let distance = leg.from.distance_at_least(leg.to)?;
    let seconds = leg.elapsed.max(LEAST_TIME).as_secs_f64();
    let speed = distance / (seconds / 3600.0);
    let full = Score::of_share((speed - SUSPICIOUS) / (IMPOSSIBLE - SUSPICIOUS));
    let score = if distance < NEAR {
        Score::NONE
    } else if distance < FAR {
        // The exits of one carrier, or a database that is off by a region.
        full.min(Score::new(70))
    } else {
        full
    };
    let (mut score, mut damped) = (score, Vec::new());
    if leg.to.may_be_elsewhere() || leg.from.may_be_elsewhere() {
        score = score.damped(0.3);
        damped.push("may be elsewhere");
    }
    if leg.from.shares_operator(leg.to) {
        score = score.damped(0.2);
        damped.push("same operator");
    }
    if leg.is_known {
        score = score.min(Score::new(60));
        damped.push("known place");
    }
    let mut signal = Signal::new(SignalName::TravelImpossible, score)
        .because("km", distance)
        .because("seconds", leg.elapsed.as_secs())
        .because("km_h", speed);
    for (name, place) in [("from", leg.from), ("to", leg.to)] {
        signal = signal.because(name, place.to_string());
    }
    if !damped.is_empty() {
        signal = signal.because("damped", damped.join(", "));
    }
    Some(signal)
}

/// What it says that a user is at two places at once, each of which was seen to be in use within the last minutes. `None`
/// if a continent is not known.
pub fn two_continents(here: &Place, there: &Place, is_one_session: bool) -> Option<Signal> {
    let (one, two) = (here.continent?, there.continent?);
    // Near a border between continents the databases need not be right.
    let are_near = here.distance_at_least(there).is_some_and(|distance| distance < NEAR);
    let is_quiet = one == two || are_near || here.may_be_elsewhere() || there.may_be_elsewhere();
    let score = match (is_quiet, is_one_session) {
        (true, _) => Score::NONE,
        (false, true) => Score::new(90),
        // A user may well have a telephone here and a company's network there: it is told, and asked of a device.
        (false, false) => Score::new(50),
    };
    let signal = Signal::new(SignalName::TravelContinents, score)
        .because("here", one.as_str())
        .because("there", two.as_str());
    Some(signal.because("sessions", if is_one_session { 1_u64 } else { 2 }))
}

/// Clocks of databases and proxies are not better than this, and no division is by zero.
const LEAST_TIME: Duration = Duration::from_secs(60);

/// Kilometres. Nearer than this, carriers hand their clients from exit to exit.
const NEAR: f64 = 300.0;

/// Kilometres. Farther than this, no database is wrong by mere vagueness.
const FAR: f64 = 500.0;

/// Kilometres an hour: the fast end of trains and the slow end of aeroplanes, from door to door.
const SUSPICIOUS: f64 = 700.0;

/// Kilometres an hour: nobody flies faster from door to door.
const IMPOSSIBLE: f64 = 1000.0;

#[cfg(test)]
mod tests {
    use super::super::place::{Point, Traits};
    use super::*;

    fn place(latitude: f64, longitude: f64, country: &str, continent: &str, asn: u32) -> Place {
        Place {
            point: Point::new(latitude, longitude, 20),
            country: country.parse().ok(),
            continent: continent.parse().ok(),
            asn: Some(asn),
            traits: Some(Traits::default()),
        }
    }

    fn london() -> Place {
        place(51.5142, -0.0931, "GB", "EU", 2856)
    }

    fn score(from: &Place, to: &Place, minutes: u64) -> u8 {
        let elapsed = Duration::from_secs(minutes * 60);
        impossible_travel(&Leg { from, to, elapsed, is_known: false }).unwrap().score.get()
    }

    #[test]
    fn a_flight_is_possible_and_a_leap_is_not() {
        let new_york = place(40.7128, -74.006, "US", "NA", 7018);
        assert_eq!(score(&london(), &new_york, 5), 100);
        assert_eq!(score(&london(), &new_york, 0), 100);
        assert_eq!(score(&london(), &new_york, 5 * 60), 100);
        // Five and a half thousand kilometres in seven hours: nearly eight hundred an hour.
        assert!((20..40).contains(&score(&london(), &new_york, 7 * 60)));
        assert_eq!(score(&london(), &new_york, 9 * 60), 0);
    }

    #[test]
    fn what_is_near_is_never_travel() {
        let birmingham = place(52.48, -1.89, "GB", "EU", 5378);
        assert_eq!(score(&london(), &birmingham, 0), 0);
        // Between near and far: at most a step-up.
        let edinburgh_or_so = place(54.9, -3.0, "GB", "EU", 5378);
        assert_eq!(score(&london(), &edinburgh_or_so, 1), 70);
    }

    #[test]
    fn it_is_damped_where_it_may_be_wrong() {
        let mut frankfurt = place(50.11, 8.68, "DE", "EU", 2856);
        assert_eq!(score(&london(), &frankfurt, 1), 100);
        frankfurt.traits = Some(Traits { anonymizer: true, ..Traits::default() });
        assert_eq!(score(&london(), &frankfurt, 1), 30);
        let same_carrier = place(57.14, -2.09, "GB", "EU", 2856);
        assert_eq!(score(&london(), &same_carrier, 1), 20);
        let home = place(50.11, 8.68, "DE", "EU", 3320);
        let known = Leg { from: &london(), to: &home, elapsed: Duration::ZERO, is_known: true };
        assert_eq!(impossible_travel(&known).unwrap().score.get(), 60);
        let satellite = place(40.7, -74.0, "US", "NA", 22351);
        assert_eq!(score(&london(), &satellite, 1), 30);
    }

    #[test]
    fn what_is_not_known_is_not_fine() {
        let nowhere = Place { point: None, ..london() };
        let leg = Leg { from: &london(), to: &nowhere, elapsed: Duration::ZERO, is_known: false };
        assert_eq!(impossible_travel(&leg), None);
        assert_eq!(two_continents(&london(), &Place { continent: None, ..london() }, true), None);
    }

    #[test]
    fn continents_count_unless_they_touch() {
        let changchun = place(43.88, 125.32, "CN", "AS", 4837);
        assert_eq!(two_continents(&london(), &changchun, true).unwrap().score.get(), 90);
        assert_eq!(two_continents(&london(), &changchun, false).unwrap().score.get(), 50);
        assert_eq!(two_continents(&london(), &london(), true).unwrap().score, Score::NONE);
        let (istanbul, anatolia) = (place(41.0, 28.9, "TR", "EU", 1), place(40.8, 29.4, "TR", "AS", 1));
        assert_eq!(two_continents(&istanbul, &anatolia, true).unwrap().score, Score::NONE);
        let hidden = Place { traits: Some(Traits { hosting: true, ..Traits::default() }), ..changchun };
        assert_eq!(two_continents(&london(), &hidden, true).unwrap().score, Score::NONE);
    }
}
