use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::{Event, EventType, Identifier};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn signer(byte: u8) -> SigningKey {
    SigningKey::from_slice(&[byte; 32]).unwrap()
}

fn public(byte: u8) -> PublicKey {
    let point = signer(byte).verifying_key().to_sec1_point(false);
    PublicKey::p256(point.as_bytes()[1..].try_into().unwrap()).unwrap()
}

fn sign(header: &Json, claims: &Json, byte: u8) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let input = format!("{header}.{claims}");
    let signature: Signature = signer(byte).sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn header() -> Json {
    json!({ "typ": "secevent+jwt", "alg": "ES256", "kid": "k" })
}

fn claims() -> Json {
    json!({
        "iss": "https://id.example", "aud": ["https://us.example"], "iat": NOW.as_secs(), "jti": "1",
        "sub_id": { "format": "email", "email": "alice@shop.example" },
        "events": { EventType::SessionRevoked.uri(): { "event_timestamp": NOW.as_secs() } },
    })
}

/// `json` with these members in place of its own; those that are null go.
fn with(mut json: Json, more: Json) -> Json {
    if let (Json::Object(members), Json::Object(more)) = (&mut json, more) {
        members.extend(more);
        members.retain(|_, value| !value.is_null());
    }
    json
}

fn judge(text: &str, byte: u8) -> Result<VerifiedSet, SetRejection> {
    let audiences = ["https://us.example".to_owned()];
    let expected = Expectation {
        issuer: "https://id.example",
        audiences: &audiences,
        now: NOW,
        tolerance: Duration::from_secs(60),
        max_age: Duration::from_secs(3600),
    };
    let set = UnverifiedSet::parse(text)?;
    set.algorithm(&[Algorithm::Es256, Algorithm::Rs256])?;
    set.is_for(&expected)?;
    set.verify(&public(byte), &expected)
}

#[test]
fn a_good_token_says_what_happened_to_whom() {
    let set = judge(&sign(&header(), &claims(), 1), 1).unwrap();
    assert_eq!((set.jti(), set.issued_at()), ("1", NOW));
    let [happened] = set.events() else { panic!("{set:?}") };
    assert_eq!(happened.event, Some(Event::Plain(EventType::SessionRevoked)));
    assert_eq!(happened.at, Some(NOW));
    let alice = Subject::Simple(Identifier::Email("alice@shop.example".into()));
    assert_eq!(set.subject_of(happened), Some(alice));
}

