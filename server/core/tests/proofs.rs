//! DPoP proofs and what belongs to them, on texts that nobody meant and at times that nobody chose: addresses have one
//! spelling, what is sealed opens as just that, and no proof is accepted after it was forgotten.

#![expect(clippy::expect_used, reason = "a key that cannot be made fails the test")]

#[path = "support/prover.rs"]
mod prover;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_core::{
    Keyring, RootKey, Rule, SessionId, UnixTime,
    dpop::{
        Boot, DpopPolicy, Expected, LiveNonce, NonceDemand, Proof, TargetUri, UnverifiedProof, issue_nonce,
    },
    jose::{Algorithm, Thumbprint},
    oauth::{
        AuthenticCode, AuthenticRefreshToken, RefreshToken, UnverifiedAccessToken, code, code_challenge_of,
    },
};
use proptest::{prelude::*, sample::Index};

use crate::prover::Prover;

const URL: &str = "https://shop.example/token";
const BEGAN: u64 = 1_800_000_000_000;
const BOOT: Boot = Boot { id: *b"boot", at: UnixTime::from_millis(BEGAN - 3_600_000) };

fn ring() -> Keyring {
    Keyring::new(&RootKey::from_bytes([5; 32]), &[RootKey::from_bytes([4; 32])])
}

/// Judges a proof for the token endpoint.
fn judge(proof: &str, demand: NonceDemand, policy: &DpopPolicy, now: UnixTime) -> Result<Proof, Rule> {
    let target = TargetUri::parse(URL);
    let expected = Expected { method: "POST", target: target.as_ref(), token: None, nonce: demand };
    UnverifiedProof::parse([proof].into_iter(), &policy.algorithms)
        .and_then(|proof| proof.verify(&expected, &ring(), &BOOT, policy, now))
        .map(holdfast_core::Verified::into_inner)
        .map_err(|rejection| rejection.rule)
}

/// Addresses, and what is nearly one.
fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[hH][tT][tT][pP][sS]?://[a-zA-Z0-9.\\-]{1,12}(:[0-9]{0,6})?(/[a-zA-Z0-9._~%:@!$&'()*+,;=\\-]{0,8}){0,5}([?#].{0,8})?",
        "https://a(/(\\.|\\.\\.|%2e|%2E%2e|%41|%7E|%2f|x)){0,6}/?",
        "https?://\\[[0-9a-fA-F:.]{2,14}\\]?(:[0-9]{0,5})?/?",
        "https://[\\[\\]a-z:@%.]{0,8}/[\\[\\]a-z:@%.]{0,8}",
    ]
}

/// JSON of any kind, and of the kinds that claims have.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| serde_json::Value::from(number).to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        prop::sample::select(vec!["null", "true", "[]", "{}", "[1]", "-0", "1e300", "1800000000.5"])
            .prop_map(str::to_owned),
        (BEGAN / 1000 - 200..BEGAN / 1000 + 200).prop_map(|seconds| seconds.to_string()),
    ]
}

