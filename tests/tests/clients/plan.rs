//! The steps that each library walks, and what must come of them.

use anyhow::{Context as _, Result};
use holdfast_tests::server::{Api, COOKIE, Device, ORIGIN, OTHER_ORIGIN, OTHER_TOKEN, Server, tampered};
use reqwest::Method;
use serde_json::{Value, json};

use crate::ROOT_KEY;
use crate::forge::{Parts, signing_key};
use crate::relay::Relay;

/// A step and its outcome.
pub(crate) type Expected = (Value, &'static str);

/// Where the servers are, and what to do.
#[derive(Clone)]
pub(crate) struct Plan {
    /// Where the library looks for keys.
    pub(crate) api: String,
    /// The server.
    pub(crate) internal: String,
    /// Where nobody listens.
    pub(crate) nobody: String,
    /// The app's origin.
    pub(crate) origin: String,
    pub(crate) steps: Vec<Expected>,
}

pub(crate) async fn steps(
    server: &Server,
    late: &Server,
    foreign: &Server,
    relay: &Relay,
) -> Result<Vec<Expected>> {
    let good = assertion(server, "GET", "/orders").await?;
    let foreigner = assertion(foreign, "GET", "/orders").await?;
    let mut steps = verifying(server, late, &good, relay).await?;
    steps.extend(believing(server, &good)?);
    steps.extend(guarding(server, &good).await?);
    steps.extend(rotating(&good, &foreigner, relay));
    steps.extend(calling());
    Ok(steps)
}

/// What is believed of an assertion, and what is not.
async fn verifying(server: &Server, late: &Server, good: &str, relay: &Relay) -> Result<Vec<Expected>> {
    let jwks = server.internal(Method::GET, "/_holdfast/jwks").send().await?.expect(200)?;
    let public_key = jwks.at("/keys/1").to_string();
    let device = Device::new()?;
    let parts = || Parts::of(good);
    let bound = server.bind("bound").await?;
    let hardware = asserted(server, &bound.cookie, "GET", "/orders").await?;
    let encoded = assertion(server, "POST", "/a%2Fb;c=%C3%A9/").await?;
    let show = |what: &str| get(format!("show {what}"), format!("{}/show/{what}", relay.address()), "shown");
    Ok(vec![
        show("nothing"),
        verify("no keys are to be had", good, "unavailable"),
        show("nonsense"),
        advance(2),
        verify("the keys are no keys", good, "unavailable"),
        show("ours"),
        advance(2),
        verify("good", good, "alice"),
        verify("good again", good, "alice"),
        verify_as("good with an encoded path", &encoded, "POST", "/a%2Fb;c=%C3%A9/", "alice"),
        level("a plain login is not bound", good, "software", "false"),
        level("a plain login is a login", good, "none", "true"),
        level("a bound session is bound", &hardware, "hardware", "true"),
        level("and not attested", &hardware, "attested", "false"),
        verify("expired", &assertion(late, "GET", "/orders").await?, "refused"),
        verify("of another app", &assertion_of_other(server).await?, "refused"),
        verify_as("for another method", good, "POST", "/orders", "refused"),
        verify_as("for a method in small letters", good, "get", "/orders", "refused"),
        verify_as("for another path", good, "GET", "/orders/1", "refused"),
        verify_as("for a path that decodes to the same", &encoded, "POST", "/a/b;c=%C3%A9/", "refused"),
        verify("alg none", &parts()?.unsigned(), "refused"),
        verify("HS256 with the public key", &parts()?.with_mac(&public_key), "refused"),
        verify("another user", &parts()?.with_claim("sub", json!("root")), "refused"),
        verify("a longer life", &parts()?.with_claim("exp", json!(4_000_000_000_u64)), "refused"),
        verify("a changed signature", &with_changed_signature(good)?, "refused"),
        verify("another key under the same kid", &parts()?.signed_by(&device), "refused"),
        verify("an access token", &server.grant("alice").await?.access_token, "refused"),
        verify("nothing", "", "refused"),
        verify("no JWT", "a.b.c", "refused"),
        verify("good after all that", good, "alice"),
        get("the keys were fetched once".to_owned(), format!("{}/asked", relay.address()), "1"),
    ])
}

/// What the server itself would have to sign before a library believed it. It signs none of these; a library must not
/// rely on that.
fn believing(server: &Server, good: &str) -> Result<Vec<Expected>> {
    let now = server.now();
    let key = signing_key(ROOT_KEY, now)?;
    let signed = |name: &str, header: Value, claims: Value, outcome| -> Result<Expected> {
        let name = format!("signed by the server: {name}");
        Ok(verify(&name, &Parts::of(good)?.laid_over(&key, header, claims), outcome))
    };
    let mut steps = vec![signed("unchanged", json!({}), json!({}), "alice")?];
    for (name, header) in [
        ("an access token by its typ", json!({ "typ": "at+jwt" })),
        ("without typ", json!({ "typ": null })),
        ("without kid", json!({ "kid": null })),
    ] {
        steps.push(signed(name, header, json!({}), "refused")?);
    }
    for (name, claims) in [
        ("another audience", json!({ "aud": OTHER_ORIGIN })),
        ("another issuer", json!({ "iss": OTHER_ORIGIN })),
        ("a level that nobody knows", json!({ "bnd": "quantum" })),
        ("a life of an hour", json!({ "exp": now + 3600 })),
        ("a time to come", json!({ "iat": now + 3600, "exp": now + 3660 })),
        ("a user that is a number", json!({ "sub": 7 })),
    ] {
        steps.push(signed(name, json!({}), claims, "refused")?);
    }
    for claim in ["aud", "auth_time", "bnd", "exp", "htm", "htu", "iss", "sid", "sub"] {
        let mut claims = json!({});
        claims[claim] = Value::Null;
        steps.push(signed(&format!("without {claim}"), json!({}), claims, "refused")?);
    }
    Ok(steps)
}

/// What the middleware answers.
async fn guarding(server: &Server, good: &str) -> Result<Vec<Expected>> {
    let posted = assertion(server, "POST", "/a%2Fb").await?;
    let guard = |name: &str, assertions: &[&str], method: &str, target: &str, outcome| {
        let step = json!({ "name": format!("middleware: {name}"), "do": "guard", "assertions": assertions,
            "method": method, "target": target });
        (step, outcome)
    };
    Ok(vec![
        guard("good", &[good], "GET", "/orders?x=1&y=/", "200 alice"),
        guard("good with an encoded path", &[&posted], "POST", "/a%2Fb", "200 alice"),
        guard("no assertion", &[], "GET", "/orders", "401"),
        guard("an empty one", &[""], "GET", "/orders", "401"),
        guard("two", &[good, good], "GET", "/orders", "401"),
        guard("for another path", &[good], "GET", "/", "401"),
        guard("for another method", &[good], "POST", "/orders", "401"),
    ])
}

/// What becomes of keys that are new or gone.
fn rotating(good: &str, foreigner: &str, relay: &Relay) -> Vec<Expected> {
    let show =
        |what: &str| get(format!("now show {what}"), format!("{}/show/{what}", relay.address()), "shown");
    let asked = |name: &str, times| get(name.to_owned(), format!("{}/asked", relay.address()), times);
    vec![
        show("theirs"),
        verify("an unknown kid within 30 seconds", foreigner, "refused"),
        verify("and once more", foreigner, "refused"),
        asked("nobody was asked", "0"),
        advance(31),
        verify("an unknown kid has the keys fetched again", foreigner, "alice"),
        verify("a kid that is no longer published", good, "refused"),
        verify("and once more, too", good, "refused"),
        asked("they were fetched once", "1"),
        show("nothing"),
        verify("a known key needs nobody", foreigner, "alice"),
        advance(31),
        verify("an unknown kid and nobody there", good, "unavailable"),
        verify("which harms no known key", foreigner, "alice"),
        advance(700),
        verify("keys are not believed for ever", foreigner, "unavailable"),
        (guard_down(foreigner), "503"),
        show("theirs"),
        advance(2),
        verify("they are there again", foreigner, "alice"),
    ]
}

/// The life of a session, by the calls of the API.
fn calling() -> Vec<Expected> {
    let step = |name: &str, verb: &str| json!({ "name": name, "do": verb });
    let with_user = |name: &str, verb: &str, user: &str| json!({ "name": name, "do": verb, "user": user });
    vec![
        (with_user("begin", "begin", "Zoë /?#%"), "Zoë /?#%"),
        (step("check", "check"), "ok"),
        (step("read", "session"), "active"),
        (step("regenerate", "regenerate"), "new mfa"),
        (step("check the new one", "check"), "ok"),
        (with_user("end a user's", "end_user", "Zoë /?#%"), "1"),
        (step("check what has ended", "check"), "session_ended"),
        (step("read what has ended", "session"), "ended"),
        (with_user("begin anew", "begin", "bob"), "bob"),
        (step("end", "end"), "null"),
        (step("end again", "end"), "null"),
        (step("check that one", "check"), "session_ended"),
        (with_user("a user without a name", "begin", ""), "call refused 400"),
        (step("a wrong token", "wrong_token"), "call refused 401"),
        (step("nobody is there", "nobody"), "unavailable"),
    ]
}

fn verify(name: &str, assertion: &str, outcome: &'static str) -> Expected {
    verify_as(name, assertion, "GET", "/orders", outcome)
}

fn verify_as(name: &str, assertion: &str, method: &str, path: &str, outcome: &'static str) -> Expected {
    let step =
        json!({ "name": name, "do": "verify", "assertion": assertion, "method": method, "path": path });
    (step, outcome)
}

fn level(name: &str, assertion: &str, level: &str, outcome: &'static str) -> Expected {
    let step = json!({ "name": name, "do": "level", "assertion": assertion, "method": "GET", "path": "/orders",
        "level": level });
    (step, outcome)
}

fn guard_down(assertion: &str) -> Value {
    json!({ "name": "middleware: no keys are to be had", "do": "guard", "assertions": [assertion], "method": "GET",
        "target": "/orders" })
}

fn advance(seconds: u64) -> Expected {
    (json!({ "name": format!("{seconds} seconds pass"), "do": "advance", "seconds": seconds }), "done")
}

fn get(name: String, url: String, outcome: &'static str) -> Expected {
    (json!({ "name": name, "do": "get", "url": url }), outcome)
}

async fn assertion(server: &Api, method: &str, path: &str) -> Result<String> {
    let login = server.login("alice").await?;
    asserted(server, &login.cookie, method, path).await
}

async fn asserted(server: &Api, cookie: &str, method: &str, path: &str) -> Result<String> {
    let headers = json!([["Cookie", format!("{COOKIE}={cookie}")]]);
    let url = format!("{ORIGIN}{path}?x=1");
    assertion_in(&server.ask(json!({ "method": method, "url": url, "headers": headers })).await?)
}

/// The same user, at another app of the same server.
async fn assertion_of_other(server: &Api) -> Result<String> {
    let call = |path, body: Value| async move {
        server.with_token(OTHER_TOKEN, Method::POST, path).json(&body).send().await
    };
    let login = call("/v1/sessions", json!({ "user": "alice" })).await?.expect(201)?;
    let login = holdfast_tests::server::Login::read(login)?;
    let headers = json!([["Cookie", format!("{COOKIE}={}", login.cookie)]]);
    let question = json!({ "method": "GET", "url": format!("{OTHER_ORIGIN}/orders"), "headers": headers });
    assertion_in(&call("/v1/check", question).await?.expect(200)?)
}

fn assertion_in(answer: &holdfast_tests::server::Answer) -> Result<String> {
    let headers: Vec<(String, String)> = serde_json::from_value(answer.at("/request_headers").clone())?;
    let mut values = headers.into_iter().filter(|(name, _)| name == "Holdfast-Assertion");
    let (_, assertion) = values.next().with_context(|| format!("no assertion: {}", answer.text))?;
    Ok(assertion)
}

fn with_changed_signature(jwt: &str) -> Result<String> {
    let (input, signature) = jwt.rsplit_once('.').context("no signature")?;
    Ok(format!("{input}.{}", tampered(signature)))
}
