//! A profile as a store keeps it.

use holdfast_core::risk::Profile;

/// The bytes of a profile.
pub fn encode_profile(profile: &Profile) -> Vec<u8> {
    // Nothing in a profile refuses to be written; if it did, it would be learned anew.
    postcard::to_extend(profile, vec![FORMAT]).unwrap_or_default()
}

/// The profile of stored bytes. What cannot be read is learned anew.
pub fn decode_profile(bytes: &[u8]) -> Profile {
    match bytes {
        [FORMAT, rest @ ..] => postcard::from_bytes(rest).unwrap_or_default(),
        _ => Profile::default(),
    }
}

/// Does something with a profile that is stored, and gives the bytes to be stored instead, if it has changed.
pub fn revise_profile<T>(
    stored: Option<&[u8]>,
    work: impl FnOnce(&mut Profile) -> T,
) -> (T, Option<Vec<u8>>) {
    let mut profile = stored.map(decode_profile).unwrap_or_default();
    let before = profile.clone();
    let outcome = work(&mut profile);
    // To compare costs less than to encode, and most requests teach nothing.
    let changed = (profile != before).then(|| encode_profile(&profile));
    (outcome, changed)
}

/// To be raised with every change of what is kept.
const FORMAT: u8 = 2;

#[cfg(test)]
mod tests {
    use holdfast_core::{
        SessionId, UnixTime,
        risk::{
            Agent, Evidence, Location, Network, Place, Point, Score, Sighting, Signal, SignalName, Strength,
        },
    };

    use super::*;

    fn learned() -> Profile {
        let mut profile = Profile::default();
        for third in 0..80_u8 {
            let place = Place {
                point: Point::new(51.5, -0.1, 20),
                country: "GB".parse().ok(),
                continent: "EU".parse().ok(),
                asn: Some(2856),
                traits: None,
            };
            let sighting = Sighting {
                network: Network::V4([81, 2, third]),
                location: Location::Known(place),
                at: UnixTime::from_secs(1_800_000_000 + u64::from(third)),
            };
            profile.learn(&sighting, Evidence::Proof);
            profile.learn_login(Some(Strength::default()), &sighting.location, sighting.at);
            profile.learn_browser(&Agent::parse("curl/8"), None, sighting.at);
            profile.learn_device(&third.to_string(), sighting.at);
            let strange = Signal::new(SignalName::NetworkHosting, Score::new(70));
            let new = Signal::new(SignalName::DeviceUnknown, Score::new(50));
            profile.suspect(SessionId::from_bytes([third; 16]), &[strange, new], sighting.at);
        }
        profile
    }

    #[test]
    fn a_profile_comes_back() {
        for profile in [Profile::default(), learned()] {
            assert_eq!(decode_profile(&encode_profile(&profile)), profile);
        }
        let size = encode_profile(&learned()).len();
        assert!(size < 4096, "a full profile has {size} bytes");
    }

    #[test]
    fn what_cannot_be_read_is_learned_anew() {
        let bytes = encode_profile(&learned());
        for (length, _) in bytes.iter().enumerate() {
            assert_eq!(decode_profile(bytes.get(..length).unwrap()), Profile::default());
        }
        assert_eq!(decode_profile(&[9, 1, 2, 3]), Profile::default());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(0_u8.., 0..300)) {
            let _ = decode_profile(&[&[FORMAT], bytes.as_slice()].concat());
        }
    }
}