#[test]
fn typ_may_be_written_as_a_media_type() {
    for typ in ["secevent+jwt", "application/secevent+jwt", "SecEvent+JWT", "APPLICATION/secevent+jwt"] {
        assert!(judge(&sign(&with(header(), json!({ "typ": typ })), &claims(), 1), 1).is_ok(), "{typ}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let of_header = |more: Json| sign(&with(header(), more), &claims(), 1);
    let of_claims = |more: Json| sign(&header(), &with(claims(), more), 1);
    let now = NOW.as_secs();
    let event = |kind: EventType, body: Json| json!({ "events": { kind.uri(): body } });
    for (text, expected) in [
        (of_header(json!({ "typ": null })), SetRejection::Type),
        (of_header(json!({ "typ": "JWT" })), SetRejection::Type),
        (of_header(json!({ "typ": "at+jwt" })), SetRejection::Type),
        (of_header(json!({ "typ": "text/secevent+jwt" })), SetRejection::Type),
        (of_header(json!({ "alg": "none" })), SetRejection::Algorithm),
        (of_header(json!({ "alg": "HS256" })), SetRejection::Algorithm),
        (of_header(json!({ "alg": "PS256" })), SetRejection::Algorithm),
        (of_header(json!({ "alg": null })), SetRejection::Algorithm),
        (of_header(json!({ "alg": "RS256" })), SetRejection::Signature),
        (of_header(json!({ "jwk": {} })), SetRejection::HeaderKey),
        (of_header(json!({ "crit": ["x"] })), SetRejection::Malformed),
        (of_claims(json!({ "iss": "https://evil.example" })), SetRejection::Issuer),
        (of_claims(json!({ "iss": null })), SetRejection::Issuer),
        (of_claims(json!({ "aud": "https://other.example" })), SetRejection::Audience),
        (of_claims(json!({ "aud": [] })), SetRejection::Audience),
        (of_claims(json!({ "aud": null })), SetRejection::Audience),
        (of_claims(json!({ "aud": { "https://us.example": 1 } })), SetRejection::Audience),
        (of_claims(json!({ "iat": null })), SetRejection::IssuedAt),
        (of_claims(json!({ "iat": now.to_string() })), SetRejection::IssuedAt),
        (of_claims(json!({ "iat": -1 })), SetRejection::IssuedAt),
        (of_claims(json!({ "iat": now + 61 })), SetRejection::Future),
        (of_claims(json!({ "iat": u64::MAX })), SetRejection::Future),
        (of_claims(json!({ "iat": now - 3601 })), SetRejection::Old),
        (of_claims(json!({ "iat": 0 })), SetRejection::Old),
        (of_claims(json!({ "exp": now - 60 })), SetRejection::Expired),
        (of_claims(json!({ "exp": 0 })), SetRejection::Expired),
        (of_claims(json!({ "exp": -1 })), SetRejection::Expired),
        (of_claims(json!({ "exp": (now + 60).to_string() })), SetRejection::Expired),
        (of_claims(json!({ "exp": {} })), SetRejection::Expired),
        (of_claims(json!({ "sub": "alice" })), SetRejection::Subject),
        (of_claims(json!({ "sub": "" })), SetRejection::Subject),
        (of_claims(json!({ "sub": {}, "sub_id": null })), SetRejection::Subject),
        (of_claims(json!({ "jti": null })), SetRejection::Jti),
        (of_claims(json!({ "jti": "" })), SetRejection::Jti),
        (of_claims(json!({ "jti": "x".repeat(513) })), SetRejection::Jti),
        (of_claims(json!({ "events": null })), SetRejection::Events),
        (of_claims(json!({ "events": {} })), SetRejection::Events),
        (of_claims(json!({ "events": [EventType::SessionRevoked.uri()] })), SetRejection::Events),
        (of_claims(event(EventType::SessionRevoked, json!("yes"))), SetRejection::Events),
        (of_claims(event(EventType::DeviceComplianceChange, json!({}))), SetRejection::Event),
        (sign(&header(), &claims(), 2), SetRejection::Signature),
        ("".into(), SetRejection::Malformed),
        ("a.b".into(), SetRejection::Malformed),
        ("x".repeat(20_000), SetRejection::Malformed),
    ] {
        assert_eq!(judge(&text, 1).err(), Some(expected), "{text}");
    }
    let good = sign(&header(), &claims(), 1);
    let (input, _) = good.rsplit_once('.').unwrap();
    assert_eq!(judge(&format!("{input}."), 1).err(), Some(SetRejection::Malformed), "no signature");
}

#[test]
fn times_at_the_edge_are_taken() {
    let now = NOW.as_secs();
    for iat in [now + 60, now - 3600] {
        assert!(judge(&sign(&header(), &with(claims(), json!({ "iat": iat })), 1), 1).is_ok(), "{iat}");
    }
    for exp in [now - 59, now, now + 1, u64::from(u32::MAX)] {
        assert!(judge(&sign(&header(), &with(claims(), json!({ "exp": exp })), 1), 1).is_ok(), "{exp}");
    }
}

#[test]
fn unknown_events_and_old_places_of_subjects_are_understood() {
    let events = json!({ "sub_id": null, "events": {
        "https://x.example/unknown": { "anything": [1] },
        EventType::AccountDisabled.uri(): { "subject": { "format": "opaque", "id": "alice" }, "reason": "hijacking" },
    } });
    let set = judge(&sign(&header(), &with(claims(), events), 1), 1).unwrap();
    let known: Vec<_> =
        set.events().iter().map(|happened| happened.event.as_ref().map(Event::kind)).collect();
    assert!(known.contains(&None) && known.contains(&Some(EventType::AccountDisabled)), "{known:?}");
    let disabled = set.events().iter().find(|happened| happened.event.is_some()).unwrap();
    assert_eq!(set.subject_of(disabled), Some(Subject::Simple(Identifier::Opaque("alice".into()))));
    let unknown = set.events().iter().find(|happened| happened.event.is_none()).unwrap();
    assert_eq!(set.subject_of(unknown), None);
}

proptest! {
    #[test]
    fn any_text_is_judged_without_a_panic(text in ".{0,400}") {
        let _either = judge(&text, 1);
    }

    #[test]
    fn any_payload_is_judged_without_a_panic(
        name in prop::sample::select(vec!["iss", "aud", "iat", "jti", "events", "sub_id"]),
        value in prop::sample::select(vec!["null", "[]", "{}", "\"x\"", "1e300", "{\"format\":\"complex\",\"user\":{}}", "true", "-1"]),
    ) {
        let value: Json = serde_json::from_str(value).unwrap();
        let set = judge(&sign(&header(), &with(claims(), json!({ name: value })), 1), 1);
        if let Ok(set) = set {
            for happened in set.events() {
                let _either = set.subject_of(happened);
            }
        }
    }

    #[test]
    fn no_changed_token_is_taken(at in any::<prop::sample::Index>(), byte in "[A-Za-z0-9_-]") {
        let good = sign(&header(), &claims(), 1);
        let at = at.index(good.len());
        let changed = format!("{}{byte}{}", &good[..at], &good[at + 1..]);
        prop_assume!(changed != good);
        prop_assert!(judge(&changed, 1).is_err());
    }
}
