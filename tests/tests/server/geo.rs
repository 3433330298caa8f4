//! Databases of addresses: what they tell, what becomes of damaged ones, and how they are exchanged.

use std::{fs, net::IpAddr, path::Path};

use anyhow::{Context as _, Result};
use holdfast::config::RiskConfig;
use holdfast::geo::{Change, Database, Geo, Kind, locate};
use holdfast_core::risk::{Code, Location, Place, Traits};
use holdfast_tests::mmdb::{Mmdb, damaged};
use holdfast_tests::server::{Server, Settings};
use proptest::prelude::*;
use serde_json::{Value, json};

fn city() -> Mmdb {
    let record = |continent: &str, country: &str, at: (f64, f64), radius: u16| {
        json!({
            "city": { "geoname_id": 2_643_743, "names": { "de": "Ort", "en": "Town", "ja": "まち" } },
            "continent": { "code": continent, "names": { "en": "Somewhere" } },
            "country": { "iso_code": country, "is_in_european_union": true },
            "location": { "accuracy_radius": radius, "latitude": at.0, "longitude": at.1, "time_zone": "Europe/London" },
            "subdivisions": [{ "iso_code": "ENG", "names": { "en": "England" } }],
        })
    };
    Mmdb::new("GeoLite2-City")
        .row("81.2.69.0/24", record("EU", "GB", (51.5142, -0.0931), 100))
        .row("216.160.83.0/24", record("NA", "US", (47.2513, -122.3149), 22))
        .row("2001:480::/32", record("NA", "US", (32.7203, -117.1552), 1000))
        // In nowhere that exists, and in a country alone.
        .row("5.5.5.0/24", record("europe", "gb", (91.0, 0.0), 1))
        .row("6.6.6.0/24", json!({ "country": { "iso_code": "FR" } }))
        // As other makers write numbers.
        .row(
            "6.6.7.0/24",
            json!({ "location": { "latitude": 48, "longitude": 2, "accuracy_radius": 100_000 } }),
        )
        .row("7.7.7.0/24", json!({ "traits": { "is_anycast": true } }))
}

fn asn() -> Mmdb {
    Mmdb::new("GeoLite2-ASN")
        .row(
            "81.2.69.0/24",
            json!({ "autonomous_system_number": 20_712, "autonomous_system_organization": "A" }),
        )
        .row("6.6.0.0/16", json!({ "autonomous_system_number": 4_200_000_000_u32 }))
}

fn anonymous() -> Mmdb {
    Mmdb::new("GeoIP2-Anonymous-IP")
        .row("9.1.0.0/16", json!({ "is_anonymous": true, "is_anonymous_vpn": true }))
        .row("9.2.0.0/16", json!({ "is_anonymous": true, "is_hosting_provider": true }))
        .row("9.3.0.0/16", json!({ "is_anonymous": true, "is_residential_proxy": true }))
        .row("9.4.0.0/16", json!({ "is_anonymous": true, "is_tor_exit_node": true }))
        .row(
            "9.5.0.0/16",
            json!({ "is_anonymous": true, "is_public_proxy": true, "is_hosting_provider": true }),
        )
        .row("9.6.0.0/16", json!({ "is_anonymous": true }))
        .row("9.7.0.0/16", json!({ "is_anonymous": false }))
}

fn all() -> Result<[Database; 3]> {
    let parse = |kind, made: Mmdb| Database::parse(kind, made.to_bytes()).map_err(anyhow::Error::msg);
    Ok([parse(Kind::Anonymous, anonymous())?, parse(Kind::Asn, asn())?, parse(Kind::City, city())?])
}

fn at(address: &str, databases: &[Database]) -> Result<Location> {
    Ok(locate(address.parse()?, databases))
}

fn known(address: &str, databases: &[Database]) -> Result<Place> {
    at(address, databases)?.place().copied().with_context(|| format!("{address} is not known"))
}

