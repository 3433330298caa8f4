//! Where an address is, as far as a database can tell.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What is known of the whereabouts of a client.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Location {
    /// Its address is not one of the public internet: a private, reserved or local one, which is nowhere in particular.
    Internal,
    /// What a database says of its address.
    Known(Place),
    /// There is no address, no database, or nothing in it. Not the same as harmless.
    Unknown,
}

impl Location {
    /// The place, if there is one.
    pub const fn place(&self) -> Option<&Place> {
        match self {
            Self::Known(place) => Some(place),
            Self::Internal | Self::Unknown => None,
        }
    }
}

/// What the databases say of an address. Each of them may be missing, or silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Where it is.
    pub point: Option<Point>,
    /// The country, ISO 3166-1.
    pub country: Option<Code>,
    /// The continent, in the two letters of the GeoNames list.
    pub continent: Option<Code>,
    /// The autonomous system that announces it.
    pub asn: Option<u32>,
    /// What sort of network it is. Absent if no database says so; then it is not known to be an ordinary one.
    pub traits: Option<Traits>,
}

impl Place {
    /// Whether whoever uses this address may really be somewhere else: behind a service for hiding, in a data centre, or at
    /// the other end of a satellite link. Such a place is never one to measure distances from.
    pub fn may_be_elsewhere(&self) -> bool {
        let said = self.traits.unwrap_or_default();
        said.anonymizer || said.hosting || said.residential_proxy || self.asn.is_some_and(is_relay)
    }

    /// The square of a coarse grid that it lies in.
    pub fn cell(&self) -> Option<Cell> {
        self.point.map(|point| point.cell())
    }

    /// Whether two addresses are of one network operator in one country: carriers move their clients about in there.
    pub fn shares_operator(&self, other: &Self) -> bool {
        self.asn.is_some() && self.asn == other.asn && self.country == other.country
    }

    /// At least how many kilometres lie between the two, with the doubt of both subtracted. `None` if that is not known.
    pub fn distance_at_least(&self, other: &Self) -> Option<f64> {
        let (here, there) = (self.point?, other.point?);
        Some((here.distance(&there) - here.doubt() - there.doubt()).max(0.0))
    }
}

impl fmt::Display for Place {
    /// Country and network, for whoever follows the reasoning: `GB AS2856`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.country {
            Some(country) => write!(f, "{country}")?,
            None => f.write_str("??")?,
        }
        self.asn.map_or(Ok(()), |asn| write!(f, " AS{asn}"))
    }
}

/// A point on the earth, and how far off it may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Degrees north.
    pub latitude: f32,
    /// Degrees east.
    pub longitude: f32,
    /// Kilometres.
    pub radius: u16,
}

impl Point {
    /// A point, if there is such a one.
    pub fn new(latitude: f64, longitude: f64, radius: u16) -> Option<Self> {
        let exists = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        #[expect(clippy::as_conversions, reason = "metres are lost, and within kilometres of doubt")]
        exists.then_some(Self { latitude: latitude as f32, longitude: longitude as f32, radius })
    }

    /// Kilometres along the great circle, by the haversine formula.
    pub fn distance(&self, other: &Self) -> f64 {
        let radians = |degrees: f32| f64::from(degrees).to_radians();
        let (north, other_north) = (radians(self.latitude), radians(other.latitude));
        let (up, across) =
            ((other_north - north) / 2.0, (radians(other.longitude) - radians(self.longitude)) / 2.0);
        let chord = up.sin().powi(2) + north.cos() * other_north.cos() * across.sin().powi(2);
        2.0 * EARTH_RADIUS * chord.clamp(0.0, 1.0).sqrt().asin()
    }

    /// A database that is not sure at all would otherwise excuse everything.
    fn doubt(&self) -> f64 {
        f64::from(self.radius.min(MOST_DOUBT))
    }

    fn cell(&self) -> Cell {
        let of = |degrees: f32, range: f32| {
            let share = ((degrees + range / 2.0) / range).clamp(0.0, 1.0) * CELLS;
            #[expect(
                clippy::as_conversions,
                reason = "between 0 and CELLS, so nothing is cut off but the fraction"
            )]
            #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "the same")]
            let cell = share as u16;
            cell.min(1023)
        };
        Cell { north: of(self.latitude, 180.0), east: of(self.longitude, 360.0) }
    }
}

/// A square of some 20 by 40 kilometres, as four characters of a geohash name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// From the south pole, 0 to 1023.
    pub north: u16,
    /// From the date line, 0 to 1023.
    pub east: u16,
}

/// What sort of network an address belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traits {
    /// A VPN, an open proxy, a Tor exit: something that hides its users.
    pub anonymizer: bool,
    /// A data centre.
    pub hosting: bool,
    /// Somebody's home that is rented out to others.
    pub residential_proxy: bool,
}

