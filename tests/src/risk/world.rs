//! A small world: cities, those who sell networks in them, and the databases that tell of it.
//!
//! The databases are as wrong as real ones: pools of home addresses are filed under other cities of the country, exits of
//! mobile carriers under the city of the exit, and of residential proxies they know only some.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::json;

use super::random::{Random, hash};
use crate::mmdb::Mmdb;

/// A city: where it is, and in which country (ISO 3166-1) and continent (as GeoNames names them).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct City {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its country.
    pub(crate) country: &'static str,
    /// Its continent.
    pub(crate) continent: &'static str,
    /// Degrees north and east.
    pub(crate) at: (f64, f64),
}

/// What somebody sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trade {
    /// Machines for rent.
    Hosting,
    /// Lines for homes.
    Homes,
    /// Telephones: many clients behind few addresses.
    Mobile,
    /// Lines for companies.
    Offices,
    /// Links over satellites: everybody is where the ground station is.
    Satellite,
    /// Services for hiding.
    Vpn,
}

/// Addresses that one operator uses in one city.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    /// Whose.
    pub(crate) asn: u32,
    /// The city, by its place in [`CITIES`].
    pub(crate) city: usize,
    /// What for.
    pub(crate) trade: Trade,
    /// 16 bits of IPv4 addresses.
    v4: u32,
    /// 32 bits of IPv6 addresses.
    v6: u128,
}

/// All pools, and what databases say of them.
pub struct World {
    pools: Vec<Pool>,
}

impl World {
    /// The world.
    #[must_use]
    pub fn new() -> Self {
        let mut world = Self { pools: Vec::new() };
        for (index, city) in CITIES.iter().enumerate() {
            let home = CITIES.iter().position(|other| other.country == city.country).unwrap_or(index);
            let national = 1000 + 20 * number(home);
            for operator in 0..3 {
                world.add(index, Trade::Homes, national + operator);
            }
            world.add(index, Trade::Offices, national + 3);
            world.add(index, Trade::Hosting, 60_000 + number(home) % 5);
            // Services for hiding rent their exits in data centres all over the world.
            (0..3).for_each(|service| world.add(index, Trade::Vpn, 62_000 + service));
        }
        // Carriers have an exit in each larger city.
        for (index, city) in CITIES.iter().enumerate() {
            let home = CITIES.iter().position(|other| other.country == city.country).unwrap_or(index);
            (0..2).for_each(|carrier| world.add(index, Trade::Mobile, 3000 + 20 * number(home) + carrier));
        }
        world.add(0, Trade::Satellite, 22_351);
        world.add(9, Trade::Satellite, 7155);
        world
    }

    /// The pools of a trade in a city.
    pub(crate) fn in_city(&self, city: usize, trade: Trade) -> impl Iterator<Item = &Pool> {
        self.pools.iter().filter(move |pool| pool.city == city && pool.trade == trade)
    }

    /// The pools of a trade in a country.
    pub(crate) fn in_country(&self, country: &str, trade: Trade) -> Vec<Pool> {
        let here = |pool: &&Pool| pool.trade == trade && city(pool.city).country == country;
        self.pools.iter().filter(here).copied().collect()
    }

    /// The pools of a trade anywhere.
    #[must_use]
    pub(crate) fn anywhere(&self, trade: Trade) -> Vec<Pool> {
        self.pools.iter().filter(|pool| pool.trade == trade).copied().collect()
    }

