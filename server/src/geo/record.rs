//! What is read of a database's record, and nothing else of it.

use std::fmt;

use holdfast_core::risk::{Code, Place, Point, Traits};
use serde::{Deserialize, Deserializer, de::Visitor};

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
    latitude: Option<Number>,
    longitude: Option<Number>,
    accuracy_radius: Option<Number>,
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
        let radius = self.accuracy_radius.as_ref().and_then(Number::whole);
        let radius = radius.map_or(u16::MAX, |radius| u16::try_from(radius).unwrap_or(u16::MAX));
        Point::new(self.latitude.as_ref()?.as_f64(), self.longitude.as_ref()?.as_f64(), radius)
    }
}

#[derive(Deserialize)]
pub(super) struct Asn {
    autonomous_system_number: Option<Number>,
}

impl Record<'_> for Asn {
    fn tell(&self, place: &mut Place) -> bool {
        let number = self.autonomous_system_number.as_ref().and_then(Number::whole);
        place.asn = number.and_then(|number| u32::try_from(number).ok());
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

/// A number. The format has seven types of them, and not every maker of databases takes the same.
#[derive(Clone, Copy)]
enum Number {
    Fraction(f64),
    Whole(u64),
}

impl Number {
    const fn whole(&self) -> Option<u64> {
        match *self {
            Self::Fraction(_) => None,
            Self::Whole(number) => Some(number),
        }
    }

    fn as_f64(self) -> f64 {
        match self {
            Self::Fraction(number) => number,
            // Of degrees there are 360; whatever is not among them is no degree.
            Self::Whole(number) => u32::try_from(number).map_or(f64::INFINITY, f64::from),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl Visitor<'_> for Numbers {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                Ok(Number::Fraction(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number::Whole(number))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                let negative = || i32::try_from(number).map_or(f64::NEG_INFINITY, f64::from);
                Ok(u64::try_from(number).map_or_else(|_| Number::Fraction(negative()), Number::Whole))
            }
        }
        deserializer.deserialize_any(Numbers)
    }
}
