//! A decision is remembered for what looks the same to the policies, and for nothing else.

#![expect(clippy::unwrap_used, reason = "policies that cannot be read fail the test")]

use holdfast_core::{Level, risk::SignalName};
use holdfast_policy::{
    Auth, Binding, Device, Modes, Network, Policies, SHIPPED, STRICT_UNBOUND, Situation, Subject,
};
use proptest::{prelude::*, sample::select};

/// One of each way to look at something.
const LOOKS: &[&str] = &[
    "principal == User::\"ann\"",
    "principal in Group::\"staff\"",
    "User::\"ann\" in Group::\"staff\"",
    "principal is User in Group::\"staff\"",
    "[principal, principal].contains(User::\"ann\")",
    "resource in App::\"shop\"",
    "resource.tags.contains(\"export\")",
    "resource.pattern like \"/a*\"",
    "action == Action::\"POST\"",
    "context has proof_age",
    "context has proof_age && context.proof_age > 60",
    "context.session_age >= 100",
    "context.session_age - context.auth.age > 5",
    "context.auth.age + 1 > 100",
    "context.auth has acr && context.auth.acr == \"gold\"",
    "!(context has auth.acr)",
    "context has network.country",
    "context has network.asn && context.network.usual",
    "{Var: principal in Group::\"staff\"}.Var",
    "{Var: {\"Var\": principal == User::\"ann\"}}.Var.Var",
    "{Var: context}.Var.device.managed",
    "{Record: {\"has\": context.risk}[\"has\"]}.Record > 31",
    "context.auth has age && context has binding.bound && context.binding.bound",
    "context.auth.amr.contains(\"otp\")",
    "context.auth.several_factors",
    "context.auth == context.auth && context.auth.phishing_resistant",
    "context.binding.bound",
    "context.binding.method == \"dpop\"",
    "context.binding.strength > 1",
    "context.proved_here",
    "context.risk > 40",
    "context.risk == 31 || context.risk < 5",
    "context.signals[\"network.changed\"] > 30",
    "60 == context.signals[\"network.changed\"]",
    "context.signals[\"login.weak\"] != context.risk",
    "context.signals[\"login.weak\"] + 2 > 61",
    "context.risk * 2 > 61",
    "{\"risk\": context.signals}.risk[\"login.weak\"] > 59",
    "context.signals == context.signals && context.signals[\"agent.changed\"] > 30",
    "(if context.proved_here then context.signals else context.signals)[\"login.weak\"] > 30",
    "context.unknown.contains(\"travel.impossible\")",
    "context.device.managed",
    "context.device.posture == \"compliant\"",
    "context.network.location == \"known\"",
    "context.network.usual",
    "context.network has country && [\"GB\", \"FR\"].contains(context.network.country)",
    "context.network has continent && context.network.continent == \"EU\"",
    "context.network has asn && context.network.asn == 7",
    "context.network.anonymizer || context.network.hosting",
    "(if context.network.hosting then context.network else context.network).usual",
    "{\"left\": context.network}.left.usual",
    "{\".\": context.network}[\".\"].usual",
    "{\"has\": context.session_age}[\"has\"] > 100",
    "{\".\": context}[\".\"].session_age > 100",
    "(if context.proved_here then context else context).device.managed",
];

/// Signals that something is looked for in, and one that nothing is.
const SCORED: &[SignalName] =
    &[SignalName::AgentChanged, SignalName::LoginWeak, SignalName::NetworkChanged, SignalName::CookieStale];

/// A set of a few of them: they forbid, and one may be what permits.
fn policies() -> impl Strategy<Value = String> {
    (prop::collection::vec(select(LOOKS), 1..4), prop::option::of(select(LOOKS))).prop_map(
        |(looks, permits)| {
            let forbids = looks.iter().enumerate().map(|(number, look)| {
                format!("@id(\"rule-{number}\")\nforbid (principal, action, resource) when {{ {look} }};\n")
            });
            let permits = permits.unwrap_or("true");
            format!(
                "permit (principal, action, resource) when {{ {permits} }};\n{}",
                forbids.collect::<String>()
            )
        },
    )
}

fn words(all: &'static [&'static str]) -> impl Strategy<Value = Vec<Box<str>>> {
    prop::sample::subsequence(all, 0..=all.len())
        .prop_map(|some| some.into_iter().map(Box::from).collect::<Vec<_>>())
}

fn word(all: &'static [&'static str]) -> impl Strategy<Value = Box<str>> {
    select(all).prop_map(Box::from)
}

fn subject() -> impl Strategy<Value = Subject> {
    (
        word(&["ann", "bob"]),
        words(&["staff", "sales"]),
        word(&["shop", "bank"]),
        word(&["GET", "POST", "BREW"]),
        word(&["", "/a", "/b"]),
        words(&["export", "sensitive"]),
    )
        .prop_map(|(user, groups, app, method, route, tags)| Subject {
            user,
            groups,
            app,
            method,
            route,
            tags,
        })
}

fn age() -> impl Strategy<Value = u64> {
    prop_oneof![select(&[0, 59, 60, 61, 99, 100, 101][..]), 0_u64..200, Just(u64::MAX)]
}