    /// The databases of cities, of autonomous systems and of those who hide.
    #[must_use]
    pub fn databases(&self) -> [Mmdb; 3] {
        let mut cities = Mmdb::new("Simulated-City");
        let mut systems = Mmdb::new("Simulated-ASN");
        let mut hidden = Mmdb::new("Simulated-Anonymous-IP");
        for pool in &self.pools {
            let [v4, v6] = pool.networks();
            cities = cities.network(v4, pool.filed_under(pool.city, pool.radius()));
            cities = cities.network(v6, pool.filed_under(pool.city, pool.radius()));
            for (network, wrong) in pool.filed_wrongly() {
                cities = cities.network(network, pool.filed_under(wrong, 200));
            }
            let system = json!({ "autonomous_system_number": pool.asn });
            systems = systems.network(v4, system.clone()).network(v6, system);
            let traits = match pool.trade {
                Trade::Hosting => json!({ "is_anonymous": true, "is_hosting_provider": true }),
                Trade::Vpn => {
                    json!({ "is_anonymous": true, "is_anonymous_vpn": true, "is_hosting_provider": true })
                }
                Trade::Homes | Trade::Mobile | Trade::Offices | Trade::Satellite => continue,
            };
            hidden = hidden.network(v4, traits.clone()).network(v6, traits);
        }
        for pool in self.pools.iter().filter(|pool| pool.trade == Trade::Homes) {
            for network in pool.known_proxies() {
                hidden =
                    hidden.network(network, json!({ "is_anonymous": true, "is_residential_proxy": true }));
            }
        }
        [cities, systems, hidden]
    }

