//! The databases that tests make are those of the format, as another reader reads them.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use std::net::IpAddr;

use holdfast_tests::mmdb::{Mmdb, Value};
use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn read(database: &Mmdb) -> Reader<Vec<u8>> {
    Reader::from_source(database.to_bytes()).unwrap()
}

fn look(reader: &Reader<Vec<u8>>, address: &str) -> Option<Json> {
    reader.lookup(address.parse().unwrap()).unwrap().decode().unwrap()
}

#[test]
fn rows_are_found_again() {
    let long = "x".repeat(70_000);
    let city = json!({ "country": { "iso_code": "GB" }, "location": { "latitude": 51.5142, "accuracy_radius": 100 },
        "list": [1, "GB", true, false, 70_000, 5_000_000_000_u64], "long": long, "middle": "y".repeat(300), "short": "z".repeat(40) });
    for bits in [24, 28, 32] {
        let database = Mmdb::new("Test")
            .record_bits(bits)
            .row("81.2.69.0/24", city.clone())
            .row("81.2.69.142/32", json!("one"))
            .row("81.0.0.0/8", json!("wide"))
            .row("2001:480::/32", json!({ "country": { "iso_code": "US" } }))
            .row("2001:480::1/128", json!(7));
        let reader = read(&database);
        reader.verify().unwrap();
        assert_eq!(reader.metadata().database_type, "Test");
        for (address, found) in [
            ("81.2.69.1", Some(city.clone())),
            ("81.2.69.142", Some(json!("one"))),
            ("81.2.70.1", Some(json!("wide"))),
            ("82.2.69.1", None),
            ("2001:480:ffff::", Some(json!({ "country": { "iso_code": "US" } }))),
            ("2001:480::1", Some(json!(7))),
            ("2001:481::1", None),
            ("::ffff:81.2.69.1", None),
            ("::81.2.69.1", Some(city.clone())),
        ] {
            assert_eq!(look(&reader, address), found, "{bits} {address}");
        }
    }
}

#[test]
fn a_database_may_hold_ipv4_alone_or_under_other_names_too() {
    let only = Mmdb::new("Test").ipv4_only().row("81.2.69.0/24", json!(1)).row("0.0.0.0/0", json!(2));
    let reader = read(&only);
    assert_eq!((look(&reader, "81.2.69.1"), look(&reader, "200.1.1.1")), (Some(json!(1)), Some(json!(2))));
    let found = reader.lookup("::1".parse().unwrap());
    assert!(matches!(found, Err(MaxMindDbError::InvalidInput { .. })));
    let aliased = read(&Mmdb::new("Test").aliased().row("81.2.69.0/24", json!(1)));
    aliased.verify().unwrap();
    for address in ["81.2.69.1", "::ffff:81.2.69.1", "2002:5102:4501::"] {
        assert_eq!(look(&aliased, address), Some(json!(1)), "{address}");
    }
    assert_eq!(aliased.networks(WithinOptions::default()).unwrap().count(), 1, "an alias is no network");
}

#[test]
fn what_is_told_often_is_kept_once() {
    let fill = |database: Mmdb, count: u16| {
        (0..count).fold(database, |database, number| {
            let [high, low] = number.to_be_bytes();
            let row = json!({ "country": { "iso_code": "GB" }, "name": format!("a city of some name {}", number % 7) });
            database.row(&format!("81.{high}.{low}.0/24"), row)
        })
    };
    let (few, many) = (fill(Mmdb::new("Test"), 7), fill(Mmdb::new("Test"), 2000));
    let added = many.to_bytes().len() - few.to_bytes().len();
    assert!(added < 2000 * 3 * 7, "{added}: nodes alone");
    assert_eq!(
        look(&read(&many), "81.7.207.9"),
        Some(json!({ "country": { "iso_code": "GB" }, "name": "a city of some name 4" }))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Against the plainest way to look something up.
    #[test]
    fn any_rows_are_found_as_a_list_would(
        rows in proptest::collection::vec((any::<u32>(), 1_u8..=32, any::<u16>()), 1..40),
        also in proptest::collection::vec(any::<u32>(), 20),
        bits in prop_oneof![Just(24_u8), Just(28), Just(32)],
    ) {
        let mut kept: Vec<(ipnet::Ipv4Net, u16)> = Vec::new();
        let mut database = Mmdb::new("Test").record_bits(bits);
        for (address, prefix, value) in &rows {
            let network = ipnet::Ipv4Net::new((*address).into(), *prefix).unwrap().trunc();
            kept.retain(|(other, _)| *other != network);
            kept.push((network, *value));
            database = database.network(network.into(), Value::U16(*value));
        }
        let reader = read(&database);
        prop_assert!(reader.verify().is_ok());
        for address in rows.iter().map(|(address, ..)| address).chain(&also) {
            let address = std::net::Ipv4Addr::from(*address);
            let narrowest = kept.iter().filter(|(network, _)| network.contains(&address));
            let expected = narrowest.max_by_key(|(network, _)| network.prefix_len()).map(|(_, value)| *value);
            let found = reader.lookup(IpAddr::V4(address)).unwrap().decode::<u16>().unwrap();
            prop_assert_eq!(found, expected);
        }
    }
}
