//! What policies decide, through their public face.

use std::collections::BTreeMap;

use holdfast_core::{Level, risk::SignalName};
use holdfast_policy::{
    Auth, Binding, Device, Effect, Mode, Modes, Network, Policies, Ruling, Saw, Situation, Subject,
};

fn alice() -> Subject {
    Subject { user: "alice".into(), app: "shop".into(), method: "GET".into(), ..Subject::default() }
}

fn bound() -> Situation {
    Situation { binding: Binding::new("dbsc", Level::Hardware), proof_age: Some(30), ..Situation::default() }
}

fn shipped(situation: &Situation) -> Ruling {
    Policies::shipped(&Modes::default()).decide(&alice(), situation)
}

#[track_caller]
fn says(situation: &Situation, effect: Option<Effect>, id: Option<&str>) {
    let ruling = shipped(situation);
    assert_eq!(ruling.errors, Vec::<String>::new());
    let strongest = ruling.hits.first().map(|hit| &*hit.id);
    assert_eq!((ruling.effect, strongest), (effect, id), "{ruling:#?}");
}

#[test]
fn nothing_strange_is_nothing() {
    says(&bound(), None, None);
    says(&Situation::default(), None, None);
}

#[test]
fn where_there_is_a_key_the_device_is_asked_and_else_the_user() {
    use SignalName::{AgentChanged, CookieStale, NetworkChanged, TravelImpossible};
    says(&bound().with(NetworkChanged, 40), Some(Effect::Reprove), Some("bound-elsewhere"));
    says(&Situation::default().with(NetworkChanged, 40), Some(Effect::StepUp), Some("unbound-elsewhere"));
    says(&bound().with(TravelImpossible, 100), Some(Effect::Reprove), Some("bound-elsewhere"));
    let leap = Situation::default().with(TravelImpossible, 100).with(NetworkChanged, 70);
    says(&leap, Some(Effect::Revoke), Some("unbound-impossible"));
    // A login from too far away, and no leap since: to end its session would end the next one too.
    let login = Situation::default().with(TravelImpossible, 100);
    assert_eq!(shipped(&login).effect, Some(Effect::StepUp));
    says(&bound().with(AgentChanged, 80), Some(Effect::Reprove), Some("bound-other-client"));
    says(&Situation::default().with(AgentChanged, 80), Some(Effect::StepUp), Some("unbound-other-client"));
    says(&bound().with(CookieStale, 80), Some(Effect::Reprove), Some("bound-stale-copy"));
}

#[test]
fn a_proof_from_here_is_enough_for_the_place() {
    let proved = Situation { proved_here: true, ..bound() };
    says(&proved.clone().with(SignalName::NetworkChanged, 0), None, None);
    // And for nothing else.
    says(&proved.with(SignalName::ExportBurst, 100), Some(Effect::StepUp), Some("export-burst"));
}

#[test]
fn a_device_out_of_order_is_refused_whatever_it_proves() {
    let broken = Situation {
        device: Device { posture: "noncompliant".into(), managed: true },
        proved_here: true,
        ..bound()
    };
    let broken = broken.with(SignalName::DeviceNoncompliant, 100);
    says(&broken, Some(Effect::Deny), Some("noncompliant-device"));
    assert!(shipped(&broken).says().unwrap().contains("does not comply"));
}

#[test]
fn a_weak_login_opens_what_is_not_sensitive() {
    let weak = bound().with(SignalName::LoginWeak, 70);
    assert_eq!(shipped(&weak).effect, Some(Effect::Flag));
    let sensitive = Subject { tags: vec!["sensitive".into()], route: "/pay/*".into(), ..alice() };
    let ruling = Policies::shipped(&Modes::default()).decide(&sensitive, &weak);
    assert_eq!(ruling.effect, Some(Effect::StepUp));
}

#[test]
fn a_mode_holds_a_policy_back() {
    let of = |most, single: &[(&str, Mode)]| {
        let single: BTreeMap<_, _> = single.iter().map(|(id, mode)| ((*id).to_owned(), *mode)).collect();
        let policies = Policies::shipped(&Modes { most, single });
        let leap = Situation::default().with(SignalName::TravelImpossible, 100);
        policies.decide(&alice(), &leap.with(SignalName::NetworkChanged, 70))
    };
    let observed = of(Some(Mode::Observe), &[]);
    assert_eq!(observed.effect, Some(Effect::Flag));
    assert_eq!(observed.hits.first().unwrap().decision, Effect::Revoke);
    assert_eq!(of(Some(Mode::Additive), &[]).effect, Some(Effect::StepUp));
    assert_eq!(
        of(Some(Mode::Observe), &[("unbound-impossible", Mode::Enforce)]).effect,
        Some(Effect::Revoke)
    );
    let spared = of(None, &[("unbound-impossible", Mode::Observe)]);
    assert_eq!(spared.effect, Some(Effect::StepUp));
}