fn situation() -> impl Strategy<Value = Situation> {
    let level = select(&[Level::None, Level::Software, Level::Hardware][..]);
    let binding = (word(&["none", "dbsc", "dpop"]), level);
    let auth = (age(), prop::option::of(word(&["gold", "tin"])), words(&["pwd", "otp"]), any::<[bool; 2]>());
    let network = (
        word(&["known", "unknown"]),
        prop::option::of(word(&["GB", "US"])),
        prop::option::of(word(&["EU", "NA"])),
        prop::option::of(select(&[7, 8][..])),
        any::<[bool; 3]>(),
    );
    let scores = prop::collection::btree_map(select(SCORED), select(&[4_u8, 30, 31, 59, 60, 61][..]), 0..3);
    let device = (word(&["compliant", "unmanaged"]), any::<bool>());
    let rest = (prop::option::of(age()), any::<bool>(), age(), words(&["travel.impossible"]));
    (binding, auth, network, scores, device, rest).prop_map(
        |(
            binding,
            auth,
            network,
            scores,
            (posture, managed),
            (proof_age, proved_here, session_age, unknown),
        )| {
            let (age, acr, amr, [several_factors, phishing_resistant]) = auth;
            let (location, country, continent, asn, [usual, anonymizer, hosting]) = network;
            let situation = Situation {
                binding: Binding::new(&binding.0, binding.1),
                proof_age,
                proved_here,
                session_age,
                auth: Auth { age, acr, amr, several_factors, phishing_resistant },
                unknown,
                device: Device { posture, managed },
                network: Network { location, usual, country, continent, asn, anonymizer, hosting },
                ..Situation::default()
            };
            scores.into_iter().fold(situation, |situation, (name, score)| situation.with(name, score))
        },
    )
}

/// Two situations that differ in a part, or in all.
fn alike() -> impl Strategy<Value = (Situation, Situation)> {
    (situation(), situation(), 0..10_u8).prop_map(|(one, other, part)| {
        let second = match part {
            0 => Situation { binding: other.binding, ..one.clone() },
            1 => Situation { proof_age: other.proof_age, ..one.clone() },
            2 => Situation { proved_here: other.proved_here, ..one.clone() },
            3 => Situation { session_age: other.session_age, ..one.clone() },
            4 => Situation { auth: other.auth, ..one.clone() },
            5 => Situation { signals: other.signals, ..one.clone() },
            6 => Situation { unknown: other.unknown, device: other.device, ..one.clone() },
            7 => Situation { network: other.network, ..one.clone() },
            8 => Situation { risk: other.risk, ..one.clone() },
            _ => other,
        };
        (one, second)
    })
}

fn parse(text: &str) -> Policies {
    Policies::parse(text, &Modes::default()).unwrap()
}

/// A request and one that came before it, by the same user or another.
fn requests() -> impl Strategy<Value = [(Subject, Situation); 2]> {
    let second = prop_oneof![Just(None), subject().prop_map(Some)];
    (subject(), second, alike()).prop_map(|(first, second, (before, now))| {
        let second = second.unwrap_or_else(|| first.clone());
        [(first, before), (second, now)]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_was_decided_before_changes_no_decision(
        text in policies(),
        requests in prop::collection::vec(requests(), 100),
    ) {
        let used = parse(&text);
        for (subject, situation) in requests.into_iter().flatten() {
            let anew = used.clone();
            prop_assert_eq!(anew.remembered(), 0);
            prop_assert_eq!(used.decide(&subject, &situation), anew.decide(&subject, &situation), "{}", text);
        }
    }
}

/// The policies that ship look at no ages and at nobody's name, and are asked once for all users alike.
#[test]
fn the_policies_that_ship_see_no_difference_between_users() {
    for text in [SHIPPED.to_owned(), [SHIPPED, STRICT_UNBOUND].concat()] {
        let policies = parse(&text);
        for age in 0..1000 {
            let subject = Subject { user: format!("user-{age}").into(), ..Subject::default() };
            let auth = Auth { age, acr: Some(format!("class {age}").into()), ..Auth::default() };
            let network = Network { asn: u32::try_from(age).ok(), ..Network::default() };
            let situation = Situation { session_age: age, auth, network, ..Situation::default() };
            assert_eq!(policies.decide(&subject, &situation).effect, None);
        }
        assert_eq!(policies.remembered(), 1);
    }
}

/// However many different requests come, what is remembered is bounded, and right.
#[test]
fn what_is_remembered_is_bounded() {
    let policies = parse(
        "permit (principal, action, resource);
         @id(\"odd\") forbid (principal, action, resource) when { context.network has asn && context.network.asn > 7000 };",
    );
    for asn in 0..10_000 {
        let network = Network { asn: Some(asn), ..Network::default() };
        let ruling = policies.decide(&Subject::default(), &Situation { network, ..Situation::default() });
        assert_eq!(ruling.effect.is_some(), asn > 7000);
        assert!(policies.remembered() <= 4096);
    }
}

/// What fails tells of the request that it failed at, not of one before.
#[test]
fn failures_are_not_remembered() {
    let policies = parse(
        "permit (principal, action, resource);
         @id(\"sum\") forbid (principal, action, resource) when { context.risk + 9223372036854775800 > 0 };",
    );
    for risk in [100, 8, 9, 100] {
        let situation = Situation { risk, ..Situation::default() };
        let ruling = policies.decide(&Subject::default(), &situation);
        assert_eq!(ruling.errors.is_empty(), risk < 8, "{ruling:?}");
    }
    assert_eq!(policies.remembered(), 0);
}
