//! The profiles of NIST SP 800-63B-4: what they set, what may exceed them with a reason, and what may not.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast::Config;
use holdfast::config::{Problems, Profile};
use holdfast_tests::server::Settings;

const REASON: &str = "justification = \"tills stay open all night, see risk register 12\"\n";

#[test]
fn a_profile_sets_the_defaults() -> Result<()> {
    for (profile, idle, absolute, soft_lock) in [
        ("nist-aal1", 7 * 86_400, 30 * 86_400, false),
        ("nist-aal2", 3600, 86_400, true),
        ("nist-aal3", 900, 12 * 3600, false),
    ] {
        let config = parse(&format!("profile = \"{profile}\"\n"))?;
        let session = &config.session;
        let expected = (Duration::from_secs(idle), Duration::from_secs(absolute));
        assert_eq!((session.idle, session.absolute), expected, "{profile}");
        assert_eq!((session.soft_lock, session.unbound_persistent), (soft_lock, false), "{profile}");
        assert_eq!(config.lifetimes.profile.map(Profile::as_str), Some(profile));
        assert_eq!(
            (config.lifetimes.deviations.len(), &config.lifetimes.justification),
            (0, &None),
            "{profile}"
        );
    }
    Ok(())
}

/// What is stricter than a profile is no deviation, and its other defaults stay.
#[test]
fn what_is_stricter_needs_no_reason() -> Result<()> {
    let config = parse("profile = \"nist-aal2\"\nidle = \"5m\"\nabsolute = \"24h\"\nsoft_lock = false\n")?;
    assert_eq!((config.session.idle, config.session.soft_lock), (Duration::from_secs(300), false));
    assert_eq!(config.lifetimes.deviations, []);
    Ok(())
}

#[test]
fn what_exceeds_a_profile_needs_a_reason() -> Result<()> {
    for (written, key, section) in [
        ("profile = \"nist-aal1\"\nabsolute = \"31d\"\n", "absolute", "2.1.3"),
        ("profile = \"nist-aal1\"\nunbound_persistent = true\n", "unbound_persistent", "5.1"),
        ("profile = \"nist-aal2\"\nabsolute = \"25h\"\n", "absolute", "2.2.3"),
        ("profile = \"nist-aal2\"\nidle = \"3601s\"\n", "idle", "2.2.3"),
        ("profile = \"nist-aal3\"\nidle = \"16m\"\n", "idle", "2.3.3"),
        ("profile = \"nist-aal3\"\nunbound_persistent = true\n", "unbound_persistent", "5.1"),
    ] {
        let problems = parse(written).err().context(written)?.to_string();
        assert!(problems.starts_with("holdfast.toml:"), "{problems}");
        for word in [format!("session.{key}: "), format!("§{section}"), "session.justification".to_owned()] {
            assert!(problems.contains(&word), "{word}: {problems}");
        }
        assert_eq!(problems.lines().count(), 1, "{problems}");
        let config = parse(&format!("{written}{REASON}"))?;
        let found: Vec<_> = config.lifetimes.deviations.iter().map(|found| found.key).collect();
        assert_eq!(found, [key], "{written}");
        assert!(config.lifetimes.justification.is_some(), "{written}");
    }
    Ok(())
}

/// A SHALL is one, whatever is said for it.
#[test]
fn no_reason_sets_a_shall_aside() -> Result<()> {
    for (written, key) in [
        ("profile = \"nist-aal3\"\nabsolute = \"43201s\"\n", "absolute"),
        ("profile = \"nist-aal3\"\nsoft_lock = true\n", "soft_lock"),
    ] {
        for reason in ["", REASON] {
            let problems = parse(&format!("{written}{reason}")).err().context(written)?.to_string();
            assert!(problems.contains(&format!("session.{key}: ")), "{problems}");
            assert!(problems.contains("§2.3.3") && problems.contains("no justification"), "{problems}");
        }
    }
    Ok(())
}

/// Without a profile nothing is measured by one.
#[test]
fn without_a_profile_everything_is_as_before() -> Result<()> {
    let config = parse("absolute = \"3650d\"\nidle = \"30d\"\nsoft_lock = true\n")?;
    assert_eq!((config.lifetimes.profile, config.lifetimes.deviations.len()), (None, 0));
    assert!(config.session.soft_lock && config.session.unbound_persistent);
    Ok(())
}

/// A variable is as good as the file, and as bad.
#[test]
fn variables_are_measured_too() -> Result<()> {
    let text = Settings::default().toml();
    let set = |name: &str, value: &str| (format!("HOLDFAST__SESSION__{name}"), value.to_owned());
    let variables = [set("PROFILE", "nist-aal3"), set("ABSOLUTE", "24h")];
    let problems =
        Config::parse(&text, "holdfast.toml", Path::new("/base"), variables).err().context("taken")?;
    assert!(problems.to_string().contains("HOLDFAST__SESSION__ABSOLUTE"), "{problems}");
    Ok(())
}

fn parse(session: &str) -> Result<Config, Problems> {
    let text = format!("{}\n[session]\n{session}", Settings::default().toml());
    Config::parse(&text, "holdfast.toml", Path::new("/base"), [])
}