proptest! {
    #[test]
    fn an_address_that_was_read_is_its_own_text(text in address()) {
        let Some(uri) = TargetUri::parse(&text) else { return Ok(()) };
        let normal = uri.as_str();
        prop_assert_eq!(TargetUri::parse(normal), Some(uri.clone()), "{} of {}", normal, text);
        prop_assert!(normal.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert!(!normal.contains(['?', '#', '\\']), "{}", normal);
        let (scheme, rest) = normal.split_once("://").unwrap();
        let (authority, path) = rest.split_at(rest.find('/').unwrap());
        prop_assert!(scheme == "https" || scheme == "http");
        prop_assert!(!authority.is_empty() && !authority.contains('@') && !authority.ends_with(':'));
        prop_assert!(authority == authority.to_lowercase());
        prop_assert!(path.split('/').all(|segment| segment != "." && segment != ".."), "{}", normal);
    }

    #[test]
    fn every_spelling_of_an_address_is_that_address(text in address(), tail in "[a-z/.?#&=]{0,10}") {
        let Some(uri) = TargetUri::parse(&text) else { return Ok(()) };
        let normal = uri.as_str();
        // Room for the longer spellings.
        prop_assume!(normal.len() < 500);
        let (scheme, rest) = normal.split_once("://").unwrap();
        let (authority, path) = rest.split_at(rest.find('/').unwrap());
        let port = if scheme == "https" { ":443" } else { ":80" };
        let has_port = authority.rsplit_once(']').map_or(authority, |(_, after)| after).contains(':');
        let with_port = if has_port { authority.to_owned() } else { format!("{authority}{port}") };
        let encoded: String = path
            .bytes()
            .scan(0, |skip, byte| {
                // What is a triplet already is left alone.
                *skip = if byte == b'%' { 3_u8 } else { *skip };
                let inside = *skip > 0;
                *skip = skip.saturating_sub(1);
                let is_plain = !inside && (byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
                Some(if is_plain { format!("%{byte:02x}") } else { char::from(byte).to_string() })
            })
            .collect();
        for spelling in [
            format!("{}://{}{path}", scheme.to_uppercase(), authority.to_uppercase()),
            format!("{scheme}://{with_port}{path}"),
            format!("{scheme}://{authority}{encoded}"),
            format!("{scheme}://{authority}/x/..{path}"),
            format!("{normal}?{tail}"),
            format!("{normal}#{tail}"),
        ] {
            prop_assert_eq!(TargetUri::parse(&spelling), Some(uri.clone()), "{}", spelling);
        }
        for other in [format!("{normal}x"), format!("{normal}%2F"), format!("{scheme}://{authority}/{path}")] {
            prop_assert_ne!(TargetUri::parse(&other), Some(uri.clone()), "{}", other);
        }
    }

    #[test]
    fn no_reader_panics(
        texts in prop::collection::vec(prop_oneof![any::<String>(), "[A-Za-z0-9_\\-]{0,40}(\\.[A-Za-z0-9_\\-]{0,60}){0,3}"], 0..3),
        header in prop::collection::vec(("typ|alg|jwk|crit|x", value()), 0..5),
    ) {
        let header: Vec<_> = header.into_iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
        let header = URL_SAFE_NO_PAD.encode(format!("{{{}}}", header.join(",")));
        let jws = format!("{header}.e30.AAAA");
        let fields = texts.iter().map(String::as_str);
        prop_assert!(UnverifiedProof::parse(fields.clone(), Algorithm::DPOP).is_err());
        prop_assert!(UnverifiedProof::parse([jws.as_str()].into_iter(), Algorithm::DPOP).is_err());
        for text in fields.chain([jws.as_str()]) {
            let _ = UnverifiedAccessToken::parse(text);
            let _ = code_challenge_of(text);
            let _ = Thumbprint::from_text(text);
            prop_assert!(AuthenticCode::open(&ring(), text).is_none());
            prop_assert!(AuthenticRefreshToken::open(&ring(), text).is_none());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A good proof with some claims exchanged: whatever they are, it is judged, and if it is accepted, it says what it must.
    #[test]
    fn no_claim_makes_a_judge_panic(
        claims in prop::collection::vec(("jti|htm|htu|iat|exp|nbf|ath|nonce|x", value()), 0..3),
        millis in 0_u64..1000,
    ) {
        let mut members = vec![
            ("jti".to_owned(), r#""1""#.to_owned()),
            ("htm".to_owned(), r#""POST""#.to_owned()),
            ("htu".to_owned(), format!(r#""{URL}""#)),
            ("iat".to_owned(), (BEGAN / 1000).to_string()),
        ];
        for (name, value) in claims {
            members.retain(|(before, _)| *before != name);
            members.push((name, value));
        }
        let text: Vec<_> = members.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
        let proof = Prover::new(1).proof(&format!("{{{}}}", text.join(",")));
        let now = UnixTime::from_millis(BEGAN + millis);
        if let Ok(proof) = judge(&proof, NonceDemand::No, &DpopPolicy::default(), now) {
            let of = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            prop_assert_eq!(of("htm"), Some(r#""POST""#));
            prop_assert!(of("ath").is_none() && of("nonce").is_none());
            let iat: f64 = of("iat").unwrap().parse().unwrap();
            let seconds = 1_800_000_000.0;
            prop_assert!((seconds - 75.0..seconds + 16.0).contains(&iat), "{}", iat);
            prop_assert!(proof.remember_until > now);
        }
    }

    /// What is accepted is remembered for as long as it would be accepted, whatever clocks and policies say.
    #[test]
    fn no_proof_is_accepted_after_it_was_forgotten(
        offset in -400_i64..400,
        fraction in prop::option::of(0_u32..1000),
        nonce_age in prop::option::of(0_u64..4000),
        now_millis in 0_u64..1000,
        later in prop_oneof![Just(0_u64), 0..2000_u64, any::<u32>().prop_map(u64::from)],
        max_age in 1_u64..300_000,
        skew in 0_u64..60_000,
        nonce_life in 10_u64..3600,
        demand in prop::sample::select(vec![NonceDemand::No, NonceDemand::UnlessYounger, NonceDemand::Yes]),
        limits in prop::option::of((-100_i64..100, -100_i64..100)),
    ) {
        let client = Prover::new(1);
        let policy = DpopPolicy {
            max_age: Duration::from_millis(max_age),
            skew: Duration::from_millis(skew),
            nonce_life: Duration::from_secs(nonce_life),
            ..DpopPolicy::default()
        };
        let now = UnixTime::from_millis(BEGAN + now_millis);
        let second = |offset: i64| (BEGAN / 1000).saturating_add_signed(offset);
        let nonce = nonce_age.map(|age| {
            let at = UnixTime::from_secs(BEGAN / 1000 - age);
            format!(r#","nonce":"{}""#, issue_nonce(&ring(), &BOOT, Some(&client.thumbprint()), at))
        });
        let fraction = fraction.map(|thousandths| format!(".{thousandths:03}")).unwrap_or_default();
        let limits = limits.map(|(exp, nbf)| format!(r#","exp":{},"nbf":{}"#, second(exp), second(nbf)));
        let proof = client.proof(&format!(
            r#"{{"jti":"1","htm":"POST","htu":"{URL}","iat":{}{fraction}{}{}}}"#,
            second(offset),
            nonce.unwrap_or_default(),
            limits.unwrap_or_default(),
        ));
        let Ok(accepted) = judge(&proof, demand, &policy, now) else { return Ok(()) };
        let end = accepted.remember_until;
        prop_assert!(end > now);
        // Whoever stores it may round the end down to a second of its own.
        let longest = policy.max_age + policy.skew * 2 + policy.nonce_life + Duration::from_secs(2);
        prop_assert!(end <= now.after(longest), "no proof is remembered for ever");
        let again = judge(&proof, demand, &policy, end.after(Duration::from_millis(later)));
        prop_assert!(
            matches!(again, Err(Rule::P15 | Rule::P17 | Rule::P18 | Rule::P21 | Rule::P22)),
            "{:?} at {:?}, remembered until {:?}", again, end, end
        );
    }

    /// As long as a proof is accepted, its memory ends at the same time: what is asked twice is remembered twice as one.
    #[test]
    fn what_is_remembered_does_not_depend_on_when(first in 0_u64..75_000, second in 0_u64..75_000) {
        let iat = BEGAN / 1000;
        let proof = Prover::new(1).proof(&format!(r#"{{"jti":"1","htm":"POST","htu":"{URL}","iat":{iat}}}"#));
        let at = |millis| {
            let now = UnixTime::from_millis(BEGAN + millis);
            judge(&proof, NonceDemand::No, &DpopPolicy::default(), now).map(|proof| (proof.id, proof.remember_until))
        };
        prop_assert!(at(first).is_ok());
        prop_assert_eq!(at(first), at(second));
    }

    #[test]
    fn a_nonce_opens_for_its_key_run_and_time(
        issued_at in 0_u64..1 << 40,
        age in 0_u64..600,
        bound in any::<bool>(),
        same_key in any::<bool>(),
        same_run in any::<bool>(),
        place in any::<Index>(),
        other in "[A-Za-z0-9_\\-]",
    ) {
        let life = Duration::from_secs(300);
        let (mine, theirs) = (Thumbprint::from_bytes([1; 32]), Thumbprint::from_bytes([2; 32]));
        let at = UnixTime::from_secs(issued_at);
        let text = issue_nonce(&ring(), &BOOT, bound.then_some(&mine), at);
        let now = UnixTime::from_secs(issued_at + age);
        let boot = if same_run { BOOT } else { Boot { id: *b"next", ..BOOT } };
        let key = if same_key { &mine } else { &theirs };
        let opened = LiveNonce::open(&ring(), &boot, &text, key, life, now);
        prop_assert_eq!(opened.is_some(), same_run && (same_key || !bound) && age < 300);
        prop_assert!(opened.is_none_or(|nonce| nonce.expires_at() == at.after(life)));
        let changed = exchange(&text, place, &other);
        prop_assert_eq!(LiveNonce::open(&ring(), &BOOT, &changed, &mine, life, at).is_some(), changed == text);
        prop_assert!(AuthenticCode::open(&ring(), &text).is_none());
        prop_assert!(AuthenticRefreshToken::open(&ring(), &text).is_none());
    }

    #[test]
    fn a_code_opens_as_it_was_sealed(
        session in any::<[u8; 16]>(),
        at in 0_u64..u64::MAX / 2,
        place in any::<Index>(),
        other in "[A-Za-z0-9_\\-]",
    ) {
        let (session, at) = (SessionId::from_bytes(session), UnixTime::from_millis(at));
        let sealed = code(&ring(), session, at);
        let text = sealed.reveal();
        let opened = AuthenticCode::open(&ring(), text).unwrap();
        prop_assert_eq!((opened.session(), opened.expires_at()), (session, at.after(Duration::from_secs(60))));
        prop_assert!(AuthenticRefreshToken::open(&ring(), text).is_none());
        let changed = exchange(text, place, &other);
        prop_assert_eq!(AuthenticCode::open(&ring(), &changed).is_some(), changed == text);
    }

    #[test]
    fn a_refresh_token_opens_as_it_was_sealed_and_has_one_successor(
        session in any::<[u8; 16]>(),
        random in any::<[u8; 32]>(),
        place in any::<Index>(),
        other in "[A-Za-z0-9_\\-]",
    ) {
        let session = SessionId::from_bytes(session);
        let first = RefreshToken::first(session, random);
        // Sealed before the root key was changed, opened with the new one and the old one in force.
        let old = Keyring::new(&RootKey::from_bytes([4; 32]), &[]);
        let sealed = first.seal(&old);
        let text = sealed.reveal();
        let [before, after] = [&old, &ring()].map(|ring| AuthenticRefreshToken::open(ring, text).unwrap());
        prop_assert_eq!(before.session(), session);
        prop_assert_eq!(before.successor().unwrap().hash(), after.successor().unwrap().hash(), "a root key moves no successor");
        prop_assert_ne!(before.successor().unwrap().hash(), first.hash());
        prop_assert!(AuthenticCode::open(&ring(), text).is_none());
        let changed = exchange(text, place, &other);
        prop_assert_eq!(AuthenticRefreshToken::open(&old, &changed).is_some(), changed == text);
        let shown = format!("{first:?}{before:?}");
        prop_assert!(!shown.contains(text), "{}", shown);
    }
}

fn exchange(text: &str, place: Index, other: &str) -> String {
    let mut changed = text.to_owned();
    let place = place.index(changed.len());
    changed.replace_range(place..=place, other);
    changed
}
