//! What is read of a database's record, and nothing else of it.

use holdfast_core::risk::{Code, Place, Point, Traits};
use serde::Deserialize;

/// Which sort of database it is: each has a key in the configuration, and tells something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Who hides behind an address: `GeoIP2-Anonymous-IP` and what has its fields.
    Anonymous,
    /// Who announces an address: `GeoLite2-ASN` and what has its fields.
    Asn,
    /// Where an address is: `GeoLite2-City` and what has its fields.
    City,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Anonymous, Self::Asn, Self::City];

    /// The word in configuration, log, metrics and audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Asn => "asn",
            Self::City => "city",
        }
    }

    /// The fields that make a database one of this kind; at least one record has to have one.
    pub(super) const fn fields(self) -> &'static str {
        match self {
            Self::Anonymous => "is_anonymous and its like",
            Self::Asn => "autonomous_system_number",
            Self::City => "country, continent or location",
        }
    }
}

/// The part of a record that tells something of a place.
pub(super) trait Record<'de>: Deserialize<'de> {
    /// Writes what it tells. Whether it told anything.
    fn tell(&self, place: &mut Place) -> bool;
}

#[derive(Deserialize)]
pub(super) struct City<'a> {
    #[serde(borrow)]
    continent: Option<Continent<'a>>,
    #[serde(borrow)]
    country: Option<Country<'a>>,
    location: Option<Location>,
}

#[derive(Deserialize)]
struct Continent<'a> {
    code: Option<&'a str>,
}

#[derive(Deserialize)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Deserialize)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
    accuracy_radius: Option<u16>,
}

impl<'de> Record<'de> for City<'de> {
    fn tell(&self, place: &mut Place) -> bool {
        let code = |text: Option<&str>| text.and_then(|text| text.parse::<Code>().ok());
        place.continent = code(self.continent.as_ref().and_then(|continent| continent.code));
        place.country = code(self.country.as_ref().and_then(|country| country.iso_code));
        place.point = self.location.as_ref().and_then(Location::point);
        place.continent.is_some() || place.country.is_some() || place.point.is_some()
    }
}

impl Location {
    /// Where no radius is told, none is assumed to be small.
    fn point(&self) -> Option<Point> {
        Point::new(self.latitude?, self.longitude?, self.accuracy_radius.unwrap_or(u16::MAX))
    }
}

#[derive(Deserialize)]
pub(super) struct Asn {
    autonomous_system_number: Option<u32>,
}

impl Record<'_> for Asn {
    fn tell(&self, place: &mut Place) -> bool {
        place.asn = self.autonomous_system_number;
        place.asn.is_some()
    }
}

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "so is the record")]
pub(super) struct Anonymous {
    #[serde(default)]
    is_anonymous: bool,
    #[serde(default)]
    is_anonymous_vpn: bool,
    #[serde(default)]
    is_hosting_provider: bool,
    #[serde(default)]
    is_public_proxy: bool,
    #[serde(default)]
    is_residential_proxy: bool,
    #[serde(default)]
    is_tor_exit_node: bool,
}

impl Record<'_> for Anonymous {
    fn tell(&self, place: &mut Place) -> bool {
        // `is_anonymous` says that one of the others is so. Of a data centre alone that is no hiding place yet.
        let is_told_apart = self.is_hosting_provider || self.is_residential_proxy;
        let traits = Traits {
            anonymizer: self.is_anonymous_vpn
                || self.is_public_proxy
                || self.is_tor_exit_node
                || (self.is_anonymous && !is_told_apart),
            hosting: self.is_hosting_provider,
            residential_proxy: self.is_residential_proxy,
        };
        place.traits = Some(traits);
        traits != Traits::default()
    }
}
