use std::net::IpAddr;

use holdfast_core::{
    Level, Method, SessionId, UnixTime,
    jose::{PublicKey, RsaScheme, Thumbprint},
    oauth::{Grant, GrantState, Offer},
    session::{Auth, Binding, Client, EndReason, Ended, Record},
};
use proptest::prelude::*;

use super::{created_at, decode, encode};
use crate::local::Words;

proptest! {
    #[test]
    fn comes_back_from_the_disk(record in record()) {
        let (mut bytes, words) = (Vec::new(), Words::default());
        encode(&record, None, &mut bytes);
        prop_assert_eq!(created_at(&bytes), Ok(record.created_at));
        prop_assert_eq!(decode(record.id, &bytes, &words), Ok(record));
    }

    #[test]
    fn comes_back_from_memory(record in record()) {
        let (mut bytes, words) = (Vec::new(), Words::default());
        encode(&record, Some(&words), &mut bytes);
        prop_assert_eq!(decode(record.id, &bytes, &words), Ok(record));
    }

    #[test]
    fn no_part_of_a_record_is_a_record(record in record(), cut in any::<prop::sample::Index>(), more in any::<u8>()) {
        let (mut bytes, words) = (Vec::new(), Words::default());
        encode(&record, None, &mut bytes);
        prop_assert!(decode(record.id, &bytes[..cut.index(bytes.len())], &words).is_err());
        bytes.push(more);
        prop_assert!(decode(record.id, &bytes, &words).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _either = decode(SessionId::from_bytes([0; 16]), &bytes, &Words::default());
    }
}

/// What stands on disks since before clients had a device.
#[test]
fn records_of_former_versions_are_read() {
    let times = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2];
    let bytes = [&times[..], &[3, 4, 2], b"\0\x04shop\x05alice", &[5, 1, 2, 3, 4], b"\0\x01x"].concat();
    let id = SessionId::from_bytes([7; 16]);
    let record = decode(id, &bytes, &Words::default()).unwrap();
    let client = record.client.as_deref().unwrap();
    assert_eq!((client.ip, client.user_agent.as_deref()), (Some([1, 2, 3, 4].into()), Some("x")));
    assert_eq!((&*record.user, &client.device_id), ("alice", &None));
    let mut again = Vec::new();
    encode(&record, None, &mut again);
    assert_eq!(again, bytes, "and written as they were");
}

fn record() -> impl Strategy<Value = Record> {
    let head = (any::<[u8; 16]>(), any::<u64>(), any::<u64>(), ".{0,20}", ".{0,40}");
    let times = (time(), time());
    let rest = (
        prop::option::of(auth()),
        prop::option::of(client()),
        prop::option::of("[ -~]{0,200}"),
        prop::option::of(binding()),
        prop::option::of(ended()),
        prop::option::of(grant()),
    );
    (head, times, rest).prop_map(|((id, revision, epoch, app, user), (created_at, began_at), rest)| Record {
        id: SessionId::from_bytes(id),
        revision,
        epoch,
        app: app.into(),
        user: user.into(),
        auth: rest.0.map(Box::new),
        client: rest.1.map(Box::new),
        attributes: rest.2.map(Into::into),
        created_at,
        began_at,
        binding: rest.3.map(Box::new),
        ended: rest.4,
        grant: rest.5.map(Box::new),
    })
}

fn time() -> impl Strategy<Value = UnixTime> {
    any::<u64>().prop_map(UnixTime::from_millis)
}

fn auth() -> impl Strategy<Value = Auth> {
    let amr = prop::collection::vec("[a-z]{0,8}".prop_map(Into::into), 0..5);
    (prop::option::of(".{0,30}".prop_map(Into::into)), amr, prop::option::of(time()))
        .prop_map(|(acr, amr, auth_time)| Auth { acr, amr, auth_time })
}

fn client() -> impl Strategy<Value = Client> {
    // Longer than what is shared, at times.
    let user_agent = prop::option::of("[ -~]{0,600}".prop_map(Into::into));
    let device_id = prop::option::of("[!-~]{1,128}".prop_map(|id| id.parse().unwrap()));
    (prop::option::of(any::<IpAddr>()), user_agent, device_id)
        .prop_map(|(ip, user_agent, device_id)| Client { ip, user_agent, device_id })
}

fn binding() -> impl Strategy<Value = Binding> {
    let p256 = any::<[[u8; 32]; 2]>().prop_map(|[x, y]| {
        let mut coordinates = [0; 64];
        coordinates[..32].copy_from_slice(&x);
        coordinates[32..].copy_from_slice(&y);
        PublicKey::P256(coordinates)
    });
    let ed25519 = Just(PublicKey::ed25519([9; 32]).unwrap());
    let rsa = (any::<u8>(), prop::sample::select(vec![RsaScheme::Pkcs1, RsaScheme::Pss])).prop_map(
        |(byte, scheme)| {
            let mut modulus = vec![byte; 256];
            (modulus[0], modulus[255]) = (0x80, 1);
            PublicKey::rsa(modulus.into(), [1, 0, 1].into(), scheme).unwrap()
        },
    );
    let key = prop_oneof![p256, ed25519, rsa];
    let level = prop::sample::select(Level::ALL.to_vec());
    let method = prop::sample::select(vec![Method::Dbsc, Method::Dpop]);
    (key, (method, level), time(), time(), any::<u32>()).prop_map(
        |(key, (method, level), bound_at, last_proof_at, generation)| Binding {
            method,
            level,
            key,
            bound_at,
            last_proof_at,
            generation,
        },
    )
}

fn grant() -> impl Strategy<Value = Grant> {
    let running = any::<[u8; 32]>().prop_map(|token_hash| GrantState::Running { token_hash });
    let key = any::<[u8; 32]>().prop_map(Thumbprint::from_bytes);
    let offered = ("[ -~]{0,40}", prop::option::of(any::<[u8; 32]>()), prop::option::of(key)).prop_map(
        |(redirect_uri, code_challenge, key)| {
            GrantState::Offered(Offer { redirect_uri: redirect_uri.into(), code_challenge, key })
        },
    );
    (".{0,20}", "[ -~]{0,30}", "[ -~]{0,30}", prop_oneof![running, offered]).prop_map(
        |(client_id, scope, audience, state)| Grant {
            client_id: client_id.into(),
            scope: scope.into(),
            audience: audience.into(),
            state,
        },
    )
}

fn ended() -> impl Strategy<Value = Ended> {
    (time(), prop::sample::select(EndReason::ALL.to_vec())).prop_map(|(at, reason)| Ended { at, reason })
}