#[test]
fn an_address_is_where_the_databases_say() -> Result<()> {
    let databases = all()?;
    let london = known("81.2.69.142", &databases)?;
    assert_eq!((london.country, london.continent), ("GB".parse::<Code>().ok(), "EU".parse().ok()));
    assert_eq!((london.asn, london.traits), (Some(20_712), Some(Traits::default())));
    let point = london.point.context("no point")?;
    assert_eq!((point.latitude, point.longitude, point.radius), (51.5142, -0.0931, 100));
    assert_eq!(known("::ffff:81.2.69.142", &databases)?, london, "the same address, written otherwise");
    assert_eq!(known("2001:480:1::5", &databases)?.country, "US".parse().ok());
    assert_eq!(known("6.6.6.6", &databases)?.asn, Some(4_200_000_000));
    Ok(())
}

#[test]
fn what_is_not_said_is_not_known() -> Result<()> {
    let databases = all()?;
    let [_, _, city] = &databases;
    let nowhere = known("5.5.5.5", &databases)?;
    assert_eq!((nowhere.point, nowhere.country, nowhere.continent), (None, None, None), "no such place");
    let point = known("6.6.7.1", &databases)?.point.context("no point")?;
    assert_eq!((point.latitude, point.longitude, point.radius), (48.0, 2.0, u16::MAX));
    let country = known("6.6.6.6", &databases)?;
    assert_eq!((country.point, country.country), (None, "FR".parse().ok()));
    assert_eq!(locate("8.8.8.8".parse()?, [city]), Location::Unknown);
    assert_eq!(locate("7.7.7.7".parse()?, [city]), Location::Unknown, "a record that tells nothing");
    assert_eq!(locate("81.2.69.1".parse()?, []), Location::Unknown);
    let without = locate("81.2.69.1".parse()?, [city]).place().copied().context("place")?;
    assert_eq!(without.traits, None, "nobody says that it hides nobody");
    // A database for IPv4 says nothing of IPv6, not even that it does not list it.
    let narrow = Mmdb::new("A").ipv4_only().row("9.1.0.0/16", json!({ "is_anonymous_vpn": true }));
    let narrow = Database::parse(Kind::Anonymous, narrow.to_bytes()).map_err(anyhow::Error::msg)?;
    assert_eq!(locate("2001:480::1".parse()?, [&narrow]), Location::Unknown);
    assert!(locate("9.9.9.9".parse()?, [&narrow]).place().is_some_and(|place| place.traits.is_some()));
    Ok(())
}

#[test]
fn addresses_that_are_nobodys_are_nowhere() -> Result<()> {
    // Also if a database has the cheek to place them.
    let record = json!({ "country": { "iso_code": "GB" } });
    let whole = Mmdb::new("C").row("0.0.0.0/0", record.clone()).row("::/1", record);
    let database = [Database::parse(Kind::City, whole.to_bytes()).map_err(anyhow::Error::msg)?];
    for address in [
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "203.0.113.7",
        "0.0.0.0",
        "255.255.255.255",
        "::1",
        "fe80::1",
        "fd00::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "::",
    ] {
        assert_eq!(at(address, &database)?, Location::Internal, "{address}");
    }
    assert!(at("81.2.69.1", &database)?.place().is_some());
    Ok(())
}

#[test]
fn who_hides_is_told_apart() -> Result<()> {
    let databases = all()?;
    for (address, anonymizer, hosting, residential_proxy) in [
        ("9.1.1.1", true, false, false),
        ("9.2.1.1", false, true, false),
        ("9.3.1.1", false, false, true),
        ("9.4.1.1", true, false, false),
        ("9.5.1.1", true, true, false),
        ("9.6.1.1", true, false, false),
        ("9.7.1.1", false, false, false),
        ("9.8.1.1", false, false, false),
    ] {
        let traits = Traits { anonymizer, hosting, residential_proxy };
        assert_eq!(known(address, &databases)?.traits, Some(traits), "{address}");
    }
    Ok(())
}

