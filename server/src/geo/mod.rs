//! Where addresses are: databases in the format of MaxMind, which the operator brings.
//!
//! Holdfast ships none. Without them nobody knows where anything is, and that is what the answer says: unknown is not harmless.

mod database;
mod record;
mod shelf;
mod watch;

use std::net::IpAddr;

use holdfast_core::risk::{Location, Place, is_public, untranslated};

pub use database::Database;
pub use record::Kind;
pub use shelf::{Change, Geo};
pub(crate) use watch::{tell_of_geo, watch_forever};

/// Where an address is, by what these databases say.
pub fn locate<'a>(address: IpAddr, databases: impl IntoIterator<Item = &'a Database>) -> Location {
    // An IPv4 address written as IPv6 is that IPv4 address, in every respect.
    let address = untranslated(address);
    if !is_public(address) {
        return Location::Internal;
    }
    let mut place = Place::default();
    for database in databases {
        database.tell(address, &mut place);
    }
    if place == Place::default() { Location::Unknown } else { Location::Known(place) }
}
