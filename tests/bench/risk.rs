//! A simulated month before the guard, and what the databases of addresses cost.

use std::time::Instant;

use anyhow::{Context as _, Result};
use holdfast::geo::{Database, Kind, locate};
use holdfast_tests::{
    mmdb::Mmdb,
    risk::{Table, World},
};
use serde_json::json;

use crate::report::Report;

/// Prints the table of `spec-notes/risk.md`: USERS DAYS SEED, a thousand users and thirty days if nothing is said.
pub(crate) fn simulate(arguments: &[String]) -> Result<()> {
    let number = |place: usize, default: u64| match arguments.get(place) {
        Some(text) => text.parse().with_context(|| format!("{text:?} is no number")),
        None => Ok(default),
    };
    let (users, days, seed) = (number(0, 1000)?, number(1, 30)?, number(2, 1)?);
    Report::default().note(&format!("{users} users, {days} days, seed {seed}\n"));
    let table = Table::of(users, days, seed)?;
    Report::default().note(&table.to_string());
    for (name, quiet, robbed) in table.columns() {
        Report::default().note(&format!("{name}: some of what was demanded, and thieves that were served"));
        for example in quiet.examples.iter().chain(&robbed.unstopped) {
            Report::default().note(example);
        }
    }
    look_up()
}

/// What it costs to load a large database, and to look something up in three of them.
fn look_up() -> Result<()> {
    let (large, begun) = (large_city(), Instant::now());
    let size = large.len() >> 20;
    let _database = Database::parse(Kind::City, large).map_err(anyhow::Error::msg)?;
    Report::default().note(&format!(
        "a database of {size} MiB is read and walked in {:.1} s",
        begun.elapsed().as_secs_f64()
    ));
    let world = World::new();
    let [city, asn, anonymous] = world.databases();
    let all = [(Kind::City, city), (Kind::Asn, asn), (Kind::Anonymous, anonymous)];
    let all = all.map(|(kind, made)| Database::parse(kind, made.to_bytes()).map_err(anyhow::Error::msg));
    let all = all.into_iter().collect::<Result<Vec<_>>>()?;
    let begun = Instant::now();
    for number in 0..LOOKUPS {
        // Somewhere in 20.0.0.0/8, where the world's addresses are.
        let address = std::net::Ipv4Addr::from(0x1400_0000 + number.wrapping_mul(7919) % 0x00ff_ffff);
        std::hint::black_box(locate(address.into(), &all));
    }
    let micros = begun.elapsed().as_secs_f64() * 1e6 / f64::from(LOOKUPS);
    Report::default().note(&format!("a look into three databases takes {micros:.2} microseconds"));
    Ok(())
}

/// As large as those that are given away: half a million networks, each with names in eight languages.
fn large_city() -> Vec<u8> {
    let mut city = Mmdb::new("Large-City").record_bits(32);
    for number in 0..NETWORKS {
        let network = ipnet::Ipv4Net::new((0x0100_0000 + number * 512).into(), 23).unwrap_or_default();
        let names = ["de", "en", "es", "fr", "ja", "pt-BR", "ru", "zh-CN"];
        let names: serde_json::Map<_, _> =
            names.iter().map(|name| ((*name).to_owned(), json!(format!("Town {number}")))).collect();
        let latitude = f64::from(number % 18_000) / 100.0 - 90.0;
        city = city.network(
            network.into(),
            json!({
                "city": { "geoname_id": number, "names": names },
                "continent": { "code": "EU", "geoname_id": 1 },
                "country": { "iso_code": "GB", "geoname_id": 2 },
                "location": { "accuracy_radius": 20, "latitude": latitude, "longitude": 1.5, "time_zone": "Europe/London" },
            }),
        );
    }
    city.to_bytes()
}

const LOOKUPS: u32 = 1_000_000;

const NETWORKS: u32 = 500_000;