#[test]
fn conditions_can_name_whatever_there_is_to_see() {
    let text = r#"
        permit (principal in Group::"staff", action, resource);
        @id("old-login") @decision("step_up")
        forbid (principal, action == Action::"DELETE", resource in App::"shop")
        when { context.auth.age > 300 || (if context has proof_age then context.proof_age > 60 else true) };
        @id("only-here") @decision("deny")
        forbid (principal == User::"bob", action, resource)
        unless { context.network has country && context.network.country == "DE" };
    "#;
    let policies = Policies::parse(text, &Modes::default()).unwrap();
    let staff = Subject { groups: vec!["staff".into(), "staff".into()], ..alice() };
    assert_eq!(policies.decide(&staff, &bound()).effect, None);
    let stranger = policies.decide(&alice(), &bound());
    assert!(stranger.not_permitted);
    assert_eq!(stranger.effect, Some(Effect::Deny));
    let delete = Subject { method: "DELETE".into(), ..staff.clone() };
    assert_eq!(policies.decide(&delete, &bound()).effect, None);
    assert_eq!(policies.decide(&delete, &Situation::default()).effect, Some(Effect::StepUp));
    let old = Situation { auth: Auth { age: 301, ..Auth::default() }, ..bound() };
    assert_eq!(policies.decide(&delete, &old).effect, Some(Effect::StepUp));
    assert_eq!(policies.decide(&Subject { app: "bank".into(), ..delete }, &old).effect, None);
    let bob = Subject { user: "bob".into(), method: "PROPFIND".into(), ..staff };
    assert_eq!(policies.decide(&bob, &bound()).effect, Some(Effect::Deny));
}

#[test]
fn a_set_that_only_observes_refuses_nobody_whom_it_does_not_permit() {
    let text = r#"permit (principal in Group::"staff", action, resource);"#;
    let decide = |most, subject: &Subject| {
        Policies::parse(text, &Modes { most, ..Modes::default() }).unwrap().decide(subject, &bound())
    };
    for (most, effect) in [
        (Some(Mode::Observe), Effect::Flag),
        (Some(Mode::Additive), Effect::StepUp),
        (Some(Mode::Enforce), Effect::Deny),
        (None, Effect::Deny),
    ] {
        let stranger = decide(most, &alice());
        assert_eq!((stranger.effect, stranger.not_permitted), (Some(effect), true), "{most:?}");
        let staff = Subject { groups: vec!["staff".into()], ..alice() };
        assert_eq!(decide(most, &staff).effect, None, "{most:?}");
        // What permits and fails: everybody is as good as not permitted.
        let fails =
            "permit (principal, action, resource) when { context.session_age * 9223372036854775807 > 5 };";
        let policies = Policies::parse(fails, &Modes { most, ..Modes::default() }).unwrap();
        let aged = Situation { session_age: 5, ..bound() };
        let ruling = policies.decide(&alice(), &aged);
        assert_eq!((ruling.effect, ruling.errors.len()), (Some(effect), 1), "{most:?}");
    }
}

#[test]
fn an_age_beyond_what_policies_can_count_is_the_greatest_they_can() {
    let text = "permit (principal, action, resource);\n@id(\"old\") forbid (principal, action, resource) when \
                { context.session_age > 100 && context has proof_age && \
                context.proof_age == 9223372036854775807 };";
    let policies = Policies::parse(text, &Modes::default()).unwrap();
    let old = Situation { session_age: u64::MAX, proof_age: Some(u64::MAX), ..bound() };
    let ruling = policies.decide(&alice(), &old);
    assert_eq!((ruling.effect, ruling.errors), (Some(Effect::Deny), Vec::new()));
}

#[test]
fn a_policy_that_fails_refuses_and_is_loud_unless_it_only_observes() {
    let text = |mode: &str| {
        format!(
            "permit (principal, action, resource);\n@id(\"overflow\") @decision(\"flag\") @mode(\"{mode}\")\n\
             forbid (principal, action, resource) when {{ context.session_age * 9223372036854775807 > 5 }};"
        )
    };
    let old = Situation { session_age: 3, ..bound() };
    let enforced = Policies::parse(&text("enforce"), &Modes::default()).unwrap().decide(&alice(), &old);
    assert_eq!((enforced.effect, enforced.errors.len()), (Some(Effect::Deny), 1));
    let observed = Policies::parse(&text("observe"), &Modes::default()).unwrap().decide(&alice(), &old);
    assert_eq!((observed.effect, observed.errors.len()), (Some(Effect::Flag), 1));
}

