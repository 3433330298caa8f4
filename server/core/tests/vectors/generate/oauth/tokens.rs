//! T-01 and T-03 to T-07: access tokens.

use std::collections::BTreeMap;

use holdfast_core::Rule;

use crate::{
    compact::{b64, flip, parts, sign, sign_with},
    generate::dpop::jkt,
    keys::Device,
    oauth::{Said, TokenVector},
    world::{BEGAN, World},
};

pub(super) fn vectors(world: &World) -> Vec<TokenVector> {
    let mut vectors = accepted(world);
    vectors.extend(malformed(world));
    vectors.extend(claims(world));
    vectors.extend(keys(world));
    vectors.extend(signatures(world));
    vectors.extend(elsewhere(world));
    vectors.extend(times(world));
    vectors
}

/// When an ordinary token is used, ten minutes after it was issued.
const AT: u64 = ISSUED + 600;
const ISSUED: u64 = BEGAN + 1000;
const EXPIRES: u64 = ISSUED + 900;
const SKEW: u64 = 15;
const HEADER: &str = r#"{"alg":"ES256","kid":"1","typ":"at+jwt"}"#;

/// The claims of an ordinary token, as name and JSON.
type Claims = Vec<(&'static str, String)>;

fn good_claims(world: &World) -> Claims {
    vec![
        ("iss", r#""https://as.test""#.to_owned()),
        ("sub", r#""alice""#.to_owned()),
        ("aud", r#""https://api.test""#.to_owned()),
        ("client_id", r#""app-1""#.to_owned()),
        ("scope", r#""read write""#.to_owned()),
        ("sid", format!(r#""{}""#, World::session())),
        ("jti", r#""token-1""#.to_owned()),
        ("iat", ISSUED.to_string()),
        ("exp", EXPIRES.to_string()),
        ("cnf", format!(r#"{{"jkt":"{}"}}"#, jkt(&world.device))),
    ]
}

fn with(mut claims: Claims, name: &'static str, value: impl Into<String>) -> Claims {
    let value = value.into();
    match claims.iter_mut().find(|(key, _)| *key == name) {
        Some((_, old)) => *old = value,
        None => claims.push((name, value)),
    }
    claims
}

fn without(mut claims: Claims, name: &str) -> Claims {
    claims.retain(|(key, _)| *key != name);
    claims
}

fn json(claims: &Claims) -> String {
    let members: Vec<_> = claims.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
    format!("{{{}}}", members.join(","))
}

fn good(world: &World) -> String {
    sign(HEADER, json(&good_claims(world)), &world.issuer)
}

/// A token that is judged in ordinary circumstances.
fn token(world: &World, name: &str, note: &str, token: String) -> TokenVector {
    let jwk: BTreeMap<_, _> = serde_json::from_str(&world.issuer.jwk()).unwrap();
    TokenVector {
        name: format!("token-{name}"),
        note: note.to_owned(),
        checks: Vec::new(),
        rule: None,
        at: AT,
        skew: SKEW,
        audiences: vec!["https://api.test".to_owned(), "https://api.test/v2".to_owned()],
        jwk,
        alg: "ES256".to_owned(),
        token,
        accepted: None,
    }
}

impl TokenVector {
    fn breaks(self, rule: Rule) -> Self {
        Self { rule: Some(rule.id().to_owned()), checks: vec!["V57".to_owned()], ..self }
    }

    fn at(self, at: u64) -> Self {
        Self { at, ..self }
    }

    fn of_key(self, device: &impl Device, alg: &str) -> Self {
        Self { jwk: serde_json::from_str(&device.jwk()).unwrap(), alg: alg.to_owned(), ..self }
    }

    fn says(self, world: &World, change: impl FnOnce(&mut Said)) -> Self {
        let text = |text: &str| Some(text.to_owned());
        let mut said = Said {
            iss: "https://as.test".to_owned(),
            sub: "alice".to_owned(),
            client_id: text("app-1"),
            scope: text("read write"),
            aud: vec!["https://api.test".to_owned()],
            sid: Some(World::session().to_string()),
            jkt: Some(jkt(&world.device)),
            exp: EXPIRES,
        };
        change(&mut said);
        Self { accepted: Some(said), ..self }
    }
}

fn accepted(world: &World) -> Vec<TokenVector> {
    let of = |name: &str, note: &str, claims: Claims| {
        token(world, name, note, sign(HEADER, json(&claims), &world.issuer))
    };
    let claims = || good_claims(world);
    let typed = |typ: &str| sign(HEADER.replace("at+jwt", typ), json(&claims()), &world.issuer);
    let by = |device: &dyn Fn(&[u8]) -> Vec<u8>, alg: &str| {
        sign_with(HEADER.replace("ES256", alg), json(&claims()), device)
    };
    let bare = ["client_id", "scope", "sid", "jti", "cnf"].into_iter().fold(claims(), without);
    vec![
        token(world, "good", "The ordinary case.", good(world)).says(world, |_| ()),
        token(world, "media-type", "The type in full.", typed("application/at+jwt")).says(world, |_| ()),
        token(world, "typ-case", "Media types have no case.", typed("AT+JWT")).says(world, |_| ()),
        token(
            world,
            "eddsa",
            "An issuer with a key of Ed25519.",
            by(&|message| world.ed.sign(message), "EdDSA"),
        )
        .of_key(&world.ed, "EdDSA")
        .says(world, |_| ()),
        token(
            world,
            "ps256",
            "An issuer with an RSA key for PSS.",
            by(&|message| world.pss.sign(message), "PS256"),
        )
        .of_key(&world.pss, "PS256")
        .says(world, |_| ()),
        token(
            world,
            "rs256",
            "An issuer with an RSA key for PKCS #1.",
            by(&|message| world.rsa.sign(message), "RS256"),
        )
        .of_key(&world.rsa, "RS256")
        .says(world, |_| ()),
        of("two-audiences", "Good here and elsewhere.", {
            with(claims(), "aud", r#"["https://other.test","https://api.test/v2"]"#)
        })
        .says(world, |said| {
            said.aud = vec!["https://other.test".to_owned(), "https://api.test/v2".to_owned()];
        }),
        of("bare", "No more than must be there; it is bound to no key.", bare).says(world, |said| {
            (said.client_id, said.scope, said.sid, said.jkt) = (None, None, None, None);
        }),
        of("foreign-sid", "A sid that is not of our making.", with(claims(), "sid", r#""x""#))
            .says(world, |said| said.sid = None),
        of("last-second", "Not expired by a clock that is off as far as may be.", claims())
            .at(EXPIRES + SKEW - 1)
            .says(world, |_| ()),
        of("first-second", "Issued by a clock that is ahead as far as may be.", claims())
            .at(ISSUED - SKEW)
            .says(world, |_| ()),
        of("nbf-now", "Good from now on.", with(claims(), "nbf", (AT + SKEW).to_string()))
            .says(world, |_| ()),
    ]
}

fn malformed(world: &World) -> Vec<TokenVector> {
    let claims = || json(&good_claims(world));
    let good = good(world);
    let [header, payload, signature] = parts(&good);
    let typed = |typ: &str| sign(HEADER.replace(r#""at+jwt""#, typ), claims(), &world.issuer);
    let cases = [
        ("empty", "No token.", String::new()),
        ("opaque", "A token of another kind.", "2YotnFZFEjr1zCsicMWpAA".to_owned()),
        ("two-parts", "No signature.", format!("{header}.{payload}")),
        ("unsecured", "An empty signature.", format!("{header}.{payload}.")),
        ("padded", "With padding.", format!("{header}.{payload}.{signature}==")),
        ("too-long", "Longer than any token.", format!("{good}{}", "A".repeat(16_384))),
        ("id-token", "An ID token.", typed(r#""JWT""#)),
        ("dpop-proof", "A proof.", typed(r#""dpop+jwt""#)),
        ("typ-null", "null.", typed("null")),
        ("typ-suffix", "A type that begins alike.", typed(r#""at+jwt2""#)),
        ("typ-missing", "No type.", sign(r#"{"alg":"ES256","kid":"1"}"#, claims(), &world.issuer)),
        ("crit", "An extension that is not understood.", {
            sign(HEADER.replacen('{', r#"{"crit":["b64"],"b64":false,"#, 1), claims(), &world.issuer)
        }),
        ("sub-twice", "Two users.", {
            sign(HEADER, claims().replacen('{', r#"{"sub":"root","#, 1), &world.issuer)
        }),
        ("claims-array", "The claims are a list.", sign(HEADER, "[]", &world.issuer)),
    ];
    cases.into_iter().map(|(name, note, text)| token(world, name, note, text).breaks(Rule::T01)).collect()
}

fn claims(world: &World) -> Vec<TokenVector> {
    let all = || good_claims(world);
    let mut cases: Vec<(String, Claims)> = ["iss", "sub", "aud", "iat", "exp"]
        .into_iter()
        .flat_map(|name| {
            [
                (format!("{name}-missing"), without(all(), name)),
                (format!("{name}-null"), with(all(), name, "null")),
            ]
        })
        .collect();
    let other = [
        ("iss-number", "iss", "1"),
        ("sub-number", "sub", "1"),
        ("aud-number", "aud", "1"),
        ("aud-object", "aud", r#"{"https://api.test":true}"#),
        ("aud-mixed", "aud", r#"["https://api.test",1]"#),
        ("client-id-number", "client_id", "1"),
        ("scope-list", "scope", r#"["read"]"#),
        ("jti-number", "jti", "1"),
        ("exp-text", "exp", r#""1800001900""#),
        ("exp-negative", "exp", "-1"),
        ("exp-i64-max", "exp", "9223372036854775807"),
        ("exp-1e300", "exp", "1e300"),
        ("iat-i64-min", "iat", "-9223372036854775808"),
        ("nbf-text", "nbf", r#""1800001000""#),
        ("cnf-null", "cnf", "null"),
        ("cnf-text", "cnf", r#""x""#),
        ("cnf-empty", "cnf", "{}"),
        ("cnf-mtls", "cnf", r#"{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}"#),
        ("jkt-null", "cnf", r#"{"jkt":null}"#),
        ("jkt-short", "cnf", r#"{"jkt":"AAAA"}"#),
        ("jkt-padded", "cnf", r#"{"jkt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#),
        ("jkt-stray-bits", "cnf", r#"{"jkt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"}"#),
    ];
    cases.extend(other.map(|(suffix, name, value)| (suffix.to_owned(), with(all(), name, value))));
    cases
        .into_iter()
        .map(|(name, claims)| {
            let text = sign(HEADER, json(&claims), &world.issuer);
            token(world, &name, "A claim is missing, or of the wrong kind.", text).breaks(Rule::T01)
        })
        .collect()
}

fn keys(world: &World) -> Vec<TokenVector> {
    let claims = json(&good_claims(world));
    let named = |alg: &str| HEADER.replace(r#""ES256""#, alg);
    let mut vectors: Vec<_> = [
        ("alg-none", r#""none""#),
        ("alg-hs256", r#""HS256""#),
        ("alg-eddsa", r#""EdDSA""#),
        ("alg-rs256", r#""RS256""#),
        ("alg-null", "null"),
    ]
    .into_iter()
    .map(|(name, alg)| {
        let text = sign(named(alg), &claims, &world.issuer);
        token(world, name, "The key has another algorithm.", text).breaks(Rule::T03)
    })
    .collect();
    vectors.push(
        token(world, "alg-missing", "No algorithm.", {
            sign(r#"{"kid":"1","typ":"at+jwt"}"#, &claims, &world.issuer)
        })
        .breaks(Rule::T03),
    );
    vectors.push(
        token(world, "ps256-by-rs256-key", "An RSA key is for one padding.", {
            sign(named(r#""PS256""#), &claims, &world.pss)
        })
        .of_key(&world.rsa, "RS256")
        .breaks(Rule::T03),
    );
    vectors.push(
        token(world, "jwk-in-header", "The token brings a key: nobody asks for it.", {
            let jwk = world.other.jwk();
            sign(HEADER.replacen('{', &format!(r#"{{"jwk":{jwk},"#), 1), &claims, &world.other)
        })
        .breaks(Rule::T04),
    );
    vectors
}

fn signatures(world: &World) -> Vec<TokenVector> {
    let good = good(world);
    let [header, payload, signature] = parts(&good);
    let root = b64(json(&with(good_claims(world), "sub", r#""root""#)));
    let cases = [
        ("by-other-key", "Somebody else signed it.", {
            sign(HEADER, json(&good_claims(world)), &world.other)
        }),
        ("other-claims", "The signature of other claims.", format!("{header}.{root}.{signature}")),
        ("bit-flipped", "One bit is another.", flip(&good, 2, 10, 0)),
        ("signature-zero", "All zeros.", format!("{header}.{payload}.{}", b64([0; 64]))),
        ("signature-short", "Half a signature.", format!("{header}.{payload}.{}", &signature[..44])),
        ("broken-and-expired", "Of a token that nobody signed, nothing is said.", {
            let old = with(good_claims(world), "exp", "1");
            sign(HEADER, json(&old), &world.other)
        }),
    ];
    cases.into_iter().map(|(name, note, text)| token(world, name, note, text).breaks(Rule::T04)).collect()
}

fn elsewhere(world: &World) -> Vec<TokenVector> {
    let cases = [
        ("other", r#""https://other.test""#),
        ("trailing-slash", r#""https://api.test/""#),
        ("upper-case", r#""https://API.test""#),
        ("prefix", r#""https://api""#),
        ("longer", r#""https://api.test.evil.test""#),
        ("empty", r#""""#),
        ("empty-list", "[]"),
        ("others", r#"["https://other.test","https://third.test"]"#),
        ("both-in-one", r#""https://api.test https://other.test""#),
    ];
    cases
        .into_iter()
        .map(|(name, aud)| {
            let text = sign(HEADER, json(&with(good_claims(world), "aud", aud)), &world.issuer);
            token(world, &format!("aud-{name}"), "Not for this resource.", text).breaks(Rule::T05)
        })
        .collect()
}

fn times(world: &World) -> Vec<TokenVector> {
    let of = |name: &str, note: &str, claims: Claims| {
        token(world, name, note, sign(HEADER, json(&claims), &world.issuer))
    };
    let claims = || good_claims(world);
    vec![
        of("expired", "Expired by every clock.", claims()).at(EXPIRES + SKEW).breaks(Rule::T06),
        of("expired-long-ago", "Expired a year ago.", claims()).at(EXPIRES + 366 * 86_400).breaks(Rule::T06),
        of("expired-in-1970", "Expired in 1970.", with(claims(), "exp", "0")).breaks(Rule::T06),
        of("exp-milliseconds", "No second of the calendar.", with(claims(), "exp", format!("{EXPIRES}000")))
            .breaks(Rule::T01),
        of("from-the-future", "Issued after now by every clock.", claims())
            .at(ISSUED - SKEW - 1)
            .breaks(Rule::T07),
        of("nbf-future", "Not good before an hour from now.", with(claims(), "nbf", (AT + 3600).to_string()))
            .breaks(Rule::T07),
        of("nbf-next-second", "Not good before the next second by every clock.", {
            with(claims(), "nbf", (AT + SKEW + 1).to_string())
        })
        .breaks(Rule::T07),
    ]
}
