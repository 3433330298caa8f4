//! Every parser of the core, on texts that nobody meant: none panics, what one writes it reads, and what it reads has
//! one spelling.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_core::{
    Keyring, Level, Origin, RootKey, SessionId, UnixTime,
    cookie::{AuthenticCookie, Cookie},
    dbsc::{
        AuthenticChallenge, Challenge, CookieName, Purpose, UnverifiedRefresh, UnverifiedRegistration,
        headers::{SkipReason, read_raw_or_quoted, read_skipped, write_challenge, write_registration},
    },
    jose::{Algorithm, Object, PublicKey, UnverifiedJws, Value},
    origin::LocalPath,
    parse_duration,
};
use proptest::prelude::*;

fn ring() -> Keyring {
    Keyring::new(&RootKey::from_bytes([5; 32]), &[RootKey::from_bytes([4; 32])])
}

/// Text of any kind, and text that is nearly right.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[A-Za-z0-9_.=\\-]{0,200}",
        "[A-Za-z0-9_\\-]{0,60}\\.[A-Za-z0-9_\\-]{0,60}\\.[A-Za-z0-9_\\-]{0,90}",
        "\\PC{0,40}",
    ]
}

/// JSON that is an object more often than not.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(".{0,4}", inner, 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_parser_panics(text in text(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let now = UnixTime::from_secs(1_800_000_000);
        let _ = Object::parse(&bytes);
        let _ = Object::parse(text.as_bytes());
        let _ = UnverifiedJws::parse(&text);
        let _ = UnverifiedRefresh::parse(&text);
        let _ = UnverifiedRegistration::parse(&text, &ring(), now);
        let _ = read_raw_or_quoted(&text);
        let _ = read_skipped(&text);
        let _ = text.parse::<SessionId>();
        let _ = text.parse::<Origin>();
        let _ = text.parse::<LocalPath>();
        let _ = text.parse::<CookieName>();
        let _ = parse_duration(&text);
        let _ = RootKey::from_hex(&text);
        let _ = "https://shop.example".parse::<Origin>().unwrap().path_of(&text);
        prop_assert!(AuthenticCookie::open(&ring(), &text).is_none());
        prop_assert!(AuthenticChallenge::open(&ring(), &text).is_none());
    }

    #[test]
    fn a_jws_of_any_two_objects_reads(header in json(), payload in json(), signature in any::<[u8; 64]>()) {
        let (header, payload) = (header.to_string(), payload.to_string());
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let text = format!("{}.{}.{}", part(header.as_bytes()), part(payload.as_bytes()), part(&signature));
        let readable = Object::parse(header.as_bytes()).is_ok_and(|object| object.member("crit").is_none())
            && Object::parse(payload.as_bytes()).is_ok();
        prop_assert_eq!(UnverifiedJws::parse(&text).is_ok(), readable);
    }

    #[test]
    fn a_jws_has_one_spelling(
        signature in prop::collection::vec(any::<u8>(), 1..100),
        place in any::<prop::sample::Index>(),
        other in "[A-Za-z0-9_\\-]",
    ) {
        // Whatever character of the signature is exchanged: either it is refused, or it is another signature.
        let encoded = URL_SAFE_NO_PAD.encode(&signature);
        let mut changed = encoded.clone();
        let place = place.index(changed.len());
        changed.replace_range(place..=place, &other);
        prop_assume!(changed != encoded);
        let jws = format!("e30.e30.{changed}");
        if UnverifiedJws::parse(&jws).is_ok() {
            prop_assert_ne!(URL_SAFE_NO_PAD.decode(&changed).unwrap(), signature);
        }
    }

    #[test]
    fn an_object_is_read_as_serde_reads_it(value in json()) {
        let text = value.to_string();
        if let Ok(object) = Object::parse(text.as_bytes()) {
            prop_assert!(same(&Value::Object(object), &value), "{}", text);
        } else {
            prop_assert!(!value.is_object() || depth(&value) > 4, "{}", text);
        }
    }

    #[test]
    fn two_members_of_one_name_are_never_read(name in "[a-z\"\\\\é]{1,5}", first in json(), second in json()) {
        let key = serde_json::Value::from(name).to_string();
        let text = format!("{{{key}:{first},{key}:{second}}}");
        prop_assert!(Object::parse(text.as_bytes()).is_err());
    }

    #[test]
    fn a_field_is_one_value_bare_and_quoted(value in "[A-Za-z0-9_.\\-]{1,100}") {
        let quoted = format!("\"{value}\"");
        let with_parameter = format!("{quoted};v=1");
        for field in [&value, &quoted, &with_parameter] {
            let read = read_raw_or_quoted(field);
            prop_assert_eq!(read.as_deref(), Some(value.as_str()));
        }
    }

    #[test]
    fn a_skipped_list_is_counted(reasons in prop::collection::vec(prop::sample::select(SkipReason::ALL.to_vec()), 1..8)) {
        let members: Vec<_> =
            reasons.iter().map(|reason| format!("{};session_identifier=\"x\"", reason.as_str())).collect();
        prop_assert_eq!(read_skipped(&members.join(", ")), reasons);
    }

    #[test]
    fn what_goes_out_is_ascii_and_quoted(path in ".{0,30}", challenge in "[ -~]{0,60}", id in any::<[u8; 16]>()) {
        let offer = write_registration(&[Algorithm::Es256], &path, &challenge, "a");
        let printable = path.bytes().all(|b| (0x20..0x7f).contains(&b));
        prop_assert_eq!(offer.is_some(), printable);
        let value = write_challenge(&challenge, SessionId::from_bytes(id)).unwrap();
        prop_assert!(value.is_ascii() && !value.contains('\n'));
        let (text, _id) = value.rsplit_once(";id=").unwrap();
        let read = read_raw_or_quoted(text);
        prop_assert_eq!(read.as_deref(), Some(challenge.as_str()));
    }

    #[test]
    fn a_session_id_has_one_text(bytes in any::<[u8; 16]>(), place in 0_usize..SessionId::TEXT_LENGTH, other in "[A-Za-z0-9_\\-]") {
        let id = SessionId::from_bytes(bytes);
        let text = id.to_string();
        prop_assert_eq!(text.parse(), Ok(id));
        let mut changed = text.clone();
        changed.replace_range(place..=place, &other);
        if changed != text {
            prop_assert_ne!(changed.parse(), Ok(id));
        }
    }

    #[test]
    fn what_is_an_origin_is_its_own_text(text in prop_oneof![
        any::<String>(),
        "https://[a-z0-9.\\-]{1,20}(:[0-9]{1,6})?",
        "https://\\[[0-9a-f:]{2,12}\\](:[0-9]{1,5})?",
    ]) {
        if let Ok(origin) = text.parse::<Origin>() {
            prop_assert_eq!(origin.as_str(), &text);
            prop_assert!(text.is_ascii() && text == text.to_lowercase() && !text.ends_with('/'));
            prop_assert!(!text.ends_with(":443"));
            let address = origin.address_of("/a?b");
            prop_assert_eq!(origin.path_of(&address), Some("/a?b"));
            let longer = format!("{text}.evil/");
            prop_assert_eq!(origin.path_of(&longer), None);
            let misleading = format!("{text}@evil/");
            prop_assert_eq!(origin.path_of(&misleading), None);
        }
    }

    #[test]
    fn a_local_path_names_no_host(text in prop_oneof![any::<String>(), "[/\\\\\t\r\n a-z:@?#.]{0,12}"]) {
        if let Ok(path) = text.parse::<LocalPath>() {
            let path = path.as_str();
            prop_assert_eq!(path, &text);
            // What browsers drop or turn before they look for a second slash is not in it at all.
            prop_assert!(path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\'));
            prop_assert!(path.starts_with('/') && !path.starts_with("//"));
        }
    }

    #[test]
    fn a_duration_is_its_digits_and_unit(count in 0_u64..100_000_000, unit in prop::sample::select(vec![('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)])) {
        let (letter, seconds) = unit;
        let read = parse_duration(&format!("{count}{letter}"));
        let longest = 10 * 366 * 86_400;
        let expected = (count * seconds <= longest).then(|| Duration::from_secs(count * seconds));
        prop_assert_eq!(read.ok(), expected);
    }

    #[test]
    fn a_cookie_opens_as_it_was_sealed(
        session in any::<[u8; 16]>(),
        generation in any::<u32>(),
        issued_at in 0_u64..u64::MAX / 1000,
        expires_at in 0_u64..u64::MAX / 1000,
        level in prop::sample::select(Level::ALL.to_vec()),
        place in any::<prop::sample::Index>(),
        other in "[A-Za-z0-9_\\-]",
    ) {
        let cookie = Cookie {
            session: SessionId::from_bytes(session),
            generation,
            issued_at: UnixTime::from_secs(issued_at),
            expires_at: UnixTime::from_secs(expires_at),
            level,
        };
        let sealed = cookie.seal(&ring());
        let value = sealed.reveal();
        let opened = *AuthenticCookie::open(&ring(), value).unwrap().get();
        prop_assert_eq!(opened, cookie);
        prop_assert!(AuthenticChallenge::open(&ring(), value).is_none());
        let mut changed = value.to_owned();
        let place = place.index(changed.len());
        changed.replace_range(place..=place, &other);
        prop_assert_eq!(AuthenticCookie::open(&ring(), &changed).is_some(), changed == value);
    }

    #[test]
    fn a_challenge_opens_as_it_was_sealed(
        session in any::<[u8; 16]>(),
        generation in any::<u32>(),
        expires_at in 0_u64..u64::MAX / 1000,
        random in any::<[u8; 16]>(),
        registers in any::<bool>(),
        place in any::<prop::sample::Index>(),
        other in "[A-Za-z0-9_\\-]",
    ) {
        let challenge = Challenge {
            purpose: if registers { Purpose::Register } else { Purpose::Refresh },
            session: SessionId::from_bytes(session),
            generation,
            expires_at: UnixTime::from_secs(expires_at),
            random,
        };
        let text = challenge.seal(&ring());
        let opened = *AuthenticChallenge::open(&ring(), &text).unwrap().get();
        prop_assert_eq!(opened, challenge);
        prop_assert!(AuthenticCookie::open(&ring(), &text).is_none());
        let mut changed = text.clone();
        let place = place.index(changed.len());
        changed.replace_range(place..=place, &other);
        prop_assert_eq!(AuthenticChallenge::open(&ring(), &changed).is_some(), changed == text);
    }

    #[test]
    fn coordinates_are_a_key_or_nothing(coordinates in prop::collection::vec(any::<u8>(), 64..=64)) {
        // A random pair is hardly ever a point; whatever is one, the second implementation takes as well.
        let bytes: [u8; 64] = coordinates.try_into().unwrap();
        let point = [&[4][..], &bytes].concat();
        let second = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).is_ok();
        prop_assert_eq!(PublicKey::p256(bytes).is_ok(), second);
    }

    #[test]
    fn a_modulus_has_its_size(n in prop::collection::vec(any::<u8>(), 200..600), e in any::<u32>()) {
        let e: Vec<u8> = e.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        let accepted = PublicKey::rsa(n.clone().into(), e.clone().into(), holdfast_core::jose::RsaScheme::Pkcs1).is_ok();
        if accepted {
            prop_assert!((256..=512).contains(&n.len()) && n[0] != 0 && n[n.len() - 1] % 2 == 1);
            prop_assert!(e.len() >= 3 && e[e.len() - 1] % 2 == 1);
        }
    }
}

/// Whether two readers saw the same.
fn same(ours: &Value, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(a), serde_json::Value::Bool(b)) => a == b,
        (Value::Number(a), serde_json::Value::Number(b)) => a == b,
        (Value::Text(a), serde_json::Value::String(b)) => a == b,
        (Value::Array(a), serde_json::Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), serde_json::Value::Object(b)) => {
            a.names().count() == b.len()
                && b.iter().all(|(name, value)| a.member(name).is_some_and(|member| same(member, value)))
        }
        _ => false,
    }
}

fn depth(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        serde_json::Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        serde_json::Value::Bool(_)
        | serde_json::Value::Null
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => 0,
    }
}