/// Two capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Code([u8; 2]);

impl Code {
    /// The letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }

    /// The letters as bytes, for storage.
    pub const fn as_bytes(&self) -> [u8; 2] {
        self.0
    }

    /// The code of stored letters.
    pub fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        bytes.iter().all(u8::is_ascii_uppercase).then_some(Self(bytes))
    }
}

impl FromStr for Code {
    type Err = NoCode;

    fn from_str(text: &str) -> Result<Self, NoCode> {
        text.as_bytes().try_into().ok().and_then(Self::from_bytes).ok_or(NoCode)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no code of two capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCode;

impl fmt::Display for NoCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a code has two capital letters")
    }
}

impl std::error::Error for NoCode {}

/// Networks whose addresses say nothing of where their users are: satellite operators land all over the world in a few
/// places, and the relays of operating systems hide the address by design.
fn is_relay(asn: u32) -> bool {
    SATELLITES_AND_RELAYS.contains(&asn)
}

/// Intelsat, Viasat, SES, Starlink, Eutelsat; Akamai's and Cloudflare's and Fastly's networks of egress for iCloud Private
/// Relay.
const SATELLITES_AND_RELAYS: [u32; 8] = [22351, 7155, 12684, 14593, 34444, 36183, 13335, 54113];

/// Kilometres.
const EARTH_RADIUS: f64 = 6371.0;
const MOST_DOUBT: u16 = 500;

/// Along each side: ten bits, as in four characters of a geohash.
const CELLS: f32 = 1024.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64, radius: u16) -> Place {
        Place { point: Point::new(latitude, longitude, radius), ..Place::default() }
    }

    #[test]
    fn distances_are_those_of_an_atlas() {
        let london = at(51.5142, -0.0931, 0);
        for (there, kilometres) in [
            (at(40.7128, -74.006, 0), 5571.0),
            (at(35.6762, 139.6503, 0), 9560.0),
            (at(-33.8688, 151.2093, 0), 16993.0),
            (at(51.5142, -0.0931, 0), 0.0),
            // Across the date line, and from pole to pole.
            (at(51.5142, 179.9069, 0), 8557.0),
        ] {
            let distance = london.distance_at_least(&there).unwrap();
            assert!(
                (distance - kilometres).abs() < kilometres * 0.005 + 1.0,
                "{distance} is not {kilometres}"
            );
        }
        assert!((at(90.0, 0.0, 0).distance_at_least(&at(-90.0, 77.0, 0)).unwrap() - 20015.0).abs() < 1.0);
        assert!(at(0.0, 179.9, 0).distance_at_least(&at(0.0, -179.9, 0)).unwrap() < 23.0);
    }

    #[test]
    fn doubt_is_subtracted_up_to_a_limit() {
        let (here, there) = (at(0.0, 0.0, 100), at(0.0, 10.0, 200));
        let distance = here.distance_at_least(&there).unwrap();
        assert!((distance - (1111.95 - 300.0)).abs() < 0.5);
        let vague = here.distance_at_least(&at(0.0, 10.0, u16::MAX)).unwrap();
        assert!((vague - (1111.95 - 600.0)).abs() < 0.5);
        assert_eq!(here.distance_at_least(&at(0.0, 1.0, 200)), Some(0.0));
    }

    #[test]
    fn no_such_point_is_no_point() {
        for (latitude, longitude) in
            [(90.1, 0.0), (-91.0, 0.0), (0.0, 180.5), (f64::NAN, 0.0), (0.0, f64::INFINITY)]
        {
            assert_eq!(Point::new(latitude, longitude, 1), None);
        }
        assert_eq!(at(0.0, 0.0, 0).distance_at_least(&Place::default()), None);
    }

    #[test]
    fn cells_stay_on_the_grid() {
        let corner = at(90.0, 180.0, 0).cell().unwrap();
        assert_eq!((corner.north, corner.east), (1023, 1023));
        let other = at(-90.0, -180.0, 0).cell().unwrap();
        assert_eq!((other.north, other.east), (0, 0));
        assert_eq!(at(51.5142, -0.0931, 9).cell(), at(51.51, -0.1, 5).cell());
        assert_ne!(at(51.5142, -0.0931, 9).cell(), at(51.5142, 0.8, 9).cell());
    }

    #[test]
    fn a_code_is_two_capitals() {
        assert_eq!("GB".parse::<Code>().unwrap().as_str(), "GB");
        for text in ["", "G", "gb", "GBR", "G1", "é"] {
            assert_eq!(text.parse::<Code>(), Err(NoCode));
        }
    }
}