    fn add(&mut self, city: usize, trade: Trade, asn: u32) {
        let place = u32::try_from(self.pools.len()).unwrap_or_default();
        // From 20.0.0.0 on there is nothing reserved for a long while.
        let v4 = (20 << 24) + (place << 16);
        let v6 = (0x2a00_0000_u128 + u128::from(place)) << 96;
        self.pools.push(Pool { asn, city, trade, v4, v6 });
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Pool {
    /// The IPv4 address with these sixteen bits.
    #[must_use]
    pub(crate) fn v4(&self, bits: u64) -> IpAddr {
        let [.., high, low] = bits.to_be_bytes();
        IpAddr::V4(Ipv4Addr::from(self.v4 | u32::from(high) << 8 | u32::from(low.max(1))))
    }

    /// The IPv6 address of a customer, with the last 64 bits of the client's choice.
    #[must_use]
    pub(crate) fn v6(&self, customer: u64, client: u64) -> IpAddr {
        // Every customer has 56 bits.
        let customer = u128::from(customer & 0x00ff_ffff) << 72;
        IpAddr::V6(Ipv6Addr::from(self.v6 | customer | u128::from(client)))
    }

    /// An address of somebody whose line is rented out: of two in five the databases know.
    #[must_use]
    pub(crate) fn proxied(&self, random: &mut Random) -> IpAddr {
        let known: Vec<_> = self.known_proxies().collect();
        if !known.is_empty() && random.chance(400) {
            let network = random.pick(&known);
            return network.hosts().nth(3).unwrap_or(network.addr());
        }
        self.v4(random.next())
    }

    fn networks(&self) -> [IpNet; 2] {
        [v4_net(self.v4, 16), Ipv6Net::new(self.v6.into(), 32).map(IpNet::V6).unwrap_or_default()]
    }

    /// Kilometres of doubt, as databases tell them.
    const fn radius(&self) -> u16 {
        match self.trade {
            Trade::Hosting | Trade::Vpn | Trade::Offices => 20,
            Trade::Homes => 50,
            Trade::Mobile => 200,
            Trade::Satellite => 1000,
        }
    }

    /// Of sixteen parts of a pool for homes one or two are filed under another city of the country.
    fn filed_wrongly(&self) -> Vec<(IpNet, usize)> {
        if self.trade != Trade::Homes {
            return Vec::new();
        }
        let here = city(self.city);
        let others: Vec<_> = (0..CITIES.len())
            .filter(|other| *other != self.city && city(*other).country == here.country)
            .collect();
        let parts = (0..16).filter(|part| hash(&[self.v4.into(), *part, 1]).is_multiple_of(10));
        let wrong = parts.filter_map(|part| {
            let number = usize::try_from(hash(&[self.v4.into(), part, 2])).unwrap_or_default();
            let other = others.get(number.checked_rem(others.len())?)?;
            Some((v4_net(self.v4 | u32::try_from(part).ok()? << 12, 20), *other))
        });
        wrong.collect()
    }

    /// Of the addresses for homes, a fifth of the networks have somebody whose line is rented out and known to be.
    fn known_proxies(&self) -> impl Iterator<Item = IpNet> + use<> {
        let base = self.v4;
        let known =
            (0..256_u32).filter(move |part| hash(&[base.into(), (*part).into(), 3]).is_multiple_of(5));
        // A few addresses of the network, not all of it: the neighbours are honest.
        known.map(move |part| v4_net(base | part << 8 | 0xc0, 28))
    }

    fn filed_under(&self, place: usize, radius: u16) -> serde_json::Value {
        let city = city(place);
        json!({
            "continent": { "code": city.continent },
            "country": { "iso_code": city.country },
            "location": { "latitude": city.at.0, "longitude": city.at.1, "accuracy_radius": radius },
        })
    }
}

/// A city by its place in the list; the first if there is none.
#[must_use]
pub(crate) fn city(place: usize) -> &'static City {
    CITIES.get(place).unwrap_or(&CITIES[0])
}

/// Kilometres between two cities.
#[must_use]
pub(crate) fn kilometres(one: usize, other: usize) -> f64 {
    let point = |place: usize| {
        let (north, east) = city(place).at;
        holdfast_core::risk::Point::new(north, east, 0)
    };
    point(one).zip(point(other)).map_or(0.0, |(one, other)| one.distance(&other))
}

fn v4_net(base: u32, prefix: u8) -> IpNet {
    Ipv4Net::new(base.into(), prefix).map(IpNet::V4).unwrap_or_default()
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or_default()
}

const fn at(name: &'static str, country: &'static str, continent: &'static str, at: (f64, f64)) -> City {
    City { name, country, continent, at }
}

/// Cities, those of a country together. The first [`HOMES`] have users in them; from the others come travellers' hotels, exits
/// and thieves.
pub(crate) const CITIES: [City; 30] = [
    at("London", "GB", "EU", (51.5074, -0.1278)),
    at("Manchester", "GB", "EU", (53.4808, -2.2426)),
    at("Edinburgh", "GB", "EU", (55.9533, -3.1883)),
    at("Bristol", "GB", "EU", (51.4545, -2.5879)),
    at("Berlin", "DE", "EU", (52.52, 13.405)),
    at("Munich", "DE", "EU", (48.1351, 11.582)),
    at("Hamburg", "DE", "EU", (53.5511, 9.9937)),
    at("Cologne", "DE", "EU", (50.9375, 6.9603)),
    at("Frankfurt", "DE", "EU", (50.1109, 8.6821)),
    at("New York", "US", "NA", (40.7128, -74.006)),
    at("Boston", "US", "NA", (42.3601, -71.0589)),
    at("Chicago", "US", "NA", (41.8781, -87.6298)),
    at("San Francisco", "US", "NA", (37.7749, -122.4194)),
    at("Seattle", "US", "NA", (47.6062, -122.3321)),
    at("Dallas", "US", "NA", (32.7767, -96.797)),
    at("Paris", "FR", "EU", (48.8566, 2.3522)),
    at("Lyon", "FR", "EU", (45.764, 4.8357)),
    at("Marseille", "FR", "EU", (43.2965, 5.3698)),
    at("Mumbai", "IN", "AS", (19.076, 72.8777)),
    at("Delhi", "IN", "AS", (28.7041, 77.1025)),
    at("Bengaluru", "IN", "AS", (12.9716, 77.5946)),
    at("Tokyo", "JP", "AS", (35.6762, 139.6503)),
    at("Osaka", "JP", "AS", (34.6937, 135.5023)),
    at("Amsterdam", "NL", "EU", (52.3676, 4.9041)),
    at("Singapore", "SG", "AS", (1.3521, 103.8198)),
    at("Sydney", "AU", "OC", (-33.8688, 151.2093)),
    at("Sao Paulo", "BR", "SA", (-23.5505, -46.6333)),
    at("Bucharest", "RO", "EU", (44.4268, 26.1025)),
    at("Lagos", "NG", "AF", (6.5244, 3.3792)),
    at("Hanoi", "VN", "AS", (21.0278, 105.8342)),
];

/// How many of the cities have users.
pub(crate) const HOMES: usize = 23;