#[test]
fn damaged_files_are_refused_with_a_reason() {
    let mut taken = Vec::new();
    for (what, bytes) in damaged(&city()) {
        match Database::parse(Kind::City, bytes) {
            Ok(database) => {
                let place = locate([1, 2, 3, 4].into(), [&database]);
                assert_eq!(place, Location::Unknown, "{what}");
                taken.push(what);
            }
            Err(told) => assert!(told.contains("damaged") && told.is_ascii(), "{what}: {told}"),
        }
    }
    // A country of which another country is the only field: nobody looks there.
    assert_eq!(taken, ["a map that contains itself"]);
    let wrong = |record: Value| {
        let database = city().row("44.0.0.0/8", record);
        Database::parse(Kind::City, database.to_bytes()).err().unwrap_or_default()
    };
    for record in [
        json!("GB"),
        json!({ "country": "GB" }),
        json!({ "country": { "iso_code": 7 } }),
        json!({ "location": { "latitude": "51.5" } }),
        json!({ "location": { "accuracy_radius": true } }),
        json!({ "continent": ["EU"] }),
    ] {
        let told = wrong(record.clone());
        assert!(told.contains("damaged"), "{record}: {told}");
    }
}

#[test]
fn a_database_of_another_kind_is_not_taken() {
    for (kind, made, says) in [
        (Kind::City, asn(), "country"),
        (Kind::Asn, city(), "autonomous_system_number"),
        (Kind::Anonymous, city(), "is_anonymous"),
        (Kind::City, Mmdb::new("Empty\n\u{1b}[31m"), "no record"),
    ] {
        let told = Database::parse(kind, made.to_bytes()).err().unwrap_or_default();
        assert!(told.contains(says) && !told.contains('\n') && !told.contains('\u{1b}'), "{told}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is taken answers for every address; nothing makes it panic or loop.
    #[test]
    fn flipped_bits_do_no_harm(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..12),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        addresses in proptest::collection::vec(any::<u32>(), 4),
    ) {
        for (kind, made) in [(Kind::City, city()), (Kind::Asn, asn()), (Kind::Anonymous, anonymous())] {
            let mut bytes = made.to_bytes();
            for (at, bit) in &flips {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            if let Some(cut) = &cut {
                let end = cut.index(bytes.len());
                bytes.truncate(end);
            }
            let Ok(database) = Database::parse(kind, bytes) else { continue };
            for address in &addresses {
                let _ = locate(IpAddr::V4((*address).into()), [&database]);
                let _ = locate(IpAddr::V6((u128::from(*address) << 96 | 1 << 125).into()), [&database]);
            }
        }
    }

    #[test]
    fn noise_is_no_database(noise in proptest::collection::vec(any::<u8>(), 0..4096)) {
        for kind in Kind::ALL {
            let marked = [noise.as_slice(), b"\xab\xcd\xefMaxMind.com", &noise].concat();
            prop_assert!(Database::parse(kind, noise.clone()).is_err());
            prop_assert!(Database::parse(kind, marked).is_err());
        }
    }
}

fn config(folder: &Path) -> RiskConfig {
    RiskConfig { city: Some(folder.join("city.mmdb")), ..RiskConfig::default() }
}

fn country(geo: &Geo) -> Option<Code> {
    geo.place("81.2.69.1".parse().ok()?).place()?.country
}

fn of(country: &str) -> Mmdb {
    Mmdb::new("City").row("81.2.69.0/24", json!({ "country": { "iso_code": country } }))
}

#[test]
fn a_file_that_changes_is_taken_when_it_rests() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = config(folder.path());
    let path = config.city.clone().context("path")?;
    of("GB").write(&path)?;
    let geo = Geo::open(&config).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    assert!(country(&geo) == "GB".parse().ok() && geo.refresh().is_empty() && geo.refresh().is_empty());
    of("FR").write(&path)?;
    assert!(geo.refresh().is_empty(), "somebody may still be writing");
    assert!(matches!(geo.refresh().as_slice(), [Change::Loaded(database)] if database.kind() == Kind::City));
    assert_eq!(country(&geo), "FR".parse().ok());
    assert!(geo.refresh().is_empty() && geo.refresh().is_empty());
    Ok(())
}

#[test]
fn a_damaged_or_lost_file_is_told_once_and_the_one_before_stays() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = config(folder.path());
    let path = config.city.clone().context("path")?;
    of("GB").write(&path)?;
    let geo = Geo::open(&config).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let tell = |says: &str| {
        assert!(geo.refresh().is_empty());
        let changes = geo.refresh();
        let [Change::Refused(Kind::City, what)] = changes.as_slice() else { panic!("{says}") };
        assert!(what.contains("risk.city") && what.contains(says), "{what}");
        assert!(geo.refresh().is_empty() && geo.refresh().is_empty(), "told once");
        assert_eq!(country(&geo), "GB".parse().ok());
    };
    fs::write(&path, "License key invalid")?;
    tell("damaged");
    fs::remove_file(&path)?;
    tell("cannot be read");
    fs::write(&path, "License key still invalid")?;
    tell("damaged");
    of("FR").write(&path)?;
    assert!(geo.refresh().is_empty());
    assert!(matches!(geo.refresh().as_slice(), [Change::Loaded(_)]));
    assert_eq!(country(&geo), "FR".parse().ok());
    Ok(())
}