#[test]
fn whatever_is_wrong_is_found_when_it_is_read() {
    const ALL: &str = "permit (principal, action, resource);\n";
    for (text, says) in [
        ("", "no policy permits anything"),
        ("permit (principal, action", "unexpected"),
        ("permit (principal, action, resource);\n\nforbid (principal action, resource);", "line 3"),
        ("forbid (principal, action, resource);", "needs a name"),
        ("@id(\"a\") @decision(\"explode\")\nforbid (principal, action, resource);", "the decisions are"),
        ("@id(\"a\") @mode(\"maybe\")\nforbid (principal, action, resource);", "the modes are"),
        (
            "@id(\"a\") forbid (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);",
            "two policies have the @id",
        ),
        ("@id(\"a\") forbid (principal, action, resource) when { context.rsik > 5 };", "rsik"),
        ("@id(\"a\") forbid (principal, action, resource) when { context.risk > \"5\" };", "unexpected type"),
        ("@id(\"a\") forbid (principal, action, resource) when { context.proof_age > 5 };", "proof_age"),
        ("@id(\"a\") forbid (principal, action == Action::\"BREW\", resource);", "BREW"),
        ("@id(\"a\") forbid (principal == ?principal, action, resource);", "template"),
        (
            "@id(\"a\") forbid (principal, action, resource) when { context.signals[\"time.unusual\"] > 5 };",
            "time.unusual",
        ),
    ] {
        let text = if text.starts_with("permit") || text.is_empty() {
            text.to_owned()
        } else {
            format!("{ALL}{text}")
        };
        let problems = Policies::parse(&text, &Modes::default()).unwrap_err();
        assert!(problems.to_string().contains(says), "{text}\n{problems}");
    }
    let modes = Modes { single: [("nobody".to_owned(), Mode::Observe)].into(), ..Modes::default() };
    let problems = Policies::parse(&format!("{ALL}@id(\"b\") forbid (principal, action, resource);"), &modes);
    let problems = problems.unwrap_err().to_string();
    assert!(problems.contains("\"nobody\"") && problems.contains("those that there are: b"), "{problems}");
}

#[test]
fn a_problem_is_told_once_and_where_it_is() {
    let text = r#"permit (principal, action, resource);
// forbid (principal, action, resource); "
@id("a")
@says("A ; that ends nothing.")
forbid (principal, action, resource)
when {
  context.rsik > 5 && context.proof_age > 3
};

@decision("deny") forbid (principal, action, resource);
  @id("c") forbid (principal, action == Action::"BREW", resource);
"#;
    let problems = Policies::parse(text, &Modes::default()).unwrap_err().0;
    let [rsik, proof_age, nameless, brew] = problems.as_slice() else { panic!("{problems:#?}") };
    assert!(rsik.starts_with("line 7, column 3 (a): attribute `rsik` in context not found"), "{rsik}");
    assert!(rsik.contains("did you mean `risk`?"), "{rsik}");
    assert!(proof_age.starts_with("line 7, column 23 (a): unable to guarantee safety"), "{proof_age}");
    assert!(nameless.starts_with("line 10: a policy that forbids needs a name"), "{nameless}");
    assert!(brew.starts_with("line 11, column ") && brew.contains("(c): unrecognized action"), "{brew}");
}

#[test]
fn every_signal_can_be_named_and_every_shipped_policy_says_something() {
    let policies = Policies::shipped(&Modes::default());
    assert!(policies.rules().count() >= 15);
    for rule in policies.rules() {
        assert!(rule.says.as_deref().is_some_and(|says| says.ends_with('.')), "{}", rule.id);
    }
    for name in SignalName::ALL {
        let text = format!(
            "permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource) when {{ \
             context.signals[\"{name}\"] >= 10 }};"
        );
        let policies = Policies::parse(&text, &Modes::default()).unwrap();
        assert_eq!(policies.decide(&alice(), &bound()).effect, None);
        assert_eq!(policies.decide(&alice(), &bound().with(*name, 10)).effect, Some(Effect::Deny));
    }
}

#[test]
fn the_notes_tell_each_signal_and_each_policy_once() {
    let notes = include_str!("../../../spec-notes/risk.md");
    for name in SignalName::ALL {
        assert_eq!(notes.matches(&format!("\n| `{name}` | ")).count(), 1, "{name}");
    }
    for rule in Policies::shipped(&Modes::default()).rules() {
        let row = format!("\n| `{}` | `{}` | ", rule.id, rule.effect);
        assert_eq!(notes.matches(&row).count(), 1, "{row}");
    }
}

/// `has` may look several attributes deep.
#[test]
fn what_is_looked_for_deeper_is_told_too() {
    let text = "permit (principal, action, resource);\n@id(\"no-operator\") forbid (principal, action, resource) when \
                { !(context has network.asn) };";
    let policies = Policies::parse(text, &Modes::default()).unwrap();
    let network = Network { asn: Some(2856), ..Network::default() };
    for (situation, saw, objected) in
        [(Situation { network, ..bound() }, Saw::Value(2856.into()), false), (bound(), Saw::Absent, true)]
    {
        let explained = policies.explain(&alice(), &situation);
        let rule = explained.rules.first().unwrap();
        assert_eq!(
            (&rule.saw, rule.objected),
            (&BTreeMap::from([("network.asn".to_owned(), saw)]), objected)
        );
    }
}
