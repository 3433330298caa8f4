//! Challenges: a text opens only as the challenge that was sealed into it.

#![no_main]

use holdfast_core::{
    Keyring, RootKey, SessionId, UnixTime,
    dbsc::{AuthenticChallenge, Challenge, Purpose},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: ([u8; 16], u32, u32, [u8; 16], &str)| {
    let (session, generation, expires_at, random, text) = input;
    let ring = Keyring::new(&RootKey::from_bytes([1; 32]), &[]);
    assert!(AuthenticChallenge::open(&ring, text).is_none());
    let challenge = Challenge {
        purpose: if generation % 2 == 0 { Purpose::Register } else { Purpose::Refresh },
        session: SessionId::from_bytes(session),
        generation,
        expires_at: UnixTime::from_secs(expires_at.into()),
        random,
    };
    let sealed = challenge.seal(&ring);
    assert_eq!(AuthenticChallenge::open(&ring, &sealed).map(|opened| *opened.get()), Some(challenge));
    assert!(AuthenticChallenge::open(&ring, &format!("{sealed}{text}")).is_none() || text.is_empty());
});