#[test]
fn what_cannot_be_read_is_refused_at_the_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let good = folder.path().join("good.mmdb");
    of("GB").write(&good)?;
    let noise = folder.path().join("noise.mmdb");
    fs::write(&noise, "x")?;
    let config = RiskConfig {
        city: Some(folder.path().join("absent.mmdb")),
        asn: Some(noise),
        anonymous: Some(folder.path().to_owned()),
        ..RiskConfig::default()
    };
    let problems = Geo::open(&config).err().context("all of them were taken")?;
    for key in ["risk.city: ", "risk.asn: ", "risk.anonymous: "] {
        assert!(problems.iter().any(|problem| problem.starts_with(key)), "{key}: {problems:?}");
    }
    let zero = RiskConfig { city: Some("/dev/zero".into()), ..RiskConfig::default() };
    let told = Geo::open(&zero).err().context("a device was read")?;
    assert!(told.iter().any(|problem| problem.contains("is no file")), "{told:?}");
    assert!(Geo::open(&RiskConfig { city: Some(good), ..RiskConfig::default() }).is_ok());
    Ok(())
}

#[tokio::test]
async fn a_running_server_tells_of_its_databases() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("city.mmdb");
    of("GB").built_at(1_795_111_111).write(&path)?;
    let settings = Settings::default().set("risk.city", path.to_str().context("path")?);
    let server = Server::with(settings.clone()).await?;
    let loaded = server.audit().wait_for("geo.loaded", 1).await?;
    let detail = loaded.first().and_then(|event| event.get("detail")?.as_str()).unwrap_or_default();
    assert!(detail.contains("risk.city") && detail.contains("in force"), "{detail}");
    let metrics = server.internal(reqwest::Method::GET, "/metrics").send().await?.text;
    assert!(
        metrics.contains("holdfast_geo_built_timestamp_seconds{database=\"city\"} 1795111111"),
        "{metrics}"
    );
    // SIGHUP: what is damaged is told, and the rest of the configuration is in force all the same.
    fs::write(&path, "License key invalid")?;
    server.reload(settings.clone().set("session.idle", "2h")).await?;
    let rejected = server.audit().wait_for("geo.rejected", 1).await?;
    let detail = rejected.first().and_then(|event| event.get("detail")?.as_str()).unwrap_or_default();
    assert!(detail.contains("damaged") && detail.contains("still in force"), "{detail}");
    let metrics = server.internal(reqwest::Method::GET, "/metrics").send().await?.text;
    let failed = "holdfast_geo_loads_total{database=\"city\",outcome=\"failed\"} 1";
    assert!(metrics.contains(failed), "{metrics}");
    // A database that was never in force has none before it to fall back to.
    let absent = settings.clone().set("risk.asn", "absent.mmdb");
    let told = server.reload(absent).await.err().context("it was taken")?.to_string();
    assert!(told.contains("risk.asn"), "{told}");
    of("FR").write(&path)?;
    server.reload(settings).await?;
    assert_eq!(server.audit().wait_for("geo.loaded", 2).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_server_does_not_start_with_a_damaged_database() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("city.mmdb");
    fs::write(&path, "License key invalid")?;
    let settings = Settings::default().set("risk.city", path.to_str().context("path")?);
    let told = Server::with(settings).await.err().context("it started")?.to_string();
    assert!(told.contains("risk.city") && told.contains("get it anew"), "{told}");
    Ok(())
}
